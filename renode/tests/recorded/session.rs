//! Whole sessions against a stand-in for Renode.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use renode_rs_bindings::{
    AZ3166, Renode, Resd, Sample, Search, Session, SessionError, SessionOptions, Version,
    recorded::Pretend,
};

use super::{PATIENCE, RELEASES};

fn options() -> SessionOptions {
    Renode::options().patience(PATIENCE).run_patience(PATIENCE)
}

fn attached(release: &str, options: &SessionOptions) -> (Session, Pretend, tempfile::TempDir) {
    let pretend = Pretend::serve(release).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let session = options
        .attach(pretend.address(), folder.path().to_owned())
        .unwrap();
    (session, pretend, folder)
}

fn hello(session: &Session) {
    session.create_machine("dev1").unwrap();
    session
        .load_platform(Path::new("platforms/cpus/stm32f412.repl"))
        .unwrap();
    session.load_elf(Path::new("hello.elf")).unwrap();
}

#[test]
fn a_machine_runs_and_is_heard_and_watched() {
    for release in RELEASES {
        let (mut session, pretend, _folder) = attached(release, &options());
        assert_eq!(session.version(), Version::find(release).unwrap());
        hello(&session);
        session.make_repeatable(7).unwrap();
        session.set_quantum(Duration::from_micros(10)).unwrap();
        let mut uart = session.uart("sysbus.usart2").unwrap();
        let pin = session.watch_pin("dev1", "sysbus.gpioPortA", 5).unwrap();
        let edges = session.run_for(Duration::from_millis(20)).unwrap();
        assert_eq!(edges.len(), 6);
        assert!(edges.iter().all(|edge| edge.descriptor == pin));
        assert_eq!(edges[0].time, Duration::from_micros(11_400));
        assert_eq!(session.time().unwrap(), Duration::from_millis(20));
        assert_eq!(uart.receive(PATIENCE).unwrap(), b"hello from renode\r\n");
        uart.send(b"\0\xFF").unwrap();
        // A byte is with the machine some time later, on the wall clock: it runs until it has it.
        let mut echoed = Vec::new();
        for _ in 0..1000 {
            session.run_for(Duration::from_millis(1)).unwrap();
            echoed.extend(uart.receive(Duration::from_millis(10)).unwrap());
            if echoed.len() >= 2 {
                break;
            }
        }
        assert_eq!(echoed, b"\0\xFF");
        assert_eq!(session.read_word(0x4002_0014).unwrap(), 0);
        let commands = pretend.commands();
        for command in [
            "mach create \"dev1\"",
            "machine LoadPlatformDescription @platforms/cpus/stm32f412.repl",
            "sysbus LoadELF @hello.elf",
            "emulation SetGlobalQuantum \"0.00001\"",
            "emulation SetSeed 7",
            "connector Connect sysbus.usart2 terminal1",
        ] {
            assert!(commands.iter().any(|it| it == command), "{commands:#?}");
        }
    }
}

#[test]
fn without_external_control_time_goes_by_the_robot_server() {
    let (mut session, pretend, _folder) = attached("1.16.1", &options().control(false));
    hello(&session);
    session.run_for(Duration::from_millis(12)).unwrap();
    assert_eq!(session.time().unwrap(), Duration::from_millis(12));
    assert_eq!(session.read_word(0x4002_0014).unwrap(), 0x20);
    let error = session
        .watch_pin("dev1", "sysbus.gpioPortA", 5)
        .unwrap_err();
    assert!(matches!(error, SessionError::NoControl(_)), "{error}");
    let control = pretend.commands();
    assert!(!control.iter().any(|it| it.contains("ExternalControl")));
}

