//! I2C master (RM0402, chapter 24), and the bus with its devices.

use twinbench_model::VirtualTime;

use super::{access::Lanes, dma, ticks};
use crate::{
    peripheral::{Context, Peripheral, Width},
    sensors::I2cDevice,
    snapshot::{Loader, Saver, SnapshotError},
};

const CR1: u32 = 0x00;
const CR2: u32 = 0x04;
const OAR1: u32 = 0x08;
const OAR2: u32 = 0x0C;
const DR: u32 = 0x10;
const SR1: u32 = 0x14;
const SR2: u32 = 0x18;
const CCR: u32 = 0x1C;
const TRISE: u32 = 0x20;
const FLTR: u32 = 0x24;

/// Bits of CR1.
const PE: u32 = 1;
const START: u32 = 1 << 8;
const STOP: u32 = 1 << 9;
const ACK: u32 = 1 << 10;
const POS: u32 = 1 << 11;
const SWRST: u32 = 1 << 15;

/// Bits of CR2.
const ITERREN: u32 = 1 << 8;
const ITEVTEN: u32 = 1 << 9;
const ITBUFEN: u32 = 1 << 10;
const DMAEN: u32 = 1 << 11;
const LAST: u32 = 1 << 12;

/// Bits of SR1.
const SB: u32 = 1;
const ADDR: u32 = 1 << 1;
const BTF: u32 = 1 << 2;
const RXNE: u32 = 1 << 6;
const TXE: u32 = 1 << 7;
const AF: u32 = 1 << 10;
/// Error flags, cleared by writing 0.
const ERRORS: u32 = 0xDF00;

/// Bits of SR2.
const MSL: u32 = 1;
const BUSY: u32 = 1 << 1;
const TRA: u32 = 1 << 2;

/// One of the chip's I2C interfaces; all hang on APB1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct I2cPort {
    /// Name, as in RM0402.
    pub name: &'static str,
    /// Interrupt number of events.
    pub event_irq: u8,
    /// Interrupt number of errors.
    pub error_irq: u8,
}

/// What is on the wire until a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Wire {
    /// Nothing: the bus is free, or the clock is held low until firmware acts.
    Quiet,
    /// A start condition.
    Start(VirtualTime),
    /// An address byte.
    Address(VirtualTime, u8),
    /// A byte to the device.
    Send(VirtualTime, u8),
    /// A byte from the device.
    Receive(VirtualTime),
    /// A stop condition.
    Stop(VirtualTime),
}

impl Wire {
    fn end(self) -> Option<VirtualTime> {
        match self {
            Self::Quiet => None,
            Self::Start(at)
            | Self::Address(at, _)
            | Self::Send(at, _)
            | Self::Receive(at)
            | Self::Stop(at) => Some(at),
        }
    }
}

/// What a master does between start and stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Phase {
    /// Not master.
    Idle,
    /// A start was sent, or an address that nobody took.
    Started,
    /// Addressed to send; ADDR not yet cleared, or data phase.
    Sending,
    /// Addressed to receive. `more`: the last byte was acknowledged, so another follows.
    Receiving { more: bool },
}

/// An inter-integrated circuit interface with the devices on its bus.
///
/// Master with 7-bit addresses, polled or by interrupts or with DMA, with byte times from CCR. The slave
/// role, 10-bit addresses, SMBus and packet error checking are stored only.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct I2c {
    #[serde(skip)]
    port: I2cPort,
    #[serde(skip)]
    devices: Vec<Box<dyn I2cDevice>>,
    cr1: u32,
    cr2: u32,
    oar: [u32; 2],
    ccr: u32,
    trise: u32,
    fltr: u32,
    sr1: u32,
    sr2: u32,
    /// Flags seen by the last read of SR1.
    seen: u32,
    /// The data register: what waits to be sent, or was received.
    data: u8,
    /// Sending: whether `data` waits behind the byte on the wire.
    queued: bool,
    /// Receiving: a byte in the shift register behind an unread one.
    held: Option<u8>,
    phase: Phase,
    wire: Wire,
    /// Devices addressed since the last stop.
    selected: Vec<usize>,
    /// The DMA controller takes one byte more: it is not acknowledged (24.3.7).
    last: bool,
}

