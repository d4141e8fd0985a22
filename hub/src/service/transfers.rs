//! Import and export of the registry: `/jobs/create`, `/jobs` ("Import and export IoT Hub device
//! identities in bulk").
//!
//! A blob holds a line of JSON per identity. Blobs are in containers of this hub (`/blobs/…`), and
//! the edge that has them does the reading and writing: it asks [`Hub::next_transfer`] for what is
//! to be done, and says how it went.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use twinbench_model::{Event, Record, Room, Table, VirtualTime};

use super::{
    Error, ErrorCode, Response, bulk,
    request::{Call, deeper},
    state, time,
};
use crate::{DecodeError, Hub, registry::Identity};

/// First byte of the key of an import or export in the devices' table.
pub(crate) const TRANSFER_PREFIX: u8 = b'x';
/// Imports and exports that are kept; the oldest that have ended make room.
const KEPT: usize = 100;
/// The blob when the job names none.
const BLOB: &str = "devices.txt";
/// Where an import writes what it could not do.
const ERRORS: &str = "importErrors.log";
/// Deepest JSON in a line.
const MAX_DEPTH: usize = 64;
/// Identities of an import that are taken at once, so that devices get their turn.
pub const LINES_AT_ONCE: usize = 200;

/// Where in the hub's containers a blob is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobAddress {
    /// The container.
    pub container: String,
    /// The blob's name.
    pub blob: String,
}

/// What the edge is to do for an import or export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferWork {
    /// Write the registry.
    Export {
        /// Names the job.
        id: String,
        /// Where to.
        to: BlobAddress,
        /// A line of JSON per identity.
        text: String,
    },
    /// Read identities, give them to [`Hub::import_lines`], and write what it refuses.
    Import {
        /// Names the job.
        id: String,
        /// Where from.
        from: BlobAddress,
        /// Where the refusals go, a line of JSON for each.
        errors: BlobAddress,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Import,
    Export,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Enqueued,
    Running,
    Completed,
    Failed,
    Cancelled,
}

/// An import or export.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Transfer {
    kind: Kind,
    status: Status,
    started: VirtualTime,
    ended: Option<VirtualTime>,
    input_uri: Option<String>,
    output_uri: String,
    from: Option<BlobAddress>,
    to: BlobAddress,
    without_keys: bool,
    failure: Option<String>,
}

/// Imports and exports by their ids, which grow.
#[derive(Debug, Default)]
pub(crate) struct Transfers(BTreeMap<String, Transfer>);

impl Transfers {
    /// Takes a stored one back. One that was running is to be done again: both kinds may be.
    pub(crate) fn restore(&mut self, id: &[u8], value: &[u8]) -> Result<(), DecodeError> {
        let damaged = |error: &dyn std::fmt::Display| DecodeError::Damaged(error.to_string());
        let id = std::str::from_utf8(id).map_err(|error| damaged(&error))?;
        let mut transfer: Transfer =
            serde_json::from_slice(value).map_err(|error| damaged(&error))?;
        if transfer.status == Status::Running {
            transfer.status = Status::Enqueued;
        }
        self.0.insert(id.to_owned(), transfer);
        Ok(())
    }
}

impl Transfer {
    fn has_ended(&self) -> bool {
        !matches!(self.status, Status::Enqueued | Status::Running)
    }

    fn response(&self, hub: &Hub, id: &str) -> Value {
        json!({
            "jobId": id,
            "type": self.kind,
            "status": self.status,
            "progress": if self.status == Status::Completed { 100 } else { 0 },
            "startTimeUtc": time::iso(hub, self.started),
            "endTimeUtc": self.ended.map(|ended| time::iso(hub, ended)),
            "inputBlobContainerUri": self.input_uri,
            "outputBlobContainerUri": self.output_uri,
            "excludeKeysInExport": self.without_keys,
            "failureReason": self.failure,
        })
    }
}

