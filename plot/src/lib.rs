//! Charts of what a bench measured, drawn with plotters on any of its backends.
//!
//! - [`Chart`] says what to show: series over virtual time, thresholds, moments.
//! - [`draw`] draws it on a plotters drawing area: a canvas in the page, an SVG, a bitmap.
//! - `to_svg` and `to_png` (features `svg`, `bitmap`) make pictures, the same on every system.
//! - [`decimate`] thins a series to what the columns of a picture can show, extremes included.
//! - [`color_of`] gives a channel its colour, the same in every pane and picture.
//!
//! Nothing here reads a clock, a file or a system font.

mod axis;
mod chart;
mod dash;
mod decimate;
mod draw;
mod frame;
mod pen;
#[cfg(any(feature = "svg", feature = "bitmap"))]
mod picture;
mod theme;

pub use chart::{Chart, Marker, Point, Series, Severity, Threshold};
pub use decimate::decimate;
pub use draw::{Error, draw};
#[cfg(feature = "bitmap")]
pub use picture::to_png;
#[cfg(feature = "svg")]
pub use picture::to_svg;
pub use theme::{Theme, color_of};
