//! How brightly a board's LEDs are lit, by a level or by a timer's PWM.

use super::{Board, BoardError};
use crate::stm32::{Gpio, PinMode, Timer};

/// Timer channels on pins: port, first pin, alternate function, timer, first channel, how many
/// neighbours follow (STM32F412 data sheet DS11139, table 10, the main timers).
const CHANNELS: [(u8, u8, u8, &str, u8, u8); 14] = [
    (0, 0, 1, "TIM2", 1, 4),
    (0, 5, 1, "TIM2", 1, 1),
    (0, 15, 1, "TIM2", 1, 1),
    (1, 3, 1, "TIM2", 2, 1),
    (1, 10, 1, "TIM2", 3, 2),
    (0, 8, 1, "TIM1", 1, 4),
    (0, 6, 2, "TIM3", 1, 2),
    (1, 0, 2, "TIM3", 3, 2),
    (1, 4, 2, "TIM3", 1, 2),
    (2, 6, 2, "TIM3", 1, 4),
    (1, 6, 2, "TIM4", 1, 4),
    (3, 12, 2, "TIM4", 1, 4),
    (0, 0, 2, "TIM5", 1, 4),
    (4, 9, 1, "TIM1", 1, 1),
];

/// Names of the ports' peripherals.
const PORTS: [&str; 8] = [
    "GPIOA", "GPIOB", "GPIOC", "GPIOD", "GPIOE", "GPIOF", "GPIOG", "GPIOH",
];

/// The timer and channel that drive a pin in an alternate function.
fn channel(port: u8, pin: u8, function: u8) -> Option<(&'static str, u8)> {
    CHANNELS
        .iter()
        .find(|(of, first, by, _, _, count)| {
            *of == port && *by == function && (*first..first + count).contains(&pin)
        })
        .map(|(_, first, _, timer, channel, _)| (*timer, channel + pin - first))
}

impl Board {
    /// How much of the time a named LED's pin is high now, 0 to 1: its level, or the duty of the
    /// timer's channel that drives it. What no timer drives, and no output, is 0.
    ///
    /// # Errors
    /// When the board has no such LED.
    pub fn duty(&self, led: &str) -> Result<f64, BoardError> {
        let pin = self
            .file()
            .led
            .get(led)
            .ok_or_else(|| super::run::no_such("LED", led, self.file().led.keys()))?;
        let name = PORTS[usize::from(pin.port & 7)];
        let Some(gpio) = self.chip().peripheral::<Gpio>(name) else {
            return Ok(0.0);
        };
        Ok(match gpio.mode(pin.pin) {
            PinMode::Output => f64::from(u8::from(gpio.output(pin.pin))),
            PinMode::Alternate(function) => channel(pin.port, pin.pin, function)
                .and_then(|(timer, channel)| {
                    let timer = self.chip().peripheral::<Timer>(timer)?;
                    timer.duty(channel, self.now())
                })
                .unwrap_or(0.0),
            PinMode::Input | PinMode::Analog => 0.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Image, MemoryMap,
        peripheral::{Peripheral, Width},
    };

    fn write<P: Peripheral>(board: &mut Board, name: &str, offset: u32, value: u32) {
        let chip = board.chip_mut();
        let done = chip.with_peripheral::<P, _>(name, |it, cx| {
            it.write(offset, Width::Word, value, cx).unwrap();
        });
        done.unwrap();
    }

    fn near(board: &Board, led: &str, wanted: f64) {
        let duty = board.duty(led).unwrap();
        assert!((duty - wanted).abs() < 1e-9, "{led}: {duty}, not {wanted}");
    }

    #[test]
    fn the_colours_are_as_bright_as_their_timers_say() {
        let image = Image::from_flash(&[], &MemoryMap::STM32F412XG);
        let mut board = Board::az3166(image.into()).unwrap();
        near(&board, "rgb-red", 0.0);
        // PB4 to TIM3, PB3 to TIM2, PC7 to TIM3; PC13 high.
        write::<Gpio>(&mut board, "GPIOB", 0x00, 0x280);
        write::<Gpio>(&mut board, "GPIOB", 0x20, 0x0002_1000);
        write::<Gpio>(&mut board, "GPIOC", 0x00, 2 << 14 | 1 << 26);
        write::<Gpio>(&mut board, "GPIOC", 0x20, 2 << 28);
        write::<Gpio>(&mut board, "GPIOC", 0x18, 1 << 13);
        near(&board, "led-user", 1.0);
        near(&board, "rgb-red", 0.0);
        // PWM mode 1 with preload on both channels, outputs on, 2,048 steps.
        for timer in ["TIM2", "TIM3"] {
            write::<Timer>(&mut board, timer, 0x2C, 2047);
            write::<Timer>(&mut board, timer, 0x18, 0x6868);
            write::<Timer>(&mut board, timer, 0x20, 0x11);
        }
        write::<Timer>(&mut board, "TIM3", 0x34, 512);
        write::<Timer>(&mut board, "TIM3", 0x38, 2048);
        write::<Timer>(&mut board, "TIM2", 0x38, 1024);
        for timer in ["TIM2", "TIM3"] {
            write::<Timer>(&mut board, timer, 0x14, 1);
            write::<Timer>(&mut board, timer, 0x00, 1);
        }
        near(&board, "rgb-red", 0.25);
        near(&board, "rgb-blue", 1.0);
        near(&board, "rgb-green", 0.5);
        // Active low; PWM mode 2; forced low; off.
        write::<Timer>(&mut board, "TIM3", 0x20, 0x13);
        near(&board, "rgb-red", 0.75);
        write::<Timer>(&mut board, "TIM3", 0x20, 0x11);
        write::<Timer>(&mut board, "TIM3", 0x18, 0x4878);
        near(&board, "rgb-red", 0.75);
        near(&board, "rgb-blue", 0.0);
        write::<Timer>(&mut board, "TIM2", 0x20, 0);
        near(&board, "rgb-green", 0.0);
        assert!(board.duty("rgb-pink").is_err());
    }
}
