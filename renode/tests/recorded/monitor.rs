//! The monitor over telnet, with colours and without.

use renode_rs_bindings::{
    Version,
    monitor::{Monitor, MonitorError, Output},
};

use super::{PATIENCE, RELEASES, peer, transcript, version};
use renode_rs_bindings::recorded::Side;

/// The lines that were typed, in order.
fn lines(release: &str, session: &str) -> Vec<String> {
    let sent = transcript(release, session).bytes(Side::Client);
    let text = String::from_utf8(sent[9..].to_vec()).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_whole_session() {
    for release in RELEASES {
        for seed in 0..10 {
            for colour in [true, false] {
                session(release, colour, seed);
            }
        }
    }
}

fn session(release: &str, colour: bool, seed: u64) {
    let session = if colour {
        "monitor-colour"
    } else {
        "monitor-plain"
    };
    let peer = peer(release, session, seed);
    let (mut monitor, banner) = Monitor::connect(peer.address(), PATIENCE).unwrap();
    assert_eq!(Version::find(&banner), Some(version(release)), "{banner}");
    let mut lines = lines(release, session);
    assert_eq!(lines.pop().unwrap(), "quit");
    for line in &lines {
        let output = monitor.execute(line).unwrap();
        check(release, colour, line, &output);
    }
    let error = monitor.execute("quit").unwrap_err();
    assert!(matches!(error, MonitorError::Closed), "{error}");
    peer.finish().unwrap();
}

fn check(release: &str, colour: bool, line: &str, output: &Output) {
    let says = |error: &str| {
        if colour {
            let found = output.error.as_deref().unwrap_or_default();
            assert!(found.contains(error), "{line}: {output:?}");
        } else {
            assert!(output.text.contains(error), "{line}: {output:?}");
        }
    };
    match line {
        "nonsense" => says("No such command or device: nonsense"),
        "sysbus ReadByte \"abc\"" | "emulation RunFor 5" => {
            assert!(
                output
                    .text
                    .starts_with("The following methods are available:")
            );
            says("Parameters did not match the signature");
        }
        "cpu PC" if release == "1.15.3" => says("No such command or device: cpu"),
        _ => {
            assert_eq!(output.error, None, "{line}");
            assert!(!output.text.contains(['\x1b', '\r']), "{line}: {output:?}");
        }
    }
    match line {
        "version" => assert_eq!(Version::find(&output.text), Some(version(release))),
        "sysbus.cpu PC" => assert_eq!(output.text.to_ascii_lowercase(), "0x800002e"),
        "sysbus.gpioPortA" => assert!(output.text.contains("DebugLog (String message)")),
        _ if line.starts_with("mach") => assert_eq!(output.text, ""),
        _ => {}
    }
}
