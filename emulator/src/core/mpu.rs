//! The memory protection unit: eight regions (ARMv7-M ARM, B3.5).

/// `CTRL.ENABLE`.
const ENABLE: u32 = 1;
/// `CTRL.HFNMIENA`.
const IN_FAULTS: u32 = 2;
/// `CTRL.PRIVDEFENA`.
const BACKGROUND: u32 = 4;

/// What an access wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Read,
    Write,
    Execute,
}

/// Region registers.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Mpu {
    control: u32,
    number: u32,
    /// Base address and attributes.
    regions: [(u32, u32); 8],
}

impl Mpu {
    /// Whether it checks anything now; `urgent` is execution at priority -1 or above.
    pub(crate) fn enabled(&self) -> bool {
        self.control & ENABLE != 0
    }

    /// Whether an access may happen.
    pub(crate) fn allows(&self, address: u32, wish: Wish, privileged: bool, urgent: bool) -> bool {
        if self.control & ENABLE == 0 || (urgent && self.control & IN_FAULTS == 0) {
            return true;
        }
        // The private peripheral bus is never protected by regions.
        if address >> 20 == 0xE00 {
            return wish != Wish::Execute;
        }
        let hit = self.regions.iter().rev().find(|(base, attributes)| {
            if attributes & 1 == 0 {
                return false;
            }
            let bits = (attributes >> 1 & 31) + 1;
            let mask = if bits > 31 { 0 } else { u32::MAX << bits };
            let disabled = attributes >> 8 & 0xFF;
            let part = if bits < 8 {
                0
            } else {
                address >> (bits - 3) & 7
            };
            (address ^ base) & mask == 0 && disabled >> part & 1 == 0
        });
        let Some((_, attributes)) = hit else {
            return privileged && self.control & BACKGROUND != 0;
        };
        if wish == Wish::Execute && attributes & 1 << 28 != 0 {
            return false;
        }
        let write = wish == Wish::Write;
        match attributes >> 24 & 7 {
            1 => privileged,
            2 => privileged || !write,
            3 => true,
            5 => privileged && !write,
            6 | 7 => !write,
            _ => false,
        }
    }

    /// Reads a register by its offset from `MPU_TYPE`.
    pub(crate) fn read(&self, offset: u32) -> u32 {
        let region = self.regions[self.number as usize & 7];
        match offset {
            0x00 => 8 << 8,
            0x04 => self.control,
            0x08 => self.number,
            0x0C | 0x14 | 0x1C | 0x24 => region.0 | self.number,
            0x10 | 0x18 | 0x20 | 0x28 => region.1,
            _ => 0,
        }
    }

    /// Writes a register.
    pub(crate) fn write(&mut self, offset: u32, value: u32) {
        match offset {
            0x04 => self.control = value & 7,
            0x08 => self.number = value & 7,
            0x0C | 0x14 | 0x1C | 0x24 => {
                if value & 0x10 != 0 {
                    self.number = value & 7;
                }
                self.regions[self.number as usize & 7].0 = value & !0x1F;
            }
            0x10 | 0x18 | 0x20 | 0x28 => {
                self.regions[self.number as usize & 7].1 = value & 0x173F_FF3F;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_region_decides_and_sub_regions_are_holes() {
        let mut mpu = Mpu::default();
        // Region 0: 256 KiB of RAM, all may write. Region 1: its last 256 bytes, read-only,
        // with sub-region 0 cut out.
        for (offset, value) in [
            (0x0C, 0x2000_0010),
            (0x10, 0x0300_0000 | 17 << 1 | 1),
            (0x0C, 0x2003_FF11),
            (0x10, 0x1600_0000 | 1 << 8 | 7 << 1 | 1),
            (0x04, 1),
        ] {
            mpu.write(offset, value);
        }
        let write = |address| mpu.allows(address, Wish::Write, false, false);
        assert!(write(0x2000_0000));
        assert!(write(0x2003_FF1F));
        assert!(!write(0x2003_FF20));
        assert!(mpu.allows(0x2003_FF20, Wish::Read, false, false));
        assert!(!mpu.allows(0x2003_FF20, Wish::Execute, true, false));
        assert!(!write(0x0800_0000));
        assert!(
            mpu.allows(0x0800_0000, Wish::Write, false, true),
            "fault handlers bypass it"
        );
    }
}