impl I2c {
    /// An interface after reset, with devices on its bus.
    pub fn new(port: I2cPort, devices: Vec<Box<dyn I2cDevice>>) -> Self {
        Self {
            port,
            devices,
            cr1: 0,
            cr2: 0,
            oar: [0; 2],
            ccr: 0,
            trise: 2,
            fltr: 0,
            sr1: 0,
            sr2: 0,
            seen: 0,
            data: 0,
            queued: false,
            held: None,
            phase: Phase::Idle,
            wire: Wire::Quiet,
            selected: Vec::new(),
            last: false,
        }
    }

    /// The devices on the bus.
    pub fn devices(&self) -> &[Box<dyn I2cDevice>] {
        &self.devices
    }

    /// The devices on the bus, to set what they measure.
    pub fn devices_mut(&mut self) -> &mut [Box<dyn I2cDevice>] {
        &mut self.devices
    }

    /// The end of `bits` clock periods from `from` (24.6.8: CCR in standard and fast mode).
    fn after(&self, bits: u64, from: VirtualTime, cx: &Context<'_>) -> VirtualTime {
        let ccr = u64::from(self.ccr & 0xFFF).max(1);
        let period = match (self.ccr >> 15 & 1, self.ccr >> 14 & 1) {
            (0, _) => 2 * ccr,
            (_, 0) => 3 * ccr,
            _ => 25 * ccr,
        };
        ticks::instant(from, bits * period, cx.clocks.pclk1)
    }

    /// The addressed device: the last selected.
    fn device(&mut self) -> Option<&mut Box<dyn I2cDevice>> {
        let index = *self.selected.last()?;
        self.devices.get_mut(index)
    }

    /// Puts the next thing on a quiet wire, as far as requests and flags allow.
    fn proceed(&mut self, from: VirtualTime, cx: &Context<'_>) {
        if self.wire != Wire::Quiet || self.cr1 & PE == 0 {
            return;
        }
        // ADDR holds the clock until firmware has cleared it.
        if self.sr1 & ADDR != 0 {
            return;
        }
        // Bytes of which the shift register has the next one go first.
        if self.phase == Phase::Sending && self.queued {
            self.queued = false;
            self.sr1 = (self.sr1 | TXE) & !BTF;
            self.wire = Wire::Send(self.after(9, from, cx), self.data);
            return;
        }
        if self.cr1 & STOP != 0 && self.phase != Phase::Idle {
            self.wire = Wire::Stop(self.after(1, from, cx));
            self.sr1 &= !(BTF | SB | TXE);
            return;
        }
        if self.cr1 & START != 0 {
            self.sr1 &= !(BTF | TXE);
            self.wire = Wire::Start(self.after(1, from, cx));
            return;
        }
        if self.phase == (Phase::Receiving { more: true }) && self.held.is_none() {
            self.wire = Wire::Receive(self.after(9, from, cx));
        }
    }

    /// What the wire carried by now.
    fn catch_up(&mut self, cx: &mut Context<'_>) {
        while let Some(at) = self.wire.end().filter(|&at| at <= cx.now) {
            match std::mem::replace(&mut self.wire, Wire::Quiet) {
                Wire::Quiet => {}
                Wire::Start(_) => {
                    self.cr1 &= !START;
                    self.sr1 |= SB;
                    self.sr2 = MSL | BUSY;
                    self.phase = Phase::Started;
                }
                Wire::Address(_, byte) => self.address(byte, at),
                Wire::Send(_, byte) => {
                    let taken = self.device().is_some_and(|device| device.write(byte, at));
                    if !taken {
                        self.sr1 |= AF;
                        self.queued = false;
                        self.phase = Phase::Started;
                    } else if !self.queued {
                        self.sr1 |= BTF;
                    }
                }
                Wire::Receive(_) => self.received(at),
                Wire::Stop(_) => {
                    self.cr1 &= !STOP;
                    self.sr2 = 0;
                    self.phase = Phase::Idle;
                    for index in std::mem::take(&mut self.selected) {
                        if let Some(device) = self.devices.get_mut(index) {
                            device.stop(at, cx.out);
                        }
                    }
                }
            }
            self.proceed(at, cx);
        }
    }

