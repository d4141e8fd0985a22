//! USARTs in asynchronous mode (RM0402, chapter 26).

use std::collections::VecDeque;

use twinbench_model::VirtualTime;

use super::{access::Lanes, dma, ticks};
use crate::peripheral::{Context, Peripheral, Signal, SignalKind, Width};

const SR: u32 = 0x00;
const DR: u32 = 0x04;
const BRR: u32 = 0x08;
const CR1: u32 = 0x0C;
const CR2: u32 = 0x10;
const CR3: u32 = 0x14;
const GTPR: u32 = 0x18;

/// Bits of SR.
const ORE: u32 = 1 << 3;
const IDLE: u32 = 1 << 4;
const RXNE: u32 = 1 << 5;
const TC: u32 = 1 << 6;
const TXE: u32 = 1 << 7;
/// Flags that a read of SR followed by one of DR clears (26.6.1): PE, FE, NF, ORE, IDLE.
const READ_CLEARED: u32 = 0x1F;

/// Bits of CR1.
const RE: u32 = 1 << 2;
const TE: u32 = 1 << 3;
const IDLEIE: u32 = 1 << 4;
const RXNEIE: u32 = 1 << 5;
const TCIE: u32 = 1 << 6;
const TXEIE: u32 = 1 << 7;
const M: u32 = 1 << 12;
const UE: u32 = 1 << 13;
const OVER8: u32 = 1 << 15;

/// Bits of CR3.
const DMAR: u32 = 1 << 6;
const DMAT: u32 = 1 << 7;

/// The line rate of an outside sender while the firmware has set none.
const DEFAULT_BAUD: u32 = 115_200;

/// One of the chip's serial ports and what the base of its registers depends on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UsartPort {
    /// Name, as in RM0402.
    pub name: &'static str,
    /// Interrupt number.
    pub irq: u8,
    /// Whether it hangs on APB2.
    pub apb2: bool,
}

/// A frame on the line: when it began to be counted, how many are through.
///
/// Bytes back to back are counted from the first start bit, so that rounding to nanoseconds
/// does not add up.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
struct Burst {
    origin: VirtualTime,
    frames: u64,
    cycles: u64,
    hz: u32,
}

impl Burst {
    /// The end of the frame in progress.
    fn end(&self) -> VirtualTime {
        ticks::instant(self.origin, (self.frames + 1) * self.cycles, self.hz)
    }
}

/// A universal synchronous/asynchronous receiver transmitter.
///
/// Asynchronous frames with full timing; IrDA has the same. Synchronous clock, smartcard, LIN
/// break, multiprocessor mode and flow control are stored.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Usart {
    #[serde(skip)]
    port: UsartPort,
    sr: u32,
    /// Flags seen by the last read of SR.
    seen: u32,
    rdr: u16,
    /// A byte that waits for the shift register.
    tdr: Option<u8>,
    /// The byte in the shift register and its burst.
    shift: Option<(u8, Burst)>,
    brr: u32,
    cr1: u32,
    cr2: u32,
    cr3: u32,
    gtpr: u32,
    /// Bytes on their way in; the burst is that of the first.
    incoming: VecDeque<u8>,
    arriving: Option<Burst>,
    /// When the line will have been idle for a frame.
    idle_at: Option<VirtualTime>,
}

impl Usart {
    /// A port after reset.
    pub fn new(port: UsartPort) -> Self {
        Self {
            port,
            sr: TC | TXE,
            seen: 0,
            rdr: 0,
            tdr: None,
            shift: None,
            brr: 0,
            cr1: 0,
            cr2: 0,
            cr3: 0,
            gtpr: 0,
            incoming: VecDeque::new(),
            arriving: None,
            idle_at: None,
        }
    }

    /// Bytes that begin to arrive now, behind those still on the line, at the port's own rate.
    ///
    /// Bytes that come in while the receiver is off, or faster than firmware takes them, are lost
    /// as on the real line.
    pub fn receive(&mut self, bytes: &[u8], cx: &mut Context<'_>) {
        self.advance(cx);
        if bytes.is_empty() {
            return;
        }
        self.incoming.extend(bytes);
        if self.arriving.is_none() {
            self.arriving = Some(self.burst(cx.now, cx));
            self.idle_at = None;
        }
    }

