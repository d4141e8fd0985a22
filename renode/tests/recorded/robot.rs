//! The robot server.

use std::time::Duration;

use renode_rs_bindings::{Robot, RobotError};

use super::{PATIENCE, RELEASES, peer};

fn failed<T: std::fmt::Debug>(result: Result<T, RobotError>) -> String {
    match result {
        Err(RobotError::Failed { text, .. }) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_whole_session() {
    for release in RELEASES {
        for seed in 0..10 {
            session(release, seed);
        }
    }
}

fn session(release: &str, seed: u64) {
    let peer = peer(release, "robot-xmlrpc", seed);
    let robot = Robot::new(peer.address(), PATIENCE);
    let keywords = robot.keywords().unwrap();
    assert_eq!(keywords.len(), if release == "1.15.3" { 51 } else { 57 });
    assert!(keywords.iter().any(|it| it == "ExecuteCommand"));
    robot.reset_emulation().unwrap();
    for command in [
        "mach create \"dev1\"",
        "machine LoadPlatformDescription @platforms/cpus/stm32f412.repl",
        "sysbus LoadELF @hello.elf",
    ] {
        assert_eq!(robot.execute(command).unwrap(), "");
    }
    assert_eq!(robot.terminal_tester("sysbus.usart2").unwrap(), 0);
    robot.execute("emulation RunFor \"0.01\"").unwrap();
    assert_eq!(
        robot.execute("sysbus ReadDoubleWord 0x40020014").unwrap(),
        "0x00000000"
    );
    assert_eq!(
        failed(robot.execute("nonsense")),
        "No such command or device: nonsense"
    );
    let text = failed(robot.execute("sysbus ReadByte \"abc\""));
    assert!(
        text.contains("Parameters did not match the signature"),
        "{text}"
    );

    let line = robot
        .wait_for_line("hello", Duration::from_secs(1))
        .unwrap();
    assert_eq!(line.line, "hello from renode");
    assert_eq!(line.groups, [""; 0]);
    let report = failed(robot.wait_for_line("never printed", Duration::from_millis(10)));
    assert!(report.starts_with("Terminal tester failed!"), "{report}");
    assert!(
        report.contains(">>never printed<< event: failure"),
        "{report}"
    );
    robot.write_line("abc").unwrap();
    let time = robot.execute("currentTime").unwrap();
    assert!(
        time.starts_with("Current virtual time: 00:00:00.02"),
        "{time}"
    );
    match robot.run("NoSuchKeyword", &[]) {
        Err(RobotError::Refused { code: 1, text }) => {
            assert_eq!(text, "Keyword \"NoSuchKeyword\" not found");
        }
        other => panic!("{other:?}"),
    }
    robot.stop().unwrap();
    peer.finish().unwrap();
}

#[test]
fn a_server_that_is_gone_is_named() {
    let peer = peer("1.15.3", "robot-xmlrpc", 0);
    let robot = Robot::new(peer.address(), PATIENCE);
    // Not what was recorded first: the peer gives up.
    assert!(robot.reset_emulation().is_err());
    assert!(peer.finish().is_err());
    let error = robot.keywords().unwrap_err();
    assert!(error.to_string().contains("has renode ended?"), "{error}");
}
