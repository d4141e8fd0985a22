//! Snapshots of a chip.

use std::sync::Arc;

use super::{Loader, PAGE, Saver, Snapshot, SnapshotError};
use crate::{core::CpuCore, machine::Chip};

impl Chip {
    /// The whole state. Pages of RAM that are as in `before` are shared with it.
    ///
    /// # Errors
    /// None in practice: memory holds all that is written.
    pub fn snapshot(&self, before: Option<&Snapshot>) -> Result<Snapshot, SnapshotError> {
        let core = self.core();
        let mut state = Saver::default();
        CpuCore::save(core, &mut state);
        state.put(&self.reported().map(|stop| format!("{stop:?}")));
        let ram = core.bus.ram.chunks(PAGE).enumerate().map(|(index, page)| {
            let same = before
                .and_then(|before| before.ram.get(index))
                .filter(|before| ***before == *page);
            same.map_or_else(|| Arc::from(page), Arc::clone)
        });
        let flash = core.bus.flash.differences();
        Ok(Snapshot {
            firmware: core.bus.flash.image().fingerprint(),
            ram: ram.collect(),
            flash: flash.map(|(page, bytes)| (page, bytes.into())).collect(),
            state: state.finish()?,
        })
    }

    /// Goes on from a snapshot of this or another chip of the same kind with the same firmware.
    ///
    /// # Errors
    /// When the snapshot is of other firmware or another chip; the state is then undefined, and
    /// [`Chip::reset`] or another restore is needed.
    pub fn restore(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let expected = self.core().bus.flash.image().fingerprint();
        if snapshot.firmware != expected {
            let found = snapshot.firmware;
            return Err(SnapshotError::Firmware { found, expected });
        }
        let bus = &mut self.core_mut().bus;
        let size: usize = snapshot.ram.iter().map(|page| page.len()).sum();
        if size != bus.ram.len() {
            let text = format!("it has {size} bytes of RAM, not {}", bus.ram.len());
            return Err(SnapshotError::Parts(text));
        }
        for (index, (place, page)) in bus.ram.chunks_mut(PAGE).zip(&snapshot.ram).enumerate() {
            if *place != **page {
                place.copy_from_slice(page);
                bus.ram_code.forget(index * PAGE, page.len());
            }
        }
        let pages = snapshot.flash.iter().map(|(page, bytes)| (*page, &**bytes));
        Arc::make_mut(&mut bus.flash).restore(pages);
        let mut state = Loader::new(&snapshot.state);
        CpuCore::restore(self.core_mut(), &mut state)?;
        let reported: Option<String> = state.get()?;
        state.finish()?;
        let stopped = self.stopped();
        let known = reported.is_some();
        self.set_reported(stopped.filter(|_| known));
        Ok(())
    }

    /// Bytes of memory that this chip takes beyond the shared image: RAM, changed flash memory,
    /// decoded code in both, and an estimate of the rest.
    pub fn footprint(&self) -> usize {
        let bus = &self.core().bus;
        bus.ram.len()
            + bus.flash.footprint()
            + bus.ram_code.footprint()
            + size_of::<Self>()
            + 16 * 1024
    }
}
