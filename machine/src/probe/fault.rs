//! Why a core stands still, read from outside.

use std::time::Duration;

use probe_rs::{Core, MemoryInterface, RegisterId};
use twinbench_emulator::{
    Registers,
    symbols::{Frame, Symbols},
};

/// How long a core may take to stand still, on the wall clock.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);

/// Numbers of registers for the debug port (ARMv7-M ARM, C1.6.3).
const XPSR: u16 = 16;
const MSP: u16 = 17;
const PSP: u16 = 18;
const EXTRA: u16 = 20;

/// `CFSR`, `HFSR`, `MMFAR` and `BFAR`.
const STATUS: [(&str, u64); 4] = [
    ("CFSR", 0xE000_ED28),
    ("HFSR", 0xE000_ED2C),
    ("MMFAR", 0xE000_ED34),
    ("BFAR", 0xE000_ED38),
];

/// Bits of `CFSR` (ARMv7-M ARM, B3.2.15).
const CAUSES: [(u32, &str); 17] = [
    (0, "execution where the memory protection forbids it"),
    (1, "an access that the memory protection forbids"),
    (3, "memory protection on return from an exception"),
    (4, "memory protection on entry to an exception"),
    (5, "memory protection while saving the float registers"),
    (8, "an instruction fetch that nothing answers"),
    (9, "an access that nothing answers"),
    (10, "a write that nothing took, some instructions ago"),
    (11, "a bus error on return from an exception"),
    (12, "a bus error on entry to an exception (stack)"),
    (13, "a bus error while saving the float registers"),
    (16, "an undefined instruction"),
    (17, "ARM code, which this core cannot execute"),
    (18, "a bad return from an exception"),
    (19, "the float unit, which is off"),
    (24, "an unaligned access"),
    (25, "a division by zero"),
];

/// The registers of a core that stands still.
pub(super) fn registers(core: &mut Core<'_>) -> Result<Registers, probe_rs::Error> {
    let mut read = |number: u16| core.read_core_reg::<u32>(RegisterId(number));
    let mut r = [0; 16];
    for (number, value) in (0..).zip(&mut r) {
        *value = read(number)?;
    }
    let extra = read(EXTRA)?;
    Ok(Registers {
        r,
        xpsr: read(XPSR)?,
        msp: read(MSP)?,
        psp: read(PSP)?,
        primask: extra & 0xFF,
        basepri: extra >> 8 & 0xFF,
        faultmask: extra >> 16 & 0xFF,
        control: extra >> 24,
        s: [0; 32],
        fpscr: 0,
    })
}

/// The functions that are being executed.
pub(super) fn backtrace(
    core: &mut Core<'_>,
    symbols: &Symbols,
    registers: &Registers,
) -> Vec<Frame> {
    symbols.backtrace_from(registers, &mut |address| {
        core.read_word_32(address.into()).ok()
    })
}

/// What there is to say of a core that locked up: one line first, then the registers and who called.
pub(super) fn report(
    core: &mut Core<'_>,
    symbols: Option<&Symbols>,
) -> Result<Vec<String>, probe_rs::Error> {
    core.halt(PATIENCE)?;
    let registers = registers(core)?;
    let mut status = [0; 4];
    for (value, (_, address)) in status.iter_mut().zip(STATUS) {
        *value = core.read_word_32(address)?;
    }
    let pc = registers.r[15];
    let place = symbols.and_then(|symbols| symbols.function_at(pc));
    let place = place.map_or(String::new(), |function| format!(" in {}", function.name));
    let causes: Vec<&str> = CAUSES
        .into_iter()
        .filter(|(bit, _)| status[0] >> bit & 1 != 0)
        .map(|(_, cause)| cause)
        .collect();
    let causes = if causes.is_empty() {
        "a fault whose cause the core does not tell".to_owned()
    } else {
        causes.join(", ")
    };
    let mut lines = vec![format!("locked up at {pc:#010x}{place} after {causes}")];
    let words: Vec<String> = STATUS
        .iter()
        .zip(status)
        .map(|((name, _), value)| format!("{name} {value:#010x}"))
        .collect();
    lines.push(words.join(", "));
    let named = (0..13)
        .map(|n| format!("r{n}"))
        .chain(["sp", "lr", "pc"].map(str::to_owned));
    let words: Vec<String> = named
        .zip(registers.r)
        .map(|(name, value)| format!("{name} {value:#010x}"))
        .collect();
    lines.extend(words.chunks(4).map(|row| row.join(", ")));
    if let Some(symbols) = symbols {
        for (number, frame) in (0..).zip(backtrace(core, symbols, &registers)) {
            lines.push(in_words(number, &frame));
        }
    }
    Ok(lines)
}

fn in_words(number: u32, frame: &Frame) -> String {
    let name = frame.function.as_deref().unwrap_or("?");
    let place = frame.line.as_ref().map_or(String::new(), |line| {
        format!(" ({}:{})", line.file, line.line)
    });
    let how = if frame.interrupted {
        " interrupted"
    } else {
        ""
    };
    format!("#{number} {:#010x}{how} {name}{place}", frame.pc)
}
