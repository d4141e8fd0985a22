//! The Quad-SPI interface (RM0402, chapter 12) with a NOR flash memory at its lines.
//!
//! A command is carried out at the access that starts it; what its frames take in time is not
//! modelled. The memory knows the commands of common parts (JEDEC JESD216).

use std::collections::{BTreeMap, VecDeque};

use twinbench_model::VirtualTime;

use super::access::Lanes;
use crate::peripheral::{Context, Peripheral, Width};

const CR: u32 = 0x00;
const SR: u32 = 0x08;
const FCR: u32 = 0x0C;
const DLR: u32 = 0x10;
const CCR: u32 = 0x14;
const AR: u32 = 0x18;
const DR: u32 = 0x20;
const PSMKR: u32 = 0x24;
const PSMAR: u32 = 0x28;
const LPTR: u32 = 0x30;

/// Bits of CR.
const ABORT: u32 = 1 << 1;
const PMM: u32 = 1 << 23;
/// Bits of SR.
const TCF: u32 = 1 << 1;
const FTF: u32 = 1 << 2;
const SMF: u32 = 1 << 3;

/// Interrupt number.
const IRQ: u8 = 92;
/// Where the memory is mapped, counted from the registers.
const MAPPED: u32 = 0x9000_0000u32.wrapping_sub(super::f412::QUADSPI);
/// Bytes of a sector, the smallest part that is erased.
const SECTOR: u32 = 4096;
/// Bytes of a page, in which programming wraps around.
const PAGE: u32 = 256;

/// A NOR flash memory; only sectors that were programmed take room.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct Nor {
    size: u32,
    sectors: BTreeMap<u32, Vec<u8>>,
    write_enabled: bool,
    status: u8,
}

impl Nor {
    fn read(&self, address: u32) -> u8 {
        let address = address % self.size.max(1);
        let sector = self.sectors.get(&(address / SECTOR));
        sector.map_or(0xFF, |bytes| bytes[(address % SECTOR) as usize])
    }

    /// Programming can only clear bits.
    fn program(&mut self, address: u32, bytes: impl Iterator<Item = u8>) {
        let (page, mut at) = (address & !(PAGE - 1), address % PAGE);
        for byte in bytes {
            let place = (page + at) % self.size.max(1);
            let sector = self.sectors.entry(place / SECTOR);
            let sector = sector.or_insert_with(|| vec![0xFF; SECTOR as usize]);
            sector[(place % SECTOR) as usize] &= byte;
            at = (at + 1) % PAGE;
        }
    }

    /// Sets a byte as it is, whatever was there.
    fn set(&mut self, address: u32, byte: u8) {
        let sector = self.sectors.entry(address / SECTOR);
        let sector = sector.or_insert_with(|| vec![0xFF; SECTOR as usize]);
        sector[(address % SECTOR) as usize] = byte;
    }

    fn erase(&mut self, address: u32, bytes: u32) {
        let first = address % self.size.max(1) / bytes * bytes / SECTOR;
        let last = first + bytes / SECTOR;
        self.sectors
            .retain(|sector, _| !(first..last).contains(sector));
    }

    /// What a command without data does.
    fn command(&mut self, instruction: u8, address: u32) {
        match instruction {
            0x06 => self.write_enabled = true,
            0x04 => self.write_enabled = false,
            0x20 | 0x52 | 0xD8 | 0x60 | 0xC7 if std::mem::take(&mut self.write_enabled) => {
                match instruction {
                    0x20 => self.erase(address, SECTOR),
                    0x52 => self.erase(address, 8 * SECTOR),
                    0xD8 => self.erase(address, 16 * SECTOR),
                    _ => self.sectors.clear(),
                }
            }
            _ => {}
        }
    }

