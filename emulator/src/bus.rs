//! The bus: memories, and peripherals by address.

use std::{any::Any, collections::BTreeSet, ops::Range, sync::Arc};

use twinbench_model::VirtualTime;

use crate::{
    core::RamCode,
    image::Image,
    machine::Mapped,
    memory::MemoryMap,
    overlay::Flash,
    peripheral::{
        Clocks, Context, DmaTransfer, IrqLines, Peripheral, Pins, Signal, SignalKind, WHOLE_CHIP,
        Width,
    },
    snapshot::{Loader, SavedSignal, Saver, SnapshotError},
    stm32::registers,
};

/// A peripheral at its place.
struct Slot {
    base: u32,
    size: u32,
    device: Box<dyn Peripheral>,
}

/// A second range of addresses of the peripheral in a slot.
#[derive(Clone, Copy)]
struct Alias {
    base: u32,
    size: u32,
    slot: usize,
}

/// A deadline as a number, so that the earliest is found fast; none is after all time.
fn due(device: &dyn Peripheral) -> VirtualTime {
    device.deadline().unwrap_or(VirtualTime::MAX)
}

/// A change of flash memory that waits until no instruction runs from it.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
enum FlashChange {
    /// Programming can only clear bits.
    Program(usize, u32, u32),
    Erase(Range<u32>),
}

/// Memories, peripherals, and what they share.
pub(crate) struct Bus {
    pub(crate) map: MemoryMap,
    pub(crate) flash: Arc<Flash>,
    pub(crate) ram: Vec<u8>,
    pub(crate) ram_code: RamCode,
    /// Offsets below this need no check.
    pub(crate) fast_ram: usize,
    pub(crate) clocks: Clocks,
    pub(crate) pins: Pins,
    pub(crate) irq: IrqLines,
    pub(crate) out: Vec<Signal>,
    /// Something changed that the core must look at: lines, deadlines, clocks, flash memory.
    pub(crate) attention: bool,
    /// A peripheral wants the whole chip reset.
    pub(crate) reset_requested: bool,
    /// The earliest deadline of a peripheral.
    pub(crate) next_deadline: Option<VirtualTime>,
    /// Sorted by base address.
    slots: Vec<Slot>,
    /// When each of them wants to act, by slot; the end of time for never.
    aliases: Vec<Alias>,
    deadlines: Vec<VirtualTime>,
    deadlines_changed: bool,
    /// DMA controllers that have a stream switched on.
    moving: Vec<usize>,
    last: usize,
    resets: Vec<&'static str>,
    flash_changes: Vec<FlashChange>,
    noted: BTreeSet<(u32, bool)>,
    /// Whether an access that nothing models stops the core.
    pub(crate) unmodelled_is_fatal: bool,
    /// The access that did.
    pub(crate) fatal: Option<String>,
}

impl Bus {
    pub(crate) fn new(map: MemoryMap, image: Arc<Image>, peripherals: Vec<Mapped>) -> Self {
        let mut slots: Vec<Slot> = peripherals
            .into_iter()
            .map(|(base, size, device)| Slot { base, size, device })
            .collect();
        slots.sort_by_key(|slot| slot.base);
        let mut bus = Self {
            map,
            flash: Arc::new(Flash::new(image)),
            ram: vec![0; map.ram_size as usize],
            ram_code: RamCode::new(map.ram_size),
            fast_ram: (map.ram_size as usize).saturating_sub(3),
            clocks: Clocks::default(),
            pins: Pins::default(),
            irq: IrqLines::default(),
            out: Vec::new(),
            attention: true,
            reset_requested: false,
            next_deadline: None,
            aliases: (0..)
                .zip(&slots)
                .filter_map(|(slot, it)| {
                    let (base, size) = it.device.also_at()?;
                    Some(Alias { base, size, slot })
                })
                .collect(),
            deadlines: slots.iter().map(|slot| due(slot.device.as_ref())).collect(),
            deadlines_changed: true,
            moving: Vec::new(),
            slots,
            last: 0,
            resets: Vec::new(),
            flash_changes: Vec::new(),
            noted: BTreeSet::new(),
            unmodelled_is_fatal: false,
            fatal: None,
        };
        bus.load_ram();
        bus
    }