    fn address(&mut self, byte: u8, at: VirtualTime) {
        let read = byte & 1 != 0;
        let address = byte >> 1;
        let found = self
            .devices
            .iter()
            .position(|device| device.address() == address);
        let Some(index) = found else {
            self.sr1 |= AF;
            return;
        };
        self.selected.retain(|&other| other != index);
        self.selected.push(index);
        self.devices[index].start(read, at);
        self.sr1 |= ADDR;
        self.held = None;
        self.last = false;
        if read {
            self.sr1 &= !(RXNE | TXE);
            self.phase = Phase::Receiving { more: true };
        } else {
            self.sr2 |= TRA;
            self.sr1 |= TXE;
            self.phase = Phase::Sending;
        }
    }

    /// A byte came in; the bit ACK at its end, or with POS the one before, answers it.
    fn received(&mut self, at: VirtualTime) {
        let byte = self.device().map_or(0xFF, |device| device.read(at));
        // With POS, ACK decides on the byte after this one: the first of two is acknowledged.
        let acknowledge = if std::mem::take(&mut self.last) {
            false
        } else if self.cr1 & POS != 0 {
            self.sr1 & RXNE == 0 || self.cr1 & ACK != 0
        } else {
            self.cr1 & ACK != 0
        };
        if self.sr1 & RXNE == 0 {
            self.data = byte;
            self.sr1 |= RXNE;
        } else {
            self.held = Some(byte);
            self.sr1 |= BTF;
        }
        self.phase = Phase::Receiving { more: acknowledge };
    }

    fn read_data(&mut self, cx: &Context<'_>) -> u32 {
        let value = u32::from(self.data);
        if !matches!(self.phase, Phase::Sending) {
            self.sr1 &= !(RXNE | BTF);
            if let Some(byte) = self.held.take() {
                self.data = byte;
                self.sr1 |= RXNE;
            }
            self.proceed(cx.now, cx);
        }
        value
    }

    fn write_data(&mut self, byte: u8, cx: &Context<'_>) {
        if self.sr1 & SB != 0 {
            self.sr1 &= !SB;
            self.wire = Wire::Address(self.after(9, cx.now, cx), byte);
            return;
        }
        if self.phase == Phase::Sending {
            self.data = byte;
            self.queued = true;
            self.sr1 &= !(TXE | BTF);
            self.proceed(cx.now, cx);
        }
    }

    fn control(&mut self, value: u32, cx: &mut Context<'_>) {
        let value = value & 0xBFFB;
        if value & SWRST != 0 {
            self.release();
            self.cr1 = value & SWRST;
            return;
        }
        self.cr1 = value;
        if value & PE == 0 {
            self.release();
            self.cr1 &= !(START | STOP | ACK);
            return;
        }
        // A stop without a transfer has nothing to end.
        if self.phase == Phase::Idle && !matches!(self.wire, Wire::Start(_)) {
            self.cr1 &= !STOP;
        }
        self.proceed(cx.now, cx);
    }

    /// Lets go of the bus and forgets the transfer.
    fn release(&mut self) {
        self.sr1 = 0;
        self.sr2 = 0;
        self.seen = 0;
        self.queued = false;
        self.held = None;
        self.phase = Phase::Idle;
        self.wire = Wire::Quiet;
    }

    fn request(&self, cx: &mut Context<'_>) {
        let mut events = SB | ADDR | BTF;
        if self.cr2 & ITBUFEN != 0 {
            events |= TXE | RXNE;
        }
        let event = self.cr2 & ITEVTEN != 0 && self.sr1 & events != 0;
        let error = self.cr2 & ITERREN != 0 && self.sr1 & ERRORS != 0;
        cx.irq.set(self.port.event_irq, event);
        cx.irq.set(self.port.error_irq, error);
    }

