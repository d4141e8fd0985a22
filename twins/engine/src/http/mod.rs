//! The HTTP API of Durable Functions below `/runtime/webhooks/durabletask`, as a function of a
//! request.
//!
//! [`handle`] decides and does no IO. What it asks of the engine is done in the engine's next run:
//! run, commit, and only then give the answer out. Some answers come [`Later`](Answer::Later):
//! when an instance has ended, or at a time.
//!
//! Semantics are those of the original's source (`durable-semantics`, section 10). Where they
//! leave room, or the original harms its user:
//!
//! | question | here |
//! |---|---|
//! | a start under an id that is in use | 409, as newer versions; it is not taken over. Ended ones are replaced |
//! | a restart in place of an instance that is at work | 409, likewise |
//! | `timeout` below `pollingInterval` | 400 before anything is started; the original starts it, then answers 400 |
//! | how often is looked while waiting | the answer comes as soon as the instance has ended, as with stores that need no polling |
//! | purging an instance that is at work | 200 with `instancesDeleted` 0: it stays |
//! | rewinding one that has not failed | 410 when it has ended otherwise, 500 when it is at work |
//! | the last page of a list | has no `x-ms-continuation-token` at all, never the text `null` |
//! | an unknown continuation token | 400 |
//! | entities among the instances | not listed, unless [`Config::entity_rows`] asks for what Azure Storage does |
//! | entity calls, signals and locks in a history | `EventSent` and `EventRaised`, as the original records them |
//! | too much waiting for an instance or an entity | 429 |
//! | an unknown function of an engine whose work is done elsewhere | started: a worker that has it may come |
//! | a function's name in another case | the registered name is used |
//! | `makeprimary` | 200: a bench is one application, and it is the primary one |

mod entities;
mod history;
mod instances;
mod links;
mod openapi;
mod query;
mod request;
mod start;
mod status;
mod token;

use std::borrow::Cow;

use twinbench_model::VirtualTime;

use crate::Engine;

pub use links::{CreationLinks, Links};
pub use request::{Request, Response};
pub use start::Waiting;

/// Where the original has the API.
pub const BASE: &str = "/runtime/webhooks/durabletask";

/// The API's OpenAPI document below [`BASE`].
pub const OPENAPI: &str = "openapi.json";

/// Header of lists that go on: in the answer the token of the next page, in a request the page.
pub const CONTINUATION: &str = "x-ms-continuation-token";

/// What links are made of, and how the API behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Scheme and authority of links when a request names no host: `http://127.0.0.1:7071`.
    pub origin: String,
    /// The path of the API: [`BASE`].
    pub base: String,
    /// The task hub in links, unless a request names one.
    pub task_hub: String,
    /// The connection in links, unless a request names one.
    pub connection: String,
    /// The key in links; `None`: the API asks for none.
    pub code: Option<String>,
    /// Whether `GET /instances` lists entities too, as it does on Azure Storage.
    pub entity_rows: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            origin: "http://127.0.0.1:7071".to_owned(),
            base: BASE.to_owned(),
            // What the original is called when nobody names it, and what local projects use.
            task_hub: "TestHubName".to_owned(),
            connection: "Storage".to_owned(),
            code: None,
            entity_rows: false,
        }
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// This, after the commit of what it caused.
    Now(Response),
    /// It waits: ask it after each commit, and at its time.
    Later(Waiting),
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        Self::Now(response)
    }
}

/// Answers a request.
pub fn handle(engine: &mut Engine, request: &Request, config: &Config, now: VirtualTime) -> Answer {
    let segments: Vec<String> = request
        .path
        .trim_matches('/')
        .split('/')
        .map(|segment| query::decode(segment).into_owned())
        .collect();
    if segments.iter().any(String::is_empty) {
        return Response::not_found().into();
    }
    let segments: Vec<Cow<'_, str>> = fold(&segments);
    let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    let call = Call {
        request,
        config,
        now,
    };
    let method = request.method.to_ascii_uppercase();
    match (method.as_str(), segments.as_slice()) {
        ("POST", ["orchestrators", name]) => start::start(engine, &call, name, None),
        ("POST", ["orchestrators", name, id]) => start::start(engine, &call, name, Some(id)),
        ("GET", ["instances"]) => instances::list(engine, &call).into(),
        ("DELETE", ["instances"]) => instances::purge_many(engine, &call).into(),
        ("GET", ["instances", id]) => instances::show(engine, &call, id).into(),
        ("DELETE", ["instances", id]) => instances::purge(engine, id).into(),
        ("POST", ["instances", id, "raiseevent", event]) => {
            instances::raise(engine, &call, id, event).into()
        }
        ("POST", ["instances", id, "terminate"]) => instances::terminate(engine, &call, id).into(),
        ("POST", ["instances", id, "suspend"]) => instances::suspend(engine, &call, id).into(),
        ("POST", ["instances", id, "resume"]) => instances::resume(engine, &call, id).into(),
        ("POST", ["instances", id, "rewind"]) => instances::rewind(engine, &call, id).into(),
        ("POST", ["instances", id, "restart"]) => start::restart(engine, &call, id),
        ("GET", ["entities"]) => entities::list(engine, &call, None).into(),
        ("GET", ["entities", name]) => entities::list(engine, &call, Some(name)).into(),
        ("GET", ["entities", name, key]) => entities::show(engine, name, key).into(),
        ("POST" | "DELETE", ["entities", rest @ ..]) if rest.len() <= 2 => {
            let name = rest.first().copied().unwrap_or_default();
            let key = rest.get(1).copied().unwrap_or_default();
            entities::signal(engine, &call, name, key, method == "DELETE").into()
        }
        ("POST", ["makeprimary"]) => Response::empty(200).into(),
        ("GET", [OPENAPI]) => openapi::document(config).into(),
        _ => Response::not_found().into(),
    }
}

/// Words of the API count in any case; ids, names and keys stay as they are.
fn fold(segments: &[String]) -> Vec<Cow<'_, str>> {
    segments
        .iter()
        .enumerate()
        .map(|(place, segment)| match place {
            0 | 2 if segments[0].eq_ignore_ascii_case("instances") => {
                segment.to_ascii_lowercase().into()
            }
            0 => segment.to_ascii_lowercase().into(),
            _ => segment.into(),
        })
        .collect()
}

/// A request with what it is answered by.
struct Call<'a> {
    request: &'a Request,
    config: &'a Config,
    now: VirtualTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_in_any_case_and_ids_stay() {
        let folded = |path: &str| {
            let segments: Vec<String> = path.split('/').map(str::to_owned).collect();
            fold(&segments).join("/")
        };
        assert_eq!(
            folded("Instances/MyId/RaiseEvent/Go"),
            "instances/MyId/raiseevent/Go"
        );
        assert_eq!(folded("ENTITIES/Counter/KeY"), "entities/Counter/KeY");
        assert_eq!(
            folded("orchestrators/Fn/Terminate"),
            "orchestrators/Fn/Terminate"
        );
    }
}
