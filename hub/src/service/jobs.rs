//! Jobs: a twin update or a direct method on every device that a condition selects.
//!
//! A job runs at its start time: twin updates at once, methods as the devices answer. It is
//! *completed* when every device has ended, whether well or not; it has *failed* when it could
//! not run or ran out of time; what happened on each device is in `devices.jobs`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use twinbench_model::{VirtualDuration, VirtualTime};

use super::{
    Error, ErrorCode, Response,
    methods::{self, Caller, Invocation},
    model,
    request::{Call, number},
    time, twins,
};
use crate::{
    Hub,
    query::{Collection, Query},
};

/// Longest run of a job in seconds, and the default (one hour).
const MAX_EXECUTION: u64 = 172_800;
/// Jobs that are kept; the oldest that have ended make room.
const KEPT: usize = 1_000;

/// A job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(super) id: String,
    pub(super) work: Work,
    /// The condition as it was given.
    condition: String,
    created: VirtualTime,
    start: VirtualTime,
    max_seconds: u64,
    pub(super) status: Status,
    ended: Option<VirtualTime>,
    failure: Option<String>,
    /// What happened where, by device and module. Stored one by one.
    #[serde(skip)]
    pub(super) devices: BTreeMap<String, Part>,
}

/// What a job does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Work {
    Update(Value),
    Method(Invocation),
}

/// Where a job, or its part on one device, stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Scheduled,
    Running,
    Completed,
    Failed,
    Cancelled,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// A job's part on one device or module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Part {
    device: String,
    module: Option<String>,
    status: Status,
    started: VirtualTime,
    updated: VirtualTime,
    /// The method's answer, `{status, payload}`.
    outcome: Option<Value>,
    /// Code and sentence.
    error: Option<(String, String)>,
}

impl Job {
    /// When the hub has to look at it again.
    pub(super) fn due(&self) -> Option<VirtualTime> {
        match self.status {
            Status::Scheduled => Some(self.start),
            Status::Running => {
                let longest = VirtualDuration::from_secs(self.max_seconds);
                Some(self.start.saturating_add(longest))
            }
            _ => None,
        }
    }

    fn kind(&self) -> &'static str {
        match self.work {
            Work::Update(_) => "scheduleUpdateTwin",
            Work::Method(_) => "scheduleDeviceMethod",
        }
    }

    fn count(&self, status: Status) -> usize {
        self.devices
            .values()
            .filter(|part| part.status == status)
            .count()
    }

    fn response(&self, hub: &Hub) -> Value {
        let mut made = json!({
            "jobId": self.id,
            "queryCondition": self.condition,
            "createdTime": time::iso(hub, self.created),
            "startTime": time::iso(hub, self.start),
            "maxExecutionTimeInSeconds": self.max_seconds,
            "type": self.kind(),
            "status": self.status.name(),
            "deviceJobStatistics": {
                "deviceCount": self.devices.len(),
                "failedCount": self.count(Status::Failed),
                "succeededCount": self.count(Status::Completed),
                "runningCount": self.count(Status::Running),
                "pendingCount": self.count(Status::Scheduled),
            },
        });
        match &self.work {
            Work::Update(patch) => made["updateTwin"] = patch.clone(),
            Work::Method(method) => made["cloudToDeviceMethod"] = method.to_json(),
        }
        if let Some(ended) = self.ended {
            made["endTime"] = json!(time::iso(hub, ended));
        }
        if let Some(failure) = &self.failure {
            made["failureReason"] = json!(failure);
        }
        made
    }

    /// A row of `devices.jobs`.
    fn row(&self, hub: &Hub, part: &Part) -> Value {
        let mut row = json!({
            "deviceId": part.device,
            "jobId": self.id,
            "jobType": self.kind(),
            "status": part.status.name(),
            "startTimeUtc": time::iso(hub, part.started),
            "createdDateTimeUtc": time::iso(hub, self.created),
            "lastUpdatedDateTimeUtc": time::iso(hub, part.updated),
        });
        if let Some(module) = &part.module {
            row["moduleId"] = json!(module);
        }
        if part.status.has_ended() {
            row["endTimeUtc"] = json!(time::iso(hub, part.updated));
        }
        if matches!(self.work, Work::Method(_)) {
            row["outcome"] = json!({"deviceMethodResponse": part.outcome});
        }
        if let Some((code, description)) = &part.error {
            row["error"] = json!({"code": code, "description": description});
        }
        row
    }
}

