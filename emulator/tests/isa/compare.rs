//! This emulator's side, and what differs.

use std::{fmt::Write, sync::Arc};

use twinbench_emulator::{Chip, Image, MemoryMap, Registers};

use super::{
    case::{Case, DATA, Outcome, TEST},
    rows::ROWS,
};

/// A chip that runs tests.
pub(crate) struct Subject(Chip);

impl Default for Subject {
    fn default() -> Self {
        let map = MemoryMap::STM32F412XG;
        let image = Arc::new(Image::from_flash(
            &[0, 0x40, 0, 0x20, 1, 0x08, 0, 0x20],
            &map,
        ));
        let mut subject = Self(Chip::new(map, image, Vec::new()));
        subject.reset();
        subject
    }
}

impl Subject {
    fn reset(&mut self) {
        self.0.reset();
        // CPACR: the floating-point unit is on.
        self.0.poke(0xE000_ED88, 0x00F0_0000);
    }

    /// Runs a test.
    pub(crate) fn run(&mut self, case: &Case) -> Outcome {
        let chip = &mut self.0;
        let code: Vec<u8> = case
            .code
            .iter()
            .flat_map(|half| half.to_le_bytes())
            .collect();
        let nops = [0x00, 0xBF].repeat(32);
        chip.write_memory(TEST, &nops);
        chip.write_memory(TEST, &code);
        chip.write_memory(DATA, &case.data);
        let mut start = Registers {
            r: [0; 16],
            xpsr: case.apsr | 1 << 24,
            msp: case.r[13],
            psp: 0,
            primask: 0,
            basepri: 0,
            faultmask: 0,
            // A floating-point context is active.
            control: 4,
            s: case.s,
            fpscr: case.fpscr,
        };
        start.r[..15].copy_from_slice(&case.r);
        start.r[15] = TEST;
        chip.set_registers(&start);
        let end = TEST + code.len() as u32;
        let mut fault = false;
        for step in 0.. {
            let now = chip.registers();
            let done = if case.steps == 0 {
                now.r[15] == end
            } else {
                step == case.steps
            };
            if done || fault {
                break;
            }
            let stop = chip.step();
            fault = stop != twinbench_emulator::Stop::Reached
                || chip.registers().xpsr & 0x1FF != 0
                || step > 20;
        }
        let after = chip.registers();
        let mut outcome = Outcome {
            r: after.r,
            apsr: after.xpsr & 0xF80F_0000,
            fpscr: after.fpscr,
            s: after.s,
            masks: [after.primask, after.basepri],
            data: [0; super::case::DATA_SIZE],
            fault,
        };
        chip.read_memory(DATA, &mut outcome.data);
        if fault {
            self.reset();
        }
        outcome
    }
}

/// An outcome without what may differ: bits of the stack pointer and of priorities that this chip
/// does not have, and how far into the padding the oracle counts a block whose branch was not taken.
fn alike(case: &Case, outcome: &Outcome) -> Outcome {
    let mut outcome = outcome.clone();
    outcome.r[13] &= !3;
    outcome.masks[1] &= 0xF0;
    let end = TEST + 2 * case.code.len() as u32;
    if case.steps > 1 && (end..=end + 8).contains(&outcome.r[15]) {
        outcome.r[15] = end;
    }
    outcome
}

/// A defect of the oracle: its SMLAD sets Q when the two products alone overflow, though the sum with
/// the accumulator does not (ARMv7-M ARM, A7.7.131 looks at the whole sum; QEMU's commit 5288145d716
/// mended it there). Both products are 2^30 only where all four halves are -32768.
fn is_known(case: &Case, ours: &Outcome, theirs: &Outcome) -> bool {
    const Q: u32 = 1 << 27;
    let mut theirs = theirs.clone();
    let only_theirs = theirs.apsr & Q != 0 && ours.apsr & Q == 0;
    theirs.apsr &= !Q;
    only_theirs
        && *ours == theirs
        && case.rows.iter().any(|row| ROWS[*row].name == "smlad")
        && case.r.contains(&0x8000_8000)
}

/// What differs, in words; `None`: nothing.
pub(crate) fn difference(case: &Case, ours: &Outcome, theirs: &Outcome) -> Option<String> {
    let (ours, theirs) = (&alike(case, ours), &alike(case, theirs));
    if ours.fault && theirs.fault || ours == theirs || is_known(case, ours, theirs) {
        return None;
    }
    let names: Vec<_> = case.rows.iter().map(|row| ROWS[*row].name).collect();
    let mut text = format!("{} {:04x?}:", names.join("; "), case.code);
    if ours.fault || theirs.fault {
        let _ = write!(text, " fault ours {} theirs {}", ours.fault, theirs.fault);
        return Some(text);
    }
    let mut show = |name: String, start: u32, ours: u32, theirs: u32| {
        if ours != theirs {
            let _ = write!(
                text,
                " {name} from {start:#x} ours {ours:#x} theirs {theirs:#x}"
            );
        }
    };
    for index in 0..16 {
        let start = case.r.get(index).copied().unwrap_or(TEST);
        show(format!("r{index}"), start, ours.r[index], theirs.r[index]);
    }
    show("apsr".into(), case.apsr, ours.apsr, theirs.apsr);
    show("fpscr".into(), case.fpscr, ours.fpscr, theirs.fpscr);
    for index in 0..32 {
        show(
            format!("s{index}"),
            case.s[index],
            ours.s[index],
            theirs.s[index],
        );
    }
    show("primask".into(), 0, ours.masks[0], theirs.masks[0]);
    show("basepri".into(), 0, ours.masks[1], theirs.masks[1]);
    for (index, (a, b)) in ours.data.iter().zip(theirs.data).enumerate() {
        show(
            format!("data+{index:#x}"),
            case.data[index].into(),
            (*a).into(),
            b.into(),
        );
    }
    let inputs: Vec<String> = operands(case);
    let _ = write!(text, " ({})", inputs.join(" "));
    Some(text)
}

/// The registers that the code names, with their start values.
fn operands(case: &Case) -> Vec<String> {
    let mut inputs = Vec::new();
    let mut halves = case.code.iter().copied();
    if case
        .code
        .first()
        .is_some_and(|half| half >> 8 == 0xBF && half & 15 != 0)
    {
        halves.next();
    }
    for row in case.rows.iter().map(|row| &ROWS[*row]) {
        let first = u32::from(halves.next().unwrap_or_default());
        let encoding = if row.is_wide() {
            first << 16 | u32::from(halves.next().unwrap_or_default())
        } else {
            first
        };
        for field in *b"nmdtu" {
            let upper = field.to_ascii_uppercase();
            let value = row.field(encoding, field);
            if row.width(field) == 0 {
                continue;
            }
            if row.width(upper) > 0 && field != b't' {
                let register = value << 1 | row.field(encoding, upper);
                inputs.push(format!("s{register}={:#x}", case.s[register as usize & 31]));
            } else if let Some(word) = case.r.get(value as usize) {
                inputs.push(format!("r{value}={word:#x}"));
            }
        }
    }
    inputs
}
