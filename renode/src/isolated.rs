//! A command in a network namespace of its own: Renode listens on every interface, and there the only
//! one is loopback.

use std::{
    ffi::{OsStr, OsString},
    process::Command,
};

/// Brings loopback up and becomes the program.
const ENTER: &str = r#"ip link set lo up && exec "$@""#;

/// A command that runs `program` in a network namespace with nothing but loopback, as the user who asks
/// (Linux: `unshare` and `ip`, and user namespaces that are allowed). Whatever is to reach Renode has to
/// be in there with it, so it is the whole bench that is started so, not Renode alone.
pub fn isolated(program: &OsStr, arguments: &[OsString]) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--map-root-user", "--net", "--", "/bin/sh", "-c", ENTER])
        .arg("isolated")
        .arg(program)
        .args(arguments);
    command
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn there_is_nothing_but_loopback() {
        let allowed = Command::new("unshare")
            .args(["--map-root-user", "--net", "ip", "link", "set", "lo", "up"])
            .output();
        if !allowed.is_ok_and(|it| it.status.success()) {
            eprintln!("SKIPPED: unshare, ip or user namespaces are not to be had here");
            return;
        }
        let arguments = ["-c".into(), "cut -d: -f1 /proc/net/dev | tail -n +3".into()];
        let output = isolated(OsStr::new("/bin/sh"), &arguments)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let names: Vec<_> = said.split_whitespace().collect();
        // Tunnels that the kernel puts into every namespace are down.
        assert_eq!(names.iter().filter(|it| **it == "lo").count(), 1, "{said}");
        assert!(!names.iter().any(|it| it.starts_with("eth")), "{said}");
        let arguments = ["-c".into(), "exit 7".into()];
        let status = isolated(OsStr::new("/bin/sh"), &arguments)
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(7));
    }
}
