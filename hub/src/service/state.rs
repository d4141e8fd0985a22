//! What the service keeps beside the registry: jobs, configurations, requests that wait.

use std::{collections::BTreeMap, task::Waker};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use twinbench_model::{Record, Table, VirtualTime};

use super::{
    Response, Ticket,
    jobs::{Job, Part},
    methods::{Caller, Invocation},
};
use crate::{DecodeError, Hub, methods::InvocationId};

/// First byte of a job's key in the devices' table.
pub(crate) const JOB_PREFIX: u8 = b'j';
/// First byte of the key of a job's part on one device; the job's id, a zero and the part's key
/// follow.
pub(crate) const PART_PREFIX: u8 = b'p';
/// First byte of a configuration's key in the devices' table.
pub(crate) const CONFIGURATION_PREFIX: u8 = b'c';

/// The service's own state.
#[derive(Debug, Default)]
pub(crate) struct ServiceState {
    pub(super) jobs: BTreeMap<String, Job>,
    pub(super) configurations: BTreeMap<String, Value>,
    /// When jobs start or run out of time.
    pub(super) due: std::collections::BTreeSet<(VirtualTime, String)>,
    /// Methods that clients of the service wait for.
    pub(super) methods: BTreeMap<InvocationId, (Caller, Invocation)>,
    /// Requests so far: makes tracking ids.
    pub(super) requests: u64,
    /// Who is to be told when a request has its answer.
    wakers: BTreeMap<Ticket, Waker>,
    answers: BTreeMap<Ticket, Response>,
}

impl ServiceState {
    #[cfg(feature = "rest")]
    pub(crate) fn wake_for(&mut self, ticket: Ticket, waker: Waker) {
        if self.answers.contains_key(&ticket) {
            waker.wake();
        } else {
            self.wakers.insert(ticket, waker);
        }
    }

    /// Takes the answer of a request that waited.
    pub(crate) fn take(&mut self, ticket: Ticket) -> Option<Response> {
        self.answers.remove(&ticket)
    }

    pub(super) fn answer(&mut self, ticket: Ticket, response: Response) {
        self.answers.insert(ticket, response);
        if let Some(waker) = self.wakers.remove(&ticket) {
            waker.wake();
        }
    }

    pub(crate) fn next_timer(&self) -> Option<VirtualTime> {
        self.due.first().map(|&(time, _)| time)
    }

    /// Takes a stored job, part of a job or configuration back. Jobs come before their parts, as
    /// their prefixes sort.
    pub(crate) fn restore(
        &mut self,
        prefix: u8,
        id: &[u8],
        value: &[u8],
    ) -> Result<(), DecodeError> {
        let damaged = |error: &dyn std::fmt::Display| DecodeError::Damaged(error.to_string());
        let json = |error: serde_json::Error| damaged(&error);
        let id = std::str::from_utf8(id).map_err(|error| damaged(&error))?;
        match prefix {
            JOB_PREFIX => self.put_job(id, serde_json::from_slice(value).map_err(json)?),
            PART_PREFIX => {
                let part: Part = serde_json::from_slice(value).map_err(json)?;
                let (job, key) = id.split_once('\0').ok_or_else(|| damaged(&"its key"))?;
                let job = self
                    .jobs
                    .get_mut(job)
                    .ok_or_else(|| damaged(&"it has no job"))?;
                job.devices.insert(key.to_owned(), part);
            }
            _ => {
                let value = serde_json::from_slice(value).map_err(json)?;
                self.configurations.insert(id.to_owned(), value);
            }
        }
        Ok(())
    }

    pub(super) fn put_job(&mut self, id: &str, job: Job) {
        if let Some(old) = self.jobs.get(id).and_then(Job::due) {
            self.due.remove(&(old, id.to_owned()));
        }
        if let Some(due) = job.due() {
            self.due.insert((due, id.to_owned()));
        }
        self.jobs.insert(id.to_owned(), job);
    }
}

impl Hub {
    /// Keeps a job as it is now; of its parts those named, or all of them.
    pub(super) fn put_job(&mut self, id: &str, job: Job, parts: Option<&str>) {
        let value = serde_json::to_vec(&job).unwrap_or_default();
        self.records
            .push(Record::put(Table::HubDevices, key(JOB_PREFIX, id), value));
        for (name, part) in &job.devices {
            if parts.is_none_or(|only| only == name) {
                let value = serde_json::to_vec(part).unwrap_or_default();
                let key = key(PART_PREFIX, &format!("{id}\0{name}"));
                self.records
                    .push(Record::put(Table::HubDevices, key, value));
            }
        }
        self.service.put_job(id, job);
    }

    /// Forgets a job with its parts.
    pub(super) fn remove_job(&mut self, id: &str) {
        let Some(job) = self.service.jobs.remove(id) else {
            return;
        };
        if let Some(due) = job.due() {
            self.service.due.remove(&(due, id.to_owned()));
        }
        self.records
            .push(Record::delete(Table::HubDevices, key(JOB_PREFIX, id)));
        for name in job.devices.keys() {
            let key = key(PART_PREFIX, &format!("{id}\0{name}"));
            self.records.push(Record::delete(Table::HubDevices, key));
        }
    }

    pub(super) fn put_configuration(&mut self, id: &str, value: &Value) {
        let key = key(CONFIGURATION_PREFIX, id);
        self.records
            .push(Record::put(Table::HubDevices, key, value.to_string()));
        self.service
            .configurations
            .insert(id.to_owned(), value.clone());
    }

    pub(super) fn remove_configuration(&mut self, id: &str) {
        let key = key(CONFIGURATION_PREFIX, id);
        self.records.push(Record::delete(Table::HubDevices, key));
        self.service.configurations.remove(id);
    }
}

pub(super) fn key(prefix: u8, id: &str) -> Vec<u8> {
    [&[prefix], id.as_bytes()].concat()
}

/// A counter as an ETag: base64 of its eight bytes, as `AAAAAAAAAAE=`.
pub(crate) fn etag(count: u64) -> String {
    STANDARD.encode(count.to_be_bytes())
}
