//! GPIO ports (RM0402, chapter 7).

use twinbench_model::VirtualTime;

use super::access::Lanes;
use crate::peripheral::{Context, Peripheral, Signal, SignalKind, Width};

const MODER: u32 = 0x00;
const OTYPER: u32 = 0x04;
const OSPEEDR: u32 = 0x08;
const PUPDR: u32 = 0x0C;
const IDR: u32 = 0x10;
const ODR: u32 = 0x14;
const BSRR: u32 = 0x18;
const LCKR: u32 = 0x1C;
const AFRL: u32 = 0x20;
const AFRH: u32 = 0x24;

/// What a pin is switched to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinMode {
    /// Input.
    Input,
    /// Output from ODR.
    Output,
    /// Alternate function 0..=15.
    Alternate(u8),
    /// Analog.
    Analog,
}

/// One port of 16 pins.
///
/// Configuration locks (LCKR) are stored and not enforced. Pins in alternate function are
/// not driven here: what a UART or I2C does on them travels as bytes.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Gpio {
    port: u8,
    moder: u32,
    otyper: u32,
    ospeedr: u32,
    pupdr: u32,
    odr: u32,
    lckr: u32,
    afr: [u32; 2],
}

impl Gpio {
    /// Port `port`, 0 = A.
    pub fn new(port: u8) -> Self {
        let mut gpio = Self {
            port: port & 7,
            moder: 0,
            otyper: 0,
            ospeedr: 0,
            pupdr: 0,
            odr: 0,
            lckr: 0,
            afr: [0; 2],
        };
        gpio.reset();
        gpio
    }

    /// What a pin is switched to.
    pub fn mode(&self, pin: u8) -> PinMode {
        let pin = u32::from(pin & 15);
        match self.moder >> (pin * 2) & 3 {
            0 => PinMode::Input,
            1 => PinMode::Output,
            2 => PinMode::Alternate((self.afr[(pin / 8) as usize] >> (pin % 8 * 4) & 0xF) as u8),
            _ => PinMode::Analog,
        }
    }

    /// The level that its output register gives a pin.
    pub fn output(&self, pin: u8) -> bool {
        self.odr >> (pin & 15) & 1 != 0
    }

    /// Pins whose two bits in `register` are `code`.
    fn pairs(register: u32, code: u32) -> u16 {
        (0..16)
            .filter(|pin| register >> (pin * 2) & 3 == code)
            .fold(0, |mask, pin| mask | 1 << pin)
    }

    /// Brings the levels at the pins in line with the registers and reports what changed.
    fn drive(&self, cx: &mut Context<'_>) {
        let port = usize::from(self.port);
        let output = self.odr as u16;
        // An open drain drives low only.
        let released = self.otyper as u16 & output;
        let driven = Self::pairs(self.moder, 1) & !released;
        let pulled = Self::pairs(self.pupdr, 1);
        let before = cx.pins.levels(port);
        let shown = cx.pins.output[port] & cx.pins.driven[port];
        cx.pins.driven[port] = driven;
        cx.pins.output[port] = output & driven;
        cx.pins.pulled[port] = pulled;
        cx.pins.input_changed |= before != cx.pins.levels(port);
        let changed = shown ^ (output & driven);
        for pin in (0..16).filter(|pin| changed >> pin & 1 != 0) {
            cx.out.push(Signal {
                time: cx.now,
                kind: SignalKind::Pin {
                    port: self.port,
                    pin,
                    high: output >> pin & 1 != 0,
                },
            });
        }
    }

    fn load(&self, register: u32, cx: &Context<'_>) -> Option<u32> {
        Some(match register {
            MODER => self.moder,
            OTYPER => self.otyper,
            OSPEEDR => self.ospeedr,
            PUPDR => self.pupdr,
            // The Schmitt trigger of an analog pin is off (7.3.12).
            IDR => u32::from(cx.pins.levels(usize::from(self.port)) & !Self::pairs(self.moder, 3)),
            ODR => self.odr,
            BSRR => 0,
            LCKR => self.lckr,
            AFRL => self.afr[0],
            AFRH => self.afr[1],
            _ => return None,
        })
    }
}

impl Peripheral for Gpio {
    crate::snapshot::saved_by_serde!();

