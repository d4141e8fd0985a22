//! Drawing in pixels of the finished picture on any backend.

use plotters::{
    coord::Shift,
    prelude::{DrawingArea, DrawingBackend, IntoFont, PathElement, Polygon},
    style::{
        Color, FontFamily, FontStyle, RGBColor, ShapeStyle, TextStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

use crate::Error;

/// How a kind of backend measures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Medium {
    /// Backend pixels to one pixel of the finished picture.
    pub(crate) scale: f64,
    /// What the backend calls the size of a font of one pixel to the em.
    pub(crate) size_of_em: f64,
    /// Real width of a text by the width that plotters estimates.
    pub(crate) width: f64,
    /// How far, in em, a text must go down for its capitals to stand centred.
    pub(crate) drop: f64,
    /// Whether the backend joins the pieces of a line without spikes at sharp corners.
    pub(crate) joins: bool,
}

impl Medium {
    /// A backend that takes sizes as they are: a canvas.
    pub(crate) const PLAIN: Self = Self {
        scale: 1.0,
        size_of_em: 1.0,
        width: 1.0,
        drop: 0.0,
        joins: true,
    };
}

/// Weight of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    Normal,
    Bold,
}

pub(crate) struct Pen<'a, DB: DrawingBackend> {
    area: &'a DrawingArea<DB, Shift>,
    medium: Medium,
}

impl<'a, DB: DrawingBackend> Pen<'a, DB> {
    pub(crate) const fn new(area: &'a DrawingArea<DB, Shift>, medium: Medium) -> Self {
        Self { area, medium }
    }

    /// Width and height of the picture.
    pub(crate) fn size(&self) -> (f64, f64) {
        let (width, height) = self.area.dim_in_pixel();
        (
            f64::from(width) / self.medium.scale,
            f64::from(height) / self.medium.scale,
        )
    }

    pub(crate) fn fill(&self, color: RGBColor) -> Result<(), Error> {
        self.area.fill(&color).map_err(Error::backend)
    }

    pub(crate) fn line(
        &self,
        line: &[(f64, f64)],
        color: RGBColor,
        width: f64,
    ) -> Result<(), Error> {
        let style = ShapeStyle {
            color: color.to_rgba(),
            filled: false,
            stroke_width: (width * self.medium.scale).round().max(1.0) as u32,
        };
        let draw = |line: &[(f64, f64)]| {
            let path = PathElement::new(self.pixels(line), style);
            self.area.draw(&path).map_err(Error::backend)
        };
        if self.medium.joins || line.len() < 3 {
            return draw(line);
        }
        line.windows(2).try_for_each(draw)?;
        let inner = line.get(1..line.len() - 1).unwrap_or_default();
        inner
            .iter()
            .try_for_each(|joint| self.dot(*joint, width / 2.0, color))
    }

    pub(crate) fn dot(
        &self,
        (x, y): (f64, f64),
        radius: f64,
        color: RGBColor,
    ) -> Result<(), Error> {
        let corner = |n: u32| {
            let angle = f64::from(n) * std::f64::consts::TAU / 12.0;
            (x + radius * angle.cos(), y + radius * angle.sin())
        };
        self.polygon(&(0..12).map(corner).collect::<Vec<_>>(), color)
    }

    pub(crate) fn polygon(&self, corners: &[(f64, f64)], color: RGBColor) -> Result<(), Error> {
        let shape = Polygon::new(self.pixels(corners), color.filled());
        self.area.draw(&shape).map_err(Error::backend)
    }

    /// A text whose capitals are centred at `y` and that starts, stands centred or ends at `x`.
    pub(crate) fn text(
        &self,
        text: &str,
        (x, y): (f64, f64),
        align: HPos,
        (size, weight, color): (f64, Weight, RGBColor),
    ) -> Result<(), Error> {
        let style = self
            .style(size, weight, color)
            .pos(Pos::new(align, VPos::Center));
        let at = self.pixel((x, y + self.medium.drop * size));
        self.area
            .draw_text(text, &style, at)
            .map_err(Error::backend)
    }

    pub(crate) fn text_width(&self, text: &str, size: f64, weight: Weight) -> f64 {
        let style = self.style(size, weight, RGBColor(0, 0, 0));
        // Without a font the widest guess keeps labels apart.
        let guess = text.chars().count() as f64 * size * 0.6;
        self.area
            .estimate_text_size(text, &style)
            .map_or(guess, |(width, _)| {
                f64::from(width) / self.medium.scale * self.medium.width
            })
    }

    fn style(&self, size: f64, weight: Weight, color: RGBColor) -> TextStyle<'static> {
        let font_style = match weight {
            Weight::Normal => FontStyle::Normal,
            Weight::Bold => FontStyle::Bold,
        };
        let size = size * self.medium.size_of_em * self.medium.scale;
        (FontFamily::SansSerif, size, font_style)
            .into_font()
            .color(&color)
    }

    fn pixels(&self, points: &[(f64, f64)]) -> Vec<(i32, i32)> {
        points.iter().map(|point| self.pixel(*point)).collect()
    }

    fn pixel(&self, (x, y): (f64, f64)) -> (i32, i32) {
        let scaled = |at: f64| (at * self.medium.scale).round() as i32;
        (scaled(x), scaled(y))
    }
}
