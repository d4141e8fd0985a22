//! Entities: listing, reading, signalling.

use std::sync::Arc;

use serde::Serialize;
use twinbench_model::EntityId;

use super::{
    Call, Response, instances,
    query::Span,
    start,
    status::{shown, ticks},
    token::After,
};
use crate::{Engine, EntityQuery, Json, SignalError, SignalRequest};

/// Stands for the empty key where a path cannot be empty.
const EMPTY_KEY: &str = "$";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    entity_id: Id<'a>,
    last_operation_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<Json>,
}

#[derive(Serialize)]
struct Id<'a> {
    name: &'a str,
    key: &'a str,
}

/// `GET /entities[/{entityName}]`
pub(super) fn list(engine: &Engine, call: &Call<'_>, name: Option<&str>) -> Response {
    let query = call.request.query();
    let epoch = engine.shared.options.epoch;
    let after = match instances::place(call) {
        Ok(None) => None,
        Ok(Some(After::Entity(id))) => id.parse::<EntityId>().ok(),
        Ok(Some(After::Instance(_))) => {
            return Response::error(400, "the continuation token is none of this list");
        }
        Err(response) => return response,
    };
    let operated = Span::of(
        query.instant("lastOperationTimeFrom"),
        query.instant("lastOperationTimeTo"),
        epoch,
    );
    // A name that can be none has no entities.
    let prefix = match name.map(|name| EntityId::new(name, "")).transpose() {
        Ok(prefix) if !operated.empty => prefix,
        _ => return instances::page::<Listed<'_>>(&[], None),
    };
    let with_state = query.flag("fetchState").unwrap_or(false);
    let (found, more) = engine.query_entities(&EntityQuery {
        prefix: prefix.map(|id| id.to_string()),
        modified_from: operated.from,
        modified_to: operated.to,
        transient: false,
        after,
        page: query.count("top").unwrap_or(instances::PAGE),
    });
    let rows: Vec<_> = found
        .iter()
        .map(|view| Listed {
            entity_id: Id {
                name: view.id.name(),
                key: view.id.key(),
            },
            last_operation_time: ticks(view.last_operation, epoch),
            state: view.state.as_ref().filter(|_| with_state).map(shown),
        })
        .collect();
    instances::page(&rows, more.map(|id| After::Entity(id.to_string())))
}

/// `GET /entities/{entityName}/{entityKey}`
pub(super) fn show(engine: &Engine, name: &str, key: &str) -> Response {
    let key = if key == EMPTY_KEY { "" } else { key };
    let id = match EntityId::new(name, key) {
        Ok(id) => id,
        Err(error) => return Response::error(400, &error.to_string()),
    };
    match engine.read(&id) {
        Some(state) => Response::json(200, &shown(&state)),
        None => Response::not_found(),
    }
}

/// `POST /entities/{entityName}[/{entityKey}]`, and `DELETE`, which is the operation `delete`.
pub(super) fn signal(
    engine: &mut Engine,
    call: &Call<'_>,
    name: &str,
    key: &str,
    delete: bool,
) -> Response {
    let to = match EntityId::new(name, key) {
        Ok(id) => id,
        Err(error) => return Response::error(400, &error.to_string()),
    };
    let operation: Arc<str> = if delete {
        "delete".into()
    } else {
        call.request.query().text("op").unwrap_or_default().into()
    };
    let body = &call.request.body;
    let input = if body.is_empty() {
        None
    } else if call.request.is_json() {
        match start::json(body) {
            Ok(json) => Some(json),
            Err(response) => return response,
        }
    } else {
        let text = String::from_utf8_lossy(body);
        Some(serde_json::Value::from(text).into())
    };
    let request = SignalRequest {
        to,
        operation,
        input,
        due: None,
        request: None,
        trace: start::trace(call.request),
    };
    match engine.signal_with(request, call.now) {
        Ok(()) => Response::empty(202),
        Err(error @ SignalError::Full { .. }) => Response::error(429, &error.to_string()),
        Err(
            error @ (SignalError::UnknownEntity(_)
            | SignalError::Key(_)
            | SignalError::TooLong { .. }),
        ) => Response::error(400, &error.to_string()),
    }
}
