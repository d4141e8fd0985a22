//! A canvas as a backend of plotters.

use plotters::style::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    FontStyle,
};
use twinbench_plot::Theme;
use wasm_bindgen::JsCast as _;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

/// What goes wrong on a canvas.
#[derive(Debug, thiserror::Error)]
#[error("the canvas refuses to draw")]
pub(crate) struct Refused;

/// A canvas in its own pixels.
pub(crate) struct Canvas {
    context: CanvasRenderingContext2d,
    size: (u32, u32),
}

impl Canvas {
    /// A canvas element that is made as large as it is shown; `None` when it has no size.
    pub(crate) fn of(element: &HtmlCanvasElement) -> Option<(Self, f64)> {
        let ratio = web_sys::window().map_or(1.0, |window| window.device_pixel_ratio());
        let width = (f64::from(element.client_width()) * ratio).round() as u32;
        let height = (f64::from(element.client_height()) * ratio).round() as u32;
        let canvas = Self::sized(element, width.into(), height.into())?;
        Some((canvas, ratio))
    }

    /// A canvas element of so many of its own pixels.
    pub(crate) fn sized(element: &HtmlCanvasElement, width: f64, height: f64) -> Option<Self> {
        let (width, height) = (width as u32, height as u32);
        if width == 0 || height == 0 {
            return None;
        }
        // Setting the size clears the canvas, so only when it changed.
        if element.width() != width {
            element.set_width(width);
        }
        if element.height() != height {
            element.set_height(height);
        }
        let context = element.get_context("2d").ok()??;
        let context = context.dyn_into::<CanvasRenderingContext2d>().ok()?;
        let size = (width, height);
        Some(Self { context, size })
    }

    /// The context, for what plotters has no words for.
    pub(crate) const fn context(&self) -> &CanvasRenderingContext2d {
        &self.context
    }

    fn ink(&self, color: BackendColor, fill: bool) {
        let (r, g, b) = color.rgb;
        let text = format!("rgba({r},{g},{b},{})", color.alpha);
        if fill {
            self.context.set_fill_style_str(&text);
        } else {
            self.context.set_stroke_style_str(&text);
        }
    }

    fn trace(&self, path: impl IntoIterator<Item = BackendCoord>, shift: f64) {
        self.context.begin_path();
        let mut first = true;
        for (x, y) in path {
            let (x, y) = (f64::from(x) + shift, f64::from(y) + shift);
            if first {
                self.context.move_to(x, y);
                first = false;
            } else {
                self.context.line_to(x, y);
            }
        }
    }

    fn font(&self, style: &impl BackendTextStyle) {
        let weight = match style.style() {
            FontStyle::Bold => "600 ",
            _ => "",
        };
        let family =
            "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif";
        self.context
            .set_font(&format!("{weight}{}px {family}", style.size()));
    }
}

/// The theme that the page is shown in.
pub(crate) fn theme_of_page() -> Theme {
    let Some(window) = web_sys::window() else {
        return Theme::Light;
    };
    let asked = window
        .document()
        .and_then(|document| document.document_element())
        .and_then(|root| root.get_attribute("data-theme"));
    let dark = match asked.as_deref() {
        Some("dark") => true,
        Some("light") => false,
        _ => window
            .match_media("(prefers-color-scheme: dark)")
            .ok()
            .flatten()
            .is_some_and(|query| query.matches()),
    };
    if dark { Theme::Dark } else { Theme::Light }
}

impl DrawingBackend for Canvas {
    type ErrorType = Refused;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Result<(), DrawingErrorKind<Refused>> {
        Ok(())
    }

    fn present(&mut self) -> Result<(), DrawingErrorKind<Refused>> {
        Ok(())
    }

    fn draw_pixel(
        &mut self,
        (x, y): BackendCoord,
        color: BackendColor,
    ) -> Result<(), DrawingErrorKind<Refused>> {
        self.ink(color, true);
        self.context.fill_rect(x.into(), y.into(), 1.0, 1.0);
        Ok(())
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Result<(), DrawingErrorKind<Refused>> {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (x, y): BackendCoord,
        (right, bottom): BackendCoord,
        style: &S,
        fill: bool,
    ) -> Result<(), DrawingErrorKind<Refused>> {
        self.ink(style.color(), fill);
        let (width, height) = (f64::from(right - x), f64::from(bottom - y));
        if fill {
            // Both corners belong to a rectangle of plotters.
            self.context
                .fill_rect(x.into(), y.into(), width + 1.0, height + 1.0);
        } else {
            self.context.stroke_rect(x.into(), y.into(), width, height);
        }
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Result<(), DrawingErrorKind<Refused>> {
        self.ink(style.color(), false);
        let width = style.stroke_width().max(1);
        self.context.set_line_width(width.into());
        self.context.set_line_join("round");
        // A line of an odd width is sharp between two pixels.
        self.trace(path, f64::from(width % 2) / 2.0);
        self.context.stroke();
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        corners: I,
        style: &S,
    ) -> Result<(), DrawingErrorKind<Refused>> {
        self.ink(style.color(), true);
        self.trace(corners, 0.0);
        self.context.close_path();
        self.context.fill();
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        (x, y): BackendCoord,
    ) -> Result<(), DrawingErrorKind<Refused>> {
        self.font(style);
        self.ink(style.color(), true);
        self.context.set_text_align(match style.anchor().h_pos {
            HPos::Left => "left",
            HPos::Center => "center",
            HPos::Right => "right",
        });
        self.context.set_text_baseline(match style.anchor().v_pos {
            VPos::Top => "top",
            VPos::Center => "middle",
            VPos::Bottom => "bottom",
        });
        self.context
            .fill_text(text, x.into(), y.into())
            .map_err(|_| DrawingErrorKind::DrawingError(Refused))
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Refused>> {
        self.font(style);
        let measured = self
            .context
            .measure_text(text)
            .map_err(|_| DrawingErrorKind::FontError(Box::new(Refused)))?;
        Ok((measured.width().ceil() as u32, style.size().ceil() as u32))
    }
}
