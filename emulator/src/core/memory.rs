//! The core's accesses: the short way to RAM and flash memory, and everything else.

use super::{Core, Trap, mpu::Wish};
use crate::peripheral::Width;

/// The private peripheral bus.
const PRIVATE: std::ops::Range<u32> = 0xE000_0000..0xE010_0000;
/// Where an access that nothing answers is noted and reads 0 instead of faulting, so that
/// firmware gets past peripherals that are not modelled: the microcontroller's peripherals, and
/// its system memory with factory values.
const LENIENT: [std::ops::Range<u32>; 3] = [
    0x1FFF_0000..0x1FFF_C010,
    0x4000_0000..0x6000_0000,
    0xE000_0000..0xE010_0000,
];

fn width(size: u32) -> Width {
    match size {
        1 => Width::Byte,
        2 => Width::Half,
        _ => Width::Word,
    }
}

/// Device memory by the default memory map, where accesses must be aligned.
fn is_device(address: u32) -> bool {
    matches!(address >> 29, 2 | 5 | 6 | 7)
}

/// The word and bit that a bit-band alias stands for.
fn bit_band(address: u32) -> Option<(u32, u32)> {
    if !matches!(address >> 24, 0x22 | 0x23 | 0x42 | 0x43) {
        return None;
    }
    let bits = (address & 0x01FF_FFFF) >> 2;
    Some((address & 0xE000_0000 | bits >> 5 << 2, bits & 31))
}

impl Core {
    /// Current virtual time.
    pub(crate) fn now(&self) -> twinbench_model::VirtualTime {
        self.time.time(self.cycles)
    }

    /// Address of the current instruction.
    fn pc(&self) -> u32 {
        self.r[15].wrapping_sub(4)
    }

    /// Reads a word; unaligned too, where the memory allows it.
    #[inline(always)]
    pub(crate) fn load32(&mut self, address: u32) -> Result<u32, Trap> {
        let offset = address.wrapping_sub(self.bus.map.ram_base) as usize;
        if offset < self.bus.fast_ram
            && let Some(&[a, b, c, d]) = self.bus.ram.get(offset..offset + 4)
        {
            return Ok(u32::from_le_bytes([a, b, c, d]));
        }
        self.load_slowly(address, 4)
    }

    /// Reads a half-word.
    #[inline(always)]
    pub(crate) fn load16(&mut self, address: u32) -> Result<u32, Trap> {
        let offset = address.wrapping_sub(self.bus.map.ram_base) as usize;
        if offset < self.bus.fast_ram
            && let Some(&[a, b]) = self.bus.ram.get(offset..offset + 2)
        {
            return Ok(u16::from_le_bytes([a, b]).into());
        }
        self.load_slowly(address, 2)
    }

    /// Reads a byte.
    #[inline(always)]
    pub(crate) fn load8(&mut self, address: u32) -> Result<u32, Trap> {
        let offset = address.wrapping_sub(self.bus.map.ram_base) as usize;
        if offset < self.bus.fast_ram
            && let Some(byte) = self.bus.ram.get(offset)
        {
            return Ok((*byte).into());
        }
        self.load_slowly(address, 1)
    }

    #[inline(always)]
    fn store<const N: usize>(&mut self, address: u32, bytes: [u8; N]) -> Result<(), Trap> {
        let offset = address.wrapping_sub(self.bus.map.ram_base) as usize;
        if offset < self.bus.fast_ram
            && let Some(place) = self.bus.ram.get_mut(offset..offset + N)
        {
            place.copy_from_slice(&bytes);
            if self.bus.ram_code.any {
                self.bus.ram_code.forget(offset, N);
            }
            return Ok(());
        }
        let mut word = [0; 4];
        word[..N].copy_from_slice(&bytes);
        self.store_slowly(address, N as u32, u32::from_le_bytes(word))
    }

    /// Writes a word.
    #[inline(always)]
    pub(crate) fn store32(&mut self, address: u32, value: u32) -> Result<(), Trap> {
        self.store(address, value.to_le_bytes())
    }

    /// Writes a half-word.
    #[inline(always)]
    pub(crate) fn store16(&mut self, address: u32, value: u16) -> Result<(), Trap> {
        self.store(address, value.to_le_bytes())
    }

    /// Writes a byte.
    #[inline(always)]
    pub(crate) fn store8(&mut self, address: u32, value: u8) -> Result<(), Trap> {
        self.store(address, [value])
    }

    /// Turns the short way to RAM on or off, by what has to be checked at each access.
    pub(crate) fn refresh_protection(&mut self) {
        self.bus.fast_ram = if self.guarded() {
            0
        } else {
            self.bus.ram.len().saturating_sub(3)
        };
        self.limit = 0;
    }

    /// Whether each access is checked.
    pub(crate) fn guarded(&self) -> bool {
        self.checked() || self.polling.watching
    }

