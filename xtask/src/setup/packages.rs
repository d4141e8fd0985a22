//! What things are called in each system's package manager.

use std::process::Command;

use miette::Result;

use super::{
    need::Need,
    system::{Administrator, System},
};
use crate::{place, shell};

/// The packages that bring a need; empty when the system has it built in or we do not know.
const fn packages(need: Need, system: System) -> &'static [&'static str] {
    match (need, system) {
        (Need::WebView, System::Debian) => {
            &["build-essential", "libwebkit2gtk-4.1-dev", "pkg-config"]
        }
        (Need::WebView, System::Fedora) => &["gcc", "pkgconf-pkg-config", "webkit2gtk4.1-devel"],
        (Need::WebView, System::Arch) => &["base-devel", "webkit2gtk-4.1"],
        (Need::WebView, System::Windows) => &["Microsoft.EdgeWebView2Runtime"],
        (Need::Display, System::Debian) => &["xvfb"],
        (Need::Display, System::Fedora) => &["xorg-x11-server-Xvfb"],
        (Need::Display, System::Arch) => &["xorg-server-xvfb"],
        (Need::BoardCompiler, System::Debian) => &["gcc-arm-none-eabi"],
        (Need::BoardCompiler, System::Fedora) => &["arm-none-eabi-gcc-cs"],
        (Need::BoardCompiler, System::Arch) => &["arm-none-eabi-gcc"],
        (Need::BoardCompiler, System::Mac) => &["gcc-arm-embedded"],
        (Need::BoardCompiler, System::Windows) => &["Arm.GnuArmEmbeddedToolchain"],
        (Need::MqttClient, System::Debian) => &["mosquitto-clients"],
        (Need::MqttClient | Need::MqttBroker, System::Windows) => &["EclipseFoundation.Mosquitto"],
        (Need::MqttClient | Need::MqttBroker, _) => &["mosquitto"],
        (Need::PythonClients, System::Debian) => &["python3-venv"],
        (Need::PythonClients, System::Fedora) => &["python3"],
        (Need::PythonClients, System::Arch | System::Mac) => &["python"],
        (Need::PythonClients, System::Windows) => &["Python.Python.3.13"],
        (Need::NodeClients, System::Debian | System::Fedora | System::Arch) => &["nodejs", "npm"],
        (Need::NodeClients, System::Mac) => &["node"],
        (Need::NodeClients, System::Windows) => &["OpenJS.NodeJS"],
        (Need::Qemu, System::Debian | System::Arch) => &["qemu-system-arm"],
        (Need::Qemu, System::Fedora) => &["qemu-system-arm-core"],
        (Need::Qemu, System::Mac) => &["qemu"],
        (Need::Debugger, System::Debian) => &["gdb-multiarch"],
        (Need::Debugger, System::Fedora | System::Mac) => &["gdb"],
        (Need::Debugger, System::Arch) => &["arm-none-eabi-gdb"],
        (Need::Browser, System::Debian) => &["chromium", "chromium-driver"],
        (Need::Browser, System::Fedora | System::Mac) => &["chromium", "chromedriver"],
        (Need::Browser, System::Arch) => &["chromium"],
        _ => &[],
    }
}

/// The command that a person would type to get a need.
pub(super) fn command(need: Need, system: System) -> Option<String> {
    let start = match system {
        System::Debian => "apt-get install",
        System::Fedora => "dnf install",
        System::Arch => "pacman -S --needed",
        System::Mac => "brew install",
        System::Windows => "winget install",
        System::Other => return None,
    };
    let list = match system {
        System::Debian => dpkg_missing(need),
        _ => packages(need, system).to_vec(),
    };
    (!list.is_empty()).then(|| format!("{start} {}", list.join(" ")))
}

/// Installs the packages for the needs with apt; on other systems says the command, because we
/// have no way to try what theirs do.
pub(super) fn install(needs: &[Need], system: System) -> Result<()> {
    let needs = needs.iter().filter(|need| need.target().is_none());
    if system != System::Debian {
        for need in needs {
            match command(*need, system) {
                Some(line) => eprintln!("set-up: {}: run `{line}`", need.name()),
                None => eprintln!(
                    "set-up: {}: install it with your package manager",
                    need.name()
                ),
            }
        }
        return Ok(());
    }
    let list: Vec<_> = needs.flat_map(|need| dpkg_missing(*need)).collect();
    if list.is_empty() {
        Ok(())
    } else {
        apt_install(&list)
    }
}

/// The name by which pkg-config knows the webview of this system.
pub(super) const fn webview_library() -> Option<&'static str> {
    if cfg!(target_os = "linux") {
        Some("webkit2gtk-4.1")
    } else {
        None
    }
}

/// Those of a need's Debian packages that are not installed; none where there is no dpkg.
pub(super) fn dpkg_missing(need: Need) -> Vec<&'static str> {
    if place::on_path("dpkg-query").is_none() {
        return Vec::new();
    }
    let list = packages(need, System::Debian).iter().copied();
    list.filter(|package| !is_installed(package)).collect()
}

/// Whether dpkg has a package installed.
pub(super) fn is_installed(package: &str) -> bool {
    let query =
        shell::answer(Command::new("dpkg-query").args(["-W", "-f=${db:Status-Status}", package]));
    query.as_deref() == Some("installed")
}

/// Installs Debian packages.
///
/// # Errors
/// When we may not, or apt fails.
pub(super) fn apt_install(list: &[&str]) -> Result<()> {
    let line = format!(
        "apt-get update && apt-get install --no-install-recommends {}",
        list.join(" ")
    );
    let administrator = Administrator::become_one(&line)?;
    // Lists may be old without harm: only the installation decides.
    if let Err(report) = shell::run(administrator.command("apt-get").args(["update", "--quiet"])) {
        eprintln!("set-up: {report}; going on with the lists that are there");
    }
    let mut install = administrator.command("env");
    install.args([
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "install",
        "--yes",
        "--quiet",
    ]);
    shell::run(install.arg("--no-install-recommends").args(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_need_has_a_name_where_packages_are_known() {
        for need in Need::ALL.into_iter().filter(|need| need.target().is_none()) {
            for system in [System::Debian, System::Fedora, System::Arch] {
                assert!(!packages(need, system).is_empty(), "{need:?} on {system}");
            }
        }
        let line = command(Need::BoardCompiler, System::Mac);
        assert_eq!(line.as_deref(), Some("brew install gcc-arm-embedded"));
        assert_eq!(command(Need::Display, System::Other), None);
    }
}
