//! Serial peripheral interfaces (RM0402, chapter 27).

use std::collections::VecDeque;

use twinbench_model::VirtualTime;

use super::{access::Lanes, dma, ticks};
use crate::peripheral::{Context, Peripheral, Width};

const CR1: u32 = 0x00;
const CR2: u32 = 0x04;
const SR: u32 = 0x08;
const DR: u32 = 0x0C;
const CRCPR: u32 = 0x10;
const RXCRCR: u32 = 0x14;
const TXCRCR: u32 = 0x18;
const I2SCFGR: u32 = 0x1C;
const I2SPR: u32 = 0x20;

/// Bits of CR1.
const MSTR: u32 = 1 << 2;
const SPE: u32 = 1 << 6;
const DFF: u32 = 1 << 11;
/// Bits of CR2.
const RXDMAEN: u32 = 1;
const TXDMAEN: u32 = 1 << 1;
const ERRIE: u32 = 1 << 5;
const RXNEIE: u32 = 1 << 6;
const TXEIE: u32 = 1 << 7;
/// Bits of SR.
const RXNE: u32 = 1;
const TXE: u32 = 1 << 1;
const OVR: u32 = 1 << 6;
const BSY: u32 = 1 << 7;

/// One of the chip's interfaces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpiPort {
    /// Name, as in RM0402.
    pub name: &'static str,
    /// Interrupt number.
    pub irq: u8,
    /// Whether it hangs on APB2.
    pub apb2: bool,
}

/// A serial peripheral interface: master, full duplex, 8 or 16 bits, with the time that frames take.
///
/// Nothing is wired to it: what comes in is what [`Spi::answer`] gave, and ones after that. The slave
/// role, one-line modes, CRC and I2S are stored only.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Spi {
    #[serde(skip)]
    port: SpiPort,
    cr1: u32,
    cr2: u32,
    crcpr: u32,
    i2s: [u32; 2],
    sr: u32,
    received: u16,
    /// What waits behind the frame in the shift register.
    waiting: Option<u16>,
    /// The frame in the shift register and the end of its last bit.
    shift: Option<(u16, VirtualTime)>,
    answers: VecDeque<u16>,
    sent: Vec<u16>,
}

impl Spi {
    /// An interface after reset.
    pub fn new(port: SpiPort) -> Self {
        Self {
            port,
            cr1: 0,
            cr2: 0,
            crcpr: 7,
            i2s: [0, 2],
            sr: TXE,
            received: 0,
            waiting: None,
            shift: None,
            answers: VecDeque::new(),
            sent: Vec::new(),
        }
    }

    /// What comes in with the next frames, in order.
    pub fn answer(&mut self, frames: &[u16]) {
        self.answers.extend(frames);
    }

    /// Takes the frames that went out since the last call.
    pub fn take_sent(&mut self) -> Vec<u16> {
        std::mem::take(&mut self.sent)
    }

    /// A frame begins at `from`.
    fn begin(&mut self, frame: u16, from: VirtualTime, cx: &Context<'_>) {
        let bits = if self.cr1 & DFF == 0 { 8 } else { 16 };
        let pclk = if self.port.apb2 {
            cx.clocks.pclk2
        } else {
            cx.clocks.pclk1
        };
        let cycles = bits * (2 << (self.cr1 >> 3 & 7));
        self.shift = Some((frame, ticks::instant(from, cycles, pclk)));
    }

    fn catch_up(&mut self, cx: &Context<'_>) {
        while let Some((frame, end)) = self.shift.filter(|(_, end)| *end <= cx.now) {
            self.shift = None;
            // Nobody asks for what was sent for ever.
            if self.sent.len() < 4096 {
                self.sent.push(frame);
            }
            let mask = if self.cr1 & DFF == 0 { 0xFF } else { 0xFFFF };
            let incoming = self.answers.pop_front().unwrap_or(u16::MAX) & mask;
            if self.sr & RXNE == 0 {
                self.received = incoming;
                self.sr |= RXNE;
            } else {
                self.sr |= OVR;
            }
            if let Some(next) = self.waiting.take() {
                self.sr |= TXE;
                self.begin(next, end, cx);
            }
        }
    }

    fn transmit(&mut self, frame: u16, cx: &Context<'_>) {
        if self.cr1 & (SPE | MSTR) != SPE | MSTR {
            return;
        }
        if self.shift.is_none() {
            self.begin(frame, cx.now, cx);
        } else {
            self.waiting = Some(frame);
            self.sr &= !TXE;
        }
    }

    fn request(&self, cx: &mut Context<'_>) {
        let pairs = [(TXE, TXEIE), (RXNE, RXNEIE), (OVR, ERRIE)];
        let any = pairs
            .iter()
            .any(|(flag, enable)| self.sr & flag != 0 && self.cr2 & enable != 0);
        cx.irq.set(self.port.irq, any && self.cr1 & SPE != 0);
    }

