//! The DMA controllers (RM0402, chapter 9).
//!
//! A transfer takes no bus time: an item moves at the instant at which its request is seen. So the
//! FIFO is always empty when looked at; packing between sizes gives the same bytes in memory.
//! Bursts and the peripheral as flow controller are stored only.

use twinbench_model::VirtualTime;

use super::access::Lanes;
use crate::{
    peripheral::{Context, DmaTransfer, Peripheral, Width},
    snapshot::saved_by_serde,
};

/// Bits of a stream's CR.
const EN: u32 = 1;
const TEIE: u32 = 1 << 2;
const HTIE: u32 = 1 << 3;
const TCIE: u32 = 1 << 4;
const CIRC: u32 = 1 << 8;
const PINC: u32 = 1 << 9;
const MINC: u32 = 1 << 10;
const PINCOS: u32 = 1 << 15;
const DBM: u32 = 1 << 18;
const CT: u32 = 1 << 19;
/// Bits of a stream's flags.
const TEIF: u32 = 1 << 3;
const HTIF: u32 = 1 << 4;
const TCIF: u32 = 1 << 5;
/// `FCR` after reset, and "FIFO empty".
const FCR_RESET: u32 = 0x21;
/// Where the flags of streams 0 to 3 are in `LISR`, and of 4 to 7 in `HISR`.
const PLACES: [u32; 4] = [0, 6, 16, 22];

/// Bit of a peripheral's requests: it has something to be read.
pub const RECEIVE: u8 = 1;
/// It wants something to be written.
pub const TRANSMIT: u8 = 2;

/// Requests of one controller by stream and channel (RM0402, tables 27 and 28).
pub type Routes = &'static [(u8, u8, &'static str, u8)];

/// Requests of DMA1 that are modelled.
pub const DMA1: Routes = &[
    (0, 1, "I2C1", RECEIVE),
    (1, 0, "I2C1", TRANSMIT),
    (5, 1, "I2C1", RECEIVE),
    (6, 1, "I2C1", TRANSMIT),
    (7, 1, "I2C1", TRANSMIT),
    (2, 7, "I2C2", RECEIVE),
    (3, 7, "I2C2", RECEIVE),
    (7, 7, "I2C2", TRANSMIT),
    (1, 1, "I2C3", RECEIVE),
    (2, 3, "I2C3", RECEIVE),
    (4, 3, "I2C3", TRANSMIT),
    (5, 6, "I2C3", TRANSMIT),
    (3, 0, "SPI2", RECEIVE),
    (4, 0, "SPI2", TRANSMIT),
    (0, 0, "SPI3", RECEIVE),
    (2, 0, "SPI3", RECEIVE),
    (5, 0, "SPI3", TRANSMIT),
    (7, 0, "SPI3", TRANSMIT),
    (1, 4, "USART3", RECEIVE),
    (3, 4, "USART3", TRANSMIT),
    (4, 7, "USART3", TRANSMIT),
    (5, 4, "USART2", RECEIVE),
    (6, 4, "USART2", TRANSMIT),
];

/// Requests of DMA2 that are modelled.
pub const DMA2: Routes = &[
    (0, 0, "ADC1", RECEIVE),
    (4, 0, "ADC1", RECEIVE),
    (0, 3, "SPI1", RECEIVE),
    (2, 3, "SPI1", RECEIVE),
    (2, 2, "SPI1", TRANSMIT),
    (3, 3, "SPI1", TRANSMIT),
    (5, 3, "SPI1", TRANSMIT),
    (0, 4, "SPI4", RECEIVE),
    (3, 5, "SPI4", RECEIVE),
    (4, 4, "SPI4", RECEIVE),
    (1, 4, "SPI4", TRANSMIT),
    (4, 5, "SPI4", TRANSMIT),
    (3, 2, "SPI5", RECEIVE),
    (5, 7, "SPI5", RECEIVE),
    (4, 2, "SPI5", TRANSMIT),
    (5, 5, "SPI5", TRANSMIT),
    (6, 7, "SPI5", TRANSMIT),
    (2, 4, "USART1", RECEIVE),
    (5, 4, "USART1", RECEIVE),
    (7, 4, "USART1", TRANSMIT),
    (1, 5, "USART6", RECEIVE),
    (2, 5, "USART6", RECEIVE),
    (6, 5, "USART6", TRANSMIT),
    (7, 5, "USART6", TRANSMIT),
];

