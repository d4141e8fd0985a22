//! A board behind a virtual probe does what the emulated one does, to the nanosecond, though its
//! firmware went through the flash algorithm and a debugger is attached.

use twinbench_machine::{
    Machine, Output, OutputKind, Stimulus,
    probe::{ProbeMachine, ProbeOptions, VirtualBoard},
};
use twinbench_model::{VirtualDuration, VirtualTime};

use super::{
    common::{Bench, device, devkit, devkit_options},
    debugging::devkit_elf,
};

const END: VirtualTime = VirtualTime::from_secs(12);

fn probed() -> ProbeMachine {
    let wiring = twinbench_emulator::board::BoardFile::az3166().unwrap();
    let board = VirtualBoard::unique("parity", &wiring, devkit_options()).unwrap();
    let mut options = ProbeOptions::of_board(device("devkit-01"), board);
    options.firmware = Some(devkit_elf().into());
    options
        .set_settings(&devkit_options().device_key, "localhost", None)
        .unwrap();
    ProbeMachine::new(options).unwrap()
}

/// With a hub, a sensor, a button and a reset on the way.
fn ran(machine: impl Machine + 'static) -> Bench {
    let mut bench = Bench::new(machine);
    bench.run(VirtualTime::from_secs(5));
    bench.give(Stimulus::Sensor {
        quantity: "temperature".to_owned(),
        value: 29.5,
    });
    for pressed in [true, false] {
        bench.give(Stimulus::Button {
            name: "a".to_owned(),
            pressed,
        });
        let end = bench.now + VirtualDuration::from_millis(200);
        bench.run(end);
    }
    bench.run(VirtualTime::from_secs(8));
    bench.give(Stimulus::Reset);
    bench.run(END);
    bench
}

/// What came out but for notes: a probe has some of its own.
fn told(out: &[Output]) -> Vec<&Output> {
    out.iter()
        .filter(|output| !matches!(output.kind, OutputKind::Note(_)))
        .collect()
}

#[test]
fn the_probe_changes_nothing_that_leaves_the_board() {
    let (probed, emulated) = (ran(probed()), ran(devkit()));
    let (here, there) = (told(&probed.out), told(&emulated.out));
    assert!(there.len() > 50, "{}", there.len());
    for (here, there) in here.iter().zip(&there) {
        assert_eq!(here, there);
    }
    assert_eq!(here.len(), there.len());
    assert!(!probed.hub.published.is_empty());
    assert_eq!(probed.hub.published, emulated.hub.published);
}

#[test]
fn the_steps_in_which_it_is_run_leave_no_trace() {
    assert!(probed().capabilities().deterministic);
    let whole = ran(probed());
    let micros = VirtualDuration::from_micros;
    let mut other = Bench::new(probed());
    let steps = [micros(1_000_000), micros(1), micros(777), micros(123_456)];
    other.replay(&whole.given, &steps, END);
    for (here, there) in whole.out.iter().zip(&other.out) {
        assert_eq!(here, there);
    }
    assert_eq!(whole.out.len(), other.out.len());
}
