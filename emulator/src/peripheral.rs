//! What a peripheral is to the bus: registers at offsets, a deadline, and a way to act.

use std::{any::Any, ops::Range};

use bytes::Bytes;
use twinbench_model::VirtualTime;

use crate::snapshot::{Loader, Saver, SnapshotError};

/// The name to push to [`Context::resets`] for a reset of the whole chip (a watchdog's).
pub const WHOLE_CHIP: &str = "whole chip";

/// Width of a bus access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// 8 bits.
    Byte,
    /// 16 bits.
    Half,
    /// 32 bits.
    Word,
}

/// A memory-mapped device of the microcontroller.
///
/// Time comes in with the context; a peripheral with something to do later says so by
/// [`Peripheral::deadline`] and is called at that time, so an idle machine costs nothing.
/// The deadline may change at every call of `read`, `write`, `advance` and `reset`.
///
/// [`Any`] lets the board reach a peripheral by its type (bytes into a UART, a device on an I2C bus).
pub trait Peripheral: Any + Send {
    /// Name in logs, as the reference manual writes it: `USART6`.
    fn name(&self) -> &'static str;

    /// Reads the register at `offset`. `None`: not modelled (the bus logs it once and reads 0).
    fn read(&mut self, offset: u32, width: Width, cx: &mut Context<'_>) -> Option<u32>;

    /// Writes the register at `offset`. `None`: not modelled (the bus logs it once and ignores it).
    fn write(&mut self, offset: u32, width: Width, value: u32, cx: &mut Context<'_>) -> Option<()>;

    /// The next time at which [`Peripheral::advance`] must be called even if no register is touched.
    fn deadline(&self) -> Option<VirtualTime> {
        None
    }

    /// Until when a read of the register at `offset` gives what it gives now, and changes nothing,
    /// here or elsewhere, unless [`Peripheral::deadline`] comes before or the peripheral is called
    /// for another reason. `None`: it cannot be said. A loop that polls such registers is skipped.
    fn still_until(&self, _offset: u32, _now: VirtualTime) -> Option<VirtualTime> {
        None
    }

    /// Acts on the passing of time up to `cx.now`.
    fn advance(&mut self, _cx: &mut Context<'_>) {}

    /// Whether [`Peripheral::advance`] must also be called when [`Pins::input_changed`] is set.
    fn watches_pins(&self) -> bool {
        false
    }

    /// Whether a store into flash memory programs it now: the flash controller's `PG` bit. Asked
    /// of every peripheral when the firmware stores into flash, which is rare.
    fn programs_flash(&self) -> bool {
        false
    }

    /// The part of flash memory to erase, as offsets from its start; asked after every write to
    /// this peripheral, and given once.
    fn take_flash_erase(&mut self) -> Option<Range<u32>> {
        None
    }

    /// What it asks the DMA controllers for now, a bit for each of its requests.
    fn dma_requests(&self) -> u8 {
        0
    }

    /// Whether it is a DMA controller with a stream that is on.
    fn dma_is_active(&self) -> bool {
        false
    }

    /// A DMA controller's next item, by what each peripheral, named, asks for now.
    fn dma_next(&self, _requests: &dyn Fn(&str) -> u8) -> Option<DmaTransfer> {
        None
    }

    /// How many items a stream of a DMA controller still has to move.
    fn dma_left(&self, _stream: usize) -> u32 {
        0
    }

    /// The stream that reads from this peripheral has one item left: what an I2C answers the last
    /// byte with depends on it.
    fn dma_one_left(&mut self) {}

    /// A second range of addresses at which it answers, with offsets counted, wrapping, from its
    /// first: a memory behind an interface.
    fn also_at(&self) -> Option<(u32, u32)> {
        None
    }

    /// The item of a stream was moved, or could not be.
    fn dma_done(&mut self, _stream: usize, _failed: bool, _cx: &mut Context<'_>) {}

    /// Hands out all of its state, but for what its place on the chip gives it.
    fn save(&self, out: &mut Saver);

    /// Takes back what [`Peripheral::save`] handed out.
    ///
    /// # Errors
    /// When the bytes are no state of this peripheral.
    fn restore(&mut self, from: &mut Loader<'_>) -> Result<(), SnapshotError>;

    /// Back to the state after power-on. The caller then calls [`Peripheral::advance`], in which
    /// the peripheral lets go of its interrupt lines and pins.
    fn reset(&mut self);
}

/// An item that a DMA controller wants moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DmaTransfer {
    /// The stream.
    pub stream: usize,
    /// Address read.
    pub from: u32,
    /// Address written.
    pub to: u32,
    /// Size of the item.
    pub width: Width,
}

/// What a peripheral may touch while it acts.
pub struct Context<'a> {
    /// Current virtual time.
    pub now: VirtualTime,
    /// Interrupt request lines into the NVIC; level-sensitive, by interrupt number.
    pub irq: &'a mut IrqLines,
    /// Bus and timer clocks, set by RCC, read by everyone. After an access that changed them the
    /// bus calls [`Peripheral::advance`] of every peripheral, so that each counts on at the new rate.
    pub clocks: &'a mut Clocks,
    /// Pin levels, 16 a port, A to H; GPIO drives them, EXTI and the board watch them.
    pub pins: &'a mut Pins,
    /// Names of the peripherals that RCC resets by this access; the bus resets them after it.
    /// [`WHOLE_CHIP`] resets everything.
    pub resets: &'a mut Vec<&'static str>,
    /// What leaves the chip.
    pub out: &'a mut Vec<Signal>,
}

/// Levels of the interrupt request lines, by external interrupt number 0..=95.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct IrqLines {
    /// Bit n of the whole is line n.
    pub levels: [u32; 3],
    /// Set when any line changed since the core looked.
    pub changed: bool,
    /// What each of the up to two peripherals on a line drives.
    sources: [[u32; 3]; 2],
}

impl IrqLines {
    /// Drives a line that belongs to one peripheral.
    pub fn set(&mut self, irq: u8, high: bool) {
        self.set_shared(irq, 0, high);
    }

    /// Drives a line that two peripherals share (`TIM1_UP_TIM10`): it is high while one of them
    /// drives it. `source` tells them apart, 0 or 1.
    pub fn set_shared(&mut self, irq: u8, source: u8, high: bool) {
        let (word, bit) = (usize::from(irq / 32), 1u32 << (irq % 32));
        let own = &mut self.sources[usize::from(source & 1)][word];
        *own = if high { *own | bit } else { *own & !bit };
        let new = self.sources[0][word] | self.sources[1][word];
        self.changed |= self.levels[word] != new;
        self.levels[word] = new;
    }
}

/// Clock rates in hertz.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Clocks {
    /// Core and AHB clock.
    pub hclk: u32,
    /// APB1 peripherals.
    pub pclk1: u32,
    /// APB2 peripherals.
    pub pclk2: u32,
    /// Timers on APB1.
    pub tim1: u32,
    /// Timers on APB2.
    pub tim2: u32,
}

impl Default for Clocks {
    /// After reset the chip runs on its 16 MHz internal oscillator (RM0402, 6.2.2).
    fn default() -> Self {
        let hsi = 16_000_000;
        Self {
            hclk: hsi,
            pclk1: hsi,
            pclk2: hsi,
            tim1: hsi,
            tim2: hsi,
        }
    }
}

/// Levels on the pins, one 16-bit word a port, A first.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Pins {
    /// Level that the board puts on a pin from outside (buttons, resistors).
    pub input: [u16; 8],
    /// Pins on which the board puts a level; the others float.
    pub wired: [u16; 8],
    /// Level of the chip's own pull resistors.
    pub pulled: [u16; 8],
    /// Level that the chip drives.
    pub output: [u16; 8],
    /// Pins whose level the chip decides.
    pub driven: [u16; 8],
    /// Port (0 = A) whose pin reaches EXTI line n; SYSCFG sets it, EXTI reads it.
    pub exti_port: [u8; 16],
    /// Events inside the chip at EXTI's lines 16 to 22 (RTC alarm 17, tamper 21, wake-up 22), one bit
    /// each; EXTI takes them.
    pub internal: u32,
    /// Set when a level or the choice of ports changed since EXTI looked.
    pub input_changed: bool,
}

