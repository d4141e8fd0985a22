//! Starting orchestrations, and waiting for their end.

use twinbench_model::{VirtualDuration, VirtualTime};

use super::{Answer, Call, Links, Request, Response, instances, query::Query, status::Show};
use crate::{Engine, InstanceError, Json, StartError, StartRequest, Status, history::Trace};

/// An answer that waits until an instance has ended, at most until a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    instance: String,
    until: VirtualTime,
    show: Show,
    else_this: Response,
}

impl Waiting {
    /// The instance whose end is waited for.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// When there is an answer in any case.
    pub const fn until(&self) -> VirtualTime {
        self.until
    }

    /// The answer if its time has come. What the engine shows must be committed.
    pub fn answer(&self, engine: &Engine, now: VirtualTime) -> Option<Response> {
        let instance = engine.instance(&self.instance);
        if let Some(instance) = instance.filter(|it| it.status().is_final()) {
            return Some(match (instance.status(), super::status::output(instance)) {
                (Status::Completed, Some(output)) => Response::json(200, &output),
                (Status::Completed, None) => Response::json(200, &()),
                _ => instances::payload(engine, instance, 200, self.show),
            });
        }
        (self.until <= now).then(|| self.else_this.clone())
    }
}

/// `POST /orchestrators/{functionName}[/{instanceId}]`
pub(super) fn start(
    engine: &mut Engine,
    call: &Call<'_>,
    name: &str,
    instance: Option<&str>,
) -> Answer {
    let query = call.request.query();
    let input = match body(&call.request.body) {
        Ok(input) => input,
        Err(response) => return response.into(),
    };
    let patience = match Patience::of(&query) {
        Ok(patience) => patience,
        Err(response) => return response.into(),
    };
    let request = StartRequest {
        instance: instance.map(str::to_owned),
        version: query.filled("version"),
        input,
        trace: trace(call.request),
        ..StartRequest::new(&registered(engine, name))
    };
    match engine.start_with(request, call.now) {
        Ok(id) => accepted(call, &id, &query, patience),
        Err(error @ StartError::Exists(_)) => Response::error(409, &error.to_string()).into(),
        Err(
            error @ (StartError::UnknownOrchestration(_)
            | StartError::Id(_)
            | StartError::TooLong { .. }),
        ) => Response::error(400, &error.to_string()).into(),
    }
}

/// `POST /instances/{instanceId}/restart`
pub(super) fn restart(engine: &mut Engine, call: &Call<'_>, instance: &str) -> Answer {
    let query = call.request.query();
    let patience = match Patience::of(&query) {
        Ok(patience) => patience,
        Err(response) => return response.into(),
    };
    let as_new = query.flag("restartWithNewInstanceId").unwrap_or(true);
    match engine.restart(instance, as_new, call.now) {
        Ok(id) => accepted(call, &id, &query, patience),
        Err(error @ InstanceError::NotEnded(_)) => Response::error(409, &error.to_string()).into(),
        Err(error) => Response::error(400, &error.to_string()).into(),
    }
}

fn accepted(call: &Call<'_>, id: &str, query: &Query, patience: Option<Patience>) -> Answer {
    let links = Links::answering(id, call);
    // 10 s: what the original asks for after a start.
    let response = Response::json(202, &links)
        .with("location", links.status_query_get_uri)
        .with("retry-after", "10");
    match patience {
        None => Answer::Now(response),
        Some(Patience { timeout }) => Answer::Later(Waiting {
            instance: id.to_owned(),
            until: call.now.saturating_add(timeout),
            show: Show::of(query),
            else_this: response,
        }),
    }
}

/// How long somebody waits for the end.
#[derive(Debug, Clone, Copy)]
struct Patience {
    timeout: VirtualDuration,
}

impl Patience {
    /// Somebody waits who says both for how long and how often to look.
    fn of(query: &Query) -> Result<Option<Self>, Response> {
        let times = (query.seconds("timeout"), query.seconds("pollingInterval"));
        let (Some(timeout), Some(interval)) = times else {
            return Ok(None);
        };
        if timeout.is_nan() || interval.is_nan() {
            let message = "timeout and pollingInterval must be numbers of seconds";
            return Err(Response::error(400, message));
        }
        if interval > timeout {
            let message =
                format!("Total timeout {timeout} should be bigger than retry timeout {interval}");
            return Err(Response::error(400, &message));
        }
        Ok(Some(Self {
            timeout: VirtualDuration::from_secs_f64(timeout),
        }))
    }
}

/// The input: JSON or nothing.
fn body(bytes: &[u8]) -> Result<Option<Json>, Response> {
    if bytes.is_empty() {
        return Ok(None);
    }
    json(bytes).map(Some)
}

/// A body that must be JSON.
pub(super) fn json(bytes: &[u8]) -> Result<Json, Response> {
    let refuse = |cause: String| Response::error(400, &format!("Invalid JSON content: {cause}"));
    let text = std::str::from_utf8(bytes).map_err(|cause| refuse(cause.to_string()))?;
    // A byte order mark is no JSON, but some clients write one.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Json::parse(text.trim()).map_err(|cause| refuse(cause.to_string()))
}

/// The name under which a function is registered: names of functions count in any case.
fn registered(engine: &Engine, name: &str) -> String {
    let known = &engine.functions().orchestrations;
    if known.contains_key(name) {
        return name.to_owned();
    }
    known
        .keys()
        .find(|known| known.eq_ignore_ascii_case(name))
        .map_or_else(|| name.to_owned(), Clone::clone)
}

/// The trace that a request belongs to.
pub(super) fn trace(request: &Request) -> Option<Trace> {
    let parent = request.header("traceparent")?;
    // version-trace-span-flags (W3C trace context, section 3.2)
    let mut parts = parent.split('-');
    let hex = |part: Option<&str>, length: usize| {
        part.filter(|it| it.len() == length && it.bytes().all(|b| b.is_ascii_hexdigit()))
            .map(str::to_owned)
    };
    hex(parts.next(), 2)?;
    hex(parts.next(), 32)?;
    let span = hex(parts.next(), 16)?;
    hex(parts.next(), 2)?;
    Some(Trace {
        parent: parent.to_owned(),
        span,
        state: request.header("tracestate").map(str::to_owned),
    })
}
