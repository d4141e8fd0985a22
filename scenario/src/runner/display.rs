//! Reading a display's pixels as text.
//!
//! A frame is what an SSD1306 keeps: rows of eight vertical pixels, 128 bytes each, the lowest bit
//! uppermost. The text is looked for in the font of the devkit's firmware, 6×13 pixels a
//! character.

use std::{collections::BTreeMap, sync::OnceLock};

use embedded_graphics::{
    Drawable as _, Pixel,
    draw_target::DrawTarget,
    geometry::{OriginDimensions, Point, Size},
    mono_font::{MonoTextStyle, ascii::FONT_6X13},
    pixelcolor::BinaryColor,
    text::{Baseline, Text},
};

/// Pixels of a character.
const WIDTH: usize = 6;
const HEIGHT: usize = 13;
/// Pixels of the display.
const COLUMNS: usize = 128;

/// A character's pixels: a word for each column.
type Glyph = [u16; WIDTH];

struct Canvas(Glyph);

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(WIDTH as u32, HEIGHT as u32)
    }
}

impl DrawTarget for Canvas {
    type Color = BinaryColor;
    type Error = std::convert::Infallible;
    fn draw_iter<I: IntoIterator<Item = Pixel<BinaryColor>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Self::Error> {
        for Pixel(Point { x, y }, color) in pixels {
            let inside = (0..WIDTH as i32).contains(&x) && (0..HEIGHT as i32).contains(&y);
            if inside && color == BinaryColor::On {
                self.0[x as usize] |= 1 << y;
            }
        }
        Ok(())
    }
}

fn glyphs() -> &'static BTreeMap<Glyph, char> {
    static GLYPHS: OnceLock<BTreeMap<Glyph, char>> = OnceLock::new();
    GLYPHS.get_or_init(|| {
        let style = MonoTextStyle::new(&FONT_6X13, BinaryColor::On);
        (' '..='~')
            .map(|c| {
                let mut canvas = Canvas([0; WIDTH]);
                let text = c.to_string();
                let drawn = Text::with_baseline(&text, Point::zero(), style, Baseline::Top);
                let _ = drawn.draw(&mut canvas);
                (canvas.0, c)
            })
            .collect()
    })
}

/// The lines of text that a frame shows, from above; what is no text is left out.
pub fn lines(frame: &[u8]) -> Vec<String> {
    let rows = frame.len() / COLUMNS * 8;
    let lit = |x: usize, y: usize| {
        frame
            .get(y / 8 * COLUMNS + x)
            .is_some_and(|byte| byte >> (y % 8) & 1 == 1)
    };
    let mut lines = Vec::new();
    let mut y = 0;
    while y + HEIGHT <= rows {
        let mut line = String::new();
        for column in 0..COLUMNS / WIDTH {
            let mut glyph = [0; WIDTH];
            for (dx, word) in glyph.iter_mut().enumerate() {
                for dy in 0..HEIGHT {
                    *word |= u16::from(lit(column * WIDTH + dx, y + dy)) << dy;
                }
            }
            let Some(c) = glyphs().get(&glyph) else {
                line.clear();
                break;
            };
            line.push(*c);
        }
        let text = line.trim_end();
        if text.is_empty() {
            y += 1;
        } else {
            lines.push(text.to_owned());
            y += HEIGHT;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Frame(Vec<u8>);

    impl OriginDimensions for Frame {
        fn size(&self) -> Size {
            Size::new(128, 64)
        }
    }

    impl DrawTarget for Frame {
        type Color = BinaryColor;
        type Error = std::convert::Infallible;
        fn draw_iter<I: IntoIterator<Item = Pixel<BinaryColor>>>(
            &mut self,
            pixels: I,
        ) -> Result<(), Self::Error> {
            for Pixel(at, color) in pixels {
                if color == BinaryColor::On {
                    self.0[at.y as usize / 8 * 128 + at.x as usize] |= 1 << (at.y % 8);
                }
            }
            Ok(())
        }
    }

    #[test]
    fn text_is_read_back() {
        let style = MonoTextStyle::new(&FONT_6X13, BinaryColor::On);
        let mut frame = Frame(vec![0; 1024]);
        for (row, text) in ["devkit-01", "21.50C 48.20%RH", "hub: online", "messages: 7"]
            .into_iter()
            .enumerate()
        {
            let corner = Point::new(0, row as i32 * 16 + 1);
            Text::with_baseline(text, corner, style, Baseline::Top)
                .draw(&mut frame)
                .unwrap();
        }
        assert_eq!(
            lines(&frame.0),
            ["devkit-01", "21.50C 48.20%RH", "hub: online", "messages: 7"]
        );
        assert!(lines(&[0xff; 1024]).is_empty());
        assert!(lines(&[]).is_empty());
    }
}
