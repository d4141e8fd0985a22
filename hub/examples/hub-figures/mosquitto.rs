//! mosquitto as a Debian system has it, without authentication and persistence.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::Result;

pub(crate) struct Broker {
    pub(crate) address: SocketAddr,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended by itself; nothing is left to do then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `None` when it is not installed.
pub(crate) fn start() -> Result<Option<Broker>> {
    let paths = ["/usr/sbin/mosquitto", "mosquitto"];
    let there = |path: &&str| Command::new(path).arg("-h").output().is_ok();
    let Some(program) = paths.iter().find(|path| there(path)) else {
        return Ok(None);
    };
    let free = TcpListener::bind("127.0.0.1:0")?;
    let address = free.local_addr()?;
    drop(free);
    let folder = tempfile::tempdir()?;
    let settings = folder.path().join("mosquitto.conf");
    let text = format!(
        "listener {} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n",
        address.port()
    );
    std::fs::write(&settings, text)?;
    let child = Command::new(program)
        .arg("-c")
        .arg(&settings)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let broker = Broker {
        address,
        child,
        _folder: folder,
    };
    for _ in 0..100 {
        if TcpStream::connect(address).is_ok() {
            return Ok(Some(broker));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err("mosquitto does not listen".into())
}