    fn load_ram(&mut self) {
        for (address, bytes) in Arc::clone(self.flash.image()).ram() {
            if let Some(offset) = self.map.ram_offset(address, bytes.len() as u32)
                && let Some(place) = self.ram.get_mut(offset..offset + bytes.len())
            {
                place.copy_from_slice(bytes);
                self.ram_code.forget(offset, bytes.len());
            }
        }
    }

    /// Peripherals back to their state after power-on; memory keeps its content, but what the
    /// image places in RAM is placed again.
    pub(crate) fn reset(&mut self, now: VirtualTime) {
        self.reset_requested = false;
        self.clocks = Clocks::default();
        self.flash_changes.clear();
        self.load_ram();
        for index in 0..self.slots.len() {
            self.slots[index].device.reset();
        }
        for index in 0..self.slots.len() {
            self.act(index, now, Peripheral::advance);
        }
        self.attention = true;
    }

    /// Bytes of flash memory or RAM, little-endian.
    #[inline]
    pub(crate) fn memory(&self, address: u32, size: u32) -> Option<u32> {
        if let Some(offset) = self.map.flash_offset(address, size) {
            return self.flash.read(offset, size as usize);
        }
        let offset = self.map.ram_offset(address, size)?;
        let bytes = self.ram.get(offset..offset + size as usize)?;
        let mut word = [0; 4];
        word.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(u32::from_le_bytes(word))
    }

    /// Writes RAM, or programs flash memory if its controller lets it; `false`: no memory there.
    pub(crate) fn set_memory(
        &mut self,
        address: u32,
        size: u32,
        value: u32,
        now: VirtualTime,
        pc: u32,
    ) -> bool {
        if let Some(offset) = self.map.ram_offset(address, size) {
            let bytes = value.to_le_bytes();
            self.set_ram(offset, bytes.get(..size as usize).unwrap_or_default());
            return true;
        }
        let Some(offset) = self.map.flash_offset(address, size) else {
            return false;
        };
        if self.slots.iter().any(|slot| slot.device.programs_flash()) {
            self.flash_changes
                .push(FlashChange::Program(offset, size, value));
            self.attention = true;
        } else if self.noted.insert((address, true)) {
            self.note(
                now,
                format!("store to locked flash memory at {address:#010x}, pc {pc:#010x}"),
            );
        }
        true
    }

    /// Writes RAM.
    pub(crate) fn set_ram(&mut self, offset: usize, bytes: &[u8]) {
        if let Some(place) = self.ram.get_mut(offset..offset + bytes.len()) {
            place.copy_from_slice(bytes);
            if self.ram_code.any {
                self.ram_code.forget(offset, bytes.len());
            }
        }
    }

    /// Writes flash memory from outside.
    pub(crate) fn write_flash(&mut self, offset: usize, bytes: &[u8]) {
        Arc::make_mut(&mut self.flash).change(offset..offset + bytes.len(), |at, byte| {
            *byte = bytes.get(at - offset).copied().unwrap_or(*byte);
        });
    }

    /// Carries out the waiting changes of flash memory.
    pub(crate) fn apply_flash_changes(&mut self) {
        if self.flash_changes.is_empty() {
            return;
        }
        let flash = Arc::make_mut(&mut self.flash);
        for change in self.flash_changes.drain(..) {
            match change {
                FlashChange::Program(offset, size, value) => {
                    let bytes = value.to_le_bytes();
                    flash.change(offset..offset + size as usize, |at, byte| {
                        *byte &= bytes.get(at - offset).copied().unwrap_or(0xFF);
                    });
                }
                FlashChange::Erase(range) => {
                    flash.change(range.start as usize..range.end as usize, |_, byte| {
                        *byte = 0xFF;
                    });
                }
            }
        }
    }

