//! The bench's machines: made from the bench file, woken when they have something to do, run in
//! parallel.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use rayon::prelude::*;
use twinbench_emulator::{Image, board::Board};
use twinbench_hub::sas::device_token;
use twinbench_machine::{
    DebuggedMachine, EmulatorMachine, EmulatorOptions, Halt, Machine, Output, SignIn,
    SimulatedLink, SimulatedMachine, SimulatedOptions, Stimulus, Wake, generator::Generator,
};
use twinbench_model::{DeviceId, Epoch, VirtualTime};

use super::{Error, outside, probed::probed, recorded_values};
use crate::file::{Backend, BenchFile, Device, Unmodelled, wiring};

/// Seconds of 100 years of 365 days.
const CENTURY: u64 = 100 * 365 * 24 * 3_600;

/// Below so many machines to run, starting other threads costs more than it saves.
const PARALLEL_FROM: usize = 2;

/// Firmware by its path and its board: the image, which its machines share, and its file.
type Images = BTreeMap<(PathBuf, String), (Arc<Image>, Arc<[u8]>)>;

/// Every machine of the bench, in order of the devices' ids.
pub(super) struct Fleet {
    slots: Vec<Slot>,
    /// When each machine wants to run next; a machine that waits for a stimulus is not in it.
    wakes: BTreeSet<(VirtualTime, usize)>,
    busy: BTreeSet<usize>,
    pool: rayon::ThreadPool,
}

struct Slot {
    id: DeviceId,
    machine: Box<dyn Machine>,
    wake: Wake,
    halted: Option<String>,
    due: bool,
    failure: Option<twinbench_machine::Error>,
    outputs: Vec<Output>,
}

/// Something that came out of the machine in a slot.
pub(super) struct SlotOutput {
    pub(super) slot: usize,
    pub(super) output: Output,
}