    fn load(&mut self, register: u32) -> Option<u32> {
        Some(match register {
            SR => self.sr | if self.shift.is_some() { BSY } else { 0 },
            DR => {
                self.sr &= !(RXNE | OVR);
                self.received.into()
            }
            _ => self.stored(register)?,
        })
    }

    fn stored(&self, register: u32) -> Option<u32> {
        Some(match register {
            CR1 => self.cr1,
            CR2 => self.cr2,
            CRCPR => self.crcpr,
            RXCRCR | TXCRCR => 0,
            I2SCFGR => self.i2s[0],
            I2SPR => self.i2s[1],
            _ => return None,
        })
    }
}

impl Peripheral for Spi {
    crate::snapshot::saved_by_serde!(port);

    fn name(&self) -> &'static str {
        self.port.name
    }

    fn still_until(&self, offset: u32, _now: VirtualTime) -> Option<VirtualTime> {
        (offset & !3 != DR).then_some(VirtualTime::MAX)
    }

    fn read(&mut self, offset: u32, width: Width, cx: &mut Context<'_>) -> Option<u32> {
        self.catch_up(cx);
        let lanes = Lanes::new(offset, width);
        let value = lanes.extract(self.load(lanes.register)?);
        self.request(cx);
        Some(value)
    }

    fn write(&mut self, offset: u32, width: Width, value: u32, cx: &mut Context<'_>) -> Option<()> {
        self.catch_up(cx);
        let lanes = Lanes::new(offset, width);
        let kept = match lanes.register {
            SR | DR => 0,
            register => self.stored(register)?,
        };
        let value = lanes.merge(kept, value);
        match lanes.register {
            CR1 => self.cr1 = value & 0xFFFF,
            CR2 => self.cr2 = value & 0xF7,
            DR => self.transmit(value as u16, cx),
            CRCPR => self.crcpr = value & 0xFFFF,
            I2SCFGR => self.i2s[0] = value & 0xFBF,
            I2SPR => self.i2s[1] = value & 0x3FF,
            _ => {}
        }
        self.request(cx);
        Some(())
    }

    fn deadline(&self) -> Option<VirtualTime> {
        self.shift.map(|(_, end)| end)
    }

    fn dma_requests(&self) -> u8 {
        let on = self.cr1 & SPE != 0;
        let receives = on && self.cr2 & RXDMAEN != 0 && self.sr & RXNE != 0;
        let transmits = on && self.cr2 & TXDMAEN != 0 && self.sr & TXE != 0;
        (u8::from(receives) * dma::RECEIVE) | (u8::from(transmits) * dma::TRANSMIT)
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        self.catch_up(cx);
        self.request(cx);
    }

    /// What the outside has ready stays.
    fn reset(&mut self) {
        let answers = std::mem::take(&mut self.answers);
        *self = Self {
            answers,
            ..Self::new(self.port)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stm32::rig::Rig;

    const SPI1: SpiPort = SpiPort {
        name: "SPI1",
        irq: 35,
        apb2: true,
    };

    /// 96 MHz / 16.
    fn started() -> (Rig, Spi) {
        let (mut rig, mut spi) = (Rig::default(), Spi::new(SPI1));
        rig.clocks.pclk2 = 96_000_000;
        rig.write(&mut spi, CR1, MSTR | SPE | 3 << 3 | 3 << 8);
        (rig, spi)
    }

    /// As `HAL_SPI_TransmitReceive` does.
    #[test]
    fn frames_go_out_and_come_in_at_the_clocks_rate() {
        let (mut rig, mut spi) = started();
        spi.answer(&[0x11, 0x22]);
        let mut got = Vec::new();
        for byte in [0x9Fu32, 0, 0] {
            rig.poll(&mut spi, SR, |sr| sr & TXE != 0);
            rig.write(&mut spi, DR, byte);
            rig.poll(&mut spi, SR, |sr| sr & RXNE != 0);
            got.push(rig.read(&mut spi, DR));
        }
        rig.poll(&mut spi, SR, |sr| sr & BSY == 0);
        assert_eq!(got, [0x11, 0x22, 0xFF]);
        assert_eq!(spi.take_sent(), [0x9F, 0, 0]);
        // 24 bits at 6 MHz, and some microseconds of polling.
        assert!((4_000..10_000).contains(&rig.now.as_nanos()), "{}", rig.now);
    }

    #[test]
    fn what_nobody_took_is_an_overrun_and_interrupts_ask() {
        let (mut rig, mut spi) = started();
        rig.write(&mut spi, CR2, RXNEIE | ERRIE);
        rig.write(&mut spi, DR, 1);
        rig.write(&mut spi, DR, 2);
        assert_eq!(rig.read(&mut spi, SR) & (TXE | BSY), BSY);
        assert!(!rig.irq(35));
        rig.run_to(&mut spi, VirtualTime::from_nanos(1_334));
        assert!(rig.irq(35));
        rig.run_to(&mut spi, VirtualTime::from_nanos(2_700));
        assert_eq!(rig.read(&mut spi, SR) & (OVR | RXNE | BSY), OVR | RXNE);
        rig.read(&mut spi, DR);
        assert!(!rig.irq(35));
    }
}
