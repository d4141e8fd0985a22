//! Pre-decoded instructions and the pages that cache them.

/// Decoded flash memory, shared by the devices that run one image.
#[derive(Debug)]
pub(crate) struct CodePages {}

impl CodePages {
    /// Nothing decoded yet, for `size` bytes.
    pub(crate) fn new(_size: u32) -> Self {
        Self {}
    }
}