/// Every row of `devices.jobs` after a key, by job and device.
pub(super) fn rows(hub: &Hub, after: Option<&str>) -> Vec<(String, Value)> {
    let after = after.map(ToOwned::to_owned);
    let all = hub.service.jobs.values().flat_map(|job| {
        let part = move |(key, part)| (format!("{}\0{key}", job.id), job, part);
        job.devices.iter().map(part)
    });
    let later = all.filter(|(key, ..)| after.as_ref().is_none_or(|after| key > after));
    later
        .map(|(key, job, part)| (key, job.row(hub, part)))
        .collect()
}

/// `PUT /jobs/v2/{id}`
pub(super) fn put(
    hub: &mut Hub,
    call: &Call<'_>,
    id: &str,
    now: VirtualTime,
) -> Result<Response, Error> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-:.+%_#*?!(),=@;$'".contains(c);
    if id.is_empty() || id.len() > 128 || !id.chars().all(fits) {
        return Err(Error::argument(
            "a job's id is 1 to 128 letters, digits and - : . + % _ #",
        ));
    }
    if hub.service.jobs.contains_key(id) {
        let message = format!("A job with id {id} exists: choose another id");
        return Err(Error::new(ErrorCode::JobAlreadyExists, message));
    }
    let body = call.object()?;
    if body
        .get("jobId")
        .is_some_and(|own| !own.is_null() && own != id)
    {
        return Err(Error::argument(
            "the body's jobId is not that of the address",
        ));
    }
    let work = match body.get("type").and_then(Value::as_str) {
        Some("scheduleUpdateTwin") => {
            let patch = body.get("updateTwin").filter(|patch| patch.is_object());
            let patch = patch.ok_or_else(|| Error::argument("updateTwin must be an object"))?;
            Work::Update(patch.clone())
        }
        Some("scheduleDeviceMethod") => {
            let method = body.get("cloudToDeviceMethod").and_then(Value::as_object);
            let method =
                method.ok_or_else(|| Error::argument("cloudToDeviceMethod must be an object"))?;
            Work::Method(Invocation::read(method)?)
        }
        _ => {
            let message = "type must be scheduleUpdateTwin or scheduleDeviceMethod";
            return Err(Error::argument(message));
        }
    };
    let condition = body
        .get("queryCondition")
        .and_then(Value::as_str)
        .unwrap_or_default();
    query(condition)?;
    let start = match body.get("startTime") {
        None | Some(Value::Null) => now,
        Some(Value::String(text)) if text.is_empty() => now,
        Some(text) => {
            let start = text.as_str().and_then(|text| time::parse(hub, text));
            start.ok_or_else(|| Error::argument("startTime is not an instant in ISO 8601"))?
        }
    };
    let max_seconds = match body.get("maxExecutionTimeInSeconds") {
        None | Some(Value::Null) => 3_600,
        Some(seconds) => seconds
            .as_u64()
            .filter(|n| (1..=MAX_EXECUTION).contains(n))
            .ok_or_else(|| {
                Error::argument(format!(
                    "maxExecutionTimeInSeconds must be 1 to {MAX_EXECUTION}"
                ))
            })?,
    };
    let job = Job {
        id: id.to_owned(),
        work,
        condition: condition.to_owned(),
        created: now,
        start: start.max(now),
        max_seconds,
        status: Status::Scheduled,
        ended: None,
        failure: None,
        devices: BTreeMap::new(),
    };
    let response = Response::ok(&job.response(hub));
    hub.make_room_for_a_job();
    hub.put_job(id, job, None);
    Ok(response)
}

