//! The core's state in a snapshot.

use super::Core;
use crate::snapshot::{Loader, Saver, SnapshotError};

/// Saves and restores every field by name; one that is missing does not compile.
macro_rules! fields {
    ($($field:ident),*; not $($other:ident),*) => {
        impl Core {
            /// Hands out all state but RAM and flash memory.
            pub(crate) fn save(&self, out: &mut Saver) {
                let Self { $($field,)* $($other: _,)* } = self;
                $(out.put($field);)*
                self.bus.save(out);
            }

            /// Takes back what [`Core::save`] handed out.
            pub(crate) fn restore(&mut self, from: &mut Loader<'_>) -> Result<(), SnapshotError> {
                $(self.$field = from.get()?;)*
                self.bus.restore(from)?;
                self.refresh_protection();
                Ok(())
            }
        }
    };
}

fields!(
    r, next, n, z, c, v, q, ge, it, cycles, instructions, ipsr, primask, faultmask, basepri, control,
    other_sp, sleep, event, exclusive, fp, nvic, scs, systick, mpu, debug, time, halted, files, reset_requested;
    not limit, polling, bus
);
