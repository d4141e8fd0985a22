//! A board goes on from a snapshot as if nothing had happened.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::{path::Path, sync::Arc};

use proptest::prelude::*;
use twinbench_emulator::{
    Image, Snapshot, SnapshotError,
    board::{Board, BoardFile, BoardOutput},
};
use twinbench_model::{VirtualDuration, VirtualTime};

fn devkit() -> Arc<Image> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/firmware/devkit.elf");
    let map = BoardFile::az3166().unwrap().memory_map();
    Arc::new(Image::from_elf(&std::fs::read(path).unwrap(), &map).unwrap())
}

/// Something that happens to the board, so many microseconds after what was before.
#[derive(Debug, Clone)]
enum Step {
    Run(u64),
    Button(bool),
    Serial(Vec<u8>),
    Temperature(i8),
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u64..400_000).prop_map(Step::Run),
        1 => any::<bool>().prop_map(Step::Button),
        1 => prop::collection::vec(any::<u8>(), 1..20).prop_map(Step::Serial),
        1 => (-20i8..80).prop_map(Step::Temperature),
        1 => Just(Step::Reset),
    ]
}

fn apply(board: &mut Board, steps: &[Step]) -> Vec<BoardOutput> {
    let mut out = Vec::new();
    for step in steps {
        match step {
            Step::Run(micros) => {
                let end = board.now() + VirtualDuration::from_micros(*micros);
                board.run_until(end);
            }
            Step::Button(pressed) => board.set_button("a", *pressed).unwrap(),
            Step::Serial(bytes) => board.uart_input("modem", bytes).unwrap(),
            Step::Temperature(value) => {
                board.set_sensor("temperature", f64::from(*value)).unwrap();
            }
            Step::Reset => board.reset(),
        }
        board.drain(&mut out);
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn a_restored_board_continues_byte_for_byte(
        before in prop::collection::vec(step(), 1..6),
        after in prop::collection::vec(step(), 1..6),
        elsewhere in prop::collection::vec(step(), 0..3),
    ) {
        let image = devkit();
        let mut first = Board::az3166(Arc::clone(&image)).unwrap();
        first.set_seed(7);
        first.chip_mut().write_memory(0x080E_0000, b"settings of this device only");
        apply(&mut first, &before);
        let taken = first.snapshot(None).unwrap();
        let bytes = taken.to_bytes().unwrap();
        let out = apply(&mut first, &after);
        let end = first.snapshot(Some(&taken)).unwrap();

        // Another machine, which has been somewhere else in the meantime.
        let mut second = Board::az3166(image).unwrap();
        apply(&mut second, &elsewhere);
        second.restore(&Snapshot::from_bytes(&bytes).unwrap()).unwrap();
        prop_assert_eq!(&apply(&mut second, &after), &out);
        prop_assert!(second.snapshot(None).unwrap() == end);
        prop_assert_eq!(second.chip().registers(), first.chip().registers());

        // The same machine, back in time.
        first.restore(&taken).unwrap();
        prop_assert_eq!(&apply(&mut first, &after), &out);
        prop_assert!(first.snapshot(None).unwrap() == end);
    }

    #[test]
    fn bytes_that_are_no_snapshot_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Snapshot::from_bytes(&bytes).is_err());
        let mut marked = b"TWBS\x02\0\0\0".to_vec();
        marked.extend(bytes);
        if let Ok(snapshot) = Snapshot::from_bytes(&marked) {
            let mut board = Board::az3166(devkit()).unwrap();
            prop_assert!(board.restore(&snapshot).is_err());
        }
    }
}

#[test]
fn a_snapshot_costs_what_changed_and_a_device_little() {
    let mut board = Board::az3166(devkit()).unwrap();
    board.chip_mut().write_memory(0x080E_0000, b"settings");
    board.run_until(VirtualTime::from_secs(5));
    let first = board.snapshot(None).unwrap();
    board.run_until(VirtualTime::from_millis(5_100));
    let second = board.snapshot(Some(&first)).unwrap();
    assert!(first.size_beyond(None) > 256 * 1024);
    let cost = second.size_beyond(Some(&first));
    assert!(cost < 64 * 1024, "{cost} bytes");
    let footprint = board.chip().footprint();
    assert!(footprint < 512 * 1024, "{footprint} bytes");
    let written = second.to_bytes().unwrap().len();
    assert!(written < 128 * 1024, "{written} bytes");
}

#[test]
fn what_does_not_fit_is_said() {
    let mut board = Board::az3166(devkit()).unwrap();
    let snapshot = board.snapshot(None).unwrap();
    let bytes = snapshot.to_bytes().unwrap();
    let map = BoardFile::az3166().unwrap().memory_map();
    let mut other = Board::az3166(Arc::new(Image::from_flash(&[1, 2, 3], &map))).unwrap();
    assert!(matches!(
        other.restore(&snapshot),
        Err(SnapshotError::Firmware { .. })
    ));
    let mut newer = bytes.clone();
    newer[4] = 9;
    assert_eq!(
        Snapshot::from_bytes(&newer),
        Err(SnapshotError::Version { found: 9 })
    );
    assert_eq!(
        Snapshot::from_bytes(b"ELF"),
        Err(SnapshotError::NotSnapshot)
    );
    let cut = Snapshot::from_bytes(&bytes[..bytes.len() - 5]);
    assert!(matches!(cut, Err(SnapshotError::Damaged(_))), "{cut:?}");
    board.restore(&snapshot).unwrap();
}
