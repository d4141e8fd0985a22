//! The hub itself: registry, connections and event log under one roof.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use twinbench_model::{DeviceId, Event, EventData, Message, Record, Table, VirtualTime, system};

use crate::{
    CloseReason, ConnectionId, DecodeError, HubOutput, Options, OptionsError, Stats,
    c2d::{FEEDBACK_PREFIX, FeedbackQueue, QUEUE_PREFIX, Queues},
    certificate::ClientCertificate,
    connection::Connection,
    dps::{ENROLLMENT_PREFIX, Enrollments},
    faults::{Faults, Late},
    journal::{self, ConnectionFacts},
    limits::Meter,
    log::{AuthScope, CheckpointError, ConsumerError, EventLog, Parts, ReadError, TELEMETRY},
    methods::{InvocationId, MethodResult, Pending},
    mqtt::MAX_MESSAGE,
    output::Outputs,
    registry::{ACTIVITY_PREFIX, Activity, DEVICE_PREFIX, Identity, IdentityId, Registry, Status},
    routes::{ConnectionChange, Source},
    service::{
        CONFIGURATION_PREFIX, JOB_PREFIX, PART_PREFIX, ServiceState, TRANSFER_PREFIX, Transfers,
    },
    session_store::{SESSION_PREFIX, SessionStore},
    twin::{TWIN_PREFIX, Twin},
    uploads::{NOTICE_PREFIX, UPLOAD_PREFIX, Uploads},
};

/// The application property that marks a will (IoT Hub MQTT guide, "Using the will").
const WILL_PROPERTY: (&str, &str) = ("iothub-MessageType", "Will");

/// The hub. See the [crate's](crate) first page for the order in which its outputs are to be used.
#[derive(Debug)]
pub struct Hub {
    pub(crate) options: Options,
    pub(crate) registry: Registry,
    pub(crate) log: EventLog,
    pub(crate) transfers: Transfers,
    pub(crate) sessions: SessionStore,
    pub(crate) connections: BTreeMap<ConnectionId, Connection>,
    /// Which connection an identity has.
    pub(crate) online: BTreeMap<IdentityId, ConnectionId>,
    pub(crate) queues: Queues,
    pub(crate) feedback: FeedbackQueue,
    pub(crate) methods: Pending,
    pub(crate) method_results: Vec<(InvocationId, MethodResult)>,
    pub(crate) timers: BTreeSet<(VirtualTime, ConnectionId)>,
    pub(crate) outputs: Outputs,
    pub(crate) records: Vec<Record>,
    /// What events are written in before they have their size.
    pub(crate) buffer: Vec<u8>,
    pub(crate) events: Vec<Event>,
    pub(crate) stats: Stats,
    pub(crate) service: ServiceState,
    pub(crate) enrollments: Enrollments,
    pub(crate) uploads: Uploads,
    pub(crate) meter: Meter,
    pub(crate) faults: Faults,
    pub(crate) late: Late,
}

/// A message was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// There is no such device.
    #[error("device {0} is not registered: add it to the hub first")]
    UnknownDevice(DeviceId),
    /// The device is disabled.
    #[error("device {0} is disabled: enable it to publish")]
    Disabled(DeviceId),
    /// The message is too large.
    #[error("the message has {size} bytes with its properties, the limit is {limit}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

/// Stored records do not make a hub.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The options cannot be.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// A device or session cannot be read.
    #[error("a record in table {table} cannot be read: {error}")]
    Record {
        /// The table's name.
        table: &'static str,
        /// Why.
        error: DecodeError,
    },
    /// The event log does not fit together.
    #[error("the stored event log cannot be used: {0}")]
    Log(String),
}

impl Hub {
    /// A new hub without devices.
    ///
    /// # Errors
    /// When an option cannot be.
    pub fn new(options: Options) -> Result<Self, OptionsError> {
        match Self::restore(options, []) {
            Ok(hub) => Ok(hub),
            Err(RestoreError::Options(error)) => Err(error),
            Err(other) => unreachable!("without records nothing else can be wrong: {other}"),
        }
    }

