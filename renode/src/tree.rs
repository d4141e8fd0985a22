//! A program with everything that it starts: ended as a whole, also when we end first.

use std::{
    io,
    process::{self, Child, Command, ExitStatus},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

/// How often an ending program is looked at.
const PULSE: Duration = Duration::from_millis(20);

/// The variable that every process of a tree has in its environment: whose it is.
const MARK: &str = "PROCESS_TREE";

/// A running program and its children. All of them end when this is dropped. On Unix they are a
/// process group of their own, and a watching shell ends them when this process is gone without
/// having said so (killed, or crashed). On Linux those that left the group, as daemons do, are known by
/// a variable in their environment, `PROCESS_TREE`. On Windows they are a job, which ends with us.
#[derive(Debug)]
pub struct Tree {
    child: Child,
    #[cfg(windows)]
    job: Option<win32job::Job>,
    #[cfg(target_os = "linux")]
    mark: String,
    #[cfg(unix)]
    watch: Option<Child>,
}

/// What the watching shell does: it hears the number of the group, and waits until its input ends, which
/// it does with us. It is there before the program is; so the number may never come.
#[cfg(unix)]
const WATCH: &str = r#"
read -r group; read -r _
marked() { grep -lzxF -e "$1" /proc/[0-9]*/environ 2>/dev/null | cut -d / -f 3; }
[ -n "$group" ] && kill -TERM "-$group" 2>/dev/null && sleep 2
[ -n "$group" ] && kill -KILL "-$group" 2>/dev/null
for process in $(marked "$1"); do kill -KILL "$process" 2>/dev/null; done
"#;

impl Tree {
    /// Starts a program.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", process::id());
        command.env(MARK, &name);
        #[cfg(unix)]
        let mark = format!("{MARK}={name}");
        #[cfg(unix)]
        let mut watch = watch(&mark);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let spawned = command.spawn();
        #[cfg(unix)]
        if let Some(shell) = &mut watch {
            match &spawned {
                Ok(child) => tell(shell, child.id()),
                Err(_) => dismiss(shell),
            }
        }
        let child = spawned?;
        Ok(Self {
            #[cfg(windows)]
            job: job(&child),
            child,
            #[cfg(target_os = "linux")]
            mark,
            #[cfg(unix)]
            watch,
        })
    }

    /// The program's process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// The program's number, which on Unix is that of its group too.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether the program itself still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// How the program ended; none: it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Ends the whole tree: asks first, and kills what is left after `grace`.
    pub fn end(&mut self, grace: Duration) -> Option<ExitStatus> {
        if self.is_running() {
            // Elsewhere nobody can ask; it is killed after the grace.
            #[cfg(unix)]
            self.signal(false);
            for _ in 0..grace.as_millis() / PULSE.as_millis() {
                if !self.is_running() {
                    break;
                }
                thread::sleep(PULSE);
            }
        }
        // Children that outlived the program, and a program that did not listen.
        #[cfg(unix)]
        self.signal(true);
        let _ = self.child.kill();
        let status = self.child.wait().ok();
        #[cfg(windows)]
        drop(self.job.take());
        #[cfg(target_os = "linux")]
        kill_marked(&self.mark);
        #[cfg(unix)]
        if let Some(mut watch) = self.watch.take() {
            dismiss(&mut watch);
        }
        status
    }

    #[cfg(unix)]
    fn signal(&self, kill: bool) {
        use rustix::process::{Pid, Signal, kill_process_group};
        let signal = if kill { Signal::KILL } else { Signal::TERM };
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // A group that is gone needs no signal.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        self.end(Duration::from_secs(2));
    }
}

/// A job whose processes end when its last handle is closed, which is ours; none: the system refuses
/// it, and only the program itself ends. A child that the program had started before is not in it.
#[cfg(windows)]
fn job(child: &Child) -> Option<win32job::Job> {
    use std::os::windows::io::AsRawHandle as _;
    let mut limits = win32job::ExtendedLimitInfo::new();
    limits.limit_kill_on_job_close();
    let job = win32job::Job::create_with_limit_info(&limits).ok()?;
    job.assign_process(child.as_raw_handle() as isize).ok()?;
    Some(job)
}

