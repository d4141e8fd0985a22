//! External Control of the first generation.

use std::time::Duration;

use renode_rs_bindings::{
    Commands, Generation,
    control::{
        Control, ControlError, Edge, Patience, Width,
        gen1::{Decoder, Reply},
    },
    recorded::{Mismatch, Side},
};

use super::{PATIENCE, RELEASES, peer, transcript, version};

const PATIENT: Patience = Patience {
    answer: PATIENCE,
    run: PATIENCE,
};

fn generation(release: &str) -> Generation {
    version(release).external_control().unwrap()
}

fn refused<T: std::fmt::Debug>(result: Result<T, ControlError>) -> String {
    match result {
        Err(ControlError::Failed(text)) => text,
        other => panic!("{other:?}"),
    }
}

fn edges(descriptor: i32, micros: &[u64]) -> Vec<Edge> {
    let first = micros.len() == 3 || micros[0] == 11_400;
    let edge = |(at, time): (usize, &u64)| Edge {
        descriptor,
        time: Duration::from_micros(*time),
        high: first == (at % 2 == 0),
    };
    micros.iter().enumerate().map(edge).collect()
}

#[test]
fn the_whole_session() {
    for release in RELEASES {
        for seed in 0..20 {
            session(release, seed);
        }
    }
}

fn session(release: &str, seed: u64) {
    let peer = peer(release, "external-control", seed);
    let mut control = Control::connect(peer.address(), generation(release), PATIENT).unwrap();
    assert_eq!(control.time().unwrap(), Duration::ZERO);
    let dev1 = control.machine("dev1").unwrap();
    assert_eq!(refused(control.machine("x")), "Machine not found");
    control.run_for(Duration::from_millis(10)).unwrap();
    assert_eq!(control.time().unwrap(), Duration::from_millis(10));

    let port = control.gpio(dev1, "sysbus.gpioPortA").unwrap();
    assert_eq!(
        refused(control.gpio(dev1, "sysbus.nosuch")),
        "Instance not found"
    );
    assert!(!control.pin(port, 5).unwrap());
    control.set_pin(port, 0, true).unwrap();
    control.watch_pin(port, 5, 77).unwrap();
    control.run_for(Duration::from_millis(10)).unwrap();
    assert_eq!(
        control.edges(),
        edges(77, &[11_400, 13_100, 14_700, 16_300, 18_000, 19_600])
    );
    assert_eq!(control.edges(), []);
    assert!(!control.pin(port, 5).unwrap());
    assert_eq!(
        refused(control.pin(port, 99)),
        "This instance does not provide GPIO output #99"
    );
    assert_eq!(
        refused(control.adc(dev1, "sysbus.adc1")),
        "Instance not found"
    );

    if release == "1.16.1" {
        let bus = control.bus(dev1, "sysbus").unwrap();
        let odr = control.read(bus, Width::DoubleWord, 0x4002_0014, 1);
        assert_eq!(odr.unwrap(), [0; 4]);
        let flash = control.read(bus, Width::Block, 0x0800_0000, 16).unwrap();
        assert_eq!(flash[..8], [0, 0, 1, 0x20, 9, 0, 0, 8]);
        let word = 0xDEAD_BEEF_u32.to_le_bytes();
        control
            .write(bus, Width::DoubleWord, 0x2000_0100, &word)
            .unwrap();
        let back = control.read(bus, Width::DoubleWord, 0x2000_0100, 1);
        assert_eq!(back.unwrap(), word);
        // What the recording asks for next cannot be asked for with types.
        drop(control);
        let rest = peer.finish().unwrap_err();
        assert!(matches!(rest, Mismatch::Sent { sent, .. } if sent.is_empty()));
        return;
    }
    let missing = control.bus(dev1, "sysbus").unwrap_err();
    assert!(missing.to_string().contains("1.16.1 or newer"), "{missing}");
    drop(control);
    let rest = peer.finish().unwrap_err();
    assert!(matches!(rest, Mismatch::Sent { sent, .. } if sent.is_empty()));
}

#[test]
fn another_request_than_the_recorded_is_refused() {
    let peer = peer("1.15.3", "external-control", 0);
    let mut control = Control::connect(peer.address(), generation("1.15.3"), PATIENT).unwrap();
    assert!(control.machine("dev1").is_err());
    let error = peer.finish().unwrap_err();
    assert!(matches!(error, Mismatch::Sent { piece: 2, .. }), "{error}");
}

/// Renode queues its last words and closes at once: they may arrive or not.
#[test]
fn a_fatal_error_comes_with_its_words_or_without() {
    for release in RELEASES {
        for seed in 0..5 {
            let nine = Generation::One(Commands {
                gpio: None,
                bus: None,
            });
            // The recorded handshake asks for one command of an impossible version; ours is longer,
            // and the peer answers before it has seen more than the difference.
            let peer = peer(release, "external-control-bad-version-closed", seed);
            let error = Control::connect(peer.address(), nine, PATIENT).unwrap_err();
            assert!(
                matches!(
                    error,
                    ControlError::Closed | ControlError::Connection { .. }
                ),
                "{error}"
            );
        }
    }
}

#[test]
fn a_duration_below_the_grain_is_refused_before_it_is_sent() {
    let peer = peer("1.15.3", "external-control", 3);
    let mut control = Control::connect(peer.address(), generation("1.15.3"), PATIENT).unwrap();
    let error = control.run_for(Duration::from_nanos(1_500)).unwrap_err();
    assert!(matches!(error, ControlError::Grain(_)), "{error}");
    // Nothing was sent: the session goes on as recorded.
    assert_eq!(control.time().unwrap(), Duration::ZERO);
}

#[test]
fn silence_ends_after_the_patience() {
    // A server of another generation waits for more.
    let peer = peer("1.15.3", "uart-socket", 0);
    let short = Patience {
        answer: Duration::from_millis(100),
        run: Duration::from_millis(100),
    };
    let error = Control::connect(peer.address(), Generation::Two, short).unwrap_err();
    assert!(
        matches!(error, ControlError::Message(_) | ControlError::Silent(_)),
        "{error}"
    );
}

/// What cannot be asked for with types: an unknown command, a run with too few bytes, and what the
/// fatal errors say.
#[test]
fn every_recorded_frame_is_read() {
    let replies = |release: &str, session: &str| {
        let mut decoder = Decoder::default();
        decoder.push(&transcript(release, session).bytes(Side::Renode));
        let mut all = Vec::new();
        while let Some(reply) = decoder.frame().unwrap() {
            all.push(reply);
        }
        assert_eq!(decoder.bare(), None);
        all
    };
    for release in RELEASES {
        let all = replies(release, "external-control");
        assert_eq!(all.len(), if release == "1.15.3" { 28 } else { 34 });
        assert!(all.contains(&Reply::Invalid(9)));
        let failed = |command, text: &str| Reply::Failed {
            command,
            text: text.to_owned(),
        };
        assert!(all.contains(&failed(1, "Expected 8 bytes of payload")));
        let width = failed(6, "Invalid access width: 3");
        assert_eq!(all.contains(&width), release == "1.16.1");

        let magic = replies(release, "external-control-bad-magic-frame");
        assert!(
            matches!(&magic[..], [Reply::Welcome, Reply::Fatal(text)]
                if text.starts_with("Encountered invalid header")),
            "{magic:?}"
        );
        let text = "Encountered invalid version (0x9) for RunFor, expected 0x0";
        assert_eq!(
            replies(release, "external-control-bad-version-frame"),
            [Reply::Fatal(text.to_owned())]
        );
        assert_eq!(replies(release, "external-control-bad-version-closed"), []);
    }
}
