//! What the chip's debug components say of themselves: the table of components and the identification
//! registers at the end of each component's 4 KiB (ARMv7-M ARM, D.; RM0402, 30.5).

/// Base of the table (ARMv7-M ARM, table B3-1).
pub(super) const TABLE: u32 = 0xE00F_F000;

/// Entries of the table: offsets from it, with "32 bits" and "present" (DDI0439, table 4-2).
const ENTRIES: [u32; 6] = [
    0xFFF0_F003, // system control space
    0xFFF0_2003, // watchpoint unit
    0xFFF0_3003, // breakpoint unit
    0xFFF0_1003, // instrumentation trace
    0xFFF4_1002, // trace port interface: not there
    0xFFF4_2002, // instruction trace: not there
];

/// Pages with identification registers: base, part number, component class.
const PAGES: [(u32, u16, u8); 4] = [
    (0xE000_E000, 0x00C, 0xE),
    (0xE000_1000, 0x002, 0xE),
    (0xE000_2000, 0x003, 0xE),
    (0xE000_0000, 0x001, 0xE),
];

/// JEP106 identities: continuation count and code.
const ARM: (u8, u8) = (4, 0x3B);
const ST: (u8, u8) = (0, 0x20);

/// A word of the table or of an identification; `None`: this address is neither. `device`: the chip's
/// part number.
pub(super) fn read(address: u32, device: impl FnOnce() -> u16) -> Option<u32> {
    let (page, offset) = (address & !0xFFF, address & 0xFFC);
    if page == TABLE {
        return Some(match offset {
            0xFD0.. => identification(offset, device(), ST, 0x1),
            0xFCC => 1,
            _ => ENTRIES.get(offset as usize / 4).copied().unwrap_or(0),
        });
    }
    let (_, part, class) = PAGES.iter().find(|(base, ..)| *base == page)?;
    (offset >= 0xFD0).then(|| identification(offset, *part, ARM, *class))
}

/// PIDR4 to PIDR7, PIDR0 to PIDR3, CIDR0 to CIDR3 (ADIv5.2, D1.2).
fn identification(offset: u32, part: u16, (bank, code): (u8, u8), class: u8) -> u32 {
    let byte = match offset {
        0xFD0 => bank,
        0xFE0 => part as u8,
        0xFE4 => (part >> 8) as u8 & 0xF | code << 4,
        0xFE8 => 0x8 | code >> 4,
        0xFF0 => 0x0D,
        0xFF4 => class << 4,
        0xFF8 => 0x05,
        0xFFC => 0xB1,
        _ => 0,
    };
    u32::from(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_st_s_and_its_components_are_arm_s() {
        let id = |page: u32| -> Vec<u32> {
            [0xFD0, 0xFE0, 0xFE4, 0xFE8, 0xFF4]
                .into_iter()
                .map(|offset| read(page + offset, || 0x441).unwrap())
                .collect()
        };
        assert_eq!(id(TABLE), [0x00, 0x41, 0x04, 0x0A, 0x10]);
        // As a Cortex-M4's system control space answers (DDI0439, table 4-1).
        assert_eq!(id(0xE000_E000), [0x04, 0x0C, 0xB0, 0x0B, 0xE0]);
        assert_eq!(read(0xE000_ED00, || 0x441), None, "CPUID is the core's own");
        assert_eq!(read(TABLE + 24, || 0x441), Some(0), "the table ends");
    }
}