#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
struct Stream {
    cr: u32,
    ndtr: u32,
    par: u32,
    memory: [u32; 2],
    fcr: u32,
    flags: u32,
    /// Items of a whole round, latched when it was enabled.
    round: u32,
}

impl Stream {
    fn item(&self) -> u32 {
        1 << (self.cr >> 11 & 3).min(2)
    }

    /// The next item's addresses: peripheral port and memory.
    fn addresses(&self) -> (u32, u32) {
        let done = self.round - self.ndtr;
        let step = |increments: bool, size: u32| if increments { done * size } else { 0 };
        let port_step = if self.cr & PINCOS != 0 {
            4
        } else {
            self.item()
        };
        let target = usize::from(self.cr & DBM != 0 && self.cr & CT != 0);
        (
            self.par.wrapping_add(step(self.cr & PINC != 0, port_step)),
            self.memory[target].wrapping_add(step(self.cr & MINC != 0, self.item())),
        )
    }

    fn direction(&self) -> u32 {
        self.cr >> 6 & 3
    }
}

/// A controller with eight streams.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Dma {
    #[serde(skip)]
    name: &'static str,
    #[serde(skip)]
    routes: Routes,
    #[serde(skip)]
    irqs: [u8; 8],
    streams: [Stream; 8],
}

impl Dma {
    /// A controller after reset, with its requests and the interrupt of each stream.
    pub fn new(name: &'static str, routes: Routes, irqs: [u8; 8]) -> Self {
        let stream = Stream {
            fcr: FCR_RESET,
            ..Stream::default()
        };
        Self {
            name,
            routes,
            irqs,
            streams: [stream; 8],
        }
    }

    /// Stream and register offset within it.
    fn stream(register: u32) -> Option<(usize, u32)> {
        let offset = register.checked_sub(0x10)?;
        let index = (offset / 0x18) as usize;
        (index < 8).then_some((index, offset % 0x18))
    }

    fn load(&self, register: u32) -> Option<u32> {
        if register < 8 {
            let first = if register == 0 { 0 } else { 4 };
            let flags = PLACES.iter().zip(&self.streams[first..first + 4]);
            return Some(flags.fold(0, |all, (place, stream)| all | stream.flags << place));
        }
        if register < 0x10 {
            return Some(0);
        }
        let (index, offset) = Self::stream(register)?;
        let stream = &self.streams[index];
        Some(match offset {
            0x00 => stream.cr,
            0x04 => stream.ndtr,
            0x08 => stream.par,
            0x0C => stream.memory[0],
            0x10 => stream.memory[1],
            _ => stream.fcr,
        })
    }

    fn store(&mut self, register: u32, value: u32) -> Option<()> {
        if register < 8 {
            return Some(());
        }
        if register < 0x10 {
            let first = if register == 8 { 0 } else { 4 };
            for (place, stream) in PLACES.iter().zip(&mut self.streams[first..first + 4]) {
                stream.flags &= !(value >> place & 0x3D);
            }
            return Some(());
        }
        let (index, offset) = Self::stream(register)?;
        let stream = &mut self.streams[index];
        let enabled = stream.cr & EN != 0;
        match offset {
            0x00 if enabled && value & EN == 0 => {
                // Switched off in the middle: the round ends (9.3.13).
                stream.cr = value & 0x0FFF_FFFF & !EN;
                stream.flags |= TCIF;
            }
            0x00 if enabled => {
                // Only the interrupt enables may change while it runs.
                stream.cr = stream.cr & !0x1E | value & 0x1E;
            }
            0x00 => {
                stream.cr = value & 0x0FFF_FFFF;
                if value & EN != 0 {
                    stream.round = stream.ndtr;
                    if stream.cr & DBM != 0 {
                        stream.cr |= CIRC;
                    }
                    if stream.ndtr == 0 {
                        stream.cr &= !EN;
                    }
                }
            }
            0x04 if !enabled => stream.ndtr = value & 0xFFFF,
            0x08 if !enabled => stream.par = value,
            // With two buffers, the one not in use may be moved.
            0x0C if !enabled || stream.cr & (DBM | CT) == DBM | CT => stream.memory[0] = value,
            0x10 if !enabled || stream.cr & (DBM | CT) == DBM => stream.memory[1] = value,
            0x14 if !enabled => stream.fcr = value & 0x87 | 0x20,
            _ => {}
        }
        Some(())
    }

