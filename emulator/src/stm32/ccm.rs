//! The core-coupled memory of the STM32F407 (RM0090, 2.3.1).

use twinbench_model::VirtualTime;

use crate::peripheral::{Context, Peripheral, Width};

/// RAM that only the core reaches, and executes nothing from. The DMA controllers reach it here as
/// well, which they should not.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Ccm {
    bytes: Vec<u8>,
}

impl Ccm {
    /// `size` bytes of zeros.
    pub fn new(size: u32) -> Self {
        Self {
            bytes: vec![0; size as usize],
        }
    }
}

fn length(width: Width) -> usize {
    match width {
        Width::Byte => 1,
        Width::Half => 2,
        Width::Word => 4,
    }
}

impl Peripheral for Ccm {
    crate::snapshot::saved_by_serde!();

    fn name(&self) -> &'static str {
        "CCM"
    }

    fn still_until(&self, _offset: u32, _now: VirtualTime) -> Option<VirtualTime> {
        Some(VirtualTime::MAX)
    }

    fn read(&mut self, offset: u32, width: Width, _cx: &mut Context<'_>) -> Option<u32> {
        let start = offset as usize;
        let bytes = self.bytes.get(start..start + length(width))?;
        let word = bytes.iter().rev();
        Some(word.fold(0, |word, byte| word << 8 | u32::from(*byte)))
    }

    fn write(
        &mut self,
        offset: u32,
        width: Width,
        value: u32,
        _cx: &mut Context<'_>,
    ) -> Option<()> {
        let start = offset as usize;
        let bytes = self.bytes.get_mut(start..start + length(width))?;
        for (place, byte) in bytes.iter_mut().zip(value.to_le_bytes()) {
            *place = byte;
        }
        Some(())
    }

    /// It keeps its content, as RAM does.
    fn reset(&mut self) {}
}
