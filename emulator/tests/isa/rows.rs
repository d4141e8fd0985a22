//! The instructions that the core executes, one row an encoding, written from the encoding
//! diagrams of ARMv7-M ARM, A7.7, independently of the decoder.
//!
//! A pattern lists an encoding's bits from the highest. Letters are fields; the same letter again
//! goes on with the same field. `d n m t u a l h` are registers of the core (`u` a second one that
//! is transferred, `l` and `h` the halves of a long result), capital letters next to them the fifth
//! bit of a floating-point register; `Q` repeats `m`.

/// What an instruction works on, for the choice of operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Registers of the core.
    Core,
    /// Memory at register `n` with an offset: pre-indexed when bit `p` says so.
    Memory,
    /// As `Memory`, but the address must be a multiple of 4.
    Aligned,
    /// Memory relative to the stack pointer.
    Stack,
    /// Memory relative to the PC: the code itself.
    Literal,
    /// Registers of the floating-point unit.
    Float,
    /// Floating-point registers and memory at register `n`.
    FloatMemory,
    /// May change the PC; the last of an IT block.
    Branch,
    /// A branch that must not be in an IT block.
    LooseBranch,
    /// Must not be in an IT block.
    Loose,
}
use Class::{
    Aligned, Branch, Core, Float, FloatMemory, Literal, Loose, LooseBranch, Memory, Stack,
};

/// One encoding.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// Its mnemonic, and which form where there are several.
    pub(crate) name: &'static str,
    /// Its bits.
    pub(crate) pattern: &'static str,
    /// Its operands.
    pub(crate) class: Class,
}

const fn row(name: &'static str, class: Class, pattern: &'static str) -> Row {
    Row {
        name,
        pattern,
        class,
    }
}

impl Row {
    /// The pattern's characters without blanks: 16 or 32.
    pub(crate) fn bits(&self) -> impl DoubleEndedIterator<Item = u8> + Clone {
        self.pattern.bytes().filter(|byte| *byte != b' ')
    }

    /// Whether it is a 32-bit encoding.
    pub(crate) fn is_wide(&self) -> bool {
        self.bits().count() == 32
    }

    /// Bits that are fixed, and their values.
    pub(crate) fn mask(&self) -> (u32, u32) {
        self.bits().fold((0, 0), |(mask, value), bit| {
            let fixed = u32::from(bit == b'0' || bit == b'1');
            (mask << 1 | fixed, value << 1 | u32::from(bit == b'1'))
        })
    }

    /// How many bits a field has; 0: there is none.
    pub(crate) fn width(&self, field: u8) -> u32 {
        self.bits().filter(|bit| *bit == field).count() as u32
    }

    /// The value of a field in an encoding.
    pub(crate) fn field(&self, encoding: u32, field: u8) -> u32 {
        let size = if self.is_wide() { 32 } else { 16 };
        self.bits().enumerate().fold(0, |value, (index, bit)| {
            if bit == field {
                value << 1 | encoding >> (size - 1 - index) & 1
            } else {
                value
            }
        })
    }

    /// The encoding with a field set to a value.
    pub(crate) fn with_field(&self, encoding: u32, field: u8, mut value: u32) -> u32 {
        let mut encoding = encoding;
        for (place, bit) in self.bits().rev().enumerate() {
            if bit == field {
                encoding = encoding & !(1 << place) | (value & 1) << place;
                value >>= 1;
            }
        }
        encoding
    }

    /// Whether an encoding is this row's and not UNPREDICTABLE or another instruction.
    pub(crate) fn accepts(&self, encoding: u32) -> bool {
        let (mask, value) = self.mask();
        encoding & mask == value && self.is_defined(encoding)
    }

