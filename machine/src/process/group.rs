//! A control group for a program and all that it starts (Linux, cgroup v2), so that its limits are those
//! of the whole tree. Where none can be had, as in most containers, there are only the limits that each
//! process has by itself.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

/// What the groups of programs are called, before the number of this process and a count.
const PREFIX: &str = "twinbench-";
/// How often an ending group is looked at, and how many times: what is killed needs a moment.
const PULSE: (Duration, u32) = (Duration::from_millis(5), 100);

/// A control group. It ends, with all that is in it, when this is dropped.
#[derive(Debug)]
pub(super) struct Group {
    folder: PathBuf,
    memory: bool,
}

impl Group {
    /// Makes one that limits memory to `memory` bytes, if it can; none: this user may make none here.
    pub(super) fn make(memory: Option<u64>) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
        let own = place(&mounts, &groups)?;
        // Beside us, where the system lends this user controllers, or below us.
        let above = own.parent().filter(|it| it.join("cgroup.procs").exists());
        let mut second = None;
        for folder in above.into_iter().chain([own.as_path()]) {
            clear(folder);
            let Ok(mut group) = Self::below(folder) else {
                continue;
            };
            match memory {
                None => return Some(group),
                Some(most) if group.limit(most) => return Some(group),
                Some(_) => second = Some(group),
            }
        }
        second
    }

    fn below(folder: &Path) -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // Who moves from one group to another must be allowed to write to the one that both are in.
        let door = folder.join("cgroup.procs");
        fs::OpenOptions::new().write(true).open(door)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = folder.join(format!("{PREFIX}{}-{number}", process::id()));
        fs::create_dir(&folder)?;
        let memory = false;
        Ok(Self { folder, memory })
    }

    fn limit(&mut self, most: u64) -> bool {
        self.memory = fs::write(self.folder.join("memory.max"), most.to_string()).is_ok();
        if self.memory {
            // As far as there are such settings: no way out into swap, and all of it ends.
            let _ = fs::write(self.folder.join("memory.swap.max"), "0");
            let _ = fs::write(self.folder.join("memory.oom.group"), "1");
        }
        self.memory
    }

    /// The file that whoever wants to join writes `0` to.
    pub(super) fn door(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }

    /// Whether it limits memory.
    pub(super) fn limits_memory(&self) -> bool {
        self.memory
    }

    /// Processor time of all that was ever in it.
    pub(super) fn used(&self) -> Option<Duration> {
        self.figure("cpu.stat", "usage_usec")
            .map(Duration::from_micros)
    }

    /// Whether something in it was killed for want of memory.
    pub(super) fn ran_out(&self) -> bool {
        self.figure("memory.events", "oom_kill")
            .is_some_and(|it| it > 0)
    }

    fn figure(&self, file: &str, name: &str) -> Option<u64> {
        let text = fs::read_to_string(self.folder.join(file)).ok()?;
        let mut lines = text.lines().filter_map(|line| line.split_once(' '));
        lines.find(|(it, _)| *it == name)?.1.trim().parse().ok()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Before Linux 5.14 there is no such file; who is in it ends with the tree then.
        let _ = fs::write(self.folder.join("cgroup.kill"), "1");
        for _ in 0..PULSE.1 {
            match fs::remove_dir(&self.folder) {
                Err(cause) if cause.kind() == io::ErrorKind::ResourceBusy => {
                    thread::sleep(PULSE.0);
                }
                _ => return,
            }
        }
    }
}

/// The folder of the group that this process is in.
fn place(mounts: &str, groups: &str) -> Option<PathBuf> {
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    // Number, parent, device, root, mount point, …, `-`, kind (proc(5)).
    let mount = mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let is_it = kind.split(' ').next() == Some("cgroup2");
        is_it.then(|| place.split(' ').nth(4)).flatten()
    })?;
    let folder = Path::new(mount).join(path.trim_start_matches('/'));
    folder.join("cgroup.procs").exists().then_some(folder)
}

/// Removes the empty groups of processes that were killed.
fn clear(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|it| it.strip_prefix(PREFIX)?.split('-').next());
        if owner.is_some_and(|id| !Path::new("/proc").join(id).exists()) {
            // One with something in it stays.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_group_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("user.slice/app.scope");
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join("cgroup.procs"), "").unwrap();
        let root = folder.path().display();
        let mounts = format!(
            "25 30 0:23 / /sys rw - sysfs sysfs rw\n34 25 0:30 / {root} rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"
        );
        let check = |groups: &str, found: bool| {
            let expected = found.then(|| own.clone());
            assert_eq!(place(&mounts, groups), expected, "{groups:?}");
        };
        check("0::/user.slice/app.scope\n", true);
        check("4:memory:/x\n0::/user.slice/app.scope\n", true);
        check("0::/elsewhere\n", false);
        check("4:memory:/x\n", false);
        assert_eq!(place("", "0::/user.slice/app.scope\n"), None);
    }

    #[test]
    fn groups_of_processes_that_are_gone_are_cleared_away() {
        let folder = tempfile::tempdir().unwrap();
        let own = format!("{PREFIX}{}-0", process::id());
        for name in [own.as_str(), "twinbench-999999999-1", "other"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        clear(folder.path());
        assert!(!folder.path().join("twinbench-999999999-1").exists());
        assert!(folder.path().join("other").exists());
        assert!(folder.path().join(own).exists() || !Path::new("/proc/self").exists());
    }
}
