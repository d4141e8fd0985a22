//! Pictures that are the same on every system: SVG and PNG.

use std::sync::LazyLock;

use plotters::style::{FontStyle, register_font};

use crate::{Chart, Error, Theme, draw::draw_on, pen::Medium};

/// Height of Noto Sans, ascent to descent, in em (its `hhea` table: 1069 and 293 of 1000). The
/// size that plotters' glyph renderer takes is this height.
const FONT_HEIGHT: f64 = 1.362;

/// Plotters knows fonts by name in one table for the process; both weights are put there once.
static FONTS: LazyLock<bool> = LazyLock::new(|| {
    let register = |style, bytes| register_font("sans-serif", style, bytes).is_ok();
    register(FontStyle::Normal, notosans::REGULAR_TTF)
        && register(FontStyle::Bold, notosans::BOLD_TTF)
});

fn with_fonts() -> Result<(), Error> {
    if *FONTS {
        Ok(())
    } else {
        Err(Error::Backend(
            "the built-in font cannot be read".to_owned(),
        ))
    }
}

/// Draws a chart as the text of an SVG document of `width` by `height` pixels. Text stays text,
/// in the reader's sans-serif font.
///
/// # Errors
/// As [`draw`](crate::draw).
#[cfg(feature = "svg")]
pub fn to_svg(chart: &Chart, width: u32, height: u32, theme: Theme) -> Result<String, Error> {
    use plotters::prelude::{IntoDrawingArea, SVGBackend};

    /// Plotters rounds coordinates to whole pixels; with smaller ones lines are not jagged.
    const FINER: u32 = 8;
    /// Plotters' SVG backend writes fonts this much smaller than asked.
    const SHRINK: f64 = 1.24;
    with_fonts()?;
    let (fine_width, fine_height) = (width.saturating_mul(FINER), height.saturating_mul(FINER));
    let mut text = String::new();
    {
        let area =
            SVGBackend::with_string(&mut text, (fine_width, fine_height)).into_drawing_area();
        let medium = Medium {
            scale: f64::from(FINER),
            size_of_em: SHRINK,
            width: FONT_HEIGHT / SHRINK,
            drop: 0.09,
            joins: true,
        };
        draw_on(chart, &area, theme, medium)?;
        area.present().map_err(Error::backend)?;
    }
    // The document has the size asked for; its coordinates stay fine.
    let fine = format!("width=\"{fine_width}\" height=\"{fine_height}\" viewBox");
    let asked = format!("width=\"{width}\" height=\"{height}\" viewBox");
    Ok(text.replacen(&fine, &asked, 1))
}

/// Draws a chart as a PNG file of `width` by `height` pixels.
///
/// # Errors
/// As [`draw`](crate::draw).
#[cfg(feature = "bitmap")]
pub fn to_png(chart: &Chart, width: u32, height: u32, theme: Theme) -> Result<Vec<u8>, Error> {
    use plotters::prelude::{BitMapBackend, IntoDrawingArea};

    /// Drawn this much larger and averaged, so that lines and letters are smooth.
    const LARGER: u32 = 3;
    /// Bytes of a pixel.
    const RGB: usize = 3;
    with_fonts()?;
    // 64 megapixels are 576 MB while drawing; more is a mistake.
    if u64::from(width) * u64::from(height) > 64_000_000 {
        return Err(Error::Backend(format!(
            "{width} by {height} pixels are too many"
        )));
    }
    let (large_width, large_height) = (width * LARGER, height * LARGER);
    let mut large = vec![0u8; large_width as usize * large_height as usize * RGB];
    {
        let area =
            BitMapBackend::with_buffer(&mut large, (large_width, large_height)).into_drawing_area();
        let medium = Medium {
            scale: f64::from(LARGER),
            size_of_em: FONT_HEIGHT,
            width: 1.0,
            drop: 0.225,
            joins: false,
        };
        draw_on(chart, &area, theme, medium)?;
        area.present().map_err(Error::backend)?;
    }
    let pixels = average(&large, width as usize, height as usize, LARGER as usize);
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(Error::backend)?;
    writer.write_image_data(&pixels).map_err(Error::backend)?;
    writer.finish().map_err(Error::backend)?;
    Ok(file)
}

/// Averages squares of `factor` by `factor` pixels of three bytes.
#[cfg(feature = "bitmap")]
fn average(large: &[u8], width: usize, height: usize, factor: usize) -> Vec<u8> {
    let mut sums = vec![0u32; width * height * 3];
    for (y, row) in large.chunks_exact((width * factor * 3).max(1)).enumerate() {
        let start = y / factor * width * 3;
        for (x, pixel) in row.chunks_exact(3).enumerate() {
            for (channel, byte) in pixel.iter().enumerate() {
                sums[start + x / factor * 3 + channel] += u32::from(*byte);
            }
        }
    }
    let squares = (factor * factor) as u32;
    sums.into_iter()
        .map(|sum| ((sum + squares / 2) / squares) as u8)
        .collect()
}
