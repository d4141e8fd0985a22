//! What stands around every view: bar, rail, inspector, timeline, palette.

mod bar;
mod help;
mod inspector;
mod palette;
mod rail;
mod timeline;
mod toasts;

pub(crate) use bar::TopBar;
pub(crate) use help::Help;
pub(crate) use inspector::Inspector;
pub(crate) use palette::Palette;
pub(crate) use rail::Rail;
pub(crate) use timeline::Timeline;
pub(crate) use toasts::Toasts;
