//! Makes tests: an instruction or an IT block, and a start state whose operands matter.

use super::{
    rng::Rng,
    rows::{Class, ROWS, Row},
};

/// Where the code of a test is.
pub(crate) const TEST: u32 = 0x2000_0800;
/// Where its data is.
pub(crate) const DATA: u32 = 0x2000_2000;
/// Bytes of data.
pub(crate) const DATA_SIZE: usize = 256;
/// Most half-words of code: an IT instruction and four wide ones, or a pair and padding.
pub(crate) const CODE_HALVES: usize = 12;

/// A start state and the code to run on it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Case {
    /// The code.
    pub(crate) code: Vec<u16>,
    /// How many instructions, for code that branches; 0: up to its end.
    pub(crate) steps: u32,
    /// R0 to R12, SP, LR.
    pub(crate) r: [u32; 15],
    /// Flags.
    pub(crate) apsr: u32,
    /// Floating-point control and status.
    pub(crate) fpscr: u32,
    /// S0 to S31.
    pub(crate) s: [u32; 32],
    /// Memory.
    pub(crate) data: [u8; DATA_SIZE],
    /// The rows of [`ROWS`] in it.
    pub(crate) rows: Vec<usize>,
}

/// What is compared after a test.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    /// R0 to R12, SP, LR, PC.
    pub(crate) r: [u32; 16],
    /// Flags.
    pub(crate) apsr: u32,
    /// Floating-point control and status.
    pub(crate) fpscr: u32,
    /// S0 to S31.
    pub(crate) s: [u32; 32],
    /// PRIMASK and BASEPRI.
    pub(crate) masks: [u32; 2],
    /// Memory.
    pub(crate) data: [u8; DATA_SIZE],
    /// The instruction faulted.
    pub(crate) fault: bool,
}

const WORDS: [u32; 24] = [
    0,
    1,
    2,
    3,
    31,
    32,
    33,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x1_0000,
    0x7FFF_FFFF,
    0x8000_0000,
    0x8000_0001,
    0xFFFF_FFFE,
    0xFFFF_FFFF,
    0x8000_8000,
    0x7FFF_7FFF,
    0x8080_8080,
    0x7F7F_7F7F,
];

/// Zeros, infinities, NaNs, the ends of the normal and denormal ranges, values near 1, near the
/// ends of integers, and near those of half precision.
const FLOATS: [u32; 32] = [
    0,
    1,
    2,
    0x007F_FFFF,
    0x0080_0000,
    0x0080_0001,
    0x00FF_FFFF,
    0x3F80_0000,
    0x3F80_0001,
    0x3F7F_FFFF,
    0x3F00_0000,
    0x3FC0_0000,
    0x4000_0000,
    0x4040_0000,
    0x4B00_0001,
    0x4EFF_FFFF,
    0x4F00_0000,
    0x4F7F_FFFF,
    0x4F80_0000,
    0x46FF_FE00,
    0x477F_E000,
    0x477F_F000,
    0x3880_0000,
    0x3300_0000,
    0x3380_0000,
    0x3387_FFFF,
    0x7F00_0000,
    0x7F7F_FFFF,
    0x7F80_0000,
    0x7F80_0001,
    0x7FC0_0000,
    0x7FFF_FFFF,
];

fn word(rng: &mut Rng) -> u32 {
    match rng.below(4) {
        0 => rng.pick(&WORDS),
        1 => rng.word() >> rng.below(32),
        2 => !(rng.word() >> rng.below(32)),
        _ => rng.word(),
    }
}

fn float(rng: &mut Rng, earlier: &[u32]) -> u32 {
    let sign = rng.word() & 1 << 31;
    match rng.below(6) {
        0 | 1 => rng.pick(&FLOATS) ^ sign,
        2 if !earlier.is_empty() => {
            // Near an earlier one, so that sums cancel.
            let near = rng.pick(earlier);
            near.wrapping_add(rng.below(5)).wrapping_sub(2) ^ sign
        }
        // Ordinary sizes.
        3 => sign | (rng.below(60) + 97) << 23 | rng.word() & 0x007F_FFFF,
        // Few bits, so that results are exact or half-way.
        4 => sign | (rng.below(60) + 97) << 23 | (rng.word() & 0xFFF) << 11,
        _ => rng.word(),
    }
}

impl Case {
    /// Case `number` of a seed.
    pub(crate) fn new(seed: u64, number: u64) -> Self {
        let mut rng = Rng::of(seed, number);
        let rng = &mut rng;
        let mut case = Self::with_state(rng);
        // Every row has its turn; the rest is chance.
        let row = (number % ROWS.len() as u64) as usize;
        let class = ROWS[row].class;
        let alone = matches!(class, Class::Loose | Class::LooseBranch);
        if alone || !rng.one_in(4) {
            case.add(row, rng);
        } else {
            case.block(row, rng);
        }
        case
    }

