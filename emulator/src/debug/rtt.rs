//! SEGGER real-time transfer: text that firmware leaves in ring buffers in RAM.
//!
//! The control block (SEGGER UM08001, chapter 16) is found by its identifier: 16 bytes, the number
//! of up and down buffers, then 24 bytes for each: name, address, size, write and read offset, flags.

use crate::machine::Chip;

const IDENTIFIER: &[u8] = b"SEGGER RTT\0\0\0\0\0\0";
/// More buffers than this are no control block.
const MOST: u32 = 16;

/// A control block in a chip's RAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rtt {
    address: u32,
    up: u32,
    down: u32,
}

/// A ring buffer as its descriptor says it now.
struct Ring {
    descriptor: u32,
    address: u32,
    size: u32,
    write: u32,
    read: u32,
}

impl Rtt {
    /// Looks for a control block in RAM; `None`: the firmware has none, or not yet.
    pub fn find(chip: &Chip) -> Option<Self> {
        let bus = &chip.core().bus;
        let offset = (0..bus.ram.len())
            .step_by(4)
            .find(|offset| bus.ram.get(*offset..offset + 16) == Some(IDENTIFIER))?;
        let address = bus.map.ram_base + offset as u32;
        let up = bus.memory(address + 16, 4)?;
        let down = bus.memory(address + 20, 4)?;
        (up <= MOST && down <= MOST).then_some(Self { address, up, down })
    }

    /// How many buffers lead to the host.
    pub fn up_channels(&self) -> u32 {
        self.up
    }

    fn ring(chip: &Chip, descriptor: u32) -> Option<Ring> {
        let word = |offset: u32| chip.core().bus.memory(descriptor.checked_add(offset)?, 4);
        let ring = Ring {
            descriptor,
            address: word(4)?,
            size: word(8)?,
            write: word(12)?,
            read: word(16)?,
        };
        (ring.size > 0 && ring.write < ring.size && ring.read < ring.size).then_some(ring)
    }

    /// Takes what waits in an up buffer.
    pub fn read(&self, chip: &mut Chip, channel: u32) -> Vec<u8> {
        if channel >= self.up {
            return Vec::new();
        }
        let Some(ring) = Self::ring(chip, self.address + 24 + 24 * channel) else {
            return Vec::new();
        };
        let mut bytes = Vec::new();
        let mut at = ring.read;
        while at != ring.write {
            let place = ring.address.wrapping_add(at);
            bytes.extend(chip.core().bus.memory(place, 1).map(|byte| byte as u8));
            at = (at + 1) % ring.size;
        }
        chip.write_memory(ring.descriptor + 16, &at.to_le_bytes());
        bytes
    }

    /// Puts bytes into a down buffer; how many fitted.
    pub fn write(&self, chip: &mut Chip, channel: u32, bytes: &[u8]) -> usize {
        if channel >= self.down {
            return 0;
        }
        let descriptor = self.address + 24 + 24 * (self.up + channel);
        let Some(ring) = Self::ring(chip, descriptor) else {
            return 0;
        };
        let mut at = ring.write;
        let mut count = 0;
        for byte in bytes {
            let next = (at + 1) % ring.size;
            if next == ring.read {
                break;
            }
            chip.write_memory(ring.address.wrapping_add(at), &[*byte]);
            at = next;
            count += 1;
        }
        chip.write_memory(ring.descriptor + 12, &at.to_le_bytes());
        count
    }
}
