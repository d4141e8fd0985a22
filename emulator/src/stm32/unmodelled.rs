//! Peripherals that are on the chip and not modelled yet.

use twinbench_model::VirtualTime;

use crate::{
    peripheral::{Context, Peripheral, Width},
    snapshot::{Loader, Saver, SnapshotError},
};

/// A peripheral without a model: the bus notes each of its registers that firmware touches, by
/// name, once.
#[derive(Debug, Clone, Copy)]
pub struct Unmodelled {
    name: &'static str,
}

impl Unmodelled {
    /// The peripheral of a name.
    pub fn new(name: &'static str) -> Self {
        Self { name }
    }
}

impl Peripheral for Unmodelled {
    fn name(&self) -> &'static str {
        self.name
    }

    fn still_until(&self, _offset: u32, _now: VirtualTime) -> Option<VirtualTime> {
        Some(VirtualTime::MAX)
    }

    fn read(&mut self, _offset: u32, _width: Width, _cx: &mut Context<'_>) -> Option<u32> {
        None
    }

    fn write(
        &mut self,
        _offset: u32,
        _width: Width,
        _value: u32,
        _cx: &mut Context<'_>,
    ) -> Option<()> {
        None
    }

    fn reset(&mut self) {}

    fn save(&self, _out: &mut Saver) {}

    fn restore(&mut self, _from: &mut Loader<'_>) -> Result<(), SnapshotError> {
        Ok(())
    }
}