    /// Whether an access may be refused, or stop the core.
    fn checked(&self) -> bool {
        self.mpu.enabled() || self.scs.unaligned_traps() || self.debug.looking
    }

    fn permits(&self, address: u32, wish: Wish) -> bool {
        !self.mpu.enabled()
            || self.mpu.allows(
                address,
                wish,
                self.privileged(),
                self.execution_priority() < 0,
            )
    }

    /// Whether an instruction may be fetched.
    pub(crate) fn permits_fetch(&self, address: u32) -> bool {
        self.permits(address, Wish::Execute)
    }

    #[inline(never)]
    fn load_slowly(&mut self, address: u32, size: u32) -> Result<u32, Trap> {
        if self.debug.looking {
            self.watch(address, size, false);
        }
        if !self.checked()
            && let Some(value) = self.bus.memory(address, size)
        {
            return Ok(value);
        }
        if address & (size - 1) != 0 {
            if self.scs.unaligned_traps() || is_device(address) {
                return Err(Trap::Unaligned);
            }
            let mut value = 0;
            for index in 0..size {
                value |= self.load_slowly(address.wrapping_add(index), 1)? << (8 * index);
            }
            return Ok(value);
        }
        if !self.permits(address, Wish::Read) {
            return Err(Trap::ProtectedData(address));
        }
        if let Some(value) = self.bus.memory(address, size) {
            return Ok(value);
        }
        if let Some((word, bit)) = bit_band(address) {
            return Ok(self.load_slowly(word, 4)? >> bit & 1);
        }
        if self.polling.watching {
            self.watch_read(address);
        }
        if PRIVATE.contains(&address) {
            if !self.privileged() {
                return Err(Trap::BusData(address));
            }
            if let Some(value) = self.read_system(address, size) {
                return Ok(value);
            }
        }
        let (now, pc) = (self.now(), self.pc());
        if let Some(value) = self.bus.read(address, width(size), now, pc) {
            self.after_access();
            return Ok(value);
        }
        if LENIENT.iter().any(|range| range.contains(&address)) {
            self.bus.note_unmodelled(None, address, false, now, pc);
            self.after_access();
            return Ok(0);
        }
        Err(Trap::BusData(address))
    }

    #[inline(never)]
    fn store_slowly(&mut self, address: u32, size: u32, value: u32) -> Result<(), Trap> {
        if self.debug.looking {
            self.watch(address, size, true);
        }
        if self.polling.watching
            && !self.checked()
            && let Some(offset) = self.bus.map.ram_offset(address, size)
        {
            let bytes = value.to_le_bytes();
            let bytes = bytes.get(..size as usize).unwrap_or_default();
            if self.bus.ram.get(offset..offset + bytes.len()) != Some(bytes) {
                self.polling.still = false;
                self.bus.set_ram(offset, bytes);
            }
            return Ok(());
        }
        if address & (size - 1) != 0 {
            if self.scs.unaligned_traps() || is_device(address) {
                return Err(Trap::Unaligned);
            }
            for index in 0..size {
                let byte = value >> (8 * index) & 0xFF;
                self.store_slowly(address.wrapping_add(index), 1, byte)?;
            }
            return Ok(());
        }
        if !self.permits(address, Wish::Write) {
            return Err(Trap::ProtectedData(address));
        }
        if self.polling.watching {
            self.polling.still &= self.bus.map.ram_offset(address, size).is_some()
                && self.bus.memory(address, size) == Some(value);
        }
        let (now, pc) = (self.now(), self.pc());
        if self.bus.set_memory(address, size, value, now, pc) {
            self.after_access();
            return Ok(());
        }
        if let Some((word, bit)) = bit_band(address) {
            let old = self.load_slowly(word, 4)?;
            return self.store_slowly(word, 4, old & !(1 << bit) | (value & 1) << bit);
        }
        if PRIVATE.contains(&address) {
            // STIR may be opened to unprivileged code (CCR.USERSETMPEND).
            if !self.privileged() && !self.scs.opens_trigger(address) {
                return Err(Trap::BusData(address));
            }
            if self.write_system(address, size, value) {
                return Ok(());
            }
        }
        if self.bus.write(address, width(size), value, now, pc) {
            self.after_access();
            return Ok(());
        }
        if LENIENT.iter().any(|range| range.contains(&address)) {
            self.bus.note_unmodelled(None, address, true, now, pc);
            self.after_access();
            return Ok(());
        }
        Err(Trap::BusData(address))
    }

    /// After the bus acted: a new clock rate counts from now on, and whatever else changed is
    /// looked at before the next instruction.
    fn after_access(&mut self) {
        self.time.set_rate(self.cycles, self.bus.clocks.hclk);
        if self.bus.attention {
            self.limit = 0;
        }
    }
}
