//! The decoder against the table of encodings that the fuzzer works through.

use super::{Trap, decode, tests::core};

#[path = "../../tests/isa/rows.rs"]
#[expect(dead_code, reason = "the fuzzer uses all of it")]
mod rows;

use rows::{ROWS, Row};

fn is_undefined(encoding: u32, wide: bool) -> bool {
    let (first, second) = if wide {
        ((encoding >> 16) as u16, encoding as u16)
    } else {
        (encoding as u16, 0)
    };
    let op = decode::decode(first, second);
    let mut core = core(&[0xBF00]);
    core.fp.access = 3;
    (op.run)(&mut core, &op) == Err(Trap::Undefined)
}

/// Narrow instructions that the fuzzer leaves out: they raise exceptions, sleep, mask faults, or are
/// hints that the oracle stops at; and bits that should be zero in `BX`.
fn is_left_out(encoding: u32) -> bool {
    matches!(encoding >> 8, 0x47 | 0xBE | 0xBF | 0xDF) || encoding >> 5 == 0xB660 >> 5
}

fn row_of(encoding: u32) -> Option<&'static Row> {
    ROWS.iter().find(|row| {
        let (mask, value) = row.mask();
        !row.is_wide() && encoding & mask == value
    })
}

fn check(encoding: u32, wide: bool) {
    let listed = ROWS
        .iter()
        .any(|row| row.is_wide() == wide && row.accepts(encoding));
    if listed {
        assert!(
            !is_undefined(encoding, wide),
            "{encoding:#x} is an instruction"
        );
    } else if !wide && row_of(encoding).is_none() && !is_left_out(encoding) {
        assert!(
            is_undefined(encoding, wide),
            "{encoding:#x} is no instruction of the table"
        );
    }
}

#[test]
fn every_narrow_encoding_is_in_the_table_or_undefined() {
    for encoding in 0..0xE800 {
        check(encoding, false);
    }
}

#[test]
fn wide_encodings_of_the_table_are_decoded() {
    let mut seed = 0x3166_F412u32;
    for _ in 0..400_000 {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        let encoding = seed | 0xE800_0000;
        // One quarter of the space is `B`.
        if encoding >> 27 > 0x1C {
            check(encoding, true);
        }
    }
}
