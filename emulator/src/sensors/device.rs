//! What a device is to an I2C bus.

use std::any::Any;

use twinbench_model::VirtualTime;

use crate::{
    peripheral::Signal,
    snapshot::{Loader, Saver, SnapshotError},
};

/// What a quantity is around a board, as a function of the board's time and of nothing else.
pub trait Surroundings: Send + std::fmt::Debug {
    /// The value at a time, and the time from which another one holds. Finite.
    fn at(&mut self, now: VirtualTime) -> (f64, VirtualTime);
}

/// A device on an I2C bus, as the bus sees it.
pub trait I2cDevice: Any + Send {
    /// Name as its data sheet writes it: `HTS221`.
    fn name(&self) -> &'static str;

    /// Its 7-bit address.
    fn address(&self) -> u8;

    /// It is addressed, to send (`read`) or to take bytes; also by a repeated start.
    fn start(&mut self, read: bool, now: VirtualTime);

    /// It takes a byte. `false`: it does not acknowledge.
    fn write(&mut self, byte: u8, now: VirtualTime) -> bool;

    /// It sends a byte.
    fn read(&mut self, now: VirtualTime) -> u8;

    /// The bus is released; what it shows to the outside world goes to `out`.
    fn stop(&mut self, now: VirtualTime, out: &mut Vec<Signal>);

    /// The quantities that it measures, e.g. `temperature`.
    fn quantities(&self) -> &'static [&'static str] {
        &[]
    }

    /// Sets what it measures, in the quantity's unit (°C, %RH, hPa, mG, mg, mdps); beyond its
    /// range it shows the end of the range. Quantities that it does not measure are ignored. What
    /// is set so takes the place of what the quantity followed.
    fn set(&mut self, _quantity: &str, _value: f64) {}

    /// From now on a quantity that it measures is what `source` says; it is asked when the device is
    /// addressed, and not before.
    fn follow(&mut self, _quantity: &str, _source: Box<dyn Surroundings>, _now: VirtualTime) {}

    /// Hands out all of its state.
    fn save(&self, out: &mut Saver);

    /// Takes back what [`I2cDevice::save`] handed out.
    ///
    /// # Errors
    /// When the bytes are no state of this device.
    fn restore(&mut self, from: &mut Loader<'_>) -> Result<(), SnapshotError>;

    /// Back to the state after power-on; what it measures stays.
    fn power_on(&mut self);

    /// Whether the board's reset line reaches it, so that a reset means [`I2cDevice::power_on`].
    fn has_reset_line(&self) -> bool {
        false
    }
}
