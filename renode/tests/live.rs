//! A real Renode takes our platform and runs the committed firmware.
//!
//! Runs only when `RENODE` is set, and says so otherwise: Renode is a program of its own that
//! nobody has to install.

use std::{env, fs, net::TcpStream, path::Path, thread, time::Duration};

use renode_rs_bindings::{AZ3166, Options, Platform, Search};

#[test]
fn the_board_comes_up_and_runs() {
    let Some(given) = env::var_os("RENODE") else {
        eprintln!("SKIPPED: set RENODE to a Renode installation to try our platform on it");
        return;
    };
    let installation = Search::usual(None, Some(&given), None).find().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let script = AZ3166.write_to(folder.path()).unwrap();
    let firmware = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/firmware/devkit.elf");
    let console = folder.path().join("console");
    let options = Options {
        folder: folder.path().join("run"),
        commands: vec![
            Platform::include(&script, &firmware),
            format!(
                "sysbus.usart6 CreateFileBackend @{} true",
                console.display()
            ),
            "emulation RunFor \"2\"".to_owned(),
        ],
        patience: Duration::from_mins(2),
    };
    let mut renode = options.start(&installation).unwrap();
    TcpStream::connect(renode.robot()).unwrap();
    for _ in 0..600 {
        if fs::metadata(&console).is_ok_and(|meta| meta.len() > 0) {
            return;
        }
        assert!(
            renode.is_running(),
            "{}",
            fs::read_to_string(renode.log()).unwrap()
        );
        thread::sleep(Duration::from_millis(100));
    }
    panic!(
        "nothing on the console; renode said:\n{}",
        fs::read_to_string(renode.log()).unwrap()
    );
}
