//! Accesses narrower than a register, cut out of and merged into 32-bit words.

use crate::peripheral::Width;

/// The part of a register that an access touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lanes {
    /// Offset of the register, a multiple of 4.
    pub(crate) register: u32,
    shift: u32,
    mask: u32,
}

impl Lanes {
    /// The lanes of an access of `width` at `offset`.
    pub(crate) fn new(offset: u32, width: Width) -> Self {
        let mask = match width {
            Width::Byte => 0xFF,
            Width::Half => 0xFFFF,
            Width::Word => u32::MAX,
        };
        Self {
            register: offset & !3,
            shift: (offset & 3) * 8,
            mask,
        }
    }

    /// What the access reads of a register that holds `word`.
    pub(crate) fn extract(self, word: u32) -> u32 {
        (word >> self.shift) & self.mask
    }

    /// The word that a write of `value` makes when the untouched lanes hold `kept`.
    pub(crate) fn merge(self, kept: u32, value: u32) -> u32 {
        let mask = self.mask << self.shift;
        (kept & !mask) | ((value << self.shift) & mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_accesses_touch_only_their_lanes() {
        let lanes = Lanes::new(0x1A, Width::Half);
        assert_eq!(lanes.register, 0x18);
        assert_eq!(lanes.extract(0x1234_5678), 0x1234);
        assert_eq!(lanes.merge(0xAAAA_5555, 0x9999), 0x9999_5555);
        assert_eq!(Lanes::new(7, Width::Byte).merge(0, 0x1FF), 0xFF00_0000);
        assert_eq!(Lanes::new(8, Width::Word).merge(1, 2), 2);
    }
}