    /// `length` bytes that it answers.
    fn answer(&self, instruction: u8, address: u32, length: usize) -> VecDeque<u8> {
        let status = self.status | u8::from(self.write_enabled) << 1;
        match instruction {
            0x05 => std::iter::repeat_n(status, length).collect(),
            // A Macronix part of 16 Mbit, whose quad-enable bit is in the status register.
            0x9F => [0xC2, 0x20, 0x15]
                .into_iter()
                .cycle()
                .take(length)
                .collect(),
            0x90 | 0xAB => [0xC2, 0x14].into_iter().cycle().take(length).collect(),
            0x03 | 0x0B | 0x3B | 0x6B | 0xBB | 0xEB => (0..length as u32)
                .map(|at| self.read(address.wrapping_add(at)))
                .collect(),
            _ => std::iter::repeat_n(0, length).collect(),
        }
    }

    fn take(&mut self, instruction: u8, address: u32, bytes: impl Iterator<Item = u8>) {
        if !std::mem::take(&mut self.write_enabled) {
            return;
        }
        match instruction {
            0x01 => self.status = bytes.take(1).fold(0, |_, byte| byte & 0xFC),
            0x02 | 0x32 | 0x38 => self.program(address, bytes),
            _ => {}
        }
    }
}

/// The interface: indirect reads and writes, polling of a status, and the memory at 0x90000000.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Quadspi {
    /// Registers that are stored, by offset / 4.
    stored: [u32; 13],
    sr: u32,
    nor: Option<Nor>,
    /// What is to be read, or was written so far.
    data: VecDeque<u8>,
    /// Bytes that are still to be written.
    wanted: usize,
}

impl Quadspi {
    /// After reset; with a memory of `size` bytes, all erased, or with none.
    pub fn new(size: u32) -> Self {
        Self {
            stored: [0; 13],
            sr: 0,
            nor: (size > 0).then(|| Nor {
                size,
                ..Nor::default()
            }),
            data: VecDeque::new(),
            wanted: 0,
        }
    }

    /// Puts bytes into the memory from outside, as they are.
    pub fn load_memory(&mut self, address: u32, bytes: &[u8]) {
        if let Some(nor) = &mut self.nor {
            for (at, byte) in (address..).zip(bytes) {
                nor.set(at, *byte);
            }
        }
    }

    fn get(&self, register: u32) -> u32 {
        self.stored
            .get((register / 4) as usize)
            .copied()
            .unwrap_or_default()
    }

    /// Whether the command has an address, and data.
    fn shape(&self) -> (bool, bool, u32) {
        let ccr = self.get(CCR);
        (ccr >> 10 & 3 != 0, ccr >> 24 & 3 != 0, ccr >> 26 & 3)
    }

