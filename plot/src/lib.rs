//! Charts of what a bench measured, drawn with plotters on any of its backends.
//!
//! - [`Chart`] says what to show: series over virtual time, thresholds, moments.
//! - [`draw`] draws it on a plotters drawing area: a canvas in the page, an SVG, a bitmap.
//! - `to_svg` and `to_png` (features `svg`, `bitmap`) make pictures, the same on every system.
//! - [`draw_pane`] draws a pane for looking into: a range that somebody sets, lanes of states, marks;
//!   it tells where things are, for cursors and gestures.
//! - [`Track`] keeps a channel's readings so that any part of a million of them is drawn at once.
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
mod pane;
mod pen;
#[cfg(any(feature = "svg", feature = "bitmap"))]
mod picture;
mod theme;
mod track;

pub use chart::{Chart, Marker, Point, Series, Severity, Threshold};
pub use decimate::decimate;
pub use draw::{Error, draw};
pub use pane::{Lane, Pane, PaneLayout, PaneLine, draw_pane};
#[cfg(feature = "bitmap")]
pub use picture::to_png;
#[cfg(feature = "svg")]
pub use picture::to_svg;
pub use theme::{Theme, color_of};
pub use track::Track;
