//! A mosquitto of the test's own, in a folder and on a port of its own.

use std::{
    fs,
    io::ErrorKind,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

pub(crate) enum Security {
    /// User `bench` with the password `secret`.
    Password,
    /// TLS with certificates on both sides.
    Certificates,
}

pub(crate) struct Broker {
    folder: PathBuf,
    port: u16,
    child: Child,
}

impl Broker {
    /// `None` with a loud line when there is no mosquitto; in CI that fails.
    pub(crate) fn start(test: &str, security: &Security) -> Option<Self> {
        let Some(program) = program("mosquitto") else {
            let lack = "mosquitto is not installed (Debian: mosquitto, mosquitto-clients)";
            assert!(std::env::var_os("CI").is_none(), "{lack}");
            eprintln!("SKIPPED {test}: {lack}");
            return None;
        };
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("broker-{test}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let at = folder.display();
        let own = match security {
            Security::Password => {
                password_file(&folder);
                format!("allow_anonymous false\npassword_file {at}/passwords\n")
            }
            Security::Certificates => {
                certificates(&folder);
                format!(
                    "allow_anonymous true\ncafile {at}/ca.pem\ncertfile {at}/server.pem\n\
                     keyfile {at}/server.key\nrequire_certificate true\n"
                )
            }
        };
        // Without `user`, mosquitto gives up its rights when it is started as root, and then
        // cannot read this folder.
        let user = if rights_are_roots() {
            "user root\n"
        } else {
            ""
        };
        let text = format!(
            "{user}listener {port} 127.0.0.1\n{own}persistence true\n\
             persistence_location {at}/\nmax_queued_messages 0\nmax_inflight_messages 20\n"
        );
        fs::write(folder.join("mosquitto.conf"), text).unwrap();
        let child = launch(&program, &folder, port);
        Some(Self {
            folder,
            port,
            child,
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Ends it as a service manager does, and starts it again with what it has kept.
    pub(crate) fn restart(&mut self) {
        let ended = Command::new("kill")
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        assert!(ended.success());
        self.child.wait().unwrap();
        self.child = launch(&program("mosquitto").unwrap(), &self.folder, self.port);
    }

    /// Publishes over TLS with the client's certificate.
    pub(crate) fn publish_with_certificate(&self, topic: &str, body: &str) {
        let file = |name: &str| self.folder.join(name);
        let output = Command::new("mosquitto_pub")
            .args(["-h", "localhost", "-q", "1", "-t", topic, "-m", body])
            .args(["-p", &self.port.to_string()])
            .arg("--cafile")
            .arg(file("ca.pem"))
            .arg("--cert")
            .arg(file("client.pem"))
            .arg("--key")
            .arg(file("client.key"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Debian keeps it where only root looks.
fn program(name: &str) -> Option<PathBuf> {
    for folder in ["", "/usr/sbin", "/usr/local/sbin"] {
        let path = Path::new(folder).join(name);
        let found = Command::new(&path)
            .arg("-h")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match found {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            _ => return Some(path),
        }
    }
    None
}

fn launch(program: &Path, folder: &Path, port: u16) -> Child {
    let log = fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .unwrap();
    let mut child = Command::new(program)
        .arg("-c")
        .arg(folder.join("mosquitto.conf"))
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    for _ in 0..200 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return child;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = child.kill();
    let _ = child.wait();
    let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
    panic!("mosquitto does not listen: {log}");
}

fn rights_are_roots() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

fn password_file(folder: &Path) {
    let made = Command::new("mosquitto_passwd")
        .args(["-b", "-c"])
        .arg(folder.join("passwords"))
        .args(["bench", "secret"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
}

/// A CA, a server for localhost and a client.
fn certificates(folder: &Path) {
    let write = |name: &str, text: String| fs::write(folder.join(name), text).unwrap();
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Without names of their own, issuer and client look alike to OpenSSL.
    ca.distinguished_name.push(DnType::CommonName, "test CA");
    write("ca.pem", ca.self_signed(&ca_key).unwrap().pem());
    let issuer = Issuer::new(ca, ca_key);
    for (name, host) in [("server", "localhost"), ("client", "bridge")] {
        let key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::new(vec![host.to_owned()]).unwrap();
        leaf.distinguished_name.push(DnType::CommonName, name);
        write(
            &format!("{name}.pem"),
            leaf.signed_by(&key, &issuer).unwrap().pem(),
        );
        write(&format!("{name}.key"), key.serialize_pem());
    }
}