    fn find(&mut self, address: u32) -> Option<usize> {
        let holds = |slot: &Slot| address.wrapping_sub(slot.base) < slot.size;
        if self.slots.get(self.last).is_some_and(holds) {
            return Some(self.last);
        }
        let index = self
            .slots
            .partition_point(|slot| slot.base <= address)
            .checked_sub(1);
        let Some(index) = index.filter(|index| self.slots.get(*index).is_some_and(holds)) else {
            let alias = self
                .aliases
                .iter()
                .find(|alias| address.wrapping_sub(alias.base) < alias.size);
            return alias.map(|alias| alias.slot);
        };
        self.last = index;
        Some(index)
    }

    /// Reads from a peripheral; `None`: none there.
    pub(crate) fn read(
        &mut self,
        address: u32,
        width: Width,
        now: VirtualTime,
        pc: u32,
    ) -> Option<u32> {
        let index = self.find(address)?;
        let offset = address.wrapping_sub(self.slots.get(index)?.base);
        let value = self.act(index, now, |device, cx| device.read(offset, width, cx));
        if value.flatten().is_none() {
            self.note_unmodelled(Some(index), address, false, now, pc);
        }
        Some(value.flatten().unwrap_or_default())
    }

    /// Writes to a peripheral; `false`: none there.
    pub(crate) fn write(
        &mut self,
        address: u32,
        width: Width,
        value: u32,
        now: VirtualTime,
        pc: u32,
    ) -> bool {
        let Some(index) = self.find(address) else {
            return false;
        };
        let slot = self.slots.get(index);
        let offset = slot.map_or(0, |slot| address.wrapping_sub(slot.base));
        let done = self.act(index, now, |device, cx| {
            device.write(offset, width, value, cx)
        });
        if done.flatten().is_none() {
            self.note_unmodelled(Some(index), address, true, now, pc);
        }
        true
    }

    /// Until when reading the register at an address leaves everything as it is and gives the same
    /// value, unless a peripheral's deadline comes before; `None`: it cannot be said.
    pub(crate) fn still_until(&mut self, address: u32, now: VirtualTime) -> Option<VirtualTime> {
        let index = self.find(address)?;
        let slot = self.slots.get(index)?;
        slot.device
            .still_until(address.wrapping_sub(slot.base), now)
    }

    /// Logs an access that nothing models, once for each address and direction.
    pub(crate) fn note_unmodelled(
        &mut self,
        slot: Option<usize>,
        address: u32,
        write: bool,
        now: VirtualTime,
        pc: u32,
    ) {
        if !self.noted.insert((address, write)) && !self.unmodelled_is_fatal {
            return;
        }
        let what = if write { "write to" } else { "read of" };
        let slot = slot.and_then(|index| self.slots.get(index));
        let place = match (slot, registers::name(address)) {
            (Some(slot), Some(name)) if name.starts_with(slot.device.name()) => {
                format!("{name} ({address:#010x})")
            }
            (Some(slot), _) => format!(
                "{} + {:#x} ({address:#010x})",
                slot.device.name(),
                address.wrapping_sub(slot.base)
            ),
            (None, Some(name)) => format!("{name} ({address:#010x})"),
            (None, None) => format!("{address:#010x}"),
        };
        let text = format!("{what} {place} is not modelled, pc {pc:#010x}");
        if self.unmodelled_is_fatal {
            self.fatal = Some(text.clone());
            self.attention = true;
        }
        self.note(now, text);
    }

    /// A line of diagnosis.
    pub(crate) fn note(&mut self, now: VirtualTime, text: String) {
        tracing::debug!(target: "emulator", time = now.as_nanos(), "{text}");
        self.out.push(Signal {
            time: now,
            kind: SignalKind::Note(text),
        });
    }

