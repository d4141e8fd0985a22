//! Four lines of text on the SSD1306. Only the characters that changed are drawn and sent, so the
//! bus is busy for 6 ms at most (a whole line: 256 bytes).

use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::MonoTextStyleBuilder;
use embedded_graphics::mono_font::ascii::FONT_6X13;
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::prelude::*;
use embedded_graphics::text::{Baseline, Text};
use heapless::String;
use ssd1306::mode::{BufferedGraphicsMode, DisplayConfig};
use ssd1306::prelude::*;
use ssd1306::{I2CDisplayInterface, Ssd1306};

use crate::log;
use crate::sensors::Bus;

/// Characters in a line: 128 pixels of 6 each.
pub(crate) const COLUMNS: usize = 21;
/// Lines of 16 pixels.
pub(crate) const ROWS: usize = 4;

type Driver =
    Ssd1306<I2CInterface<Bus>, DisplaySize128x64, BufferedGraphicsMode<DisplaySize128x64>>;

/// One line's text.
pub(crate) type Line = String<COLUMNS>;

/// The display and what it shows.
pub(crate) struct Display {
    /// None when it did not answer.
    driver: Option<Driver>,
    shown: [Line; ROWS],
}

impl Display {
    /// Switches it on, empty. A board without one goes on without.
    pub(crate) fn new(bus: Bus) -> Self {
        let mut driver = Ssd1306::new(
            I2CDisplayInterface::new(bus),
            DisplaySize128x64,
            DisplayRotation::Rotate0,
        )
        .into_buffered_graphics_mode();
        let ready = driver.init().and_then(|()| driver.flush());
        if ready.is_err() {
            log!("display: no answer, going on without");
        }
        Self {
            driver: ready.is_ok().then_some(driver),
            shown: [const { Line::new() }; ROWS],
        }
    }

    /// Shows `text` in `row` (from 0), cut to the line's length.
    pub(crate) fn show(&mut self, row: usize, text: &str) {
        let mut line = Line::new();
        for c in text.chars().chain(core::iter::repeat(' ')) {
            if line.push(if c.is_ascii() { c } else { '?' }).is_err() {
                break;
            }
        }
        let (Some(driver), Some(shown)) = (&mut self.driver, self.shown.get_mut(row)) else {
            return;
        };
        // Only from the first to the last character that differs.
        let changed = |at: &usize| shown.as_bytes().get(*at) != line.as_bytes().get(*at);
        let (Some(first), Some(last)) = ((0..COLUMNS).find(changed), (0..COLUMNS).rfind(changed))
        else {
            return;
        };
        let style: MonoTextStyle<'_, BinaryColor> = MonoTextStyleBuilder::new()
            .font(&FONT_6X13)
            .text_color(BinaryColor::On)
            .background_color(BinaryColor::Off)
            .build();
        let corner = Point::new(first as i32 * 6, row as i32 * 16 + 1);
        let drawn =
            Text::with_baseline(&line[first..=last], corner, style, Baseline::Top).draw(driver);
        if drawn.and_then(|_| driver.flush()).is_ok() {
            *shown = line;
        } else {
            log!("display: line {row} not sent");
        }
    }
}
