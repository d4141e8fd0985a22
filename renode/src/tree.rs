//! A program with everything that it starts: ended as a whole, also when we end first.

use std::{
    io,
    process::{Child, Command, ExitStatus},
    thread,
    time::Duration,
};

/// How often an ending program is looked at.
const PULSE: Duration = Duration::from_millis(20);

/// A running program and its children. All of them end when this is dropped. On Unix they are a
/// process group of their own, and a watching shell ends them when this process is gone without
/// having said so (killed, or crashed).
#[derive(Debug)]
pub struct Tree {
    child: Child,
    #[cfg(unix)]
    watch: Option<Child>,
}

/// What the watching shell does: it waits until its input ends, which it does with us.
#[cfg(unix)]
const WATCH: &str =
    r#"read -r _; kill -TERM "-$1" 2>/dev/null && sleep 2; kill -KILL "-$1" 2>/dev/null"#;

impl Tree {
    /// Starts a program.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let child = command.spawn()?;
        Ok(Self {
            #[cfg(unix)]
            watch: watch(child.id()),
            child,
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
            self.signal(false);
            for _ in 0..grace.as_millis() / PULSE.as_millis() {
                if !self.is_running() {
                    break;
                }
                thread::sleep(PULSE);
            }
        }
        // Children that outlived the program, and a program that did not listen.
        self.signal(true);
        let _ = self.child.kill();
        let status = self.child.wait().ok();
        #[cfg(unix)]
        if let Some(mut watch) = self.watch.take() {
            let _ = watch.kill();
            let _ = watch.wait();
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

    /// There are no groups to signal: the program itself is killed after the grace.
    #[cfg(not(unix))]
    fn signal(&self, _kill: bool) {}
}

impl Drop for Tree {
    fn drop(&mut self) {
        self.end(Duration::from_secs(2));
    }
}

/// The watching shell; none: there is no shell, and only an orderly end ends the tree.
#[cfg(unix)]
fn watch(group: u32) -> Option<Child> {
    use std::{os::unix::process::CommandExt as _, process::Stdio};
    Command::new("/bin/sh")
        .args(["-c", WATCH, "watch", &group.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Keys typed at our terminal are not for it.
        .process_group(0)
        .spawn()
        .ok()
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