#[test]
fn sensors_feeds_buttons_and_leds() {
    let (mut session, pretend, folder) = attached("1.16.1", &options());
    let firmware = PathBuf::from("/some firmware.elf");
    session.load_board(&AZ3166, "az3166", &firmware).unwrap();
    for file in ["az3166.repl", "az3166.resc", "HTS221.cs", "SSD1306.cs"] {
        assert!(folder.path().join(file).is_file(), "{file}");
    }
    let sensor = "sysbus.i2c1.hts221";
    session.set_sensor(sensor, "Humidity", 45.5).unwrap();
    assert_eq!(session.property(sensor, "Temperature").unwrap(), "21.5");
    let mut feed = Resd::new();
    feed.even(
        0,
        Duration::ZERO,
        Duration::from_secs(1),
        &[Sample::Temperature(20_000)],
    )
    .unwrap();
    session.feed(sensor, "Temperature", &feed, 0).unwrap();
    let written = fs::read(folder.path().join("feed-1.resd")).unwrap();
    assert_eq!(written, feed.bytes());
    session.press("sysbus.gpioPortA.buttonA", true).unwrap();
    session.press("sysbus.gpioPortA.buttonA", false).unwrap();
    assert!(session.led("sysbus.gpioPortB.wifiLed").unwrap());

    let error = session.led("sysbus.nothing").unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("No such command or device: sysbus.nothing"),
        "{text}"
    );
    let error = session.set_sensor(sensor, "x; quit", 1.0).unwrap_err();
    assert!(matches!(error, SessionError::Name(_)), "{error}");
    let commands = pretend.commands();
    for command in [
        "$name=\"az3166\"".to_owned(),
        format!(
            "$bin=@/some\\ firmware.elf; include @{}",
            folder.path().join("az3166.resc").display()
        ),
        "sysbus.i2c1.hts221 Humidity 45.5".to_owned(),
        "sysbus.gpioPortA.buttonA Press".to_owned(),
    ] {
        assert!(commands.contains(&command), "{command} in {commands:#?}");
    }
}

#[test]
fn known_failures_of_snapshots_are_said() {
    let (mut session, _pretend, folder) = attached("1.16.1", &options());
    let file = folder.path().join("snapshot");
    let text = session.save(&file).unwrap_err().to_string();
    assert!(text.contains("build the session without it"), "{text}");
    // A load makes External Control anew.
    session.load(&file).unwrap();
    assert_eq!(session.time().unwrap(), Duration::ZERO);
    session
        .load_board(&AZ3166, "az3166", Path::new("x.elf"))
        .unwrap();
    let text = session.save(&file).unwrap_err().to_string();
    assert!(text.contains("renode issue 790"), "{text}");
}

#[test]
fn an_old_renode_is_refused() {
    let pretend = Pretend::serve("1.14.0").unwrap();
    let error = options()
        .attach(pretend.address(), PathBuf::new())
        .unwrap_err();
    assert!(error.to_string().contains("1.15.3 or newer"), "{error}");
}

#[test]
fn absence_is_one_clear_error() {
    let search = Search {
        explicit: Some("/nowhere/renode".into()),
        ..Search::default()
    };
    let error = options().search(search).build().unwrap_err();
    assert!(matches!(error, SessionError::NotFound(_)), "{error}");
}

/// The whole way: a program that is found, started in a folder of its own, and ended.
#[cfg(unix)]
#[test]
fn a_session_starts_and_ends_its_process() {
    use std::os::unix::fs::PermissionsExt as _;
    let pretend = Pretend::serve("1.15.3").unwrap();
    let place = tempfile::tempdir().unwrap();
    let program = place.path().join("renode");
    let script = format!(
        "#!/bin/sh\nmkdir \"$TMPDIR/renode-1\"\necho {} > \"$TMPDIR/renode-1/robot_port\"\necho up and running\necho $$ > id\nexec sleep 1000\n",
        pretend.address().port()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let search = Search {
        explicit: Some(place.path().to_owned()),
        ..Search::default()
    };
    let mut session = options().search(search).build().unwrap();
    let folder = session.folder().to_owned();
    hello(&session);
    assert!(session.run_for(Duration::from_millis(5)).is_ok());
    let log = fs::read_to_string(session.log().unwrap()).unwrap();
    assert_eq!(log, "up and running\n");
    let id = fs::read_to_string(folder.join("id")).unwrap();
    let process = PathBuf::from(format!("/proc/{}", id.trim()));
    assert!(!cfg!(target_os = "linux") || process.exists());
    drop(session);
    assert!(!process.exists());
    assert!(!folder.exists());
}