    /// Lets one peripheral act, then follows up what it changed. `None`: no such slot.
    pub(crate) fn act<R>(
        &mut self,
        index: usize,
        now: VirtualTime,
        act: impl FnOnce(&mut dyn Peripheral, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let clocks = self.clocks;
        let result = self.act_alone(index, now, act)?;
        self.follow(clocks, now);
        Some(result)
    }

    fn act_alone<R>(
        &mut self,
        index: usize,
        now: VirtualTime,
        act: impl FnOnce(&mut dyn Peripheral, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let slot = self.slots.get_mut(index)?;
        let mut cx = Context {
            now,
            irq: &mut self.irq,
            clocks: &mut self.clocks,
            pins: &mut self.pins,
            resets: &mut self.resets,
            out: &mut self.out,
        };
        let result = act(slot.device.as_mut(), &mut cx);
        if let Some(deadline) = self.deadlines.get_mut(index) {
            let new = due(slot.device.as_ref());
            self.deadlines_changed |= *deadline != new;
            *deadline = new;
        }
        if slot.device.dma_is_active() {
            if !self.moving.contains(&index) {
                self.moving.push(index);
                self.moving.sort_unstable();
            }
        } else if !self.moving.is_empty() {
            self.moving.retain(|moving| *moving != index);
        }
        if let Some(range) = slot.device.take_flash_erase() {
            self.flash_changes.push(FlashChange::Erase(range));
            self.attention = true;
        }
        Some(result)
    }

    /// Resets, changes of clocks and pins that a peripheral caused, then the next deadline.
    fn follow(&mut self, clocks: Clocks, now: VirtualTime) {
        for name in std::mem::take(&mut self.resets) {
            if name == WHOLE_CHIP {
                self.reset_requested = true;
                self.attention = true;
                continue;
            }
            for index in 0..self.slots.len() {
                if self.slots[index].device.name() == name {
                    self.slots[index].device.reset();
                    self.act_alone(index, now, Peripheral::advance);
                }
            }
        }
        if self.clocks != clocks {
            for index in 0..self.slots.len() {
                self.act_alone(index, now, Peripheral::advance);
            }
            self.attention = true;
        }
        if self.pins.input_changed {
            for index in 0..self.slots.len() {
                if self.slots[index].device.watches_pins() {
                    self.act_alone(index, now, Peripheral::advance);
                }
            }
            self.pins.input_changed = false;
        }
        if !self.moving.is_empty() {
            self.move_items(now);
        }
        self.attention |= self.irq.changed;
        if std::mem::take(&mut self.deadlines_changed) {
            let next = self.earliest();
            self.attention |= next != self.next_deadline;
            self.next_deadline = next;
        }
    }

    fn earliest(&self) -> Option<VirtualTime> {
        let least = self.deadlines.iter().copied().min();
        least.filter(|time| *time < VirtualTime::MAX)
    }

    /// Lets the DMA controllers move what is asked for.
    fn move_items(&mut self, now: VirtualTime) {
        for index in self.moving.clone() {
            loop {
                let slots = &self.slots;
                let requests = |name: &str| {
                    let slot = slots.iter().find(|slot| slot.device.name() == name);
                    slot.map_or(0, |slot| slot.device.dma_requests())
                };
                let Some(item) = slots[index].device.dma_next(&requests) else {
                    break;
                };
                let moved = self.move_item(item, now);
                let left = self.act_alone(index, now, |device, cx| {
                    device.dma_done(item.stream, moved.is_none(), cx);
                    device.dma_left(item.stream)
                });
                if left == Some(1)
                    && let Some(source) = self.find(item.from)
                {
                    self.slots[source].device.dma_one_left();
                }
            }
        }
    }

    /// Moves one item; `None`: nothing answers at one of its addresses.
    fn move_item(&mut self, item: DmaTransfer, now: VirtualTime) -> Option<()> {
        let size = match item.width {
            Width::Byte => 1,
            Width::Half => 2,
            Width::Word => 4,
        };
        let value = if let Some(value) = self.memory(item.from, size) {
            value
        } else {
            let index = self.find(item.from)?;
            let offset = item.from.wrapping_sub(self.slots.get(index)?.base);
            self.act_alone(index, now, |device, cx| device.read(offset, item.width, cx))??
        };
        if let Some(offset) = self.map.ram_offset(item.to, size) {
            let bytes = value.to_le_bytes();
            self.set_ram(offset, bytes.get(..size as usize)?);
            return Some(());
        }
        let index = self.find(item.to)?;
        let offset = item.to.wrapping_sub(self.slots.get(index)?.base);
        self.act_alone(index, now, |device, cx| {
            device.write(offset, item.width, value, cx)
        })?
    }

    /// Calls every peripheral whose deadline has come.
    pub(crate) fn advance_due(&mut self, now: VirtualTime) {
        if self.next_deadline.is_none_or(|next| next > now) {
            return;
        }
        let clocks = self.clocks;
        for index in 0..self.slots.len() {
            if self.deadlines[index] <= now {
                self.act_alone(index, now, Peripheral::advance);
            }
        }
        self.follow(clocks, now);
    }

    /// A pin gets a level from outside.
    pub(crate) fn set_pin(&mut self, port: usize, pin: u8, high: bool, now: VirtualTime) {
        self.pins.wire(port, pin, high);
        self.follow(self.clocks, now);
    }

    /// Hands out all state but RAM and flash memory.
    pub(crate) fn save(&self, out: &mut Saver) {
        out.put(&(&self.clocks, &self.pins, &self.irq));
        out.put(&(self.attention, self.reset_requested, &self.noted));
        out.put(&self.flash_changes);
        let pending: Vec<SavedSignal> = self.out.iter().map(SavedSignal::from).collect();
        out.put(&pending);
        for slot in &self.slots {
            out.put(slot.device.name());
            slot.device.save(out);
        }
    }

    /// Takes back what [`Bus::save`] handed out.
    pub(crate) fn restore(&mut self, from: &mut Loader<'_>) -> Result<(), SnapshotError> {
        (self.clocks, self.pins, self.irq) = from.get()?;
        (self.attention, self.reset_requested, self.noted) = from.get()?;
        self.flash_changes = from.get()?;
        let pending: Vec<SavedSignal> = from.get()?;
        let names: Vec<_> = self.slots.iter().map(|slot| slot.device.name()).collect();
        self.out = pending
            .into_iter()
            .map(|signal| signal.restore(&names))
            .collect::<Result<_, _>>()?;
        for slot in &mut self.slots {
            let name: String = from.get()?;
            if name != slot.device.name() {
                let here = slot.device.name();
                return Err(SnapshotError::Parts(format!(
                    "{name} is in the place of {here}"
                )));
            }
            slot.device.restore(from)?;
        }
        let devices = self.slots.iter().map(|slot| slot.device.as_ref());
        self.deadlines = devices.map(due).collect();
        self.moving = (0..self.slots.len())
            .filter(|index| self.slots[*index].device.dma_is_active())
            .collect();
        self.next_deadline = self.earliest();
        Ok(())
    }

    /// The slot of a peripheral by name and type.
    pub(crate) fn slot_of<T: Peripheral>(&self, name: &str) -> Option<usize> {
        self.slots.iter().position(|slot| {
            let any: &dyn Any = slot.device.as_ref();
            slot.device.name() == name && any.is::<T>()
        })
    }

    /// A peripheral by name and type.
    pub(crate) fn peripheral<T: Peripheral>(&self, name: &str) -> Option<&T> {
        let slot = self.slots.get(self.slot_of::<T>(name)?)?;
        let any: &dyn Any = slot.device.as_ref();
        any.downcast_ref()
    }
}
