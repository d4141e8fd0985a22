//! A client in another process, which talks to its test in lines of JSON.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A program or folder of the set-up; a lack skips loudly, and fails in CI.
pub(crate) fn needed(test: &str, variable: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(PathBuf::from);
    let found = found.filter(|path| path.exists());
    if found.is_none() {
        let lack = format!("set {variable}, as cargo xtask test does");
        assert!(std::env::var_os("CI").is_none(), "{test}: {lack}");
        eprintln!("SKIPPED {test}: {lack}");
    }
    found
}

/// A script of `clients/`.
pub(crate) fn script(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/devices/clients");
    folder.join(name)
}

pub(crate) struct Client {
    child: Child,
    input: ChildStdin,
    lines: UnboundedReceiver<String>,
    /// What it said that nobody has waited for yet.
    said: Vec<Value>,
    errors: std::sync::Arc<std::sync::Mutex<String>>,
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Client {
    pub(crate) fn start<S: AsRef<OsStr>>(
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = S>,
        environment: &[(&str, &OsStr)],
    ) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).envs(environment.iter().copied());
        let pipes = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut problems = child.stderr.take().unwrap();
        let (sender, lines) = unbounded_channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let errors = std::sync::Arc::<std::sync::Mutex<String>>::default();
        let kept = std::sync::Arc::clone(&errors);
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(read @ 1..) = problems.read(&mut piece) {
                kept.lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&piece[..read]));
            }
        });
        Self {
            child,
            input,
            lines,
            said: Vec::new(),
            errors,
        }
    }

    /// Tells it something.
    pub(crate) fn tell(&mut self, what: &Value) {
        writeln!(self.input, "{what}").unwrap();
    }

    /// Waits until it says something with a member of this name, and gives that member.
    pub(crate) async fn says(&mut self, name: &str) -> Value {
        loop {
            if let Some(at) = self.said.iter().position(|said| said.get(name).is_some()) {
                return self.said.remove(at)[name].take();
            }
            let line = tokio::time::timeout(Duration::from_mins(1), self.lines.recv()).await;
            let Ok(Some(line)) = line else {
                let ended = if line.is_ok() { "ended" } else { "is silent" };
                let errors = self.errors.lock().unwrap();
                panic!(
                    "the client {ended} before it said {name:?}; it said {:?}\n{errors}",
                    self.said
                );
            };
            // Clients print other things as well.
            if let Ok(said) = serde_json::from_str(&line) {
                self.said.push(said);
            }
        }
    }

    /// Waits for its end, which must be a good one.
    pub(crate) async fn ends(mut self) {
        while self.lines.recv().await.is_some() {}
        let status = self.child.wait().unwrap();
        assert!(
            status.success(),
            "{status}: {}",
            self.errors.lock().unwrap()
        );
    }
}