    fn request_interrupts(&self, cx: &mut Context<'_>) {
        for (stream, irq) in self.streams.iter().zip(self.irqs) {
            let pairs = [(TEIF, TEIE), (HTIF, HTIE), (TCIF, TCIE)];
            let any = pairs
                .iter()
                .any(|(flag, enable)| stream.flags & flag != 0 && stream.cr & enable != 0);
            cx.irq.set(irq, any);
        }
    }
}

impl Peripheral for Dma {
    saved_by_serde!(name, routes, irqs);

    fn name(&self) -> &'static str {
        self.name
    }

    fn still_until(&self, _offset: u32, _now: VirtualTime) -> Option<VirtualTime> {
        Some(VirtualTime::MAX)
    }

    fn read(&mut self, offset: u32, width: Width, _cx: &mut Context<'_>) -> Option<u32> {
        let lanes = Lanes::new(offset, width);
        Some(lanes.extract(self.load(lanes.register)?))
    }

    fn write(&mut self, offset: u32, width: Width, value: u32, cx: &mut Context<'_>) -> Option<()> {
        let lanes = Lanes::new(offset, width);
        let kept = if lanes.register < 0x10 {
            0
        } else {
            self.load(lanes.register)?
        };
        self.store(lanes.register, lanes.merge(kept, value))?;
        self.request_interrupts(cx);
        Some(())
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        self.request_interrupts(cx);
    }

    fn dma_is_active(&self) -> bool {
        self.streams.iter().any(|stream| stream.cr & EN != 0)
    }

    fn dma_next(&self, requests: &dyn Fn(&str) -> u8) -> Option<DmaTransfer> {
        let wants = |index: usize, stream: &Stream| {
            let channel = (stream.cr >> 25 & 7) as u8;
            stream.direction() == 2
                || self.routes.iter().any(|(at, on, name, bit)| {
                    usize::from(*at) == index && *on == channel && requests(name) & bit != 0
                })
        };
        // The priority, then the number decides.
        let (index, stream) = self
            .streams
            .iter()
            .enumerate()
            .filter(|(index, stream)| stream.cr & EN != 0 && wants(*index, stream))
            .min_by_key(|(index, stream)| (3 - (stream.cr >> 16 & 3), *index))?;
        let (port, memory) = stream.addresses();
        let (from, to) = if stream.direction() == 1 {
            (memory, port)
        } else {
            (port, memory)
        };
        Some(DmaTransfer {
            stream: index,
            from,
            to,
            width: match stream.item() {
                1 => Width::Byte,
                2 => Width::Half,
                _ => Width::Word,
            },
        })
    }

    fn dma_left(&self, stream: usize) -> u32 {
        self.streams.get(stream).map_or(0, |stream| stream.ndtr)
    }

    fn dma_done(&mut self, index: usize, failed: bool, cx: &mut Context<'_>) {
        let Some(stream) = self.streams.get_mut(index) else {
            return;
        };
        if failed {
            stream.flags |= TEIF;
            stream.cr &= !EN;
        } else {
            stream.ndtr -= 1;
            if stream.ndtr == stream.round / 2 && stream.ndtr > 0 {
                stream.flags |= HTIF;
            }
            if stream.ndtr == 0 {
                stream.flags |= TCIF;
                if stream.cr & CIRC == 0 || stream.direction() == 2 {
                    stream.cr &= !EN;
                } else {
                    stream.ndtr = stream.round;
                    if stream.cr & DBM != 0 {
                        stream.cr ^= CT;
                    }
                }
            }
        }
        self.request_interrupts(cx);
    }

    fn reset(&mut self) {
        *self = Self::new(self.name, self.routes, self.irqs);
    }
}