/// The query that a job's condition stands for.
fn query(condition: &str) -> Result<Query, Error> {
    let condition = condition.trim();
    let word = condition.split_whitespace().next().unwrap_or_default();
    let text = match word {
        "" | "*" => "SELECT * FROM devices".to_owned(),
        from if from.eq_ignore_ascii_case("from") => format!("SELECT * {condition}"),
        _ => format!("SELECT * FROM devices WHERE {condition}"),
    };
    let query: Query = text
        .parse()
        .map_err(|error| Error::new(ErrorCode::InvalidQuery, format!("queryCondition: {error}")))?;
    match query.collection() {
        Collection::Jobs => Err(Error::argument("a job cannot run on devices.jobs")),
        Collection::Devices | Collection::Modules => Ok(query),
    }
}

/// `GET /jobs/v2/{id}`
pub(super) fn get(hub: &Hub, id: &str) -> Result<Response, Error> {
    let job = hub.service.jobs.get(id).ok_or_else(|| missing(id))?;
    Ok(Response::ok(&job.response(hub)))
}

/// `GET /jobs/v2/query?jobType=…&jobStatus=…`
pub(super) fn list(hub: &Hub, call: &Call<'_>) -> Result<Response, Error> {
    let size = call
        .request
        .header("x-ms-max-item-count")
        .or(call.parameter("pagesize"));
    let size = number("x-ms-max-item-count", size, 1..=1_000)?.unwrap_or(100) as usize;
    let after = call
        .request
        .header("x-ms-continuation")
        .or(call.parameter("continuationtoken"));
    let same = |wanted: Option<&str>, own: &str| {
        wanted.is_none_or(|wanted| wanted.is_empty() || wanted.eq_ignore_ascii_case(own))
    };
    let wanted = |job: &&Job| {
        same(call.parameter("jobtype"), job.kind())
            && same(call.parameter("jobstatus"), job.status.name())
            && after.is_none_or(|after| job.id.as_str() > after)
    };
    let mut found = hub.service.jobs.values().filter(wanted);
    let page: Vec<&Job> = found.by_ref().take(size).collect();
    let more = found.next().is_some();
    let body = page.iter().map(|job| job.response(hub)).collect();
    let response = Response::ok(&body).with("x-ms-item-type", "JobResponse");
    Ok(match page.last() {
        Some(last) if more => response.with("x-ms-continuation", last.id.clone()),
        _ => response,
    })
}

/// `POST /jobs/v2/{id}/cancel`
pub(super) fn cancel(hub: &mut Hub, id: &str, now: VirtualTime) -> Result<Response, Error> {
    let mut job = hub
        .service
        .jobs
        .get(id)
        .cloned()
        .ok_or_else(|| missing(id))?;
    if job.status.has_ended() {
        let message = format!("Job {id} has ended: it is {}", job.status.name());
        return Err(Error::argument(message));
    }
    job.end(Status::Cancelled, now);
    let response = Response::ok(&job.response(hub));
    hub.put_job(id, job, None);
    Ok(response)
}

fn missing(id: &str) -> Error {
    Error::new(ErrorCode::JobNotFound, format!("There is no job {id}"))
}

impl Job {
    /// Ends it, and with it what has not ended on its devices.
    fn end(&mut self, status: Status, now: VirtualTime) {
        self.status = status;
        self.ended = Some(now);
        for part in self
            .devices
            .values_mut()
            .filter(|part| !part.status.has_ended())
        {
            part.status = status;
            part.updated = now;
        }
    }

    fn complete_if_done(&mut self, now: VirtualTime) {
        let done = self.devices.values().all(|part| part.status.has_ended());
        if done && self.status == Status::Running {
            self.status = Status::Completed;
            self.ended = Some(now);
        }
    }
}