    /// Bytes not yet arrived.
    pub fn incoming(&self) -> usize {
        self.incoming.len()
    }

    fn on(&self, bit: u32) -> bool {
        self.cr1 & UE != 0 && self.cr1 & bit != 0
    }

    /// A burst that starts now, with the frame and rate of the registers.
    fn burst(&self, origin: VirtualTime, cx: &Context<'_>) -> Burst {
        let pclk = if self.port.apb2 {
            cx.clocks.pclk2
        } else {
            cx.clocks.pclk1
        };
        let bit_cycles = if self.cr1 & OVER8 == 0 {
            self.brr
        } else {
            (self.brr >> 4) * 8 + (self.brr & 7)
        };
        let bit_cycles = match bit_cycles {
            0 => pclk / DEFAULT_BAUD,
            cycles => cycles,
        };
        let data = if self.cr1 & M == 0 { 8 } else { 9 };
        // Stop bits in halves: 1, 0.5, 2, 1.5.
        let stop = [2, 1, 4, 3][(self.cr2 >> 12 & 3) as usize];
        Burst {
            origin,
            frames: 0,
            cycles: u64::from(bit_cycles.max(1)) * (2 * (1 + data) + stop) / 2,
            hz: pclk,
        }
    }

    fn transmit(&mut self, byte: u8, cx: &Context<'_>) {
        if self.seen & TC != 0 {
            self.sr &= !TC;
        }
        if !self.on(TE) {
            return;
        }
        if self.shift.is_none() {
            self.sr &= !TC;
            self.shift = Some((byte, self.burst(cx.now, cx)));
        } else {
            // A second byte before TXE overwrites the first.
            self.tdr = Some(byte);
            self.sr &= !TXE;
        }
    }

    /// Frames that left by now.
    fn shift_out(&mut self, cx: &mut Context<'_>) {
        while let Some((byte, mut burst)) = self.shift {
            let end = burst.end();
            if end > cx.now {
                break;
            }
            cx.out.push(Signal {
                time: end,
                kind: SignalKind::Uart {
                    name: self.port.name,
                    byte,
                },
            });
            burst.frames += 1;
            self.shift = self.tdr.take().map(|next| (next, burst));
            self.sr |= TXE;
            if self.shift.is_none() {
                self.sr |= TC;
            }
        }
    }

    /// Frames that arrived by now.
    fn shift_in(&mut self, cx: &Context<'_>) {
        while let Some(mut burst) = self.arriving {
            let end = burst.end();
            if end > cx.now {
                break;
            }
            let byte = self.incoming.pop_front();
            if let Some(byte) = byte.filter(|_| self.on(RE)) {
                if self.sr & RXNE == 0 {
                    self.rdr = u16::from(byte);
                    self.sr |= RXNE;
                } else {
                    self.sr |= ORE;
                }
            }
            burst.frames += 1;
            self.arriving = (!self.incoming.is_empty()).then_some(burst);
            if self.arriving.is_none() {
                self.idle_at = Some(burst.end());
            }
        }
        if self.idle_at.is_some_and(|at| at <= cx.now) {
            self.idle_at = None;
            if self.on(RE) {
                self.sr |= IDLE;
            }
        }
    }

    fn request(&self, cx: &mut Context<'_>) {
        let pairs = [
            (TXE, TXEIE),
            (TC, TCIE),
            (RXNE | ORE, RXNEIE),
            (IDLE, IDLEIE),
        ];
        let any = pairs
            .iter()
            .any(|&(flag, enable)| self.sr & flag != 0 && self.cr1 & enable != 0);
        cx.irq.set(self.port.irq, any && self.cr1 & UE != 0);
    }

    fn load(&mut self, register: u32) -> Option<u32> {
        Some(match register {
            SR => {
                self.seen = self.sr;
                self.sr
            }
            DR => {
                self.sr &= !(RXNE | self.seen & READ_CLEARED);
                self.seen &= !READ_CLEARED;
                u32::from(self.rdr)
            }
            _ => self.stored(register)?,
        })
    }