    /// Starts the command, with all that it needs in the registers.
    fn start(&mut self) {
        let (has_address, has_data, mode) = self.shape();
        let instruction = self.get(CCR) as u8;
        let address = if has_address { self.get(AR) } else { 0 };
        let length = self.get(DLR).wrapping_add(1) as usize;
        self.data.clear();
        match (mode, has_data) {
            (0, true) => self.wanted = length,
            (1, _) => {
                // The end of the memory ends a read without an end.
                let length = length.min(1 << 24);
                self.data = match &self.nor {
                    Some(nor) => nor.answer(instruction, address, length),
                    None => std::iter::repeat_n(0xFF, length).collect(),
                };
                self.sr |= TCF;
            }
            (2, _) => {
                let answer = match &self.nor {
                    Some(nor) => nor.answer(instruction, address, length.min(4)),
                    None => VecDeque::from([0xFF]),
                };
                let word = answer
                    .iter()
                    .rev()
                    .fold(0, |word, byte| word << 8 | u32::from(*byte));
                let different = (word ^ self.get(PSMAR)) & self.get(PSMKR);
                let matches = if self.get(CR) & PMM == 0 {
                    different == 0
                } else {
                    different != self.get(PSMKR)
                };
                self.sr |= u32::from(matches) * (SMF | TCF);
            }
            (3, _) => {}
            _ => {
                if let Some(nor) = &mut self.nor {
                    nor.command(instruction, address);
                }
                self.sr |= TCF;
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.wanted == 0 {
            return;
        }
        let count = bytes.len().min(self.wanted);
        self.data.extend(bytes.iter().take(count));
        self.wanted -= count;
        if self.wanted == 0 {
            let (instruction, address) = (self.get(CCR) as u8, self.get(AR));
            let data = std::mem::take(&mut self.data);
            if let Some(nor) = &mut self.nor {
                nor.take(instruction, address, data.into_iter());
            }
            self.sr |= TCF;
        }
    }

    fn status(&self) -> u32 {
        let (_, _, mode) = self.shape();
        let (level, ready) = match mode {
            0 => (0, self.wanted > 0),
            1 => (self.data.len().min(31) as u32, !self.data.is_empty()),
            _ => (0, false),
        };
        self.sr | (u32::from(ready) * FTF) | level << 8
    }

    fn request(&self, cx: &mut Context<'_>) {
        // TEIE to TOIE stand at bits 16 to 20, as TEF to TOF at 0 to 4.
        cx.irq
            .set(IRQ, self.status() & self.get(CR) >> 16 & 0x1F != 0);
    }
}

fn bytes(width: Width) -> usize {
    match width {
        Width::Byte => 1,
        Width::Half => 2,
        Width::Word => 4,
    }
}

impl Peripheral for Quadspi {
    crate::snapshot::saved_by_serde!();

    fn name(&self) -> &'static str {
        "QUADSPI"
    }

    fn also_at(&self) -> Option<(u32, u32)> {
        Some((0x9000_0000, 0x1000_0000))
    }

    fn still_until(&self, offset: u32, _now: VirtualTime) -> Option<VirtualTime> {
        (offset & !3 != DR).then_some(VirtualTime::MAX)
    }

    fn read(&mut self, offset: u32, width: Width, cx: &mut Context<'_>) -> Option<u32> {
        let place = offset.wrapping_sub(MAPPED);
        if place < 0x1000_0000 {
            let nor = self.nor.as_ref().filter(|nor| place < nor.size)?;
            let at = |index| u32::from(nor.read(place.wrapping_add(index))) << (8 * index);
            return Some((0..bytes(width) as u32).map(at).sum());
        }
        let lanes = Lanes::new(offset, width);
        let value = match lanes.register {
            DR => {
                let mut word = 0;
                for index in 0..bytes(width) {
                    word |= u32::from(self.data.pop_front().unwrap_or_default()) << (8 * index);
                }
                self.request(cx);
                return Some(word);
            }
            SR => self.status(),
            FCR => 0,
            register if register <= LPTR => self.get(register),
            _ => return None,
        };
        Some(lanes.extract(value))
    }

    fn write(&mut self, offset: u32, width: Width, value: u32, cx: &mut Context<'_>) -> Option<()> {
        let lanes = Lanes::new(offset, width);
        match lanes.register {
            DR => {
                let all = value.to_le_bytes();
                self.push(all.get(..bytes(width)).unwrap_or_default());
            }
            SR => {}
            FCR => self.sr &= !lanes.merge(0, value),
            register if register <= LPTR => {
                let word = lanes.merge(self.get(register), value);
                *self.stored.get_mut((register / 4) as usize)? = word;
                let (has_address, _, mode) = self.shape();
                match register {
                    CR if word & ABORT != 0 => {
                        self.stored[0] &= !ABORT;
                        self.data.clear();
                        self.wanted = 0;
                        self.sr |= TCF;
                    }
                    // A command begins when the last thing that it needs is written (12.3.5).
                    CCR if !has_address && word & 3 << 8 != 0 => self.start(),
                    CCR if mode == 3 => self.start(),
                    AR if has_address => self.start(),
                    _ => {}
                }
            }
            _ => return None,
        }
        self.request(cx);
        Some(())
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        self.request(cx);
    }

    /// The memory keeps its content.
    fn reset(&mut self) {
        let nor = self.nor.take();
        *self = Self {
            nor,
            ..Self::new(0)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stm32::rig::Rig;

    fn command(rig: &mut Rig, it: &mut Quadspi, ccr: u32, address: Option<u32>) {
        rig.write(it, CCR, ccr);
        if let Some(address) = address {
            rig.write(it, AR, address);
        }
    }

    /// As the HAL's examples do: identify, enable writing, erase, program, poll, read, map.
    #[test]
    fn a_memory_is_identified_erased_programmed_and_read() {
        let (mut rig, mut it) = (Rig::default(), Quadspi::new(2 << 20));
        rig.write(&mut it, CR, 1);
        rig.write(&mut it, DLR, 2);
        command(&mut rig, &mut it, 1 << 26 | 1 << 24 | 1 << 8 | 0x9F, None);
        let id: Vec<_> = (0..3)
            .map(|_| it.read(DR, Width::Byte, &mut rig.cx()).unwrap())
            .collect();
        assert_eq!(id, [0xC2, 0x20, 0x15]);

        command(&mut rig, &mut it, 1 << 8 | 0x06, None);
        rig.write(&mut it, PSMAR, 2);
        rig.write(&mut it, PSMKR, 2);
        rig.write(&mut it, FCR, 0x1F);
        rig.write(&mut it, DLR, 0);
        command(&mut rig, &mut it, 2 << 26 | 1 << 24 | 1 << 8 | 0x05, None);
        assert_eq!(rig.read(&mut it, SR) & SMF, SMF);

        // A word at the data register is one byte of the status, as that is all that is wanted.
        rig.write(&mut it, FCR, 0x1F);
        command(&mut rig, &mut it, 1 << 24 | 1 << 8 | 0x01, None);
        rig.write(&mut it, DR, 0x40);
        rig.write(&mut it, PSMAR, 0x40);
        rig.write(&mut it, PSMKR, 0x40);
        command(&mut rig, &mut it, 2 << 26 | 1 << 24 | 1 << 8 | 0x05, None);
        assert_eq!(rig.read(&mut it, SR) & SMF, SMF);
        command(&mut rig, &mut it, 1 << 8 | 0x06, None);

        // Programming wraps around in its page.
        rig.write(&mut it, FCR, 0x1F);
        rig.write(&mut it, DLR, 7);
        let program = 1 << 24 | 2 << 12 | 1 << 10 | 1 << 8 | 0x02;
        command(&mut rig, &mut it, program, Some(0x1_00FC));
        rig.write(&mut it, DR, 0x4433_2211);
        assert_eq!(rig.read(&mut it, SR) & TCF, 0);
        rig.write(&mut it, DR, 0x8877_6655);
        assert_eq!(rig.read(&mut it, SR) & TCF, TCF);
        let map = 3 << 26 | 1 << 24 | 2 << 12 | 1 << 10 | 1 << 8 | 0x0B;
        rig.write(&mut it, CCR, map);
        assert_eq!(
            rig.read(&mut it, MAPPED.wrapping_add(0x1_00FC)),
            0x4433_2211
        );
        assert_eq!(
            rig.read(&mut it, MAPPED.wrapping_add(0x1_0000)),
            0x8877_6655
        );

        let read = 1 << 26 | 1 << 24 | 2 << 12 | 1 << 10 | 1 << 8 | 0x03;
        command(&mut rig, &mut it, read, Some(0x1_00FE));
        assert_eq!(rig.read(&mut it, DR), 0xFFFF_4433);

        // Without WREN nothing is erased.
        let erase = 2 << 12 | 1 << 10 | 1 << 8 | 0x20;
        command(&mut rig, &mut it, erase, Some(0x1_0000));
        assert_eq!(
            rig.read(&mut it, MAPPED.wrapping_add(0x1_0000)),
            0x8877_6655
        );
        command(&mut rig, &mut it, 1 << 8 | 0x06, None);
        command(&mut rig, &mut it, erase, Some(0x1_0123));
        assert_eq!(rig.read(&mut it, MAPPED.wrapping_add(0x1_0000)), u32::MAX);
    }
}