    /// A hub as its stored records left it. Records of other rooms' tables are passed over; those
    /// of one table come in the order of their keys, as a store iterates them. No connection
    /// survives.
    ///
    /// # Errors
    /// When an option cannot be, a record is damaged or of another version, the event log has
    /// gaps, or it was written with another number of partitions.
    pub fn restore(
        options: Options,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<Self, RestoreError> {
        options.check()?;
        let mut hub = Self {
            registry: Registry::default(),
            log: EventLog::new(&options),
            sessions: SessionStore::default(),
            transfers: Transfers::default(),
            connections: BTreeMap::new(),
            online: BTreeMap::new(),
            queues: Queues::default(),
            feedback: FeedbackQueue::default(),
            methods: Pending::default(),
            method_results: Vec::new(),
            timers: BTreeSet::new(),
            outputs: Outputs::default(),
            buffer: Vec::new(),
            records: Vec::new(),
            events: Vec::new(),
            stats: Stats::default(),
            service: ServiceState::default(),
            enrollments: Enrollments::default(),
            uploads: Uploads::default(),
            meter: Meter::default(),
            faults: Faults::default(),
            late: Late::default(),
            options,
        };
        for record in records {
            if let Some(value) = &record.value {
                hub.restore_record(record.table, &record.key, value)?;
            }
        }
        let log = hub.log.restored(&mut hub.records);
        log.map_err(|error| RestoreError::Log(error.to_string()))?;
        Ok(hub)
    }

    fn restore_record(
        &mut self,
        table: Table,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), RestoreError> {
        let log = |error: crate::log::LogRestoreError| RestoreError::Log(error.to_string());
        let failed = |error| RestoreError::Record {
            table: table.name(),
            error,
        };
        match table {
            Table::HubEvents => self.log.restore_event(key, value).map_err(log),
            Table::HubCheckpoints => self.log.restore_checkpoint(key, value).map_err(log),
            Table::HubDevices => {
                let result = match key.split_first() {
                    Some((&prefix, rest)) => self.restore_device(prefix, rest, value),
                    None => Err(DecodeError::Damaged("its key is empty".into())),
                };
                result.map_err(failed)
            }
            Table::Bench | Table::Engine | Table::Serverless => Ok(()),
        }
    }

    /// A record of the devices' table; those of identities come before what belongs to them.
    fn restore_device(&mut self, prefix: u8, key: &[u8], value: &[u8]) -> Result<(), DecodeError> {
        match prefix {
            DEVICE_PREFIX => {
                let identity = Identity::from_record(key, value)?;
                let (partitions, epoch) = (self.options.partitions, self.options.epoch);
                self.registry.put(identity, partitions, epoch);
                Ok(())
            }
            SESSION_PREFIX => self.sessions.restore(key, value),
            QUEUE_PREFIX => self.queues.restore(key, value),
            FEEDBACK_PREFIX => self.feedback.restore(key, value),
            ENROLLMENT_PREFIX => self.enrollments.restore(key, value),
            TWIN_PREFIX | ACTIVITY_PREFIX => {
                let id = IdentityId::from_key(key)?;
                let entry = self.registry.entry_mut(&id);
                let entry =
                    entry.ok_or_else(|| DecodeError::Damaged(format!("{id} is not registered")))?;
                if prefix == TWIN_PREFIX {
                    entry.twin = Twin::from_record(value)?;
                } else {
                    entry.activity = Activity::from_record(value)?;
                }
                Ok(())
            }
            JOB_PREFIX | PART_PREFIX | CONFIGURATION_PREFIX => {
                self.service.restore(prefix, key, value)
            }
            TRANSFER_PREFIX => self.transfers.restore(key, value),
            UPLOAD_PREFIX | NOTICE_PREFIX => self.uploads.restore(prefix, key, value),
            _ => Err(DecodeError::Damaged("its key is of no kind".into())),
        }
    }

    /// The settings.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The event log, to read from.
    pub fn log(&self) -> &EventLog {
        &self.log
    }

    /// Whether a device has a connection.
    pub fn is_connected(&self, id: &DeviceId) -> bool {
        self.online.contains_key(&IdentityId::from(id.clone()))
    }

    /// Whether a device or module has a connection.
    pub fn is_online(&self, id: &IdentityId) -> bool {
        self.online.contains_key(id)
    }

    /// Takes a message of a device that has no connection of its own: the bench vouches for the
    /// identity. System properties that the hub writes replace those of the message.
    ///
    /// # Errors
    /// When the device is not registered or disabled, or the message too large.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "who publishes has no more use for the message"
    )]
    pub fn publish(
        &mut self,
        device: &DeviceId,
        message: Message,
        now: VirtualTime,
    ) -> Result<(u16, u64), PublishError> {
        let size = message_size(&message);
        let error = match self.registry.get(device) {
            None => PublishError::UnknownDevice(device.clone()),
            Some(known) if known.status() == Status::Disabled => {
                PublishError::Disabled(device.clone())
            }
            Some(_) if size > MAX_MESSAGE => PublishError::TooLarge {
                size,
                limit: MAX_MESSAGE,
            },
            Some(_) => {
                let id = IdentityId::from(device.clone());
                let position = self.take(&id, AuthScope::Device, None, &message, now);
                return position.ok_or_else(|| PublishError::UnknownDevice(device.clone()));
            }
        };
        self.stats.publish_errors += 1;
        Err(error)
    }

    /// Puts an admitted message into the log and tells the recorder. `None` when the device is
    /// not registered.
    pub(crate) fn take(
        &mut self,
        id: &IdentityId,
        scope: AuthScope,
        model_id: Option<&str>,
        message: &Message,
        now: VirtualTime,
    ) -> Option<(u16, u64)> {
        let entry = self.registry.entry_mut(id)?;
        entry.activity.last = Some(now);
        let entry = self.registry.entry_of(id)?;
        let partition = entry.partition;
        let stamp = self.log.stamp(now);
        let own = [
            Some((system::DEVICE_ID, id.device.as_str())),
            id.module_str().map(|module| (system::MODULE_ID, module)),
            Some((system::AUTH_METHOD, scope.auth_method())),
            Some((system::AUTH_GENERATION_ID, &*entry.generation)),
            Some((system::ENQUEUED_TIME, &*stamp)),
            Some((system::MESSAGE_SOURCE, TELEMETRY)),
            model_id.map(|model_id| (system::DATA_SCHEMA, model_id)),
        ];
        let own = own.into_iter().flatten();
        let is_own = |name: &str| own.clone().any(|(own, _)| own == name);
        let theirs = message.system.iter();
        let theirs = theirs.map(|(name, value)| (name.as_str(), value.as_str()));
        let theirs = theirs.filter(|(name, _)| !is_own(name));
        let mut system: Vec<(&str, &str)> = Vec::with_capacity(16);
        system.extend(own.clone().chain(theirs));
        system.sort_unstable_by_key(|(name, _)| *name);
        let parts = Parts {
            device: &id.device,
            enqueued: now,
            system: &system,
            properties: &message.properties,
            body: &message.body,
        };
        self.stats.messages += 1;
        if !self.reaches_events(id, Source::Telemetry, || parts.message()) {
            // Taken, as the cloud does, though no route wants it.
            let next = self.log.partitions().nth(usize::from(partition));
            return next.map(|info| (partition, info.next));
        }
        let sequence = self.log.append(partition, &parts, &mut self.records)?;
        self.stats.message_bytes += message.body.len() as u64;
        let event = journal::telemetry(&parts, (partition, sequence), &mut self.buffer);
        self.events.push(event);
        Some((partition, sequence))
    }

    /// Up to `max` messages of a partition from a position on: [`EventLog::read`].
    ///
    /// # Errors
    /// When there is no such partition, or when the messages are in the store only.
    pub fn read(
        &self,
        partition: u16,
        from: u64,
        max: usize,
    ) -> Result<impl Iterator<Item = &EventData>, ReadError> {
        self.log.read(partition, from, max)
    }

    /// Adds a consumer group, which reads from the oldest message that is kept; does nothing when
    /// it is there.
    ///
    /// # Errors
    /// When the name cannot be or there are too many.
    pub fn add_consumer(&mut self, group: &str) -> Result<(), ConsumerError> {
        self.log.add_consumer(group, &mut self.records)
    }

    /// Sets the next position that a group reads in a partition.
    ///
    /// # Errors
    /// When there is no such group or partition, or the position lies beyond the log's end.
    pub fn set_checkpoint(
        &mut self,
        group: &str,
        partition: u16,
        position: u64,
    ) -> Result<(), CheckpointError> {
        self.log
            .set_checkpoint(group, partition, position, &mut self.records)
    }

    /// A connection was opened. Should its number be in use, the older one counts as lost.
    pub fn open(&mut self, id: ConnectionId, peer: &str, now: VirtualTime) {
        self.open_with(id, peer, None, now);
    }

    /// As [`Hub::open`], for a connection over TLS whose client has shown a certificate.
    pub fn open_with(
        &mut self,
        id: ConnectionId,
        peer: &str,
        certificate: Option<ClientCertificate>,
        now: VirtualTime,
    ) {
        self.disconnected(id, now);
        let mut connection = Connection::new(peer, now);
        connection.certificate = certificate.map(Box::new);
        self.timers.insert((connection.timer, id));
        self.connections.insert(id, connection);
        self.stats.connections_opened += 1;
    }

    /// A connection broke or was closed by the other side. Unknown numbers are passed over, so it
    /// does no harm after the hub itself closed.
    pub fn disconnected(&mut self, id: ConnectionId, now: VirtualTime) {
        self.end(id, &CloseReason::ConnectionLost, now);
    }

    /// Closes a connection.
    pub(crate) fn close(&mut self, id: ConnectionId, reason: CloseReason, now: VirtualTime) {
        if self.end(id, &reason, now) {
            self.outputs.push(HubOutput::Close {
                connection: id,
                reason,
            });
        }
    }

    /// Forgets a connection, tells the recorder, and takes its will when it ends unasked.
    fn end(&mut self, id: ConnectionId, reason: &CloseReason, now: VirtualTime) -> bool {
        let Some(connection) = self.connections.remove(&id) else {
            return false;
        };
        self.timers.remove(&(connection.timer, id));
        self.count(reason);
        let peer: &str = &connection.peer;
        let Some(session) = connection.session else {
            // A refusal has told its own, better event.
            if !matches!(reason, CloseReason::Refused { .. }) {
                let reason = reason.to_string();
                let facts = ConnectionFacts::Dropped { peer, reason };
                let event = journal::connection(now, Arc::from("unknown"), &facts);
                self.events.push(event);
            }
            return true;
        };
        let identity = session.id.clone();
        self.online.remove(&identity);
        self.connection_changed(&identity, now);
        self.connection_state_changed(&identity, ConnectionChange::Disconnected, now);
        let numbers = session.in_flight.values().copied().collect();
        self.undelivered(&identity, numbers, now);
        self.close_methods(id, &identity, now);
        let clean = *reason == CloseReason::ClientDisconnected;
        let facts = ConnectionFacts::Disconnected {
            peer,
            clean,
            reason: reason.to_string(),
        };
        let event = journal::connection(now, identity.shared(), &facts);
        self.events.push(event);
        let unwanted = matches!(
            reason,
            CloseReason::ClientDisconnected
                | CloseReason::DeviceDisabled
                | CloseReason::DeviceDeleted
        );
        if let Some(mut will) = session.will.filter(|_| !unwanted) {
            let (name, value) = WILL_PROPERTY;
            will.properties.insert(name.to_owned(), value.to_owned());
            let model_id = session.model_id.as_deref();
            self.take(&identity, session.scope, model_id, &will, now);
            self.stats.wills += 1;
        }
        true
    }

    fn count(&mut self, reason: &CloseReason) {
        let counter = match reason {
            CloseReason::Refused { .. } => &mut self.stats.connects_refused,
            CloseReason::ReplacedByNewConnection => &mut self.stats.connections_replaced,
            CloseReason::Malformed(_)
            | CloseReason::ProtocolViolation(_)
            | CloseReason::Qos2
            | CloseReason::Topic(_)
            | CloseReason::PropertyBag(_)
            | CloseReason::TooLarge { .. } => &mut self.stats.protocol_errors,
            CloseReason::ClientDisconnected
            | CloseReason::ConnectionLost
            | CloseReason::ConnectTimeout
            | CloseReason::KeepAliveTimeout
            | CloseReason::TokenExpired
            | CloseReason::DeviceDisabled
            | CloseReason::DeviceDeleted
            | CloseReason::CredentialsChanged
            | CloseReason::Fault(_)
            | CloseReason::Limit(_) => return,
        };
        *counter += 1;
    }

    /// When [`Hub::tick`] is to be called next, at the latest.
    pub fn next_timer(&self) -> Option<VirtualTime> {
        let connections = self.timers.first().map(|&(time, _)| time);
        let timers = [
            connections,
            self.log.next_timer(),
            self.queues.next_timer(),
            self.feedback.next_timer(),
            self.methods.next_timer(),
            self.service.next_timer(),
            self.faults.next_timer(),
            self.late.next_timer(),
            self.uploads.next_timer(),
        ];
        timers.into_iter().flatten().min()
    }

    /// Does what is due: closes silent and expired connections, ends the retention of messages.
    pub fn tick(&mut self, now: VirtualTime) {
        while let Some(&(time, id)) = self.timers.first() {
            if time > now {
                break;
            }
            self.timers.pop_first();
            let Some(connection) = self.connections.get_mut(&id) else {
                continue;
            };
            let (deadline, reason) = connection.deadline();
            if deadline <= now {
                self.close(id, reason, now);
            } else {
                connection.timer = deadline;
                self.timers.insert((deadline, id));
            }
        }
        self.tick_faults(now);
        self.tick_c2d(now);
        self.tick_methods(now);
        self.tick_jobs(now);
        self.uploads.tick(now, &mut self.records);
        self.log.tick(now, &mut self.records);
    }

    /// Moves what is to be done on connections to `out`, in order.
    pub fn drain_outputs(&mut self, out: &mut Vec<HubOutput>) {
        self.outputs.drain(out);
    }

    /// Moves what is to be stored to `out`, in order; to be committed together, and before the
    /// outputs of the same step are done.
    pub fn drain_records(&mut self, out: &mut Vec<Record>) {
        out.append(&mut self.records);
    }

    /// Moves what happened to `out`, in order.
    pub fn drain_events(&mut self, out: &mut Vec<Event>) {
        out.append(&mut self.events);
    }

    /// The counters.
    pub fn stats(&self) -> Stats {
        Stats {
            connections_open: self.connections.len() as u64,
            devices_connected: self.online.len() as u64,
            log_in_memory: self.log.in_memory() as u64,
            devices_registered: self.registry.len() as u64,
            ..self.stats
        }
    }
}

/// What counts towards [`MAX_MESSAGE`]: the body, the values of the system properties, names and
/// values of the application's.
pub(crate) fn message_size(message: &Message) -> usize {
    let system: usize = message.system.values().map(String::len).sum();
    let own: usize = message
        .properties
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    message.body.len() + system + own
}