    /// Registers that keep what is written.
    fn stored(&self, register: u32) -> Option<u32> {
        Some(match register {
            BRR => self.brr,
            CR1 => self.cr1,
            CR2 => self.cr2,
            CR3 => self.cr3,
            GTPR => self.gtpr,
            _ => return None,
        })
    }

    fn store(&mut self, register: u32, value: u32, cx: &mut Context<'_>) -> Option<()> {
        match register {
            // RXNE and TC (and LBD, CTS) are cleared by writing 0; the others are read-only.
            SR => self.sr &= value | !(RXNE | TC | 1 << 8 | 1 << 9),
            DR => self.transmit(value as u8, cx),
            BRR => self.brr = value & 0xFFFF,
            CR1 => {
                self.cr1 = value & 0xBFFF;
                if self.cr1 & UE == 0 {
                    // Disabled at once: what was in the transmitter is lost (26.6.4).
                    self.tdr = None;
                    self.shift = None;
                    self.sr |= TXE | TC;
                }
            }
            CR2 => self.cr2 = value & 0x7F6F,
            CR3 => self.cr3 = value & 0x0FFF,
            GTPR => self.gtpr = value & 0xFFFF,
            _ => return None,
        }
        Some(())
    }
}

impl Peripheral for Usart {
    crate::snapshot::saved_by_serde!(port);