    fn with_state(rng: &mut Rng) -> Self {
        let mut case = Self {
            code: Vec::new(),
            steps: 0,
            r: [0; 15],
            apsr: rng.word() & 0xF80F_0000,
            fpscr: rng.word() & 0xF000_0000,
            s: [0; 32],
            data: [0; DATA_SIZE],
            rows: Vec::new(),
        };
        for register in &mut case.r {
            *register = word(rng);
        }
        case.r[13] = DATA + 0x80;
        for index in 0..32 {
            let (earlier, rest) = case.s.split_at_mut(index);
            rest[0] = float(rng, earlier);
        }
        if rng.one_in(2) {
            case.fpscr |= rng.word() & 0x07C0_009F;
        }
        for byte in &mut case.data {
            *byte = if rng.one_in(3) {
                0x80
            } else {
                rng.word() as u8
            };
        }
        case
    }

    /// An IT block that has the row as its first or last instruction.
    fn block(&mut self, row: usize, rng: &mut Rng) {
        let branches = |row: usize| ROWS[row].class == Class::Branch;
        let touches = |row: usize| !matches!(ROWS[row].class, Class::Core | Class::Float);
        let length = 1 + rng.below(4) as usize;
        let mut rows = Vec::new();
        while rows.len() + 1 < length {
            let other = rng.below(ROWS.len() as u32) as usize;
            // The oracle rounds what comes from fixed point by FPSCR, so that must not change before it.
            let before = ROWS[other].name == "vmsr" && !branches(row);
            let after = ROWS[other].name == "vcvt from fixed" && ROWS[row].name == "vmsr";
            if !touches(other) && !before && !after {
                rows.push(other);
            }
        }
        // Memory is touched by the first, whose base register no other has changed; branches are last.
        let place = if branches(row) { rows.len() } else { 0 };
        if branches(row) && touches(row) && !matches!(ROWS[row].name, "b" | "b.w" | "bl") {
            rows.clear();
        }
        rows.insert(place.min(rows.len()), row);
        let mut condition = rng.below(15);
        let mut mask = 8u32 >> (rows.len() - 1);
        for index in 1..rows.len() {
            // Before a branch all or none is skipped: the oracle does not count what is.
            let other = condition != 14 && !branches(row) && rng.one_in(2);
            let bit = (condition & 1) ^ u32::from(other);
            mask |= bit << (4 - index);
        }
        if condition == 15 {
            condition = 14;
        }
        self.code.push((0xBF00 | condition << 4 | mask) as u16);
        self.steps = u32::from(branches(row)) * (rows.len() as u32 + 1);
        for row in rows {
            self.add(row, rng);
        }
    }

    /// Appends an instruction of a row, with operands.
    fn add(&mut self, index: usize, rng: &mut Rng) {
        let row = &ROWS[index];
        let encoding = loop {
            let (mask, value) = row.mask();
            let encoding =
                value | rng.word() & !mask & if row.is_wide() { u32::MAX } else { 0xFFFF };
            let encoding = prefer(row, encoding, rng);
            // The oracle keeps the low bits of a stack pointer, which others could read in a block.
            let in_block = !self.code.is_empty();
            let sets_stack = row.width(b'd') == 4 && row.field(encoding, b'd') == 13
                || row.width(b't') == 4 && row.field(encoding, b't') == 13;
            if row.accepts(encoding)
                && !(in_block && sets_stack)
                && is_this(index, encoding)
                && self.place(row, encoding, rng)
            {
                break encoding;
            }
        };
        // Half of the exclusive stores get the load that lets them succeed.
        if row.name.starts_with("strex") && self.code.is_empty() && rng.one_in(2) {
            let taken = [b'n', b't', b'd'].map(|field| row.field(encoding, field));
            let free = (0..13)
                .find(|register| !taken.contains(register))
                .unwrap_or(12);
            let rest = if row.name == "strex" { 0xF00 } else { 0xF };
            let load = encoding & !0xF000 | 0x0010_0000 | free << 12 | rest;
            self.code.extend([(load >> 16) as u16, load as u16]);
        }
        // The oracle rounds by FPSCR where the architecture says to nearest (A7.7.228).
        if row.name == "vcvt from fixed" {
            self.fpscr &= !0x00C0_0000;
        }
        if row.is_wide() {
            self.code.push((encoding >> 16) as u16);
        }
        self.code.push(encoding as u16);
        self.rows.push(index);
        if matches!(row.class, Class::Branch | Class::LooseBranch) && self.steps == 0 {
            self.steps = 1;
        }
    }

