//! Foreign clients in processes of their own, and a bench that is served to them.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

use serde_json::{Value, json};
use twinbench_model::DeviceId;

/// The seed of the benches here.
pub(crate) const SEED: u64 = 7;

/// A program or folder of the set-up; a lack skips loudly, and fails in CI.
pub(crate) fn needed(test: &str, variable: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(PathBuf::from);
    let found = found.filter(|path| path.exists());
    if found.is_none() {
        lacking(test, &format!("set {variable}, as cargo xtask test does"));
    }
    found
}

/// Says loudly that a test is skipped; in CI that fails.
pub(crate) fn lacking(test: &str, lack: &str) {
    assert!(std::env::var_os("CI").is_none(), "{test}: {lack}");
    eprintln!("SKIPPED {test}: {lack}");
}

/// A script of the hub's own tests.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../hub/tests")
        .join(name)
}

/// A bench that is served.
pub(crate) struct Served {
    child: Child,
    /// Where its hub listens, as it says itself.
    pub(crate) hub: Value,
    api: String,
    pub(crate) folder: Arc<tempfile::TempDir>,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    /// Serves a bench; what it said instead when it cannot be.
    pub(crate) fn start(bench: &str, arguments: &[&str]) -> Result<Self, String> {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("bench.toml"), bench).unwrap();
        Self::start_in(folder, arguments)
    }

    /// The same, in a folder in which it may have been served before.
    pub(crate) fn start_in(
        folder: Arc<tempfile::TempDir>,
        arguments: &[&str],
    ) -> Result<Self, String> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_twinbench"))
            .args(["serve", "bench.toml", "--port", "0", "--format", "json"])
            .args(["--data", "data", "--certificates", "certificates"])
            .args(arguments)
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.find_map(|line| {
            let line: Value = serde_json::from_str(&line.ok()?).ok()?;
            line.get("serving").cloned()
        });
        let Some(serving) = said else {
            let output = child.wait_with_output().unwrap();
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        };
        // The rest of what it prints must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        let mut problems = child.stderr.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut problems, &mut std::io::sink()));
        let hub = serving["hub"].clone();
        let api = serving["api"].as_str().unwrap().to_owned();
        Ok(Self {
            child,
            hub,
            api,
            folder,
        })
    }

    /// Kill -9.
    pub(crate) fn kill(mut self) -> Arc<tempfile::TempDir> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        Arc::clone(&self.folder)
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join("certificates/ca.pem")
    }

    /// Messages that its hub has taken.
    pub(crate) fn messages(&self) -> u64 {
        let key = std::fs::read_to_string(self.folder.path().join("data/api-key")).unwrap();
        let mut stream = TcpStream::connect(&self.api).unwrap();
        let request = format!(
            "GET /bench/status?code={} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            key.trim(),
            self.api
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let status: Value = serde_json::from_str(body).unwrap();
        status["messages"].as_u64().unwrap()
    }

    /// A port of its hub.
    pub(crate) fn port(&self, what: &str) -> u16 {
        let address = &self.hub[what];
        let address = address.get(0).unwrap_or(address).as_str().unwrap();
        address.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// Its connection strings, as the command tells them.
    pub(crate) fn connections(&self) -> Value {
        let output = Command::new(env!("CARGO_BIN_EXE_twinbench"))
            .args(["hub", "connection-strings", "bench.toml", "--json"])
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The connection string of a device.
    pub(crate) fn device(&self, id: &str) -> String {
        let all = self.connections();
        let mut devices = all["devices"].as_array().unwrap().iter();
        let device = devices.find(|device| device["name"] == id).unwrap();
        device["connectionString"].as_str().unwrap().to_owned()
    }
}

/// The user name and password with which a device signs in.
pub(crate) fn credentials(host: &str, device: &str) -> (String, String) {
    let id = DeviceId::new(device).unwrap();
    let key = twinbench_hub::derive_key(SEED, &id);
    // 2099-12-31: the token is judged by the bench's clock.
    let token = twinbench_hub::sas::device_token(host, &id, &key, 4_102_358_400);
    let username = format!("{host}/{device}/?api-version=2021-04-12");
    (username, token)
}

/// A client in another process, which talks in lines of JSON.
pub(crate) struct Client {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    /// What it said that nobody has waited for yet.
    said: Vec<Value>,
    errors: Arc<Mutex<String>>,
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
        let mut child = Command::new(program)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut problems = child.stderr.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let errors = Arc::<Mutex<String>>::default();
        let kept = Arc::clone(&errors);
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(read @ 1..) = problems.read(&mut piece) {
                let text = String::from_utf8_lossy(&piece[..read]);
                kept.lock().unwrap().push_str(&text);
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

    pub(crate) fn tell(&mut self, what: &Value) {
        writeln!(self.input.as_mut().unwrap(), "{what}").unwrap();
    }

    /// Waits until it says something with a member of this name, and gives that member.
    pub(crate) fn says(&mut self, name: &str) -> Value {
        loop {
            if let Some(at) = self.said.iter().position(|said| said.get(name).is_some()) {
                return self.said.remove(at)[name].take();
            }
            let Ok(line) = self.lines.recv_timeout(Duration::from_mins(1)) else {
                let errors = self.errors.lock().unwrap();
                panic!(
                    "the client did not say {name:?}; it said {:?}\n{errors}",
                    self.said
                );
            };
            // Clients print other things as well.
            if let Ok(said) = serde_json::from_str(&line) {
                self.said.push(said);
            }
        }
    }

    /// Its last line, once it has ended well.
    pub(crate) fn answer(mut self) -> Value {
        self.input = None;
        let mut last = Value::Null;
        while let Ok(line) = self.lines.recv_timeout(Duration::from_mins(1)) {
            last = serde_json::from_str(&line).unwrap_or(last);
        }
        let status = self.child.wait().unwrap();
        let errors = self.errors.lock().unwrap();
        assert!(status.success(), "{status}: {errors}");
        last
    }
}

/// Runs a script of Python with a JSON request, and gives its JSON answer.
pub(crate) fn python(
    program: &Path,
    script: &Path,
    request: &Value,
    environment: &[(&str, &OsStr)],
) -> Value {
    let mut client = Client::start(program, [script], environment);
    client.tell(request);
    client.answer()
}

/// What the built-in endpoint has in a partition from a position on, as azure-eventhub reads it.
pub(crate) fn events(
    program: &Path,
    endpoint: &str,
    client: &Value,
    (partition, start, count): (u16, &str, usize),
) -> Value {
    let request = json!({
        "endpoint": endpoint, "client": client, "work": "receive",
        "arguments": {"partition": partition.to_string(), "start": start, "count": count},
    });
    python(program, &script("amqp/python/events.py"), &request, &[])
}
