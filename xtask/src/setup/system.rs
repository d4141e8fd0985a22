//! Which system this is, and how to become its administrator.

use std::{fmt, fs, process::Command};

use miette::{Result, miette};

use crate::{place, shell};

/// A family of systems that install packages in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    /// Debian, Ubuntu and their kin: apt.
    Debian,
    /// Fedora and its kin: dnf.
    Fedora,
    /// Arch and its kin: pacman.
    Arch,
    /// macOS with Homebrew.
    Mac,
    /// Windows with winget.
    Windows,
    /// Some other.
    Other,
}

impl System {
    /// This machine's.
    pub(crate) fn find() -> Self {
        if cfg!(target_os = "macos") {
            Self::Mac
        } else if cfg!(windows) {
            Self::Windows
        } else {
            Self::of_release(&fs::read_to_string("/etc/os-release").unwrap_or_default())
        }
    }

    /// Reads the text of `/etc/os-release` (os-release(5): `ID`, `ID_LIKE`).
    fn of_release(release: &str) -> Self {
        let field = |name: &str| {
            let value = release
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            value.unwrap_or_default().trim_matches('"').to_owned()
        };
        let names = format!("{} {}", field("ID"), field("ID_LIKE"));
        let is = |wanted: &[&str]| names.split_whitespace().any(|name| wanted.contains(&name));
        if is(&["debian", "ubuntu"]) {
            Self::Debian
        } else if is(&["fedora", "rhel", "centos"]) {
            Self::Fedora
        } else if is(&["arch"]) {
            Self::Arch
        } else {
            Self::Other
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Debian => "Debian or Ubuntu",
            Self::Fedora => "Fedora",
            Self::Arch => "Arch",
            Self::Mac => "macOS",
            Self::Windows => "Windows",
            Self::Other => "a system whose package manager is not known here",
        })
    }
}

/// How commands that change the system are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Administrator {
    /// We are.
    Already,
    /// Through sudo.
    Sudo,
}

impl Administrator {
    /// # Errors
    /// When we are not and cannot become it; says which command to run.
    pub(crate) fn become_one(line: &str) -> Result<Self> {
        if shell::answer(Command::new("id").arg("-u")).as_deref() == Some("0") {
            Ok(Self::Already)
        } else if place::on_path("sudo").is_some() {
            Ok(Self::Sudo)
        } else {
            Err(miette!(
                "only an administrator can install this; run as one: {line}"
            ))
        }
    }

    /// A command with an administrator's rights.
    pub(crate) fn command(self, program: &str) -> Command {
        match self {
            Self::Already => Command::new(program),
            Self::Sudo => {
                let mut command = Command::new("sudo");
                if place::in_ci() {
                    // Nobody is there to type a password.
                    command.arg("--non-interactive");
                }
                command.arg(program);
                command
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_known_by_their_release_file() {
        let check = |text: &str, system| assert_eq!(System::of_release(text), system, "{text}");
        check("ID=debian\nVERSION_ID=\"12\"", System::Debian);
        check("ID=linuxmint\nID_LIKE=\"ubuntu debian\"", System::Debian);
        check(
            "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"",
            System::Fedora,
        );
        check("ID=arch", System::Arch);
        check("ID=void\nNAME=\"debian\"", System::Other);
        check("", System::Other);
    }
}
