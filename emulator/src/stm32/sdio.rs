//! The SD card interface (RM0402, chapter 29), with nothing at its lines.

use twinbench_model::VirtualTime;

use super::access::Lanes;
use crate::peripheral::{Context, Peripheral, Width};

const CMD: u32 = 0x0C;
const DCTRL: u32 = 0x2C;
const STA: u32 = 0x34;
const ICR: u32 = 0x38;
const MASK: u32 = 0x3C;
const FIFO: u32 = 0x80;

/// Bits of CMD: it waits for an answer, the state machine is on.
const ANSWER: u32 = 1 << 6;
const CPSMEN: u32 = 1 << 10;
/// Bits of STA.
const CTIMEOUT: u32 = 1 << 2;
const DTIMEOUT: u32 = 1 << 3;
const CMDSENT: u32 = 1 << 7;
/// Transmit FIFO half empty and empty, receive FIFO empty.
const EMPTY: u32 = 1 << 14 | 1 << 18 | 1 << 19;

/// Interrupt number.
const IRQ: u8 = 49;

/// The interface without a card or radio: a command without an answer is sent, one with an answer, and
/// every transfer of data, runs into its time limit, at once. So drivers find out that nothing is
/// there in no time.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Sdio {
    /// Registers that are stored, by offset / 4.
    stored: [u32; 18],
    flags: u32,
}

impl Sdio {
    fn request(&self, cx: &mut Context<'_>) {
        let mask = self.stored[(MASK / 4) as usize];
        cx.irq.set(IRQ, (self.flags | EMPTY) & mask != 0);
    }
}

impl Peripheral for Sdio {
    crate::snapshot::saved_by_serde!();

    fn name(&self) -> &'static str {
        "SDIO"
    }

    fn still_until(&self, _offset: u32, _now: VirtualTime) -> Option<VirtualTime> {
        Some(VirtualTime::MAX)
    }

    fn read(&mut self, offset: u32, width: Width, _cx: &mut Context<'_>) -> Option<u32> {
        let lanes = Lanes::new(offset, width);
        let word = match lanes.register {
            STA => self.flags | EMPTY,
            FIFO..0x100 => 0,
            register => *self.stored.get((register / 4) as usize)?,
        };
        Some(lanes.extract(word))
    }

    fn write(&mut self, offset: u32, width: Width, value: u32, cx: &mut Context<'_>) -> Option<()> {
        let lanes = Lanes::new(offset, width);
        match lanes.register {
            STA | FIFO..0x100 => {}
            ICR => self.flags &= !lanes.merge(0, value),
            register => {
                let word = self.stored.get_mut((register / 4) as usize)?;
                *word = lanes.merge(*word, value);
                if register == CMD && *word & CPSMEN != 0 {
                    self.flags |= if *word & ANSWER == 0 {
                        CMDSENT
                    } else {
                        CTIMEOUT
                    };
                } else if register == DCTRL && *word & 1 != 0 {
                    self.flags |= DTIMEOUT;
                }
            }
        }
        self.request(cx);
        Some(())
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        self.request(cx);
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stm32::rig::Rig;

    #[test]
    fn nobody_answers() {
        let (mut rig, mut sdio) = (Rig::default(), Sdio::default());
        rig.write(&mut sdio, MASK, CTIMEOUT);
        rig.write(&mut sdio, CMD, CPSMEN);
        assert_eq!(rig.read(&mut sdio, STA) & (CMDSENT | CTIMEOUT), CMDSENT);
        rig.write(&mut sdio, ICR, CMDSENT);
        // CMD5 waits for a short answer.
        rig.write(&mut sdio, CMD, CPSMEN | 1 << 6 | 5);
        assert_eq!(rig.read(&mut sdio, STA) & (CMDSENT | CTIMEOUT), CTIMEOUT);
        assert!(rig.irq(49));
        rig.write(&mut sdio, ICR, CTIMEOUT);
        assert!(!rig.irq(49));
        rig.write(&mut sdio, DCTRL, 1);
        assert_eq!(rig.read(&mut sdio, STA) & DTIMEOUT, DTIMEOUT);
    }
}
