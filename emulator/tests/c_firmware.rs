//! Firmware written in C, independently of ours, runs on the core as on the real one.

mod c;

use c::{Outcome, build, checksum_on_host, run};
use twinbench_emulator::{NextWake, Stop};
use twinbench_model::VirtualTime;

const LEVELS: [&str; 3] = ["-O0", "-O2", "-Os"];

/// Builds a program at every optimisation level and checks how each run ends.
fn check(sources: &[&str], expected: impl Fn(&Outcome)) {
    for level in LEVELS {
        let Some(image) = build(sources, &[level]) else {
            return;
        };
        let outcome = run(&image, VirtualTime::from_secs(100));
        println!(
            "{sources:?} {level}: {} instructions",
            outcome.chip.instructions()
        );
        expected(&outcome);
    }
}

#[test]
fn integer_and_float_workload_gives_the_host_s_checksum() {
    let Some(wanted) = checksum_on_host(20) else {
        return;
    };
    check(&["compute.c", "workload.c"], |outcome| {
        assert_eq!(
            (&outcome.stop, outcome.text.as_str()),
            (&Stop::Exited(0), wanted.as_str())
        );
    });
}

#[test]
fn dsp_instructions_do_what_plain_c_says() {
    check(&["dsp.c"], |outcome| {
        assert_eq!(
            (&outcome.stop, outcome.text.as_str()),
            (&Stop::Exited(0), "dsp done\n")
        );
    });
}

#[test]
fn exceptions_nest_fault_and_return() {
    check(&["exceptions.c"], |outcome| {
        assert_eq!(
            (&outcome.stop, outcome.text.as_str()),
            (&Stop::Exited(0), "exceptions done\n")
        );
    });
}

#[test]
fn a_fault_in_the_hard_fault_handler_locks_up_and_says_where() {
    check(&["lockup.c"], |outcome| {
        assert_eq!(outcome.text, "hard fault\n");
        let Stop::Lockup(reason) = &outcome.stop else {
            panic!("{:?}", outcome.stop);
        };
        assert!(reason.contains("at 0x30000000 at pc 0x0800"), "{reason}");
        assert!(reason.contains("HFSR 0x40000000"), "{reason}");
    });
}

#[test]
fn sleep_costs_no_instructions_and_the_tick_keeps_time() {
    check(&["sleep.c"], |outcome| {
        assert_eq!(
            (&outcome.stop, outcome.text.as_str()),
            (&Stop::Reached, "slept\n")
        );
        assert_eq!(outcome.chip.next_wake(), NextWake::Never);
        let spoken = outcome.spoken_at.expect("it spoke");
        // 100 ticks of 10 ms, and a few instructions before and after.
        assert!(spoken >= VirtualTime::from_secs(1), "{spoken:?}");
        assert!(
            spoken < VirtualTime::from_nanos(1_000_500_000),
            "{spoken:?}"
        );
        assert!(
            outcome.chip.instructions() < 20_000,
            "{}",
            outcome.chip.instructions()
        );
    });
}

#[test]
fn a_run_in_small_steps_is_the_same_run() {
    let Some(image) = build(&["exceptions.c"], &["-O2"]) else {
        return;
    };
    let whole = run(&image, VirtualTime::from_secs(1));
    let mut chip = c::chip(&image);
    let mut nanos = 0;
    let stop = loop {
        nanos += 777;
        match chip.run_until(VirtualTime::from_nanos(nanos)) {
            Stop::Reached => {}
            stop => break stop,
        }
    };
    assert_eq!(stop, whole.stop);
    assert_eq!(chip.cycles(), whole.chip.cycles());
    assert_eq!(chip.registers(), whole.chip.registers());
}

#[test]
fn floating_point_registers_are_saved_when_they_are_needed() {
    check(&["lazy.c"], |outcome| {
        assert_eq!(
            (&outcome.stop, outcome.text.as_str()),
            (&Stop::Exited(0), "lazy done\n")
        );
    });
}

#[test]
fn files_are_refused_unless_a_folder_is_granted() {
    let Some(image) = build(&["files.c"], &["-O1"]) else {
        return;
    };
    let refused = run(&image, VirtualTime::from_secs(10));
    assert_eq!(
        (&refused.stop, refused.text.as_str()),
        (&Stop::Exited(0), "refused\n")
    );
    assert_eq!(refused.chip.granted_files(), None);

    let mut chip = c::chip(&image);
    let files = [("settings.txt", "hello world"), ("log.txt", "one\n")];
    let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
    chip.grant_files(files.into());
    assert_eq!(chip.run_until(VirtualTime::from_secs(10)), Stop::Exited(0));
    let mut signals = Vec::new();
    chip.drain(&mut signals);
    let text = format!("{signals:?}");
    assert!(text.contains("files done"), "{text}");
    let left: Vec<_> = chip.granted_files().into_iter().flatten().collect();
    let wanted: [(String, Vec<u8>); 2] = [
        ("log.txt".into(), b"one\ntwo\n".to_vec()),
        ("made.bin".into(), vec![1, 2, 3]),
    ];
    assert!(
        left.into_iter()
            .eq(wanted.iter().map(|(name, bytes)| (name, bytes)))
    );
}