/// The watching shell; none: there is no shell, and only an orderly end ends the tree.
#[cfg(unix)]
fn watch(mark: &str) -> Option<Child> {
    use std::{os::unix::process::CommandExt as _, process::Stdio};
    Command::new("/bin/sh")
        .args(["-c", WATCH, "watch", mark])
        // A tree in a tree is its own watch's.
        .env_remove(MARK)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Keys typed at our terminal are not for it.
        .process_group(0)
        .spawn()
        .ok()
}

/// Tells the watching shell the number of the group.
#[cfg(unix)]
fn tell(watch: &mut Child, group: u32) {
    use std::io::Write as _;
    if let Some(stdin) = &mut watch.stdin {
        // A shell that is gone watches nothing; an orderly end does without it.
        let _ = writeln!(stdin, "{group}");
    }
}

#[cfg(unix)]
fn dismiss(watch: &mut Child) {
    let _ = watch.kill();
    let _ = watch.wait();
}

/// Kills every process that has the mark in its environment.
#[cfg(target_os = "linux")]
fn kill_marked(mark: &str) {
    use rustix::process::{Pid, Signal, kill_process};
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let id = entry.file_name().to_str().and_then(|it| it.parse().ok());
        let Some(pid) = id.and_then(Pid::from_raw) else {
            continue;
        };
        // What is not ours cannot be read.
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        if environment
            .split(|byte| *byte == 0)
            .any(|it| it == mark.as_bytes())
        {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{fs, path::Path, process::Stdio};

    use super::*;

    fn shell(script: &str, folder: &Path) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).current_dir(folder);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// The number that a script wrote.
    fn number(path: &Path) -> String {
        for _ in 0..500 {
            match fs::read_to_string(path) {
                Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
                _ => thread::sleep(PULSE),
            }
        }
        panic!("{} is not written", path.display());
    }

    fn ends(id: &str) -> bool {
        (0..300).any(|_| {
            thread::sleep(PULSE);
            let state = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            // A zombie has ended; who collects orphans here may take its time.
            state.is_empty() || state.contains(") Z ")
        })
    }

    #[test]
    fn children_that_do_not_listen_end_too() {
        let folder = tempfile::tempdir().unwrap();
        let script =
            "trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo $! > child; wait";
        let mut tree = Tree::spawn(&mut shell(script, folder.path())).unwrap();
        let child = number(&folder.path().join("child"));
        assert!(tree.is_running());
        let status = tree.end(Duration::from_millis(100)).unwrap();
        assert!(!status.success());
        assert!(ends(&child), "{child} still runs");
    }

    #[test]
    fn children_end_with_a_program_that_ended_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let mut tree =
            Tree::spawn(&mut shell("sleep 1000 & echo $! > child", folder.path())).unwrap();
        let child = number(&folder.path().join("child"));
        while tree.is_running() {
            thread::sleep(PULSE);
        }
        drop(tree);
        assert!(ends(&child), "{child} still runs");
    }

    /// A daemon is in a session of its own.
    #[cfg(target_os = "linux")]
    #[test]
    fn children_that_left_the_group_end_too() {
        let folder = tempfile::tempdir().unwrap();
        let script = "setsid sh -c 'echo $$ > child; sleep 1000' & wait";
        for orderly in [true, false] {
            let mut tree = Tree::spawn(&mut shell(script, folder.path())).unwrap();
            let child = number(&folder.path().join("child"));
            fs::remove_file(folder.path().join("child")).unwrap();
            if orderly {
                tree.end(Duration::from_millis(100));
            } else {
                drop(tree.watch.as_mut().unwrap().stdin.take());
            }
            assert!(ends(&child), "{child} still runs");
        }
    }

    /// The watching shell has its input from us: when that ends, all ends.
    #[test]
    fn all_ends_when_we_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        let mut tree = Tree::spawn(&mut shell(
            "sleep 1000 & echo $! > child; wait",
            folder.path(),
        ))
        .unwrap();
        let child = number(&folder.path().join("child"));
        drop(tree.watch.as_mut().unwrap().stdin.take());
        assert!(ends(&child), "{child} still runs");
        assert!(tree.child.wait().is_ok());
    }
}
