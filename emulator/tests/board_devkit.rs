//! The board's own firmware, as it is built and kept, runs on the board.

mod desk;

use desk::Desk;

#[test]
fn it_comes_up_without_touching_anything_that_is_not_modelled() {
    let mut desk = Desk::new();
    desk.run(30_000);
    assert!(
        desk.console().contains("twinbench-devkit"),
        "{}",
        desk.console()
    );
    assert_eq!(desk.notes(), Vec::<&str>::new());
    let blinks = desk.pin("rgb-green");
    assert!((28..=31).contains(&blinks.len()), "{blinks:?}");
    for pair in blinks.windows(2) {
        assert_ne!(pair[0].1, pair[1].1);
        let period = pair[1].0 - pair[0].0;
        assert!(period.abs_diff(1_000_000_000) < 2_000_000, "{period} ns");
    }
}

#[test]
fn what_the_sensors_measure_arrives_at_the_hub() {
    let mut desk = Desk::new();
    for (quantity, value) in [
        ("temperature", 31.25),
        ("humidity", 43.5),
        ("pressure", 987.65),
        ("magnetometer-x", 300.0),
        ("accelerometer-z", -500.2),
        ("gyroscope-y", 14_000.0),
    ] {
        desk.board.set_sensor(quantity, value).unwrap();
    }
    desk.connect();
    desk.run(60_000);
    let sent = desk.published().join("\n");
    for fact in ["31.25", "43.5", "987.65", "300", "-500", "14000"] {
        assert!(
            sent.contains(fact),
            "{fact} is not in\n{sent}\n{}",
            desk.console()
        );
    }
    assert_eq!(desk.notes(), Vec::<&str>::new());
}

#[test]
fn the_display_shows_the_measured_values_once_there_are_some() {
    let mut desk = Desk::new();
    desk.run(1000);
    let inked = |desk: &Desk| -> Vec<bool> {
        let frame = desk.display();
        frame
            .chunks(256)
            .map(|line| line.iter().any(|byte| *byte != 0))
            .collect()
    };
    assert_eq!(
        inked(&desk),
        [true, false, true, true],
        "{}",
        desk.picture()
    );
    desk.connect();
    desk.run(30_000);
    assert_eq!(inked(&desk), [true; 4], "{}", desk.picture());
}

#[test]
fn button_a_sends_at_once_and_two_runs_are_the_same() {
    let run = || {
        let mut desk = Desk::new();
        desk.connect();
        desk.run(32_000);
        let before = desk.published().len();
        desk.board.set_button("a", true).unwrap();
        desk.run(33_000);
        desk.board.set_button("a", false).unwrap();
        assert_eq!(desk.published().len(), before + 1, "{}", desk.console());
        assert!(desk.console().contains("button: A"), "{}", desk.console());
        desk.run(40_000);
        desk.out
    };
    assert_eq!(run(), run());
}
