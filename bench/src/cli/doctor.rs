//! `twinbench doctor`: what is there on this machine, what is missing, and how to get it.

mod devices;

use std::{
    fs, io,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use renode_rs_bindings::{NotFound, Tree, Version};
use serde::Serialize;
use serde_json::json;

use super::{Format, renode::search};
use crate::{exit::Exit, serve::certificates_folder};

/// Ports that a served bench opens, and for whom.
const PORTS: [(u16, &str); 8] = [
    (7878, "API and page"),
    (8883, "MQTT over TLS"),
    (1883, "plain MQTT"),
    (443, "HTTPS: REST and MQTT over WebSocket"),
    (8443, "HTTPS beside 443"),
    (5671, "AMQP over TLS"),
    (5672, "plain AMQP"),
    (8080, "Durable Task"),
];
/// How long `renode --version` may take.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Ends with 3 when something that every bench needs is missing. What only some need \
(Renode, probes, ports) is said and is no failure."
)]
pub(crate) struct Args {
    /// Print JSON; the same as `--format json`.
    #[arg(long)]
    json: bool,
    /// Renode's program, or the folder it is in; default: RENODE, PATH, the usual places.
    #[arg(long, value_name = "PATH")]
    renode: Option<PathBuf>,
    /// Where runs are kept.
    #[arg(long, value_name = "FOLDER", default_value = "out")]
    out: PathBuf,
}

/// Something that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Fact {
    /// What.
    what: String,
    /// Whether it is there and can be used.
    ok: bool,
    /// Whether every bench needs it.
    needed: bool,
    /// What was found.
    detail: String,
    /// What to do; empty: nothing.
    hint: String,
}

impl Fact {
    pub(super) fn new(what: impl Into<String>, ok: bool, detail: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            ok,
            needed: false,
            detail: detail.into(),
            hint: String::new(),
        }
    }

    #[must_use]
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: hint.into(),
            ..self
        }
    }
}

pub(crate) fn run(args: &Args, format: Format) -> Exit {
    let mut facts = vec![renode(args.renode.as_ref())];
    facts.extend(devices::probes(Path::new("/sys/bus/usb/devices")));
    facts.push(devices::serial_ports(Path::new("/dev")));
    facts.extend(PORTS.map(|(number, what)| port(number, what)));
    facts.push(certificates(certificates_folder()));
    facts.push(folder("runs", &args.out));
    facts.push(folder("temporary files", &std::env::temp_dir()));
    let good = facts.iter().all(|fact| fact.ok || !fact.needed);
    if args.json || format == Format::Json {
        println!("{}", json!({"version": 1, "ok": good, "facts": facts}));
    } else {
        for fact in &facts {
            let mark = match (fact.ok, fact.needed) {
                (true, _) => "ok     ",
                (false, true) => "MISSING",
                (false, false) => "-      ",
            };
            println!("{mark} {}: {}", fact.what, fact.detail);
            for line in fact.hint.lines() {
                println!("          {line}");
            }
        }
    }
    if good { Exit::Pass } else { Exit::Setup }
}

fn renode(given: Option<&PathBuf>) -> Fact {
    let installation = match search(given).find() {
        Ok(installation) => installation,
        Err(error) => {
            let hint = format!(
                "only benches with `backend = \"renode\"` need it: {}",
                NotFound::HINT
            );
            return Fact::new("Renode", false, error.place()).hint(hint);
        }
    };
    let program = installation.program.display();
    match said(&installation.program) {
        Ok(text) => match Version::find(&text) {
            Some(version) if version >= Version::OLDEST => {
                Fact::new("Renode", true, format!("{version} at {program}"))
            }
            Some(version) => Fact::new("Renode", false, format!("{version} at {program}"))
                .hint(format!("{} or newer is needed", Version::OLDEST)),
            None => Fact::new("Renode", false, format!("{program} says {text:?}"))
                .hint("is it the program of Renode?"),
        },
        Err(cause) => Fact::new("Renode", false, format!("{program}: {cause}"))
            .hint("install it again, or set RENODE to another"),
    }
}

