//! Boards as they look, with what lives on them.

mod az3166;
mod oled;

pub(crate) use az3166::Board;

/// The lit pixels of a display, whose pages come as base64, as an SVG path.
pub(crate) fn path_of(pages: &str, width: usize, height: usize) -> String {
    oled::path(&oled::base64(pages), width, height)
}

/// Bytes as base64.
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    oled::to_base64(bytes)
}
