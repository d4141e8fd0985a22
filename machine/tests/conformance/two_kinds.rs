//! The same firmware in the embedded emulator and in Renode.

use twinbench_machine::{Machine, Output, OutputKind, QUANTUM};
use twinbench_model::VirtualTime;

use super::every::{HELLO, emulated, stand_in};

/// What a machine gives in a while.
fn ran(machine: &mut dyn Machine, end: VirtualTime) -> Vec<Output> {
    let mut out = Vec::new();
    let mut now = VirtualTime::ZERO;
    while now < end {
        now = (now + QUANTUM).min(end);
        machine.run_until(now).unwrap();
        machine.drain(&mut out);
    }
    out
}

fn text(out: &[Output]) -> Vec<u8> {
    let bytes = out.iter().filter_map(|output| match &output.kind {
        OutputKind::Uart { bytes, .. } => Some(bytes.to_vec()),
        _ => None,
    });
    bytes.flatten().collect()
}

fn levels(out: &[Output]) -> Vec<(VirtualTime, bool)> {
    let levels = out.iter().filter_map(|output| match &output.kind {
        OutputKind::Pin { high, .. } => Some((output.time, *high)),
        _ => None,
    });
    levels.collect()
}

#[test]
fn they_part_where_a_uart_takes_time_and_pins_go_each_at_its_own_speed() {
    let here = ran(&mut emulated(), VirtualTime::from_millis(200));
    let (mut renode, _pretend, _folder) = stand_in();
    let there = ran(&mut renode, VirtualTime::from_millis(25));
    // Where they part: the firmware writes to the data register without a look at TXE. A chip, and the
    // emulator, send the byte in the shift register and the last one written; Renode's UART takes no
    // time, and so hides it.
    assert_eq!(text(&here), b"h\n");
    assert_eq!(text(&there), HELLO.as_bytes());
    let (here, there) = (levels(&here), levels(&there));
    let micros: Vec<_> = there
        .iter()
        .map(|(time, _)| time.as_nanos() / 1_000)
        .collect();
    assert_eq!(
        micros,
        [
            11_400, 13_100, 14_700, 16_300, 18_000, 19_600, 21_300, 22_900, 24_500
        ]
    );
    for ((_, one), (_, other)) in here.iter().zip(&there) {
        assert_eq!(one, other);
    }
    // Renode counts 100 instructions a microsecond; the emulator the cycles of a core at 16 MHz.
    let period = |levels: &[(VirtualTime, bool)]| levels[2].0.since(levels[1].0).as_nanos() as f64;
    let ratio = period(&here) / period(&there);
    assert!((5.0..15.0).contains(&ratio), "{ratio}");
}