impl Hub {
    /// Starts the jobs that are due, and ends those that ran out of time.
    pub(crate) fn tick_jobs(&mut self, now: VirtualTime) {
        while let Some((time, id)) = self.service.due.first().cloned() {
            if time > now {
                return;
            }
            self.service.due.pop_first();
            let Some(mut job) = self.service.jobs.get(&id).cloned() else {
                continue;
            };
            if job.status == Status::Running {
                job.failure = Some("the job ran out of its maxExecutionTimeInSeconds".to_owned());
                job.end(Status::Failed, now);
            } else {
                self.start_job(&mut job, now);
            }
            self.put_job(&id, job, None);
        }
    }

    fn start_job(&mut self, job: &mut Job, now: VirtualTime) {
        let query = match query(&job.condition) {
            Ok(query) => query,
            Err(error) => {
                job.failure = Some(error.message);
                job.end(Status::Failed, now);
                return;
            }
        };
        job.status = Status::Running;
        let all = model::documents(self, query.collection(), None);
        let selected: Vec<_> = all
            .filter(|(_, document)| query.selects(document))
            .collect();
        for (key, document) in selected {
            let text = |name: &str| document[name].as_str().map(ToOwned::to_owned);
            let (device, module) = (text("deviceId").unwrap_or_default(), text("moduleId"));
            let mut part = Part {
                device,
                module,
                status: Status::Running,
                started: now,
                updated: now,
                outcome: None,
                error: None,
            };
            let target = (part.device.as_str(), part.module.as_deref());
            let result = match &job.work {
                Work::Update(patch) => {
                    twins::update_by_job(self, target, patch, now).map(|()| Progress::Done(None))
                }
                Work::Method(method) => {
                    let caller = Caller::Job {
                        job: job.id.clone(),
                        part: key.clone(),
                    };
                    methods::start(self, target, method, caller, now).map(|()| Progress::GoesOn)
                }
            };
            part.finish(result, now);
            job.devices.insert(key, part);
        }
        job.complete_if_done(now);
    }

    /// A method that a job called has its answer.
    pub(super) fn job_answered(
        &mut self,
        id: &str,
        part: &str,
        result: Result<Value, Error>,
        now: VirtualTime,
    ) {
        // Taken out and put back: a job of many devices is not copied for each answer.
        let Some(mut job) = self.service.jobs.remove(id) else {
            return;
        };
        if let Some(due) = job.due() {
            self.service.due.remove(&(due, id.to_owned()));
        }
        match job
            .devices
            .get_mut(part)
            .filter(|part| !part.status.has_ended())
        {
            Some(found) => {
                found.finish(result.map(|answer| Progress::Done(Some(answer))), now);
                job.complete_if_done(now);
                self.put_job(id, job, Some(part));
            }
            None => self.service.put_job(id, job),
        }
    }

    /// Forgets the oldest ended job when there are too many.
    fn make_room_for_a_job(&mut self) {
        if self.service.jobs.len() < KEPT {
            return;
        }
        let ended = self
            .service
            .jobs
            .values()
            .filter_map(|job| Some((job.ended?, &job.id)));
        if let Some(id) = ended.min().map(|(_, id)| id.clone()) {
            self.remove_job(&id);
        }
    }
}

/// How far a job's part came.
enum Progress {
    /// A method waits for its device.
    GoesOn,
    /// It is done, with the method's answer if it was one.
    Done(Option<Value>),
}

impl Part {
    fn finish(&mut self, result: Result<Progress, Error>, now: VirtualTime) {
        self.updated = now;
        match result {
            Ok(Progress::GoesOn) => {}
            Ok(Progress::Done(outcome)) => {
                self.status = Status::Completed;
                self.outcome = outcome;
            }
            Err(error) => {
                self.status = Status::Failed;
                self.error = Some((error.code.number().to_string(), error.message));
            }
        }
    }
}

impl Invocation {
    /// As a job's description shows it.
    fn to_json(&self) -> Value {
        let mut made = Map::new();
        made.insert("methodName".into(), json!(self.name));
        made.insert("payload".into(), self.payload.clone());
        made.insert(
            "responseTimeoutInSeconds".into(),
            json!(self.response_seconds),
        );
        made.insert(
            "connectTimeoutInSeconds".into(),
            json!(self.connect_seconds),
        );
        Value::Object(made)
    }
}
