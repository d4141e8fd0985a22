//! How a session begins: afresh, or where the durable state ended.

use std::{fs, path::Path};

use twinbench_engine::{
    ClientFaults, Engine,
    store::{FjallStore, MemoryStore, Store},
};
use twinbench_hub::{Hub, log::DEFAULT_GROUP};
use twinbench_model::{DeviceId, EntityId, Record, Table, VirtualTime};
use twinbench_recording::{Header, Recorder};
use twinbench_serverless::Application;

use super::{
    DataFolder, Error, Fleet, Network, Options, Scribe, SeriesTap, Session,
    drive::Watched,
    faults::Faults,
    hub::{device_key, hub_options, without_secrets},
    step::Work,
};
use crate::file::BenchFile;

impl Session {
    /// Opens the data folder, makes the machines and starts the recording.
    ///
    /// # Errors
    /// When a folder cannot be used, holds another bench, or a machine cannot be made.
    pub fn open(file: BenchFile, options: &Options) -> Result<Self, Error> {
        make_folder(&options.data)?;
        let store =
            FjallStore::open_with(&options.data, options.durability).map_err(Error::store)?;
        Self::open_with(file, options, Box::new(store), ClientFaults::default())
    }

    /// The same with the durable state in memory: gone at the end, and never waiting for a disk.
    /// The data folder is not touched. `clients` is what happens to signals of the function.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn open_in_memory(
        file: BenchFile,
        options: &Options,
        clients: ClientFaults,
    ) -> Result<Self, Error> {
        Self::open_with(file, options, Box::new(MemoryStore::new()), clients)
    }

    fn open_with(
        file: BenchFile,
        options: &Options,
        mut store: Box<dyn Store + Send>,
        clients: ClientFaults,
    ) -> Result<Self, Error> {
        make_folder(&options.out)?;
        let epoch = file.epoch;
        let head = DataFolder::read(store.as_mut())?;
        let start = match &head {
            None => VirtualTime::ZERO,
            Some(head) if options.resume => {
                head.check(
                    &options.data,
                    file.name.get_ref(),
                    file.seed,
                    &epoch.instant().to_string(),
                )?;
                head.committed
            }
            Some(head) => {
                return Err(Error::Data(format!(
                    "{} already holds the state of bench \"{}\" up to {}; add --resume to go on from it",
                    options.data.display(),
                    head.bench,
                    head.committed,
                )));
            }
        };

        let (hub, engine, application) = rooms(&file, store.as_mut(), clients)?;
        let fleet = Fleet::new(&file, &options.path, epoch, start, options.threads)?;
        let ids = device_ids(&file);
        let series = SeriesTap::new(ids.iter());
        let recorder = Recorder::create(
            &options.out.join("session.mcap"),
            &Header {
                bench: file.name.get_ref().clone(),
                seed: file.seed,
                epoch,
                producer: format!("twinbench {}", env!("CARGO_PKG_VERSION")),
                bench_file: Some(twinbench_recording::BenchFile {
                    name: options
                        .path
                        .file_name()
                        .unwrap_or_default()
                        .to_string_lossy()
                        .into_owned(),
                    text: without_secrets(&options.text, &file),
                }),
                parent: options.parent.clone(),
            },
            twinbench_recording::Options::default(),
        );
        let scribe = Scribe::start(&options.out, recorder, options.require_recording)?;
        let partitions_read = checkpoints(&hub);
        let mut session = Self {
            epoch,
            now: start,
            started_at: start,
            fleet,
            network: Network::default(),
            hub,
            engine,
            application,
            store,
            out: options.out.clone(),
            scribe,
            series,
            commit_every: options.commit_every,
            uncommitted: 0,
            partitions_read,
            full_queues: std::collections::BTreeSet::new(),
            deliveries: super::deliver::Deliveries::default(),
            work: Work::default(),
            watched: Watched::default(),
            faults: Faults::new(file.seed, clients),
            ports: None,
            file,
            path: options.path.clone(),
        };
        if head.is_none() {
            session.prepare()?;
        }
        session.prepare_hub()?;
        session.settle()?;
        session.commit()?;
        Ok(session)
    }

    /// First start: identities in the registry, configurations of the entities.
    fn prepare(&mut self) -> Result<(), Error> {
        let setting = |id: &DeviceId, cause: &dyn std::fmt::Display| {
            Error::Setting(format!("device {id}: {cause}"))
        };
        let devices: Vec<_> = self
            .file
            .devices()
            .into_iter()
            .map(|(id, device)| {
                let key = device_key(self.file.seed, &id, device);
                (id, key, device.configuration.clone())
            })
            .collect();
        for (id, key, configuration) in devices {
            self.hub
                .add_device(id.clone(), key.clone(), key, self.now)
                .map_err(|cause| setting(&id, &cause))?;
            if let Some(configuration) = configuration {
                let name = self.entity_name(&id);
                let entity =
                    EntityId::new(name, id.as_str()).map_err(|cause| setting(&id, &cause))?;
                let input =
                    serde_json::to_value(configuration).map_err(|cause| setting(&id, &cause))?;
                self.engine
                    .signal(&entity, "SetConfiguration", input, self.now)
                    .map_err(|cause| setting(&id, &cause))?;
            }
        }
        Ok(())
    }
}

/// Every device of the bench, those without a machine too, in order of their ids.
fn device_ids(file: &BenchFile) -> Vec<DeviceId> {
    let mut ids: Vec<_> = file.devices().into_iter().map(|(id, _)| id).collect();
    ids.sort();
    ids
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|cause| Error::Output {
        path: folder.to_owned(),
        cause,
    })
}

/// Hub, engine and application as the store has them.
pub(super) fn rooms(
    file: &BenchFile,
    store: &mut dyn Store,
    clients: ClientFaults,
) -> Result<(Hub, Engine, Application), Error> {
    let epoch = file.epoch;
    let hub_options = hub_options(file);
    let mut rows = Vec::new();
    for table in [Table::HubDevices, Table::HubEvents, Table::HubCheckpoints] {
        let stored = store.load(table).map_err(Error::store)?;
        rows.extend(
            stored
                .into_iter()
                .map(|(key, value)| Record::put(table, key, value)),
        );
    }
    let restore = |room, reason: String| Error::Restore { room, reason };
    let hub = Hub::restore(hub_options, rows).map_err(|cause| restore("hub", cause.to_string()))?;
    let mut application = Application::new(file.application());
    let mut engine = application
        .register(
            Engine::builder()
                .epoch(epoch)
                .faults(clients)
                .limits(file.engine.limits())
                .remote(file.durable_task.listen),
        )
        .build();
    let rows = store.load(Table::Engine).map_err(Error::store)?;
    engine
        .restore(rows)
        .map_err(|cause| restore("engine", cause.to_string()))?;
    let rows = store.load(Table::Serverless).map_err(Error::store)?;
    application
        .restore(rows)
        .map_err(|cause| restore("application", cause.to_string()))?;
    Ok((hub, engine, application))
}

/// The next position that the event-batch function reads in each partition.
pub(super) fn checkpoints(hub: &Hub) -> Vec<u64> {
    (0..hub.options().partitions)
        .map(|partition| hub.log().checkpoint(DEFAULT_GROUP, partition).unwrap_or(0))
        .collect()
}