    fn load(&mut self, register: u32, cx: &Context<'_>) -> Option<u32> {
        Some(match register {
            DR => self.read_data(cx),
            SR1 => {
                self.seen = self.sr1;
                self.sr1
            }
            SR2 => {
                let value = self.sr2;
                if self.seen & self.sr1 & ADDR != 0 {
                    self.sr1 &= !ADDR;
                    self.proceed(cx.now, cx);
                }
                value
            }
            _ => self.stored(register)?,
        })
    }

    fn stored(&self, register: u32) -> Option<u32> {
        Some(match register {
            CR1 => self.cr1,
            CR2 => self.cr2,
            OAR1 => self.oar[0],
            OAR2 => self.oar[1],
            CCR => self.ccr,
            TRISE => self.trise,
            FLTR => self.fltr,
            _ => return None,
        })
    }

    fn store(&mut self, register: u32, value: u32, cx: &mut Context<'_>) -> Option<()> {
        match register {
            CR1 => self.control(value, cx),
            CR2 => {
                self.cr2 = value & 0x1F3F;
            }
            OAR1 => self.oar[0] = value & 0xC3FF,
            OAR2 => self.oar[1] = value & 0xFF,
            DR => self.write_data(value as u8, cx),
            SR1 => self.sr1 &= value | !ERRORS,
            SR2 => {}
            CCR => self.ccr = value & 0xCFFF,
            TRISE => self.trise = value & 0x3F,
            FLTR => self.fltr = value & 0x1F,
            _ => return None,
        }
        Some(())
    }
}

impl Peripheral for I2c {
    fn save(&self, out: &mut Saver) {
        out.put(self);
        for device in &self.devices {
            device.save(out);
        }
    }

    fn restore(&mut self, from: &mut Loader<'_>) -> Result<(), SnapshotError> {
        let state: Self = from.get()?;
        let devices = std::mem::take(&mut self.devices);
        *self = Self {
            port: self.port,
            devices,
            ..state
        };
        for device in &mut self.devices {
            device.restore(from)?;
        }
        Ok(())
    }

    fn name(&self) -> &'static str {
        self.port.name
    }

    fn still_until(&self, offset: u32, _now: VirtualTime) -> Option<VirtualTime> {
        let still = match offset & !3 {
            SR1 => self.seen == self.sr1,
            SR2 => self.seen & self.sr1 & ADDR == 0,
            DR => false,
            _ => true,
        };
        still.then_some(VirtualTime::MAX)
    }

    fn read(&mut self, offset: u32, width: Width, cx: &mut Context<'_>) -> Option<u32> {
        self.catch_up(cx);
        let lanes = Lanes::new(offset, width);
        let value = lanes.extract(self.load(lanes.register, cx)?);
        self.request(cx);
        Some(value)
    }

    fn write(&mut self, offset: u32, width: Width, value: u32, cx: &mut Context<'_>) -> Option<()> {
        self.catch_up(cx);
        let lanes = Lanes::new(offset, width);
        let kept = match lanes.register {
            SR1 => u32::MAX,
            DR | SR2 => 0,
            register => self.stored(register)?,
        };
        self.store(lanes.register, lanes.merge(kept, value), cx)?;
        self.request(cx);
        Some(())
    }

    fn deadline(&self) -> Option<VirtualTime> {
        self.wire.end()
    }

    fn dma_requests(&self) -> u8 {
        if self.cr2 & DMAEN == 0 || self.sr1 & ADDR != 0 {
            return 0;
        }
        let transmits = self.phase == Phase::Sending && self.sr1 & TXE != 0;
        let receives = self.sr1 & RXNE != 0;
        (u8::from(receives) * dma::RECEIVE) | (u8::from(transmits) * dma::TRANSMIT)
    }

    fn dma_one_left(&mut self) {
        self.last = self.cr2 & LAST != 0;
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        self.catch_up(cx);
        self.request(cx);
    }

    /// The devices on the bus keep their state: no line tells them.
    fn reset(&mut self) {
        let devices = std::mem::take(&mut self.devices);
        *self = Self::new(self.port, devices);
    }
}

#[cfg(test)]
#[path = "i2c_tests.rs"]
mod tests;