impl Fleet {
    /// Makes every machine; each stands at `start`.
    pub(super) fn new(
        file: &BenchFile,
        path: &Path,
        epoch: Epoch,
        start: VirtualTime,
        threads: usize,
    ) -> Result<Self, Error> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|n| format!("machines-{n}"))
            .build()
            .map_err(|cause| Error::Threads(cause.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut images = Images::new();
        let mut slots = Vec::new();
        for (id, device) in file.devices() {
            let machine = match device.backend {
                Backend::Emulator | Backend::Probe => {
                    emulator(file, folder, &id, device, epoch, start, &mut images)?
                }
                Backend::Simulated => simulated(file, folder, &id, device, epoch, start)?,
                Backend::Renode => {
                    let sensors = generators(&id, device, folder)?;
                    outside::renode(file, folder, &id, device, start, sensors)?
                }
                Backend::Process => outside::process(file, folder, &id, device, start)?,
                Backend::External => continue,
            };
            let wake = machine.next_wake();
            slots.push(Slot {
                id,
                machine,
                wake,
                halted: None,
                due: false,
                failure: None,
                outputs: Vec::new(),
            });
        }
        slots.sort_by(|a, b| a.id.cmp(&b.id));
        let mut fleet = Self {
            slots,
            wakes: BTreeSet::new(),
            busy: BTreeSet::new(),
            pool,
        };
        for slot in 0..fleet.slots.len() {
            fleet.enlist(slot);
        }
        Ok(fleet)
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &DeviceId> {
        self.slots.iter().map(|slot| &slot.id)
    }

    pub(super) fn id(&self, slot: usize) -> &DeviceId {
        &self.slots[slot].id
    }

    pub(super) fn slot(&self, id: &DeviceId) -> Option<usize> {
        self.slots.binary_search_by(|slot| slot.id.cmp(id)).ok()
    }

    pub(super) fn machine(&mut self, slot: usize) -> &mut dyn Machine {
        &mut *self.slots[slot].machine
    }

    pub(super) fn halted(&self) -> Vec<(DeviceId, String)> {
        self.slots
            .iter()
            .filter_map(|slot| Some((slot.id.clone(), slot.halted.clone()?)))
            .collect()
    }

    /// When the next machine has something to do; [`Wake::Busy`] when one is executing.
    pub(super) fn next_wake(&self) -> Wake {
        if !self.busy.is_empty() {
            return Wake::Busy;
        }
        self.wakes
            .first()
            .map_or(Wake::Never, |(time, _)| Wake::At(*time))
    }

    /// Runs every machine with something to do up to `end`, and gathers what came out in order of
    /// (time, device, sequence). The order does not depend on the number of threads.
    pub(super) fn run_until(
        &mut self,
        end: VirtualTime,
        out: &mut Vec<SlotOutput>,
    ) -> Result<(), Error> {
        let mut due: Vec<usize> = std::mem::take(&mut self.busy).into_iter().collect();
        while let Some(&(time, slot)) = self.wakes.first() {
            if time > end {
                break;
            }
            self.wakes.pop_first();
            due.push(slot);
        }
        if due.len() < PARALLEL_FROM {
            for &slot in &due {
                self.slots[slot].run(end);
            }
        } else {
            for &slot in &due {
                self.slots[slot].due = true;
            }
            let slots = &mut self.slots;
            self.pool.install(|| {
                slots
                    .par_iter_mut()
                    .filter(|slot| slot.due)
                    .for_each(|slot| slot.run(end));
            });
        }
        due.sort_unstable();
        for slot in due {
            if let Some(cause) = self.slots[slot].failure.take() {
                return Err(Error::Machine {
                    device: self.slots[slot].id.clone(),
                    cause,
                });
            }
            out.extend(
                self.slots[slot]
                    .outputs
                    .drain(..)
                    .map(|output| SlotOutput { slot, output }),
            );
            self.enlist(slot);
        }
        // Stable: outputs of one machine keep their sequence, machines their order.
        out.sort_by_key(|it| (it.output.time, it.slot));
        Ok(())
    }

    /// Hands a stimulus to a machine at `now`. A machine that waits was not visited up to there, so
    /// it is first brought to the present, in which by its own word nothing happens.
    pub(super) fn apply(
        &mut self,
        slot: usize,
        stimulus: Stimulus,
        now: VirtualTime,
    ) -> Result<(), twinbench_machine::Error> {
        self.delist(slot);
        self.slots[slot].run(now);
        let result = self.slots[slot].machine.apply(stimulus);
        self.slots[slot].wake = self.slots[slot].machine.next_wake();
        self.enlist(slot);
        result
    }

    fn enlist(&mut self, slot: usize) {
        if self.slots[slot].halted.is_some() {
            return;
        }
        match self.slots[slot].wake {
            Wake::Busy => {
                self.busy.insert(slot);
            }
            Wake::At(time) => {
                self.wakes.insert((time, slot));
            }
            Wake::Never => {}
        }
    }

    fn delist(&mut self, slot: usize) {
        self.busy.remove(&slot);
        if let Wake::At(time) = self.slots[slot].wake {
            self.wakes.remove(&(time, slot));
        }
    }
}

impl Slot {
    fn run(&mut self, end: VirtualTime) {
        self.due = false;
        match self.machine.run_until(end) {
            // A machine with a debugger's port waits by itself.
            Ok(Halt::Reached | Halt::Debugger) => {}
            Ok(Halt::Lockup(reason)) => self.halted = Some(reason),
            Ok(Halt::Exited(code)) => {
                let is_firmware = self.machine.capabilities().firmware;
                let what = if is_firmware { "firmware" } else { "program" };
                // A program that has done its work is no failure of the bench.
                if is_firmware || code != 0 {
                    self.halted = Some(format!("the {what} ended with code {code}"));
                }
            }
            Err(cause) => self.failure = Some(cause),
        }
        self.machine.drain(&mut self.outputs);
        self.wake = self.machine.next_wake();
    }
}

fn emulator(
    file: &BenchFile,
    folder: &Path,
    id: &DeviceId,
    device: &Device,
    epoch: Epoch,
    start: VirtualTime,
    images: &mut Images,
) -> Result<Box<dyn Machine>, Error> {
    // The bench file's check has seen to it that there is a firmware.
    let path = device
        .firmware
        .as_ref()
        .map(|it| folder.join(it.get_ref()))
        .unwrap_or_default();
    let refuse = |reason: String| Error::Firmware {
        device: id.clone(),
        path: path.clone(),
        reason,
    };
    // The same check has seen to the board.
    let name = device.board.as_ref().map_or("az3166", |it| it.get_ref());
    let wiring = wiring(folder, name).map_err(Error::Setting)?;
    let key = (path.clone(), name.to_owned());
    let (image, elf) = if let Some(known) = images.get(&key) {
        known.clone()
    } else {
        let bytes = std::fs::read(&path).map_err(|cause| refuse(cause.to_string()))?;
        let map = wiring.memory_map();
        let image =
            Arc::new(Image::from_elf(&bytes, &map).map_err(|cause| refuse(cause.to_string()))?);
        let known = (image, Arc::from(bytes));
        images.insert(key, known.clone());
        known
    };
    let options = EmulatorOptions {
        start,
        modem: device
            .link
            .as_ref()
            .map(|link| link.modem.get_ref().clone()),
        hub_host: file.hub.host.clone(),
        device_key: super::device_key(file.seed, id, device).to_base64(),
        telemetry_interval: device.interval.as_ref().map(|it| *it.get_ref()),
        sensors: generators(id, device, folder)?,
        unmodelled_is_fatal: device.unmodelled == Unmodelled::Fatal,
        elf: Some(elf.clone()),
        ..EmulatorOptions::new(id.clone(), file.seed, epoch)
    };
    if device.backend == Backend::Probe {
        return probed(folder, id, device, elf, options);
    }
    let board = Board::new(&wiring, image).map_err(|cause| refuse(cause.to_string()))?;
    let refuse = |cause| Error::Machine {
        device: id.clone(),
        cause,
    };
    let machine = EmulatorMachine::with_board(board, options).map_err(refuse)?;
    if let Some(port) = &device.gdb {
        let machine = DebuggedMachine::new(machine, *port.get_ref()).map_err(refuse)?;
        return Ok(Box::new(machine));
    }
    Ok(Box::new(machine))
}

fn simulated(
    file: &BenchFile,
    folder: &Path,
    id: &DeviceId,
    device: &Device,
    epoch: Epoch,
    start: VirtualTime,
) -> Result<Box<dyn Machine>, Error> {
    let mut options = SimulatedOptions::new(id.clone(), file.seed, epoch);
    options.start = start;
    options.sensors = generators(id, device, folder)?;
    if let Some(interval) = &device.interval {
        options.interval = *interval.get_ref();
    }
    if let Some(name) = &device.device_name {
        options.device_name.clone_from(name);
    }
    options.link = device.connected.then(|| link(file, id, device));
    options.traffic = (&device.traffic).into();
    let machine = SimulatedMachine::new(options).map_err(|cause| Error::Machine {
        device: id.clone(),
        cause,
    })?;
    Ok(Box::new(machine))
}

/// The connection of a device without firmware. It signs in with a token that outlives the bench:
/// renewing tokens is what programs and firmware are here for.
fn link(file: &BenchFile, id: &DeviceId, device: &Device) -> SimulatedLink {
    let host = &file.hub.host;
    let begin = u64::try_from(file.epoch.instant().as_second()).unwrap_or(0);
    let key = super::device_key(file.seed, id, device);
    SimulatedLink {
        host: host.clone(),
        sign_in: SignIn {
            username: format!("{host}/{id}/?api-version=2021-04-12"),
            password: device_token(host, id, &key, begin.saturating_add(CENTURY)),
        },
        methods: device
            .methods
            .iter()
            .map(|(name, method)| (name.get_ref().clone(), method.into()))
            .collect(),
    }
}

/// The device's generators, those from files with their text.
fn generators(
    id: &DeviceId,
    device: &Device,
    folder: &Path,
) -> Result<BTreeMap<String, Generator>, Error> {
    let mut all = BTreeMap::new();
    for (quantity, generator) in &device.sensors {
        let mut generator = generator.clone();
        generator.load(|path| {
            let path = folder.join(path);
            std::fs::read_to_string(&path).map_err(|cause| {
                Error::Setting(format!(
                    "device {id}: {} cannot be read: {cause}",
                    path.display()
                ))
            })
        })?;
        generator.load_recording(|wanted| {
            recorded_values::read(wanted, id, quantity.get_ref(), folder)
                .map_err(|cause| Error::Setting(format!("device {id}: {cause}")))
        })?;
        all.insert(quantity.get_ref().clone(), generator);
    }
    Ok(all)
}
