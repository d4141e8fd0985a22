//! What is left of the programs of a bench when Twinbench itself is killed: nothing.
#![cfg(target_os = "linux")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::clients::{Served, needed};

/// A device in Python with a child, a child of that, and one that leaves its group as a daemon does.
const DEVICE: &str = r#"
import subprocess, sys, time
kind = sys.argv[1]
def start(kind, **more):
    subprocess.Popen([sys.executable, __file__, kind], **more)
if kind == "device":
    start("child")
    start("daemon", start_new_session=True)
elif kind == "child":
    start("grandchild")
open(kind, "w").close()
while True:
    time.sleep(1)
"#;

fn bench(python: &Path) -> String {
    format!(
        "version = 1\nname = \"killed\"\nepoch = \"2026-01-01T00:00:00Z\"\n[hub]\naddress = \"127.0.0.74\"\nhost = \"127.0.0.74\"\n\
         [[device]]\nid = \"d\"\nbackend = \"process\"\ncommand = [\"{}\", \"device.py\", \"device\"]\n",
        python.display()
    )
}

/// The processes that run in a folder and its own, with their command lines.
fn running(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let runs = fs::read_link(entry.path().join("cwd")).is_ok_and(|it| it.starts_with(folder));
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        // One that has ended has no words.
        if runs && !words.is_empty() {
            found.insert(
                entry.path(),
                String::from_utf8_lossy(&words).replace('\0', " "),
            );
        }
    }
    found
}

#[expect(
    clippy::disallowed_methods,
    reason = "other processes live on the wall clock"
)]
fn within(patience: Duration, holds: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < patience {
        if holds() {
            return true;
        }
        thread::sleep(Duration::from_millis(50));
    }
    false
}

#[test]
fn programs_end_with_a_bench_that_is_killed() {
    let test = "programs_end_with_a_bench_that_is_killed";
    let Some(python) = needed(test, "TWINBENCH_PYTHON") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().canonicalize().unwrap();
    fs::write(place.join("device.py"), DEVICE).unwrap();
    fs::write(place.join("bench.toml"), bench(&python)).unwrap();
    let served = Served::start_in(folder.into(), &[]).unwrap();
    let all = ["device", "child", "grandchild", "daemon"];
    let up = within(Duration::from_mins(1), || {
        all.iter().all(|name| place.join(name).exists())
    });
    let before = running(&place);
    assert!(up, "{before:#?}");
    for name in all {
        let ends = format!("device.py {name} ");
        assert!(before.values().any(|it| it.ends_with(&ends)), "{before:#?}");
    }
    let kept = served.kill();
    assert!(
        within(Duration::from_mins(1), || running(&place).is_empty()),
        "{:#?}",
        running(&place)
    );
    drop(kept);
}