impl Pins {
    /// Levels at a port's pins: the chip's where it drives, else the board's where it is wired,
    /// else those of the pull resistors; a pin with none of them reads low.
    pub fn levels(&self, port: usize) -> u16 {
        let (driven, wired) = (self.driven[port], self.wired[port]);
        let outside = (self.input[port] & wired) | (self.pulled[port] & !wired);
        (self.output[port] & driven) | (outside & !driven)
    }

    /// Puts a level on a pin from outside.
    pub fn wire(&mut self, port: usize, pin: u8, high: bool) {
        let bit = 1 << pin;
        self.wired[port] |= bit;
        self.input[port] = (self.input[port] & !bit) | u16::from(high) << pin;
        self.input_changed = true;
    }
}

/// Something that left the chip or board.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// When; for a byte, when its stop bit ended.
    pub time: VirtualTime,
    /// What.
    pub kind: SignalKind,
}

/// What left.
#[derive(Debug, Clone, PartialEq)]
pub enum SignalKind {
    /// A byte on a UART, by the peripheral's name (`USART6`).
    Uart {
        /// The peripheral.
        name: &'static str,
        /// The byte.
        byte: u8,
    },
    /// A pin that the chip drives changed.
    Pin {
        /// Port index, 0 = A.
        port: u8,
        /// Pin 0..=15.
        pin: u8,
        /// New level.
        high: bool,
    },
    /// The display's frame buffer changed (sent when a transfer to it ends).
    Display(Bytes),
    /// What the firmware wrote to a stimulus port of the instrumentation trace.
    Itm {
        /// The port, 0 to 31.
        port: u8,
        /// One, two or four bytes.
        bytes: Bytes,
    },
    /// What the firmware wrote by semihosting.
    Semihosting(Bytes),
    /// A line of diagnosis.
    Note(String),
}
