//! The backends that decide by themselves: the same once more is the same, in whatever steps.

use super::common::{Bench, device, devkit, devkit_image, devkit_options, epoch};
use twinbench_machine::{
    EmulatorMachine, Machine, QUANTUM, SimulatedMachine, SimulatedOptions, Snapshots, Stimulus,
    Wake,
};
use twinbench_model::{VirtualDuration, VirtualTime};

/// A backend: its name and how to make a fresh machine.
type Backend = (&'static str, fn() -> Box<dyn Machine>);

const BACKENDS: [Backend; 3] = [
    ("simulated", || {
        let mut options = SimulatedOptions::new(device("sim-01"), 7, epoch());
        options.interval = VirtualDuration::from_millis(333);
        Box::new(SimulatedMachine::new(options).unwrap())
    }),
    ("emulator", || Box::new(devkit())),
    ("emulator without modem", || {
        let mut options = devkit_options();
        options.modem = None;
        Box::new(EmulatorMachine::az3166(devkit_image(), options).unwrap())
    }),
];

const END: VirtualTime = VirtualTime::from_secs(15);

/// A fresh machine that ran to the end with a hub.
fn ran(make: fn() -> Box<dyn Machine>) -> Bench {
    let mut bench = bench(make);
    let set = |value| Stimulus::Sensor {
        quantity: "temperature".to_owned(),
        value,
    };
    bench.run(VirtualTime::from_secs(7));
    bench.give(set(29.5));
    bench.run(END);
    bench
}

fn bench(make: fn() -> Box<dyn Machine>) -> Bench {
    let mut bench = Bench::new(devkit());
    bench.machine = make();
    bench
}

#[test]
fn the_same_once_more_is_the_same() {
    for (name, make) in BACKENDS {
        assert!(make().capabilities().deterministic);
        let (one, two) = (ran(make), ran(make));
        assert!(!one.out.is_empty(), "{name}");
        assert_eq!(one.out, two.out, "{name}");
    }
}

#[test]
fn the_steps_leave_no_trace() {
    for (name, make) in BACKENDS {
        let whole = ran(make);
        let micros = VirtualDuration::from_micros;
        for steps in [
            vec![VirtualDuration::from_secs(3600)],
            vec![micros(1_000_000), micros(1), micros(777), micros(123_456)],
        ] {
            let mut other = bench(make);
            other.replay(&whole.given, &steps, END);
            for (here, there) in whole.out.iter().zip(&other.out) {
                assert_eq!(here, there, "{name} in steps of {steps:?}");
            }
            assert_eq!(
                whole.out.len(),
                other.out.len(),
                "{name} in steps of {steps:?}"
            );
        }
    }
}

#[test]
fn nothing_comes_out_before_the_machine_wants_to_run() {
    for (name, make) in BACKENDS {
        let mut bench = bench(make);
        let mut idle = 0;
        while bench.now < VirtualTime::from_secs(3) {
            match bench.machine.next_wake() {
                Wake::At(wake) if wake > bench.now + VirtualDuration::from_nanos(1) => {
                    let before = bench.out.len();
                    bench.step(
                        VirtualTime::from_nanos(wake.as_nanos() - 1).min(VirtualTime::from_secs(3)),
                    );
                    assert_eq!(bench.out.len(), before, "{name}: {:?}", bench.out.last());
                    idle += 1;
                    bench.step(wake);
                }
                Wake::Never => break,
                _ => bench.step(bench.now + VirtualDuration::from_micros(200)),
            }
        }
        assert!(idle > 3, "{name} never sleeps");
    }
}

#[test]
fn what_a_machine_does_not_have_is_refused_with_what_it_has() {
    let check = |machine: &mut Box<dyn Machine>, stimulus: Stimulus, expected: &str| {
        let error = machine.apply(stimulus).unwrap_err().to_string();
        assert_eq!(error, expected);
    };
    let uart = |port: &str| Stimulus::Uart {
        port: port.to_owned(),
        bytes: "x".into(),
    };
    let sensor = |quantity: &str, value| Stimulus::Sensor {
        quantity: quantity.to_owned(),
        value,
    };
    let button = |name: &str| Stimulus::Button {
        name: name.to_owned(),
        pressed: true,
    };
    let [simulated, emulator, bare] = BACKENDS.map(|(_, make)| make);

    let mut machine = simulated();
    let only = "no UART console on this machine; it has: sensors only, as it runs no firmware";
    check(&mut machine, uart("console"), only);
    check(
        &mut machine,
        sensor("noise", 1.0),
        "no sensor noise on this machine; it has: temperature, humidity",
    );
    assert!(!machine.capabilities().firmware);

    let mut machine = emulator();
    assert!(machine.capabilities().firmware);
    check(
        &mut machine,
        uart("aux"),
        "no serial port aux on this machine; it has: console, modem",
    );
    check(
        &mut machine,
        uart("modem"),
        "no UART modem without a modem on this machine; it has: console",
    );
    check(
        &mut machine,
        button("c"),
        "no button c on this machine; it has: a, b",
    );
    let error = machine.apply(sensor("noise", 1.0)).unwrap_err().to_string();
    assert!(
        error.starts_with("no quantity noise on this machine; it has: accelerometer-x,"),
        "{error}"
    );
    check(
        &mut machine,
        sensor("humidity", f64::INFINITY),
        "humidity cannot be inf; give a finite number",
    );

    let mut machine = bare();
    check(
        &mut machine,
        Stimulus::Wifi { up: false },
        "no modem on this machine; it has: serial ports only",
    );
    machine.apply(uart("modem")).unwrap();

    for (_, make) in BACKENDS {
        let mut bench = bench(make);
        let _ = bench.machine.apply(button("nowhere"));
        bench.step(VirtualTime::from_secs(1));
    }
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let check = |change: fn(&mut twinbench_machine::EmulatorOptions), expected: &str| {
        let mut options = devkit_options();
        change(&mut options);
        let Err(error) = EmulatorMachine::az3166(devkit_image(), options) else {
            panic!("not refused: {expected}")
        };
        let error = error.to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(
        |it| it.modem = Some("usart9".to_owned()),
        "no serial port usart9 on this machine; it has: console, modem",
    );
    check(|it| it.hub_host = String::new(), "hub host has 0 bytes");
    check(
        |it| it.telemetry_interval = Some(VirtualDuration::from_millis(1500)),
        "whole seconds: 1s 500ms is none",
    );
    check(
        |it| {
            let constant = twinbench_machine::generator::Generator::Constant(1.0);
            it.sensors.insert("noise".to_owned(), constant);
        },
        "no sensor noise on this machine",
    );
}

/// A machine that goes on from a snapshot gives, together with the one that it was taken of, what one
/// that ran through gives.
#[test]
fn a_snapshot_goes_on_as_if_nothing_had_been() {
    for (name, make) in BACKENDS {
        if make().snapshots().is_none() {
            continue;
        }
        let whole = ran(make);
        for millis in [1, 700, 2_345, 7_001, 12_000] {
            let (steps, at) = ([QUANTUM], VirtualTime::from_millis(millis));
            let mut first = bench(make);
            first.replay(&whole.given, &steps, at);
            let snapshot = first.machine.snapshots().unwrap().snapshot().unwrap();
            let mut second = bench(make);
            // What it did before does not matter.
            second.step(VirtualTime::from_millis(millis % 3));
            second
                .machine
                .snapshots()
                .unwrap()
                .restore(&snapshot)
                .unwrap();
            second.out.clear();
            second.now = at;
            let rest = whole.given.iter().filter(|(time, _)| *time >= at);
            let rest: Vec<_> = rest.cloned().collect();
            second.replay(&rest, &steps, END);
            first.out.append(&mut second.out);
            for (here, there) in whole.out.iter().zip(&first.out) {
                assert_eq!(here, there, "{name}, snapshot at {at}");
            }
            assert_eq!(whole.out.len(), first.out.len(), "{name}, snapshot at {at}");
        }
    }
}

#[test]
fn snapshots_that_do_not_fit_are_refused() {
    let mut machine = devkit();
    let good = machine.snapshot().unwrap();
    let mut check = |bytes: &[u8], expected: &str| {
        let error = machine.restore(bytes).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(b"", "not a machine's snapshot");
    check(b"TWBM\xFF....", "another version");
    check(&good[..good.len() / 2], "take it again");
    let mut options = devkit_options();
    options.modem = None;
    let mut bare = EmulatorMachine::az3166(devkit_image(), options).unwrap();
    check(&bare.snapshot().unwrap(), "without a modem");
    machine.restore(&good).unwrap();
}