    fn is_defined(&self, encoding: u32) -> bool {
        let f = |field: u8| self.field(encoding, field);
        let has = |field: u8| self.width(field) > 0;
        let wide = self.is_wide();
        // Registers that an instruction may not use: SP and PC, but where said.
        let float = matches!(self.class, Float | FloatMemory);
        for field in [b'd', b'n', b'm', b't', b'u', b'a', b'l', b'h'] {
            let bits = self.width(field);
            if bits < 4 || (float && matches!(field, b'd' | b'm')) {
                continue;
            }
            if self.class == Float && field == b'n' {
                continue;
            }
            let value = f(field);
            let base = field == b'n'
                && matches!(self.class, Memory | Aligned | FloatMemory)
                && self.name != "tbb"
                && self.name != "tbh";
            let special = matches!(self.name, "add hi" | "cmp hi" | "mov hi" | "ldr.w pc")
                || (self.name.starts_with("ldr.w") || self.name.starts_with("str.w"))
                    && field == b't';
            if value == 15 && !(self.name == "add hi" && field == b'm') && self.name != "mov hi" {
                return false;
            }
            if value == 13 && !(base || special) {
                return false;
            }
        }
        if has(b'Q') && f(b'Q') != f(b'm') {
            return false;
        }
        if matches!(self.name, "add hi" | "mov hi") && f(b'd') == 15 {
            return false;
        }
        if self.name == "cmp hi" && f(b'n') < 8 && f(b'm') < 8 {
            return false;
        }
        if has(b'l') && has(b'h') && f(b'l') == f(b'h') {
            return false;
        }
        if has(b'c') && f(b'c') >= 14 {
            return false;
        }
        match self.name {
            "bfi" | "bfc" => f(b'b') >= f(b'i'),
            "sbfx" | "ubfx" => f(b'i') + f(b'b') <= 31,
            "ssat" | "usat" => f(b'y') == 0 || f(b'i') != 0,
            "stm" => {
                let (n, list) = (f(b'n'), f(b'L'));
                list != 0 && (list >> n & 1 == 0 || list.trailing_zeros() == n)
            }
            "ldm" | "push" | "pop" => f(b'L') != 0,
            "stm.w" | "stmdb.w" | "ldm.w" | "ldmdb.w" => {
                let (n, list) = (f(b'n'), f(b'L'));
                list.count_ones() >= 2 && list & 0xA000 == 0 && (f(b'w') == 0 || list >> n & 1 == 0)
            }
            "ldm.w pc" => f(b'w') == 0 || f(b'L') >> f(b'n') & 1 == 0,
            "ldrd" | "strd" => {
                let (t, u, n) = (f(b't'), f(b'u'), f(b'n'));
                (f(b'p') == 1 || f(b'w') == 1)
                    && (t != u || self.name == "strd")
                    && (f(b'w') == 0 || (n != t && n != u))
            }
            "strex" | "strexb" | "strexh" => f(b'd') != f(b'n') && f(b'd') != f(b't'),
            "vldm" | "vstm" | "vldmdb" | "vstmdb" => {
                let count = f(b'i');
                let first = f(b'd') << 1 | f(b'D');
                count > 0 && first + count <= 32
            }
            "vldm.64" | "vstm.64" | "vldmdb.64" | "vstmdb.64" => {
                let count = f(b'i');
                count > 0 && f(b'd') + count <= 16
            }
            "vmov two" | "vmov core two" => {
                let first = f(b'm') << 1 | f(b'M');
                first < 31 && (self.name == "vmov two" || f(b't') != f(b'u'))
            }
            "vmov core double" => f(b't') != f(b'u'),
            "vcvt from fixed" | "vcvt to fixed" => {
                // The lowest bit of the number comes first in the encoding.
                let bits = (f(b'i') & 15) << 1 | f(b'i') >> 4;
                bits <= if f(b's') == 1 { 32 } else { 16 }
            }
            name if name.contains("pre") || name.contains("post") => {
                // With write-back the base may not be the register transferred.
                f(b'n') != f(b't')
            }
            name if name.ends_with("reg") && wide && has(b't') => true,
            "msr" => f(b'k') != 0,
            _ => true,
        }
    }
}