    fn name(&self) -> &'static str {
        self.port.name
    }

    fn still_until(&self, offset: u32, _now: VirtualTime) -> Option<VirtualTime> {
        let still = match offset & !3 {
            SR => self.seen == self.sr,
            DR => false,
            _ => true,
        };
        still.then_some(VirtualTime::MAX)
    }

    fn read(&mut self, offset: u32, width: Width, cx: &mut Context<'_>) -> Option<u32> {
        self.advance(cx);
        let lanes = Lanes::new(offset, width);
        let value = self.load(lanes.register)?;
        self.request(cx);
        Some(lanes.extract(value))
    }

    fn write(&mut self, offset: u32, width: Width, value: u32, cx: &mut Context<'_>) -> Option<()> {
        self.advance(cx);
        let lanes = Lanes::new(offset, width);
        let kept = match lanes.register {
            SR => u32::MAX,
            DR => 0,
            register => self.stored(register)?,
        };
        self.store(lanes.register, lanes.merge(kept, value), cx)?;
        self.request(cx);
        Some(())
    }

    fn deadline(&self) -> Option<VirtualTime> {
        let out = self.shift.map(|(_, burst)| burst.end());
        let arrival = self.arriving.map(|burst| burst.end());
        [out, arrival, self.idle_at].into_iter().flatten().min()
    }

    fn dma_requests(&self) -> u8 {
        let receives = self.cr3 & DMAR != 0 && self.sr & RXNE != 0 && self.on(RE);
        let transmits = self.cr3 & DMAT != 0 && self.sr & TXE != 0 && self.on(TE);
        (u8::from(receives) * dma::RECEIVE) | (u8::from(transmits) * dma::TRANSMIT)
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        self.shift_out(cx);
        self.shift_in(cx);
        self.request(cx);
    }

    /// Bytes on the line still arrive.
    fn reset(&mut self) {
        let (incoming, arriving) = (std::mem::take(&mut self.incoming), self.arriving);
        *self = Self {
            incoming,
            arriving,
            ..Self::new(self.port)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stm32::rig::Rig;

    const USART6: UsartPort = UsartPort {
        name: "USART6",
        irq: 71,
        apb2: true,
    };

    /// 96 MHz and 115,200 baud, as BRR = 0x341 gives it.
    fn started(cr1: u32) -> (Rig, Usart) {
        let (mut rig, mut usart) = (Rig::default(), Usart::new(USART6));
        rig.clocks.pclk2 = 96_000_000;
        rig.write(&mut usart, BRR, 0x341);
        rig.write(&mut usart, CR1, UE | cr1);
        (rig, usart)
    }

    const BYTE_CYCLES: u64 = 10 * 0x341;

    fn byte_end(count: u64) -> u64 {
        ticks::instant(VirtualTime::ZERO, count * BYTE_CYCLES, 96_000_000).as_nanos()
    }

    /// As `HAL_UART_Transmit` does: wait for TXE, write, at the end wait for TC.
    #[test]
    fn polled_bytes_leave_back_to_back() {
        let (mut rig, mut usart) = started(TE);
        for byte in *b"hello" {
            rig.poll(&mut usart, SR, |sr| sr & TXE != 0);
            rig.write(&mut usart, DR, u32::from(byte));
        }
        rig.poll(&mut usart, SR, |sr| sr & TC != 0);
        let expected: Vec<_> = (1..).map(byte_end).zip(*b"hello").collect();
        assert_eq!(rig.uart(), expected);
        assert!(rig.now.as_nanos() - byte_end(5) < 2_000);
    }

    /// As embassy's buffered driver does: TXE interrupt feeds, the last byte's TC ends.
    #[test]
    fn interrupts_ask_for_bytes() {
        let (mut rig, mut usart) = started(TE);
        assert!(!rig.irq(71));
        rig.modify(&mut usart, CR1, |v| v | TXEIE);
        assert!(rig.irq(71));
        rig.write(&mut usart, DR, 0x55);
        assert!(rig.irq(71), "the shift register took it at once");
        rig.write(&mut usart, DR, 0xAA);
        assert!(!rig.irq(71));
        rig.modify(&mut usart, CR1, |v| v & !TXEIE | TCIE);
        rig.run_to(&mut usart, VirtualTime::from_nanos(byte_end(2) - 1));
        assert!(!rig.irq(71));
        rig.run_to(&mut usart, VirtualTime::from_nanos(byte_end(2)));
        assert!(rig.irq(71));
        rig.modify(&mut usart, SR, |v| v & !TC);
        assert!(!rig.irq(71));
    }

    #[test]
    fn a_received_byte_interrupts_after_its_stop_bit_and_idle_follows() {
        let (mut rig, mut usart) = started(RE | RXNEIE | IDLEIE);
        usart.receive(b"ok", &mut rig.cx());
        rig.run_to(&mut usart, VirtualTime::from_nanos(byte_end(1) - 1));
        assert!(!rig.irq(71));
        rig.run_to(&mut usart, VirtualTime::from_nanos(byte_end(1)));
        assert!(rig.irq(71));
        assert_eq!(rig.read(&mut usart, SR) & RXNE, RXNE);
        assert_eq!(rig.read(&mut usart, DR), u32::from(b'o'));
        assert!(!rig.irq(71));
        rig.run_to(&mut usart, VirtualTime::from_nanos(byte_end(2)));
        assert_eq!(rig.read(&mut usart, DR), u32::from(b'k'));
        rig.run_to(&mut usart, VirtualTime::from_nanos(byte_end(3)));
        assert!(rig.irq(71), "idle");
        assert_eq!(rig.read(&mut usart, SR) & (IDLE | RXNE), IDLE);
        rig.read(&mut usart, DR);
        assert!(!rig.irq(71));
        assert_eq!(usart.deadline(), None);
    }

    #[test]
    fn a_byte_that_nobody_took_keeps_its_place_and_the_next_is_lost() {
        let (mut rig, mut usart) = started(RE | RXNEIE);
        usart.receive(b"abc", &mut rig.cx());
        rig.run_to(&mut usart, VirtualTime::from_millis(1));
        assert_eq!(rig.read(&mut usart, SR) & (ORE | RXNE), ORE | RXNE);
        assert_eq!(rig.read(&mut usart, DR), u32::from(b'a'));
        assert_eq!(rig.read(&mut usart, SR) & (ORE | RXNE), 0);
    }

    #[test]
    fn bytes_are_lost_while_the_receiver_is_off() {
        let (mut rig, mut usart) = (Rig::default(), Usart::new(USART6));
        usart.receive(b"x", &mut rig.cx());
        rig.run_to(&mut usart, VirtualTime::from_millis(1));
        assert_eq!(rig.read(&mut usart, SR) & RXNE, 0);
        assert_eq!(usart.incoming(), 0);
    }
}
