//! What the chip says of itself: debug identity, unique number, size of its flash memory.

use twinbench_model::VirtualTime;

use super::access::Lanes;
use crate::peripheral::{Context, Peripheral, Width};

/// The debug support unit: the device's identity; the freeze bits are stored.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Dbgmcu {
    registers: [u32; 3],
}

impl Dbgmcu {
    /// After power-on.
    pub fn new() -> Self {
        Self::default()
    }
}

/// STM32F412, revision C (RM0402, 30.6.1).
const IDCODE: u32 = 0x3000_0441;

impl Peripheral for Dbgmcu {
    crate::snapshot::saved_by_serde!();

    fn name(&self) -> &'static str {
        "DBGMCU"
    }

    fn still_until(&self, _offset: u32, _now: VirtualTime) -> Option<VirtualTime> {
        Some(VirtualTime::MAX)
    }

    fn read(&mut self, offset: u32, width: Width, _cx: &mut Context<'_>) -> Option<u32> {
        let lanes = Lanes::new(offset, width);
        let word = match lanes.register {
            0x0 => IDCODE,
            register => *self.registers.get((register / 4 - 1) as usize)?,
        };
        Some(lanes.extract(word))
    }

    fn write(
        &mut self,
        offset: u32,
        width: Width,
        value: u32,
        _cx: &mut Context<'_>,
    ) -> Option<()> {
        let lanes = Lanes::new(offset, width);
        let index = (lanes.register / 4).checked_sub(1)?;
        let word = self.registers.get_mut(index as usize)?;
        *word = lanes.merge(*word, value);
        Some(())
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}

/// The factory's words at 0x1FFF_7A10: 96 bits of unique number and the flash size in KiB
/// (RM0402, 31.1 and 31.2).
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct DeviceId {
    unique: [u32; 3],
    flash_kib: u16,
}

impl DeviceId {
    /// First address of the words.
    pub const BASE: u32 = 0x1FFF_7A10;
    /// Bytes up to and with the flash size.
    pub const SIZE: u32 = 0x14;

    /// With a unique number.
    pub fn new(unique: [u32; 3], flash_kib: u16) -> Self {
        Self { unique, flash_kib }
    }

    /// Gives the chip another unique number.
    pub fn set_unique(&mut self, unique: [u32; 3]) {
        self.unique = unique;
    }
}

impl Peripheral for DeviceId {
    crate::snapshot::saved_by_serde!();

    fn name(&self) -> &'static str {
        "UID"
    }

    fn still_until(&self, _offset: u32, _now: VirtualTime) -> Option<VirtualTime> {
        Some(VirtualTime::MAX)
    }

    fn read(&mut self, offset: u32, width: Width, _cx: &mut Context<'_>) -> Option<u32> {
        let lanes = Lanes::new(offset, width);
        let word = match lanes.register {
            register @ 0x0..=0x8 => self.unique[(register / 4) as usize],
            0x10 => u32::from(self.flash_kib) << 16 | 0xFFFF,
            _ => return None,
        };
        Some(lanes.extract(word))
    }

    fn write(
        &mut self,
        _offset: u32,
        _width: Width,
        _value: u32,
        _cx: &mut Context<'_>,
    ) -> Option<()> {
        None
    }

    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stm32::rig::Rig;

    #[test]
    fn the_chip_tells_its_kind_number_and_size() {
        let mut rig = Rig::default();
        assert_eq!(rig.read(&mut Dbgmcu::new(), 0) & 0xFFF, 0x441);
        let mut id = DeviceId::new([1, 2, 3], 1024);
        assert_eq!(rig.read(&mut id, 8), 3);
        assert_eq!(id.read(0x12, Width::Half, &mut rig.cx()), Some(1024));
    }
}