/// Every encoding.
pub(crate) const ROWS: &[Row] = &[
    row("lsls imm", Core, "00000 iiiii mmm ddd"),
    row("lsrs imm", Core, "00001 iiiii mmm ddd"),
    row("asrs imm", Core, "00010 iiiii mmm ddd"),
    row("adds reg", Core, "0001100 mmm nnn ddd"),
    row("subs reg", Core, "0001101 mmm nnn ddd"),
    row("adds imm3", Core, "0001110 iii nnn ddd"),
    row("subs imm3", Core, "0001111 iii nnn ddd"),
    row("movs imm8", Core, "00100 ddd iiiiiiii"),
    row("cmp imm8", Core, "00101 nnn iiiiiiii"),
    row("adds imm8", Core, "00110 ddd iiiiiiii"),
    row("subs imm8", Core, "00111 ddd iiiiiiii"),
    row("ands", Core, "0100000000 mmm ddd"),
    row("eors", Core, "0100000001 mmm ddd"),
    row("lsls reg", Core, "0100000010 mmm ddd"),
    row("lsrs reg", Core, "0100000011 mmm ddd"),
    row("asrs reg", Core, "0100000100 mmm ddd"),
    row("adcs", Core, "0100000101 mmm ddd"),
    row("sbcs", Core, "0100000110 mmm ddd"),
    row("rors reg", Core, "0100000111 mmm ddd"),
    row("tst", Core, "0100001000 mmm nnn"),
    row("rsbs", Core, "0100001001 nnn ddd"),
    row("cmp", Core, "0100001010 mmm nnn"),
    row("cmn", Core, "0100001011 mmm nnn"),
    row("orrs", Core, "0100001100 mmm ddd"),
    row("muls", Core, "0100001101 nnn ddd"),
    row("bics", Core, "0100001110 mmm ddd"),
    row("mvns", Core, "0100001111 mmm ddd"),
    row("add hi", Core, "01000100 d mmmm ddd"),
    row("cmp hi", Core, "01000101 n mmmm nnn"),
    row("mov hi", Core, "01000110 d mmmm ddd"),
    row("bx", Branch, "010001110 mmmm 000"),
    row("blx", Branch, "010001111 mmmm 000"),
    row("ldr literal", Literal, "01001 ttt iiiiiiii"),
    row("str index", Memory, "0101000 mmm nnn ttt"),
    row("strh index", Memory, "0101001 mmm nnn ttt"),
    row("strb index", Memory, "0101010 mmm nnn ttt"),
    row("ldrsb index", Memory, "0101011 mmm nnn ttt"),
    row("ldr index", Memory, "0101100 mmm nnn ttt"),
    row("ldrh index", Memory, "0101101 mmm nnn ttt"),
    row("ldrb index", Memory, "0101110 mmm nnn ttt"),
    row("ldrsh index", Memory, "0101111 mmm nnn ttt"),
    row("str", Memory, "01100 iiiii nnn ttt"),
    row("ldr", Memory, "01101 iiiii nnn ttt"),
    row("strb", Memory, "01110 iiiii nnn ttt"),
    row("ldrb", Memory, "01111 iiiii nnn ttt"),
    row("strh", Memory, "10000 iiiii nnn ttt"),
    row("ldrh", Memory, "10001 iiiii nnn ttt"),
    row("str sp", Stack, "10010 ttt iiiiiiii"),
    row("ldr sp", Stack, "10011 ttt iiiiiiii"),
    row("adr", Core, "10100 ddd iiiiiiii"),
    row("add sp imm8", Core, "10101 ddd iiiiiiii"),
    row("add sp imm7", Core, "101100000 iiiiiii"),
    row("sub sp imm7", Core, "101100001 iiiiiii"),
    row("cbz", LooseBranch, "101100 i 1 iiiii nnn"),
    row("cbnz", LooseBranch, "101110 i 1 iiiii nnn"),
    row("sxth", Core, "1011001000 mmm ddd"),
    row("sxtb", Core, "1011001001 mmm ddd"),
    row("uxth", Core, "1011001010 mmm ddd"),
    row("uxtb", Core, "1011001011 mmm ddd"),
    row("push", Stack, "1011010 LLLLLLLLL"),
    row("pop", Stack, "10111100 LLLLLLLL"),
    row("pop pc", Branch, "10111101 LLLLLLLL"),
    row("rev", Core, "1011101000 mmm ddd"),
    row("rev16", Core, "1011101001 mmm ddd"),
    row("revsh", Core, "1011101011 mmm ddd"),
    row("cps i", Loose, "10110110011 i 0010"),
    row("nop", Core, "1011111100000000"),
    row("sev", Core, "1011111101000000"),
    row("stm", Aligned, "11000 nnn LLLLLLLL"),
    row("ldm", Aligned, "11001 nnn LLLLLLLL"),
    row("b cond", LooseBranch, "1101 cccc iiiiiiii"),
    row("b", Branch, "11100 iiiiiiiiiii"),
    // Modified immediates.
    row("tst.w imm", Core, "11110 i 000001 nnnn 0 iii 1111 iiiiiiii"),
    row(
        "and.w imm",
        Core,
        "11110 i 00000 s nnnn 0 iii dddd iiiiiiii",
    ),
    row(
        "bic.w imm",
        Core,
        "11110 i 00001 s nnnn 0 iii dddd iiiiiiii",
    ),
    row(
        "mov.w imm",
        Core,
        "11110 i 00010 s 1111 0 iii dddd iiiiiiii",
    ),
    row(
        "orr.w imm",
        Core,
        "11110 i 00010 s nnnn 0 iii dddd iiiiiiii",
    ),
    row(
        "mvn.w imm",
        Core,
        "11110 i 00011 s 1111 0 iii dddd iiiiiiii",
    ),
    row(
        "orn.w imm",
        Core,
        "11110 i 00011 s nnnn 0 iii dddd iiiiiiii",
    ),
    row("teq.w imm", Core, "11110 i 001001 nnnn 0 iii 1111 iiiiiiii"),
    row(
        "eor.w imm",
        Core,
        "11110 i 00100 s nnnn 0 iii dddd iiiiiiii",
    ),
    row("cmn.w imm", Core, "11110 i 010001 nnnn 0 iii 1111 iiiiiiii"),
    row(
        "add.w imm",
        Core,
        "11110 i 01000 s nnnn 0 iii dddd iiiiiiii",
    ),
    row(
        "add.w sp imm",
        Core,
        "11110 i 01000 s 1101 0 iii dddd iiiiiiii",
    ),
    row(
        "adc.w imm",
        Core,
        "11110 i 01010 s nnnn 0 iii dddd iiiiiiii",
    ),
    row(
        "sbc.w imm",
        Core,
        "11110 i 01011 s nnnn 0 iii dddd iiiiiiii",
    ),
    row("cmp.w imm", Core, "11110 i 011011 nnnn 0 iii 1111 iiiiiiii"),
    row(
        "sub.w imm",
        Core,
        "11110 i 01101 s nnnn 0 iii dddd iiiiiiii",
    ),
    row(
        "sub.w sp imm",
        Core,
        "11110 i 01101 s 1101 0 iii dddd iiiiiiii",
    ),
    row(
        "rsb.w imm",
        Core,
        "11110 i 01110 s nnnn 0 iii dddd iiiiiiii",
    ),
    // Shifted registers.
    row("tst.w reg", Core, "111010100001 nnnn 0 iii 1111 ii yy mmmm"),
    row(
        "and.w reg",
        Core,
        "11101010000 s nnnn 0 iii dddd ii yy mmmm",
    ),
    row(
        "bic.w reg",
        Core,
        "11101010001 s nnnn 0 iii dddd ii yy mmmm",
    ),
    row(
        "mov.w reg",
        Core,
        "11101010010 s 1111 0 iii dddd ii yy mmmm",
    ),
    row(
        "orr.w reg",
        Core,
        "11101010010 s nnnn 0 iii dddd ii yy mmmm",
    ),
    row(
        "mvn.w reg",
        Core,
        "11101010011 s 1111 0 iii dddd ii yy mmmm",
    ),
    row(
        "orn.w reg",
        Core,
        "11101010011 s nnnn 0 iii dddd ii yy mmmm",
    ),
    row("teq.w reg", Core, "111010101001 nnnn 0 iii 1111 ii yy mmmm"),
    row(
        "eor.w reg",
        Core,
        "11101010100 s nnnn 0 iii dddd ii yy mmmm",
    ),
    row("pkh", Core, "111010101100 nnnn 0 iii dddd ii y0 mmmm"),
    row("cmn.w reg", Core, "111010110001 nnnn 0 iii 1111 ii yy mmmm"),
    row(
        "add.w reg",
        Core,
        "11101011000 s nnnn 0 iii dddd ii yy mmmm",
    ),
    row(
        "adc.w reg",
        Core,
        "11101011010 s nnnn 0 iii dddd ii yy mmmm",
    ),
    row(
        "sbc.w reg",
        Core,
        "11101011011 s nnnn 0 iii dddd ii yy mmmm",
    ),
    row("cmp.w reg", Core, "111010111011 nnnn 0 iii 1111 ii yy mmmm"),
    row(
        "sub.w reg",
        Core,
        "11101011101 s nnnn 0 iii dddd ii yy mmmm",
    ),
    row(
        "rsb.w reg",
        Core,
        "11101011110 s nnnn 0 iii dddd ii yy mmmm",
    ),
    // Plain immediates and bit fields.
    row("addw", Core, "11110 i 100000 nnnn 0 iii dddd iiiiiiii"),
    row("adr.w add", Core, "11110 i 1000001111 0 iii dddd iiiiiiii"),
    row("movw", Core, "11110 i 100100 iiii 0 iii dddd iiiiiiii"),
    row("subw", Core, "11110 i 101010 nnnn 0 iii dddd iiiiiiii"),
    row("adr.w sub", Core, "11110 i 1010101111 0 iii dddd iiiiiiii"),
    row("movt", Core, "11110 i 101100 iiii 0 iii dddd iiiiiiii"),
    row("ssat", Core, "1111001100 y 0 nnnn 0 iii dddd ii 0 bbbbb"),
    row("ssat16", Core, "111100110010 nnnn 0000 dddd 0000 bbbb"),
    row("sbfx", Core, "111100110100 nnnn 0 iii dddd ii 0 bbbbb"),
    row("bfi", Core, "111100110110 nnnn 0 iii dddd ii 0 bbbbb"),
    row("bfc", Core, "1111001101101111 0 iii dddd ii 0 bbbbb"),
    row("usat", Core, "1111001110 y 0 nnnn 0 iii dddd ii 0 bbbbb"),
    row("usat16", Core, "111100111010 nnnn 0000 dddd 0000 bbbb"),
    row("ubfx", Core, "111100111100 nnnn 0 iii dddd ii 0 bbbbb"),
    // Branches and control.
    row(
        "b.w cond",
        LooseBranch,
        "11110 s cccc iiiiii 10 j 0 k iiiiiiiiiii",
    ),
    row("b.w", Branch, "11110 s iiiiiiiiii 10 j 1 k iiiiiiiiiii"),
    row("bl", Branch, "11110 s iiiiiiiiii 11 j 1 k iiiiiiiiiii"),
    row("msr", Core, "111100111000 nnnn 1000 kk 0000000000"),
    row("msr primask", Loose, "111100111000 nnnn 1000 1000 00010000"),
    row("msr basepri", Loose, "111100111000 nnnn 1000 1000 00010001"),
    row(
        "msr basepri_max",
        Loose,
        "111100111000 nnnn 1000 1000 00010010",
    ),
    row("mrs apsr", Core, "1111001111101111 1000 dddd 000000 i 0"),
    row("mrs iapsr", Core, "1111001111101111 1000 dddd 000000 i 1"),
    row("mrs msp", Core, "1111001111101111 1000 dddd 00001000"),
    row("mrs primask", Core, "1111001111101111 1000 dddd 00010000"),
    row("mrs basepri", Core, "1111001111101111 1000 dddd 0001001 i"),
    row("nop.w", Core, "11110011101011111000000000000000"),
    row("sev.w", Core, "11110011101011111000000000000100"),
    row("clrex", Core, "11110011101111111000111100101111"),
    row("dsb", Core, "11110011101111111000111101001111"),
    row("dmb", Core, "11110011101111111000111101011111"),
    row("isb", Loose, "11110011101111111000111101101111"),
    // Loads and stores of one register.
    row(
        "strb.w imm12",
        Memory,
        "111110001000 nnnn tttt iiiiiiiiiiii",
    ),
    row(
        "strh.w imm12",
        Memory,
        "111110001010 nnnn tttt iiiiiiiiiiii",
    ),
    row("str.w imm12", Memory, "111110001100 nnnn tttt iiiiiiiiiiii"),
    row(
        "ldrb.w imm12",
        Memory,
        "111110001001 nnnn tttt iiiiiiiiiiii",
    ),
    row(
        "ldrh.w imm12",
        Memory,
        "111110001011 nnnn tttt iiiiiiiiiiii",
    ),
    row("ldr.w imm12", Memory, "111110001101 nnnn tttt iiiiiiiiiiii"),
    row(
        "ldrsb.w imm12",
        Memory,
        "111110011001 nnnn tttt iiiiiiiiiiii",
    ),
    row(
        "ldrsh.w imm12",
        Memory,
        "111110011011 nnnn tttt iiiiiiiiiiii",
    ),
    row(
        "strb.w imm8",
        Memory,
        "111110000000 nnnn tttt 1100 iiiiiiii",
    ),
    row(
        "strh.w imm8",
        Memory,
        "111110000010 nnnn tttt 1100 iiiiiiii",
    ),
    row("str.w imm8", Memory, "111110000100 nnnn tttt 1100 iiiiiiii"),
    row(
        "ldrb.w imm8",
        Memory,
        "111110000001 nnnn tttt 1100 iiiiiiii",
    ),
    row(
        "ldrh.w imm8",
        Memory,
        "111110000011 nnnn tttt 1100 iiiiiiii",
    ),
    row("ldr.w imm8", Memory, "111110000101 nnnn tttt 1100 iiiiiiii"),
    row(
        "ldrsb.w imm8",
        Memory,
        "111110010001 nnnn tttt 1100 iiiiiiii",
    ),
    row(
        "ldrsh.w imm8",
        Memory,
        "111110010011 nnnn tttt 1100 iiiiiiii",
    ),
    row("strbt", Memory, "111110000000 nnnn tttt 1110 iiiiiiii"),
    row("strht", Memory, "111110000010 nnnn tttt 1110 iiiiiiii"),
    row("strt", Memory, "111110000100 nnnn tttt 1110 iiiiiiii"),
    row("ldrbt", Memory, "111110000001 nnnn tttt 1110 iiiiiiii"),
    row("ldrht", Memory, "111110000011 nnnn tttt 1110 iiiiiiii"),
    row("ldrt", Memory, "111110000101 nnnn tttt 1110 iiiiiiii"),
    row("ldrsbt", Memory, "111110010001 nnnn tttt 1110 iiiiiiii"),
    row("ldrsht", Memory, "111110010011 nnnn tttt 1110 iiiiiiii"),
    row(
        "strb.w pre",
        Memory,
        "111110000000 nnnn tttt 11 z 1 iiiiiiii",
    ),
    row(
        "strh.w pre",
        Memory,
        "111110000010 nnnn tttt 11 z 1 iiiiiiii",
    ),
    row(
        "str.w pre",
        Memory,
        "111110000100 nnnn tttt 11 z 1 iiiiiiii",
    ),
    row(
        "ldrb.w pre",
        Memory,
        "111110000001 nnnn tttt 11 z 1 iiiiiiii",
    ),
    row(
        "ldrh.w pre",
        Memory,
        "111110000011 nnnn tttt 11 z 1 iiiiiiii",
    ),
    row(
        "ldr.w pre",
        Memory,
        "111110000101 nnnn tttt 11 z 1 iiiiiiii",
    ),
    row(
        "ldrsb.w pre",
        Memory,
        "111110010001 nnnn tttt 11 z 1 iiiiiiii",
    ),
    row(
        "ldrsh.w pre",
        Memory,
        "111110010011 nnnn tttt 11 z 1 iiiiiiii",
    ),
    row(
        "strb.w post",
        Memory,
        "111110000000 nnnn tttt 10 z 1 iiiiiiii",
    ),
    row(
        "strh.w post",
        Memory,
        "111110000010 nnnn tttt 10 z 1 iiiiiiii",
    ),
    row(
        "str.w post",
        Memory,
        "111110000100 nnnn tttt 10 z 1 iiiiiiii",
    ),
    row(
        "ldrb.w post",
        Memory,
        "111110000001 nnnn tttt 10 z 1 iiiiiiii",
    ),
    row(
        "ldrh.w post",
        Memory,
        "111110000011 nnnn tttt 10 z 1 iiiiiiii",
    ),
    row(
        "ldr.w post",
        Memory,
        "111110000101 nnnn tttt 10 z 1 iiiiiiii",
    ),
    row(
        "ldrsb.w post",
        Memory,
        "111110010001 nnnn tttt 10 z 1 iiiiiiii",
    ),
    row(
        "ldrsh.w post",
        Memory,
        "111110010011 nnnn tttt 10 z 1 iiiiiiii",
    ),
    row(
        "strb.w index",
        Memory,
        "111110000000 nnnn tttt 000000 yy mmmm",
    ),
    row(
        "strh.w index",
        Memory,
        "111110000010 nnnn tttt 000000 yy mmmm",
    ),
    row(
        "str.w index",
        Memory,
        "111110000100 nnnn tttt 000000 yy mmmm",
    ),
    row(
        "ldrb.w index",
        Memory,
        "111110000001 nnnn tttt 000000 yy mmmm",
    ),
    row(
        "ldrh.w index",
        Memory,
        "111110000011 nnnn tttt 000000 yy mmmm",
    ),
    row(
        "ldr.w index",
        Memory,
        "111110000101 nnnn tttt 000000 yy mmmm",
    ),
    row(
        "ldrsb.w index",
        Memory,
        "111110010001 nnnn tttt 000000 yy mmmm",
    ),
    row(
        "ldrsh.w index",
        Memory,
        "111110010011 nnnn tttt 000000 yy mmmm",
    ),
    row(
        "ldrb.w literal",
        Literal,
        "11111000 z 0011111 tttt iiiiiiiiiiii",
    ),
    row(
        "ldrh.w literal",
        Literal,
        "11111000 z 0111111 tttt iiiiiiiiiiii",
    ),
    row(
        "ldr.w literal",
        Literal,
        "11111000 z 1011111 tttt iiiiiiiiiiii",
    ),
    row(
        "ldrsb.w literal",
        Literal,
        "11111001 z 0011111 tttt iiiiiiiiiiii",
    ),
    row(
        "ldrsh.w literal",
        Literal,
        "11111001 z 0111111 tttt iiiiiiiiiiii",
    ),
    row("pld", Memory, "111110001001 nnnn 1111 iiiiiiiiiiii"),
    row("pli", Memory, "111110011001 nnnn 1111 iiiiiiiiiiii"),
    row("ldr.w pc", Branch, "111110001101 nnnn 1111 iiiiiiiiiiii"),
    // Multiple, pairs, exclusive, tables.
    row("stm.w", Aligned, "1110100010 w 0 nnnn LLLLLLLLLLLLLLLL"),
    row("ldm.w", Aligned, "1110100010 w 1 nnnn LLLLLLLLLLLLLLLL"),
    row("ldm.w pc", Branch, "1110100010 w 1 nnnn 100 LLLLLLLLLLLLL"),
    row("stmdb.w", Aligned, "1110100100 w 0 nnnn LLLLLLLLLLLLLLLL"),
    row("ldmdb.w", Aligned, "1110100100 w 1 nnnn LLLLLLLLLLLLLLLL"),
    row("strd", Aligned, "1110100 p z 1 w 0 nnnn tttt uuuu iiiiiiii"),
    row("ldrd", Aligned, "1110100 p z 1 w 1 nnnn tttt uuuu iiiiiiii"),
    row(
        "ldrd literal",
        Literal,
        "11101001 z 1011111 tttt uuuu 0000000 i",
    ),
    row("strex", Aligned, "111010000100 nnnn tttt dddd iiiiiiii"),
    row("ldrex", Aligned, "111010000101 nnnn tttt 1111 iiiiiiii"),
    row("strexb", Aligned, "111010001100 nnnn tttt 11110100 dddd"),
    row("strexh", Aligned, "111010001100 nnnn tttt 11110101 dddd"),
    row("ldrexb", Aligned, "111010001101 nnnn tttt 111101001111"),
    row("ldrexh", Aligned, "111010001101 nnnn tttt 111101011111"),
    row("tbb", Branch, "111010001101 nnnn 111100000000 mmmm"),
    row("tbh", Branch, "111010001101 nnnn 111100000001 mmmm"),
    // Register operations.
    row("lsl.w reg", Core, "11111010000 s nnnn 1111 dddd 0000 mmmm"),
    row("lsr.w reg", Core, "11111010001 s nnnn 1111 dddd 0000 mmmm"),
    row("asr.w reg", Core, "11111010010 s nnnn 1111 dddd 0000 mmmm"),
    row("ror.w reg", Core, "11111010011 s nnnn 1111 dddd 0000 mmmm"),
    row("sxtah", Core, "111110100000 nnnn 1111 dddd 10 rr mmmm"),
    row("sxth.w", Core, "1111101000001111 1111 dddd 10 rr mmmm"),
    row("uxtah", Core, "111110100001 nnnn 1111 dddd 10 rr mmmm"),
    row("uxth.w", Core, "1111101000011111 1111 dddd 10 rr mmmm"),
    row("sxtab16", Core, "111110100010 nnnn 1111 dddd 10 rr mmmm"),
    row("sxtb16", Core, "1111101000101111 1111 dddd 10 rr mmmm"),
    row("uxtab16", Core, "111110100011 nnnn 1111 dddd 10 rr mmmm"),
    row("uxtb16", Core, "1111101000111111 1111 dddd 10 rr mmmm"),
    row("sxtab", Core, "111110100100 nnnn 1111 dddd 10 rr mmmm"),
    row("sxtb.w", Core, "1111101001001111 1111 dddd 10 rr mmmm"),
    row("uxtab", Core, "111110100101 nnnn 1111 dddd 10 rr mmmm"),
    row("uxtb.w", Core, "1111101001011111 1111 dddd 10 rr mmmm"),
    row("sadd8", Core, "111110101000 nnnn 1111 dddd 0000 mmmm"),
    row("sadd16", Core, "111110101001 nnnn 1111 dddd 0000 mmmm"),
    row("sasx", Core, "111110101010 nnnn 1111 dddd 0000 mmmm"),
    row("ssub8", Core, "111110101100 nnnn 1111 dddd 0000 mmmm"),
    row("ssub16", Core, "111110101101 nnnn 1111 dddd 0000 mmmm"),
    row("ssax", Core, "111110101110 nnnn 1111 dddd 0000 mmmm"),
    row("qadd8", Core, "111110101000 nnnn 1111 dddd 0001 mmmm"),
    row("qadd16", Core, "111110101001 nnnn 1111 dddd 0001 mmmm"),
    row("qasx", Core, "111110101010 nnnn 1111 dddd 0001 mmmm"),
    row("qsub8", Core, "111110101100 nnnn 1111 dddd 0001 mmmm"),
    row("qsub16", Core, "111110101101 nnnn 1111 dddd 0001 mmmm"),
    row("qsax", Core, "111110101110 nnnn 1111 dddd 0001 mmmm"),
    row("shadd8", Core, "111110101000 nnnn 1111 dddd 0010 mmmm"),
    row("shadd16", Core, "111110101001 nnnn 1111 dddd 0010 mmmm"),
    row("shasx", Core, "111110101010 nnnn 1111 dddd 0010 mmmm"),
    row("shsub8", Core, "111110101100 nnnn 1111 dddd 0010 mmmm"),
    row("shsub16", Core, "111110101101 nnnn 1111 dddd 0010 mmmm"),
    row("shsax", Core, "111110101110 nnnn 1111 dddd 0010 mmmm"),
    row("uadd8", Core, "111110101000 nnnn 1111 dddd 0100 mmmm"),
    row("uadd16", Core, "111110101001 nnnn 1111 dddd 0100 mmmm"),
    row("uasx", Core, "111110101010 nnnn 1111 dddd 0100 mmmm"),
    row("usub8", Core, "111110101100 nnnn 1111 dddd 0100 mmmm"),
    row("usub16", Core, "111110101101 nnnn 1111 dddd 0100 mmmm"),
    row("usax", Core, "111110101110 nnnn 1111 dddd 0100 mmmm"),
    row("uqadd8", Core, "111110101000 nnnn 1111 dddd 0101 mmmm"),
    row("uqadd16", Core, "111110101001 nnnn 1111 dddd 0101 mmmm"),
    row("uqasx", Core, "111110101010 nnnn 1111 dddd 0101 mmmm"),
    row("uqsub8", Core, "111110101100 nnnn 1111 dddd 0101 mmmm"),
    row("uqsub16", Core, "111110101101 nnnn 1111 dddd 0101 mmmm"),
    row("uqsax", Core, "111110101110 nnnn 1111 dddd 0101 mmmm"),
    row("uhadd8", Core, "111110101000 nnnn 1111 dddd 0110 mmmm"),
    row("uhadd16", Core, "111110101001 nnnn 1111 dddd 0110 mmmm"),
    row("uhasx", Core, "111110101010 nnnn 1111 dddd 0110 mmmm"),
    row("uhsub8", Core, "111110101100 nnnn 1111 dddd 0110 mmmm"),
    row("uhsub16", Core, "111110101101 nnnn 1111 dddd 0110 mmmm"),
    row("uhsax", Core, "111110101110 nnnn 1111 dddd 0110 mmmm"),
    row("qadd", Core, "111110101000 nnnn 1111 dddd 1000 mmmm"),
    row("qdadd", Core, "111110101000 nnnn 1111 dddd 1001 mmmm"),
    row("qsub", Core, "111110101000 nnnn 1111 dddd 1010 mmmm"),
    row("qdsub", Core, "111110101000 nnnn 1111 dddd 1011 mmmm"),
    row("rev.w", Core, "111110101001 QQQQ 1111 dddd 1000 mmmm"),
    row("rev16.w", Core, "111110101001 QQQQ 1111 dddd 1001 mmmm"),
    row("rbit", Core, "111110101001 QQQQ 1111 dddd 1010 mmmm"),
    row("revsh.w", Core, "111110101001 QQQQ 1111 dddd 1011 mmmm"),
    row("sel", Core, "111110101010 nnnn 1111 dddd 1000 mmmm"),
    row("clz", Core, "111110101011 QQQQ 1111 dddd 1000 mmmm"),
    // Multiplication and division.
    row("mul", Core, "111110110000 nnnn 1111 dddd 0000 mmmm"),
    row("mla", Core, "111110110000 nnnn aaaa dddd 0000 mmmm"),
    row("mls", Core, "111110110000 nnnn aaaa dddd 0001 mmmm"),
    row("smla half", Core, "111110110001 nnnn aaaa dddd 00 yy mmmm"),
    row("smul half", Core, "111110110001 nnnn 1111 dddd 00 yy mmmm"),
    row("smlad", Core, "111110110010 nnnn aaaa dddd 000 y mmmm"),
    row("smuad", Core, "111110110010 nnnn 1111 dddd 000 y mmmm"),
    row("smlaw", Core, "111110110011 nnnn aaaa dddd 000 y mmmm"),
    row("smulw", Core, "111110110011 nnnn 1111 dddd 000 y mmmm"),
    row("smlsd", Core, "111110110100 nnnn aaaa dddd 000 y mmmm"),
    row("smusd", Core, "111110110100 nnnn 1111 dddd 000 y mmmm"),
    row("smmla", Core, "111110110101 nnnn aaaa dddd 000 y mmmm"),
    row("smmul", Core, "111110110101 nnnn 1111 dddd 000 y mmmm"),
    row("smmls", Core, "111110110110 nnnn aaaa dddd 000 y mmmm"),
    row("usada8", Core, "111110110111 nnnn aaaa dddd 0000 mmmm"),
    row("usad8", Core, "111110110111 nnnn 1111 dddd 0000 mmmm"),
    row("smull", Core, "111110111000 nnnn llll hhhh 0000 mmmm"),
    row("sdiv", Core, "111110111001 nnnn 1111 dddd 1111 mmmm"),
    row("umull", Core, "111110111010 nnnn llll hhhh 0000 mmmm"),
    row("udiv", Core, "111110111011 nnnn 1111 dddd 1111 mmmm"),
    row("smlal", Core, "111110111100 nnnn llll hhhh 0000 mmmm"),
    row("smlal half", Core, "111110111100 nnnn llll hhhh 10 yy mmmm"),
    row("smlald", Core, "111110111100 nnnn llll hhhh 110 y mmmm"),
    row("smlsld", Core, "111110111101 nnnn llll hhhh 110 y mmmm"),
    row("umlal", Core, "111110111110 nnnn llll hhhh 0000 mmmm"),
    row("umaal", Core, "111110111110 nnnn llll hhhh 0110 mmmm"),
    // Floating point.
    row("vmla", Float, "111011100 D 00 nnnn dddd 1010 N0M0 mmmm"),
    row("vmls", Float, "111011100 D 00 nnnn dddd 1010 N1M0 mmmm"),
    row("vnmls", Float, "111011100 D 01 nnnn dddd 1010 N0M0 mmmm"),
    row("vnmla", Float, "111011100 D 01 nnnn dddd 1010 N1M0 mmmm"),
    row("vmul", Float, "111011100 D 10 nnnn dddd 1010 N0M0 mmmm"),
    row("vnmul", Float, "111011100 D 10 nnnn dddd 1010 N1M0 mmmm"),
    row("vadd", Float, "111011100 D 11 nnnn dddd 1010 N0M0 mmmm"),
    row("vsub", Float, "111011100 D 11 nnnn dddd 1010 N1M0 mmmm"),
    row("vdiv", Float, "111011101 D 00 nnnn dddd 1010 N0M0 mmmm"),
    row("vfnms", Float, "111011101 D 01 nnnn dddd 1010 N0M0 mmmm"),
    row("vfnma", Float, "111011101 D 01 nnnn dddd 1010 N1M0 mmmm"),
    row("vfma", Float, "111011101 D 10 nnnn dddd 1010 N0M0 mmmm"),
    row("vfms", Float, "111011101 D 10 nnnn dddd 1010 N1M0 mmmm"),
    row("vmov imm", Float, "111011101 D 11 iiii dddd 10100000 iiii"),
    row("vmov reg", Float, "111011101 D 110000 dddd 101001M0 mmmm"),
    row("vabs", Float, "111011101 D 110000 dddd 101011M0 mmmm"),
    row("vneg", Float, "111011101 D 110001 dddd 101001M0 mmmm"),
    row("vsqrt", Float, "111011101 D 110001 dddd 101011M0 mmmm"),
    row(
        "vcvt from half",
        Float,
        "111011101 D 110010 dddd 1010 y1M0 mmmm",
    ),
    row(
        "vcvt to half",
        Float,
        "111011101 D 110011 dddd 1010 y1M0 mmmm",
    ),
    row("vcmp", Float, "111011101 D 110100 dddd 1010 y1M0 mmmm"),
    row("vcmp zero", Float, "111011101 D 110101 dddd 1010 y1000000"),
    row(
        "vcvt from int",
        Float,
        "111011101 D 111000 dddd 1010 y1M0 mmmm",
    ),
    row(
        "vcvt from fixed",
        Float,
        "111011101 D 11101 y dddd 1010 s1 i 0 iiii",
    ),
    row(
        "vcvt to int",
        Float,
        "111011101 D 11110 y dddd 1010 s1M0 mmmm",
    ),
    row(
        "vcvt to fixed",
        Float,
        "111011101 D 11111 y dddd 1010 s1 i 0 iiii",
    ),
    row(
        "vmov from core",
        Float,
        "111011100000 nnnn tttt 1010 N0010000",
    ),
    row(
        "vmov to core",
        Float,
        "111011100001 nnnn tttt 1010 N0010000",
    ),
    row(
        "vmov half from core",
        Float,
        "1110111000 y 0 nnnn tttt 101100010000",
    ),
    row(
        "vmov half to core",
        Float,
        "1110111000 y 1 nnnn tttt 101100010000",
    ),
    row("vmov two", Float, "111011000100 uuuu tttt 101000M1 mmmm"),
    row(
        "vmov core two",
        Float,
        "111011000101 uuuu tttt 101000M1 mmmm",
    ),
    row("vmov double", Float, "111011000100 uuuu tttt 10110001 mmmm"),
    row(
        "vmov core double",
        Float,
        "111011000101 uuuu tttt 10110001 mmmm",
    ),
    row("vmsr", Float, "1110111011100001 tttt 101000010000"),
    row("vmrs", Float, "1110111011110001 tttt 101000010000"),
    row("vmrs flags", Float, "11101110111100011111101000010000"),
    row(
        "vstr",
        FloatMemory,
        "11101101 z D 00 nnnn dddd 1010 iiiiiiii",
    ),
    row(
        "vldr",
        FloatMemory,
        "11101101 z D 01 nnnn dddd 1010 iiiiiiii",
    ),
    row(
        "vstr.64",
        FloatMemory,
        "11101101 z 000 nnnn dddd 1011 iiiiiiii",
    ),
    row(
        "vldr.64",
        FloatMemory,
        "11101101 z 001 nnnn dddd 1011 iiiiiiii",
    ),
    row(
        "vstm",
        FloatMemory,
        "111011001 D w 0 nnnn dddd 1010 iiiiiiii",
    ),
    row(
        "vldm",
        FloatMemory,
        "111011001 D w 1 nnnn dddd 1010 iiiiiiii",
    ),
    row(
        "vstmdb",
        FloatMemory,
        "111011010 D 10 nnnn dddd 1010 iiiiiiii",
    ),
    row(
        "vldmdb",
        FloatMemory,
        "111011010 D 11 nnnn dddd 1010 iiiiiiii",
    ),
    row(
        "vstm.64",
        FloatMemory,
        "1110110010 w 0 nnnn dddd 1011 iiiiiii 0",
    ),
    row(
        "vldm.64",
        FloatMemory,
        "1110110010 w 1 nnnn dddd 1011 iiiiiii 0",
    ),
    row(
        "vstmdb.64",
        FloatMemory,
        "111011010010 nnnn dddd 1011 iiiiiii 0",
    ),
    row(
        "vldmdb.64",
        FloatMemory,
        "111011010011 nnnn dddd 1011 iiiiiii 0",
    ),
];