/// What a program says to `--version`.
fn said(program: &Path) -> io::Result<String> {
    let mut command = Command::new(program);
    command
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut tree = Tree::spawn(&mut command)?;
    let pulse = Duration::from_millis(20);
    for _ in 0..PATIENCE.as_millis() / pulse.as_millis() {
        if !tree.is_running() {
            let text = tree.child().stdout.take().map(io::read_to_string);
            return text.unwrap_or_else(|| Ok(String::new()));
        }
        thread::sleep(pulse);
    }
    Err(io::Error::new(
        io::ErrorKind::TimedOut,
        "it does not answer to --version",
    ))
}

fn port(number: u16, what: &str) -> Fact {
    let name = format!("port {number}");
    match TcpListener::bind((Ipv4Addr::LOCALHOST, number)) {
        Ok(_) => Fact::new(name, true, format!("free, for {what}")),
        Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => {
            Fact::new(name, false, format!("not for this user; it is for {what}")).hint(
                "HTTPS is on 8443 as well; who needs 443 lowers \
                 net.ipv4.ip_unprivileged_port_start (Linux) or gives twinbench the right to it",
            )
        }
        Err(cause) if cause.kind() == io::ErrorKind::AddrInUse => Fact::new(
            name,
            false,
            format!("taken by another program; it is for {what}"),
        )
        .hint("end that program (another bench?), or give another port in [hub] or [api]"),
        Err(cause) => Fact::new(name, false, format!("{cause}; it is for {what}")),
    }
}

fn certificates(folder: Option<PathBuf>) -> Fact {
    let what = "certificates";
    let Some(folder) = folder else {
        return Fact::new(what, false, "this user has no data folder")
            .hint("name a folder with --certificates");
    };
    let there = fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
    let detail = folder.display().to_string();
    if there {
        Fact::new(what, true, detail).hint("`twinbench hub ca` says how clients trust them")
    } else {
        Fact::new(
            what,
            true,
            format!("none yet; they will be made in {detail}"),
        )
        .hint("`twinbench hub ca` makes them now")
    }
}

/// Whether a folder can be written; it is made by whoever needs it.
fn folder(what: &str, folder: &Path) -> Fact {
    let existing = folder
        .ancestors()
        .map(|it| {
            if it.as_os_str().is_empty() {
                Path::new(".")
            } else {
                it
            }
        })
        .find(|it| it.is_dir());
    let made = existing.map_or_else(
        || Err(io::ErrorKind::NotFound.into()),
        |it| {
            tempfile::Builder::new()
                .prefix(".twinbench")
                .tempfile_in(it)
        },
    );
    let name = format!("folder for {what}");
    let fact = match made {
        Ok(_) => Fact::new(name, true, folder.display().to_string()),
        Err(cause) => Fact::new(name, false, format!("{}: {cause}", folder.display()))
            .hint("name another with --out, or set TMPDIR"),
    };
    Fact {
        needed: true,
        ..fact
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_said() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let number = listener.local_addr().unwrap().port();
        let fact = port(number, "x");
        assert!(!fact.ok && fact.detail.contains("taken"), "{fact:?}");
        drop(listener);
        assert!(port(number, "x").ok);
    }

    #[test]
    fn a_folder_that_cannot_be_is_missing() {
        let place = tempfile::tempdir().unwrap();
        assert!(folder("runs", &place.path().join("a/b")).ok);
        let file = place.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(!folder("runs", Path::new("/proc/none/such")).ok || !cfg!(target_os = "linux"));
    }

    #[test]
    fn an_absent_renode_says_where_to_get_it() {
        let fact = renode(Some(&PathBuf::from("/nowhere")));
        assert!(!fact.ok && !fact.needed);
        assert!(fact.hint.contains("https://github.com/renode"), "{fact:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_renode_that_is_too_old_is_not_used() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = tempfile::tempdir().unwrap();
        let program = place.path().join("renode");
        let check = |said: &str, ok: bool| {
            fs::write(&program, format!("#!/bin/sh\necho '{said}'\n")).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            let fact = renode(Some(&program));
            assert_eq!(fact.ok, ok, "{fact:?}");
        };
        check("Renode v1.16.1.12345", true);
        check("Renode v1.14.0.1", false);
        check("hello", false);
    }
}
