//! External interrupts and the port selection in SYSCFG (RM0402, chapters 10 and 8).

use twinbench_model::VirtualTime;

use super::access::Lanes;
use crate::peripheral::{Context, Peripheral, Width};

const IMR: u32 = 0x00;
const EMR: u32 = 0x04;
const RTSR: u32 = 0x08;
const FTSR: u32 = 0x0C;
const SWIER: u32 = 0x10;
const PR: u32 = 0x14;

/// Lines 0..=22; 19 and 20 belong to peripherals that this chip has not.
const LINES: u32 = 0x007F_FFFF;

/// Interrupt number of each group of lines.
const IRQS: [(u32, u8); 12] = [
    (1 << 0, 6),
    (1 << 1, 7),
    (1 << 2, 8),
    (1 << 3, 9),
    (1 << 4, 10),
    (0x0000_03E0, 23),
    (0x0000_FC00, 40),
    (1 << 16, 1),
    (1 << 17, 41),
    (1 << 18, 42),
    (1 << 21, 2),
    (1 << 22, 3),
];

/// The controller of external interrupts.
///
/// Event requests (EMR) are stored and wake nothing.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Exti {
    imr: u32,
    emr: u32,
    rtsr: u32,
    ftsr: u32,
    swier: u32,
    pr: u32,
    /// Levels of lines 0..=15 when last looked at.
    seen: u16,
}

impl Exti {
    /// With every line masked.
    pub fn new() -> Self {
        Self::default()
    }

    /// Finds edges since the last look.
    fn watch(&mut self, cx: &mut Context<'_>) {
        let mut levels = 0;
        for line in 0..16 {
            let port = usize::from(cx.pins.exti_port[line] & 7);
            levels |= cx.pins.levels(port) & 1 << line;
        }
        let rising = u32::from(levels & !self.seen) & self.rtsr;
        let falling = u32::from(!levels & self.seen) & self.ftsr;
        self.seen = levels;
        let internal = std::mem::take(&mut cx.pins.internal) & self.rtsr;
        self.pr |= rising | falling | internal;
    }

    fn request(&self, cx: &mut Context<'_>) {
        let pending = self.pr & self.imr;
        for (lines, irq) in IRQS {
            cx.irq.set(irq, pending & lines != 0);
        }
    }

    fn load(&self, register: u32) -> Option<u32> {
        Some(match register {
            IMR => self.imr,
            EMR => self.emr,
            RTSR => self.rtsr,
            FTSR => self.ftsr,
            SWIER => self.swier,
            PR => self.pr,
            _ => return None,
        })
    }
}

impl Peripheral for Exti {
    crate::snapshot::saved_by_serde!();

    fn name(&self) -> &'static str {
        "EXTI"
    }

    fn still_until(&self, _offset: u32, _now: VirtualTime) -> Option<VirtualTime> {
        Some(VirtualTime::MAX)
    }

    fn read(&mut self, offset: u32, width: Width, cx: &mut Context<'_>) -> Option<u32> {
        self.watch(cx);
        let lanes = Lanes::new(offset, width);
        let value = lanes.extract(self.load(lanes.register)?);
        self.request(cx);
        Some(value)
    }

    fn write(&mut self, offset: u32, width: Width, value: u32, cx: &mut Context<'_>) -> Option<()> {
        self.watch(cx);
        let lanes = Lanes::new(offset, width);
        let kept = if lanes.register == PR {
            0
        } else {
            self.load(lanes.register)?
        };
        let value = lanes.merge(kept, value) & LINES;
        match lanes.register {
            IMR => self.imr = value,
            EMR => self.emr = value,
            RTSR => self.rtsr = value,
            FTSR => self.ftsr = value,
            SWIER => {
                self.pr |= value & !self.swier & self.imr;
                self.swier = value;
            }
            PR => {
                self.pr &= !value;
                self.swier &= !value;
            }
            _ => return None,
        }
        self.request(cx);
        Some(())
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        self.watch(cx);
        self.request(cx);
    }

    fn watches_pins(&self) -> bool {
        true
    }

    fn reset(&mut self) {
        *self = Self {
            seen: self.seen,
            ..Self::default()
        };
    }
}