    fn name(&self) -> &'static str {
        [
            "GPIOA", "GPIOB", "GPIOC", "GPIOD", "GPIOE", "GPIOF", "GPIOG", "GPIOH",
        ][usize::from(self.port)]
    }

    fn still_until(&self, _offset: u32, _now: VirtualTime) -> Option<VirtualTime> {
        Some(VirtualTime::MAX)
    }

    fn read(&mut self, offset: u32, width: Width, cx: &mut Context<'_>) -> Option<u32> {
        let lanes = Lanes::new(offset, width);
        Some(lanes.extract(self.load(lanes.register, cx)?))
    }

    fn write(&mut self, offset: u32, width: Width, value: u32, cx: &mut Context<'_>) -> Option<()> {
        let lanes = Lanes::new(offset, width);
        let value = lanes.merge(self.load(lanes.register, cx)?, value);
        match lanes.register {
            MODER => self.moder = value,
            OTYPER => self.otyper = value & 0xFFFF,
            OSPEEDR => self.ospeedr = value,
            PUPDR => self.pupdr = value,
            ODR => self.odr = value & 0xFFFF,
            // Setting wins over resetting (7.4.7).
            BSRR => self.odr = (self.odr & !(value >> 16)) | (value & 0xFFFF),
            LCKR => self.lckr = value & 0x1_FFFF,
            AFRL => self.afr[0] = value,
            AFRH => self.afr[1] = value,
            _ => {}
        }
        self.drive(cx);
        Some(())
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        self.drive(cx);
    }

    /// Ports A and B start with the debug port's pins in their functions (7.4.11).
    fn reset(&mut self) {
        (self.moder, self.ospeedr, self.pupdr) = match self.port {
            0 => (0xA800_0000, 0x0C00_0000, 0x6400_0000),
            1 => (0x0000_0280, 0x0000_00C0, 0x0000_0100),
            _ => (0, 0, 0),
        };
        self.otyper = 0;
        self.odr = 0;
        self.lckr = 0;
        self.afr = [0; 2];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stm32::rig::Rig;

    fn pins(rig: &Rig) -> Vec<(u8, u8, bool)> {
        let pin = |signal: &Signal| match signal.kind {
            SignalKind::Pin { port, pin, high } => Some((port, pin, high)),
            _ => None,
        };
        rig.out.iter().filter_map(pin).collect()
    }

    #[test]
    fn an_output_follows_bsrr_and_reads_back() {
        let (mut rig, mut c) = (Rig::default(), Gpio::new(2));
        rig.write(&mut c, BSRR, 1 << 13);
        assert_eq!(rig.read(&mut c, IDR), 0, "still an input");
        rig.modify(&mut c, MODER, |v| v | 1 << 26);
        assert_eq!(rig.read(&mut c, IDR), 1 << 13);
        rig.write(&mut c, BSRR, 1 << 29);
        rig.write(&mut c, BSRR, 1 << 29 | 1 << 13);
        c.write(BSRR + 2, Width::Half, 1 << 13, &mut rig.cx())
            .unwrap();
        assert_eq!(
            pins(&rig),
            [(2, 13, true), (2, 13, false), (2, 13, true), (2, 13, false)]
        );
    }

    #[test]
    fn an_input_reads_the_board_then_its_pull_resistor() {
        let (mut rig, mut a) = (Rig::default(), Gpio::new(0));
        rig.write(&mut a, MODER, 0);
        rig.write(&mut a, PUPDR, 1 << 8 | 1 << 10);
        assert_eq!(rig.read(&mut a, IDR), 1 << 4 | 1 << 5);
        rig.pins.wire(0, 4, false);
        assert_eq!(rig.read(&mut a, IDR), 1 << 5);
        assert!(rig.pins.input_changed);
    }

    #[test]
    fn an_open_drain_lets_go_when_high() {
        let (mut rig, mut b) = (Rig::default(), Gpio::new(1));
        rig.pins.wire(1, 8, true);
        rig.write(&mut b, OTYPER, 1 << 8);
        rig.write(&mut b, MODER, 1 << 16);
        assert_eq!(rig.read(&mut b, IDR) & 1 << 8, 0);
        rig.write(&mut b, BSRR, 1 << 8);
        assert_eq!(rig.read(&mut b, IDR) & 1 << 8, 1 << 8);
        rig.pins.wire(1, 8, false);
        assert_eq!(
            rig.read(&mut b, IDR) & 1 << 8,
            0,
            "someone else pulls the line down"
        );
    }

    #[test]
    fn alternate_functions_are_known() {
        let (mut rig, mut a) = (Rig::default(), Gpio::new(0));
        assert_eq!(a.mode(13), PinMode::Alternate(0));
        rig.modify(&mut a, AFRH, |v| v | 8 << 12);
        rig.modify(&mut a, MODER, |v| v | 2 << 22);
        assert_eq!(a.mode(11), PinMode::Alternate(8));
        a.reset();
        assert_eq!(a.mode(11), PinMode::Input);
    }
}