    /// Gives memory operands their registers; `false`: this encoding cannot have good ones.
    fn place(&mut self, row: &Row, encoding: u32, rng: &mut Rng) -> bool {
        let field = |name: u8| row.field(encoding, name);
        let name = row.name;
        let signed = |value: u32| {
            if row.width(b'z') > 0 && field(b'z') == 0 {
                value.wrapping_neg()
            } else {
                value
            }
        };
        let mut offset = 0;
        let mut align = 1;
        match row.class {
            Class::Core | Class::Float | Class::Loose => return true,
            Class::Literal => return field(b'i') < if row.is_wide() { 0x700 } else { 0x100 },
            Class::Stack => {
                let offset = 4 * field(b'i');
                self.r[13] = (DATA + 0x80).wrapping_sub(offset);
                return true;
            }
            Class::Memory if row.width(b'm') > 0 => {
                if field(b'm') == field(b'n') {
                    return false;
                }
                if rng.one_in(2) {
                    self.r[field(b'm') as usize] = rng.below(32);
                }
                offset = self.r[field(b'm') as usize] << field(b'y');
            }
            Class::Memory if row.is_wide() => {
                offset = match name {
                    name if name.ends_with("imm8") => field(b'i').wrapping_neg(),
                    name if name.ends_with("post") => 0,
                    _ => signed(field(b'i')),
                };
                let moves = name.ends_with("pre") || name.ends_with("post");
                if field(b'n') == 13 && moves && field(b'i') & 3 != 0 {
                    return false;
                }
            }
            Class::Memory => {
                let size = if name.contains('b') {
                    1
                } else if name.contains('h') {
                    2
                } else {
                    4
                };
                offset = size * field(b'i');
            }
            Class::Aligned => {
                align = 4;
                if name.ends_with('d') && field(b'p') == 1 {
                    offset = signed(4 * field(b'i'));
                } else if matches!(name, "strex" | "ldrex") {
                    offset = 4 * field(b'i');
                }
                if name.starts_with("strex") && name.len() == 6 || name.starts_with("ldrex") {
                    align = 4;
                }
            }
            Class::FloatMemory => {
                align = 4;
                if matches!(name, "vldr" | "vstr" | "vldr.64" | "vstr.64") {
                    offset = signed(4 * field(b'i'));
                }
            }
            Class::Branch | Class::LooseBranch => return self.place_branch(row, encoding, rng),
        }
        let mut target = DATA + 0x80 - 16 + rng.below(32);
        if matches!(row.class, Class::FloatMemory) {
            target = DATA + 0x80;
        }
        let base = field(b'n') as usize;
        let mut address = (target & !(align - 1)).wrapping_sub(offset);
        if base == 13 {
            address &= !3;
        }
        self.r[base] = address;
        true
    }

    fn place_branch(&mut self, row: &Row, encoding: u32, rng: &mut Rng) -> bool {
        let field = |name: u8| row.field(encoding, name);
        let target = (TEST - 0x400 + rng.below(0x800)) | 1;
        let mut word = |at: u32| {
            let at = at as usize;
            self.data[at..at + 4].copy_from_slice(&target.to_le_bytes());
        };
        match row.name {
            "bx" | "blx" => self.r[field(b'm') as usize] = target,
            "pop pc" => {
                self.r[13] = DATA + 0x40;
                word(0x40 + 4 * field(b'L').count_ones());
            }
            "ldm.w pc" => {
                self.r[field(b'n') as usize] = DATA + 0x40;
                word(0x40 + 4 * field(b'L').count_ones());
            }
            "ldr.w pc" => {
                if field(b'n') == 13 && field(b'i') & 3 != 0 {
                    return false;
                }
                self.r[field(b'n') as usize] = (DATA + 0x40).wrapping_sub(field(b'i'));
                word(0x40);
            }
            "tbb" | "tbh" => {
                let (n, m) = (field(b'n') as usize, field(b'm') as usize);
                if n == m {
                    return false;
                }
                self.r[m] = rng.below(48);
                self.r[n] = DATA + 0x10;
            }
            "cbz" | "cbnz" if rng.one_in(2) => self.r[field(b'n') as usize] = 0,
            _ => {}
        }
        true
    }
}

/// Whether no earlier, more special row has this encoding.
fn is_this(index: usize, encoding: u32) -> bool {
    let row = &ROWS[index];
    ROWS.iter().enumerate().all(|(other, candidate)| {
        let (mask, value) = candidate.mask();
        let more_special = mask.count_ones() > row.mask().0.count_ones();
        other == index
            || candidate.is_wide() != row.is_wide()
            || !more_special
            || encoding & mask != value
    })
}

/// Makes rare choices of fields more frequent.
fn prefer(row: &Row, encoding: u32, rng: &mut Rng) -> u32 {
    let mut encoding = encoding;
    if matches!(row.name, "vcvt from fixed" | "vcvt to fixed") && row.field(encoding, b's') == 0 {
        let bits = rng.below(17);
        encoding = row.with_field(encoding, b'i', bits >> 1 | (bits & 1) << 4);
    }
    if row.name.starts_with("vldm") || row.name.starts_with("vstm") {
        encoding = row.with_field(encoding, b'i', 1 + rng.below(16));
    }
    if row.class == Class::Literal && row.is_wide() {
        encoding = row.with_field(
            encoding,
            b'i',
            rng.below(if row.width(b'i') == 1 { 2 } else { 0x700 }),
        );
    }
    // The same register twice is a corner of its own.
    if rng.one_in(8) && row.width(b'd') == 4 && row.width(b'm') == 4 {
        let m = row.field(encoding, b'm');
        encoding = row.with_field(encoding, b'd', m);
    }
    if row.width(b'Q') > 0 {
        let m = row.field(encoding, b'm');
        encoding = row.with_field(encoding, b'Q', m);
    }
    encoding
}