/// System configuration: the ports of the EXTI lines.
///
/// Memory remapping is stored and not modelled.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Syscfg {
    registers: [u32; 9],
}

impl Syscfg {
    /// With every line on port A.
    pub fn new() -> Self {
        Self::default()
    }

    fn select(&self, cx: &mut Context<'_>) {
        for line in 0..16 {
            let nibble = self.registers[2 + line / 4] >> (line % 4 * 4) & 0xF;
            cx.pins.input_changed |= cx.pins.exti_port[line] != nibble as u8;
            cx.pins.exti_port[line] = nibble as u8;
        }
    }
}

impl Peripheral for Syscfg {
    crate::snapshot::saved_by_serde!();

    fn name(&self) -> &'static str {
        "SYSCFG"
    }

    fn still_until(&self, _offset: u32, _now: VirtualTime) -> Option<VirtualTime> {
        Some(VirtualTime::MAX)
    }

    fn read(&mut self, offset: u32, width: Width, _cx: &mut Context<'_>) -> Option<u32> {
        let lanes = Lanes::new(offset, width);
        let word = *self.registers.get((lanes.register / 4) as usize)?;
        Some(lanes.extract(word))
    }

    fn write(&mut self, offset: u32, width: Width, value: u32, cx: &mut Context<'_>) -> Option<()> {
        let lanes = Lanes::new(offset, width);
        let word = self.registers.get_mut((lanes.register / 4) as usize)?;
        *word = lanes.merge(*word, value);
        match lanes.register {
            // Another memory at address 0 than flash: the bus notes it.
            0x00 if *word & 3 != 0 => return None,
            // The compensation cell is ready as soon as it is on.
            0x20 => *word = (*word & 1) | (*word & 1) << 8,
            _ => {}
        }
        self.select(cx);
        Some(())
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        self.select(cx);
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stm32::rig::Rig;

    /// Button A: PA4, active low, falling edge.
    #[test]
    fn a_button_raises_its_line_until_the_pending_bit_is_cleared() {
        let (mut rig, mut exti) = (Rig::default(), Exti::new());
        rig.pins.wire(0, 4, true);
        exti.advance(&mut rig.cx());
        rig.write(&mut exti, FTSR, 1 << 4);
        rig.write(&mut exti, IMR, 1 << 4);
        rig.pins.wire(0, 4, false);
        exti.advance(&mut rig.cx());
        assert!(rig.irq(10));
        rig.pins.wire(0, 4, true);
        exti.advance(&mut rig.cx());
        assert_eq!(
            rig.read(&mut exti, PR),
            1 << 4,
            "the rising edge is not selected"
        );
        rig.write(&mut exti, PR, 1 << 4);
        assert!(!rig.irq(10));
        assert_eq!(rig.read(&mut exti, PR), 0);
    }

    #[test]
    fn syscfg_chooses_the_port_and_lines_share_an_interrupt() {
        let (mut rig, mut exti, mut syscfg) = (Rig::default(), Exti::new(), Syscfg::new());
        rig.write(&mut exti, RTSR, 1 << 13);
        rig.write(&mut exti, IMR, 1 << 13);
        rig.pins.wire(0, 13, true);
        rig.pins.wire(0, 13, false);
        // EXTICR4, line 13 to port C.
        rig.write(&mut syscfg, 0x14, 2 << 4);
        exti.advance(&mut rig.cx());
        rig.pins.wire(2, 13, true);
        exti.advance(&mut rig.cx());
        assert!(rig.irq(40));
    }

    #[test]
    fn software_may_raise_a_line() {
        let (mut rig, mut exti) = (Rig::default(), Exti::new());
        rig.write(&mut exti, IMR, 1);
        rig.write(&mut exti, SWIER, 1);
        assert!(rig.irq(6));
        rig.write(&mut exti, PR, 1);
        assert_eq!(rig.read(&mut exti, SWIER), 0);
        assert!(!rig.irq(6));
    }
}
