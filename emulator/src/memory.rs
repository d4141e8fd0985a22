//! Where the chip's memories are.

/// Addresses and sizes of a chip's memories. The board gives it; nothing else knows the numbers.
///
/// Flash memory is also seen at address 0, from where the core boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryMap {
    /// First address of flash memory.
    pub flash_base: u32,
    /// Bytes of flash memory.
    pub flash_size: u32,
    /// First address of the static RAM; its first MiB is also seen bit by bit 32 MiB above.
    pub ram_base: u32,
    /// Bytes of static RAM.
    pub ram_size: u32,
}

impl MemoryMap {
    /// The STM32F412xG: 1 MiB of flash memory and 256 KiB of RAM (RM0402, 2.2 and 2.3).
    pub const STM32F412XG: Self = Self {
        flash_base: 0x0800_0000,
        flash_size: 1024 * 1024,
        ram_base: 0x2000_0000,
        ram_size: 256 * 1024,
    };

    /// Offset into flash memory of the `len` bytes at `address`, at either of its two places.
    pub(crate) fn flash_offset(&self, address: u32, len: u32) -> Option<usize> {
        let within = |base: u32| {
            let offset = address.checked_sub(base)?;
            (offset <= self.flash_size && len <= self.flash_size - offset)
                .then_some(offset as usize)
        };
        within(self.flash_base).or_else(|| within(0))
    }

    /// Offset into RAM of the `len` bytes at `address`.
    pub(crate) fn ram_offset(&self, address: u32, len: u32) -> Option<usize> {
        let offset = address.checked_sub(self.ram_base)?;
        (offset <= self.ram_size && len <= self.ram_size - offset).then_some(offset as usize)
    }
}