/// `POST /jobs/create`
pub(super) fn create(hub: &mut Hub, call: &Call<'_>, now: VirtualTime) -> Result<Response, Error> {
    let body = call.object()?;
    let text = |name: &str| {
        let text = body.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let kind = match text("type").as_deref() {
        Some("import") => Kind::Import,
        Some("export") => Kind::Export,
        _ => return Err(Error::argument("type must be import or export")),
    };
    let needed = |name: &'static str| {
        text(name).ok_or_else(|| Error::argument(format!("{name} is missing")))
    };
    let output_uri = needed("outputBlobContainerUri")?;
    let blob = |name: &str| text(name).unwrap_or_else(|| BLOB.to_owned());
    let (input_uri, from, blob_out) = match kind {
        Kind::Import => {
            let uri = needed("inputBlobContainerUri")?;
            let from = address(hub, &uri, &blob("inputBlobName"))?;
            (Some(uri), Some(from), ERRORS.to_owned())
        }
        Kind::Export => (None, None, blob("outputBlobName")),
    };
    let to = address(hub, &output_uri, &blob_out)?;
    if hub.transfers.0.values().any(|other| !other.has_ended()) {
        // One at a time, in every tier (IoT Hub quotas).
        let message = "an import or export is under way: wait for its end, or cancel it";
        return Err(Error::new(ErrorCode::JobQuotaExceeded, message));
    }
    let transfer = Transfer {
        kind,
        status: Status::Enqueued,
        started: now,
        ended: None,
        // The query is a token: who asks for the job later needs none of it.
        input_uri: input_uri.as_deref().map(without_query),
        output_uri: without_query(&output_uri),
        from,
        to,
        without_keys: body
            .get("excludeKeysInExport")
            .and_then(Value::as_bool)
            .unwrap_or_default(),
        failure: None,
    };
    let id = format!(
        "{:012x}-{:08x}",
        now.as_nanos() / 1_000_000,
        hub.service.requests
    );
    let response = Response::ok(&transfer.response(hub, &id));
    let ended = |(id, old): (&String, &Transfer)| old.has_ended().then(|| id.clone());
    if hub.transfers.0.len() >= KEPT
        && let Some(oldest) = hub.transfers.0.iter().find_map(ended)
    {
        hub.transfers.0.remove(&oldest);
        let key = state::key(TRANSFER_PREFIX, &oldest);
        hub.records.push(Record::delete(Table::HubDevices, key));
    }
    hub.put_transfer(&id, transfer);
    Ok(response)
}

/// `GET /jobs`
pub(super) fn list(hub: &Hub) -> Response {
    let all = hub.transfers.0.iter();
    Response::ok(
        &all.map(|(id, transfer)| transfer.response(hub, id))
            .collect(),
    )
}

/// `GET /jobs/{id}`
pub(super) fn get(hub: &Hub, id: &str) -> Result<Response, Error> {
    let transfer = hub.transfers.0.get(id).ok_or_else(|| missing(id))?;
    Ok(Response::ok(&transfer.response(hub, id)))
}

/// `DELETE /jobs/{id}`
pub(super) fn cancel(hub: &mut Hub, id: &str, now: VirtualTime) -> Result<Response, Error> {
    let mut transfer = hub
        .transfers
        .0
        .get(id)
        .cloned()
        .ok_or_else(|| missing(id))?;
    if !transfer.has_ended() {
        transfer.status = Status::Cancelled;
        transfer.ended = Some(now);
        hub.put_transfer(id, transfer);
    }
    get(hub, id)
}

fn missing(id: &str) -> Error {
    Error::new(ErrorCode::JobNotFound, format!("There is no job {id}"))
}

fn without_query(uri: &str) -> String {
    uri.split('?').next().unwrap_or_default().to_owned()
}

/// A blob in the container that a URI names: `https://{this hub}/blobs/{container}?{token}`.
fn address(hub: &Hub, uri: &str, blob: &str) -> Result<BlobAddress, Error> {
    let own = uri.strip_prefix("https://").and_then(|rest| {
        let (host, path) = rest.split_once('/')?;
        let path = path.split('?').next()?.trim_end_matches('/');
        let container = path.strip_prefix("blobs/")?;
        hub.options.is_host(host).then(|| container.to_owned())
    });
    let Some(container) = own else {
        return Err(Error::argument(
            "blobs are in this hub's own containers: https://localhost:8443/blobs/registry?{token}",
        ));
    };
    if is_container(&container) && is_blob(blob) {
        let blob = blob.to_owned();
        return Ok(BlobAddress { container, blob });
    }
    Err(Error::argument(
        "a container has 3 to 63 small letters, digits and hyphens; a blob up to 256 letters, digits, \
         '-', '_' and '.', of which the first is no '.'",
    ))
}

/// Whether a container may be called so ("Naming and referencing containers").
fn is_container(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (3..=63).contains(&name.len()) && name.chars().all(fits)
}

/// Whether a blob of a container may be called so: a file's name, nothing more.
fn is_blob(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=256).contains(&name.len()) && !name.starts_with('.') && name.chars().all(fits)
}

impl BlobAddress {
    /// The address, when both names may be.
    pub fn new(container: &str, blob: &str) -> Option<Self> {
        (is_container(container) && is_blob(blob)).then(|| Self {
            container: container.to_owned(),
            blob: blob.to_owned(),
        })
    }
}

impl Hub {
    /// What is to be done for the import or export that waits, if one does; it then runs. An export
    /// shows the registry as it is now.
    pub fn next_transfer(&mut self, now: VirtualTime) -> Option<TransferWork> {
        let mut waiting = self.transfers.0.iter();
        let (id, transfer) = waiting.find(|(_, it)| it.status == Status::Enqueued)?;
        let (id, mut transfer) = (id.clone(), transfer.clone());
        transfer.status = Status::Running;
        let to = transfer.to.clone();
        let work = match &transfer.from {
            Some(from) => TransferWork::Import {
                id: id.clone(),
                from: from.clone(),
                errors: to,
            },
            None => TransferWork::Export {
                id: id.clone(),
                to,
                text: self.exported(!transfer.without_keys),
            },
        };
        let facts = json!({"job": id, "type": transfer.kind, "event": "begun"});
        self.events.push(Event::json(
            now,
            Room::Hub,
            "registry",
            "hub".into(),
            &facts,
        ));
        self.put_transfer(&id, transfer);
        Some(work)
    }

    /// Takes lines of an import's blob, as many as [`LINES_AT_ONCE`] at a time; gives a line of JSON
    /// for each that is refused. `None` when the import was cancelled.
    pub fn import_lines(
        &mut self,
        id: &str,
        lines: &[String],
        now: VirtualTime,
    ) -> Option<Vec<String>> {
        let running = self.transfers.0.get(id).map(|transfer| transfer.status);
        if running != Some(Status::Running) {
            return None;
        }
        let refused = |line: &String| {
            self.service.requests += 1;
            let item: Map<String, Value> = match serde_json::from_str(line) {
                Ok(Value::Object(item)) if !deeper(&Value::Object(item.clone()), MAX_DEPTH) => item,
                _ => {
                    let error = Error::argument("the line is no JSON object");
                    return Some(refusal("", &error));
                }
            };
            let text = |name: &str| {
                let text = item.get(name).and_then(Value::as_str);
                text.filter(|text| !text.is_empty())
            };
            let (device, module) = (text("id").unwrap_or_default(), text("moduleId"));
            let done = bulk::one(self, (device, module), &item, now);
            done.err().map(|error| refusal(device, &error))
        };
        Some(lines.iter().filter_map(refused).collect())
    }

    /// An import or export has ended: well, or for a reason.
    pub fn finish_transfer(&mut self, id: &str, result: Result<(), String>, now: VirtualTime) {
        let Some(mut transfer) = self.transfers.0.get(id).cloned() else {
            return;
        };
        if transfer.status != Status::Running {
            return;
        }
        transfer.status = match &result {
            Ok(()) => Status::Completed,
            Err(_) => Status::Failed,
        };
        transfer.failure = result.err();
        transfer.ended = Some(now);
        let facts = json!({
            "job": id, "type": transfer.kind, "event": "ended", "status": transfer.status,
            "reason": transfer.failure,
        });
        self.events.push(Event::json(
            now,
            Room::Hub,
            "registry",
            "hub".into(),
            &facts,
        ));
        self.put_transfer(id, transfer);
    }

    /// Whether the query of a container's address lets in: a token of a policy that may write the
    /// registry, as in a SAS URI, without its first word.
    pub fn may_use_blobs(&self, query: &str, now: VirtualTime) -> bool {
        super::access::opens_blobs(&self.options, query, now)
    }

    fn put_transfer(&mut self, id: &str, transfer: Transfer) {
        let value = serde_json::to_vec(&transfer).unwrap_or_default();
        let key = state::key(TRANSFER_PREFIX, id);
        self.records
            .push(Record::put(Table::HubDevices, key, value));
        self.transfers.0.insert(id.to_owned(), transfer);
    }

    /// Every identity with its twin, a line of JSON each: a device before its modules.
    fn exported(&self, keys: bool) -> String {
        let mut text = String::new();
        for identity in self.registry.all() {
            text.push_str(&self.exported_line(identity, keys).to_string());
            text.push_str("\r\n");
        }
        text
    }

    fn exported_line(&self, identity: &Identity, keys: bool) -> Value {
        let id = &identity.id;
        let own = self.identity_document(id).unwrap_or_default();
        let twin = self.twin_document(id).unwrap_or_default();
        let mut line = json!({
            "id": id.device.as_str(),
            "eTag": identity.etag(),
            "twinETag": twin["etag"],
            "authentication": own["authentication"],
            "tags": twin["tags"],
            "properties": twin["properties"],
        });
        if let Some(module) = id.module_str() {
            line["moduleId"] = json!(module);
        }
        for name in [
            "status",
            "statusReason",
            "capabilities",
            "deviceScope",
            "parentScopes",
            "managedBy",
        ] {
            if let Some(value) = own.get(name).filter(|value| !value.is_null()) {
                line[name] = value.clone();
            }
        }
        if !keys {
            line["authentication"]["symmetricKey"] =
                json!({"primaryKey": null, "secondaryKey": null});
        }
        line
    }
}

fn refusal(device: &str, error: &Error) -> String {
    let refusal = json!({
        "deviceId": device,
        "errorCode": error.code.number(),
        "errorStatus": error.message,
    });
    refusal.to_string()
}
