//! Instances: looking, listing, telling, purging.

use super::{
    CONTINUATION, Call, Response, links,
    query::Span,
    start,
    status::{Payload, Show},
    token::{self, After},
};
use crate::{Engine, EntityQuery, Instance, InstanceError, InstanceQuery, Json, Status};

/// Rows of a page when nobody says how many: the original's default.
pub(super) const PAGE: usize = 100;

/// `GET /instances/{instanceId}`
pub(super) fn show(engine: &Engine, call: &Call<'_>, id: &str) -> Response {
    let query = call.request.query();
    let Some(instance) = engine.instance(id) else {
        return Response::not_found();
    };
    let fails = query
        .flag("returnInternalServerErrorOnFailure")
        .unwrap_or(false);
    let show = Show::of(&query);
    match instance.status() {
        Status::Failed if fails => payload(engine, instance, 500, show),
        status if status.is_final() => payload(engine, instance, 200, show),
        // 5 s: what the original asks for while an instance is at work.
        _ => payload(engine, instance, 202, show)
            .with("location", links::own_address(call))
            .with("retry-after", "5"),
    }
}

/// The status payload of an instance.
pub(super) fn payload(engine: &Engine, instance: &Instance, status: u16, show: Show) -> Response {
    let epoch = engine.shared.options.epoch;
    Response::json(status, &Payload::of(instance, show, epoch))
}

/// `GET /instances`
pub(super) fn list(engine: &Engine, call: &Call<'_>) -> Response {
    let query = call.request.query();
    let epoch = engine.shared.options.epoch;
    let after = match place(call) {
        Ok(after) => after,
        Err(response) => return response,
    };
    let created = Span::of(
        query.instant("createdTimeFrom"),
        query.instant("createdTimeTo"),
        epoch,
    );
    let statuses = query.statuses("runtimeStatus");
    if created.empty || statuses.as_ref().is_some_and(Vec::is_empty) {
        return page::<Payload<'_>>(&[], None);
    }
    let wanted = InstanceQuery {
        status: statuses.unwrap_or_default(),
        created_from: created.from,
        created_to: created.to,
        prefix: query.text("instanceIdPrefix"),
        page: query.count("top").unwrap_or(PAGE),
        ..InstanceQuery::default()
    };
    let show = Show {
        history: false,
        ..Show::of(&query)
    };
    let mut rows = Vec::new();
    if call.config.entity_rows && !matches!(after, Some(After::Instance(_))) {
        let more = entity_rows(engine, &wanted, after.as_ref(), show, &mut rows);
        if more.is_some() {
            return page(&rows, more);
        }
        if rows.len() == wanted.page {
            return page(&rows, Some(After::Instance(String::new())));
        }
    }
    let wanted = InstanceQuery {
        page: wanted.page - rows.len(),
        after: match after {
            Some(After::Instance(id)) => Some(id).filter(|id| !id.is_empty()),
            _ => None,
        },
        ..wanted
    };
    let (found, more) = engine.query_instances(&wanted);
    rows.extend(found.into_iter().map(|it| Payload::of(it, show, epoch)));
    page(&rows, more.map(After::Instance))
}

/// On Azure Storage an entity is an instance whose id begins with an `@`.
fn entity_rows(
    engine: &Engine,
    wanted: &InstanceQuery,
    after: Option<&After>,
    show: Show,
    rows: &mut Vec<Payload<'_>>,
) -> Option<After> {
    let prefix = wanted.prefix.as_deref().unwrap_or_default();
    let running = wanted.status.is_empty() || wanted.status.contains(&Status::Running);
    if !running || !(prefix.is_empty() || prefix.starts_with('@')) {
        return None;
    }
    let (found, more) = engine.query_entities(&EntityQuery {
        prefix: Some(prefix.to_owned()).filter(|prefix| prefix.len() > 1),
        modified_from: wanted.created_from,
        modified_to: wanted.created_to,
        transient: false,
        after: match after {
            Some(After::Entity(id)) => id.parse().ok(),
            _ => None,
        },
        page: wanted.page,
    });
    let epoch = engine.shared.options.epoch;
    rows.extend(
        found
            .iter()
            .map(|view| Payload::of_entity(view, show, epoch)),
    );
    more.map(|id| After::Entity(id.to_string()))
}

/// A page of a list, with the token of the next one if there is one.
pub(super) fn page<T: serde::Serialize>(rows: &[T], more: Option<After>) -> Response {
    let response = Response::json(200, rows);
    match more {
        Some(after) => response.with(CONTINUATION, token::write(&after)),
        None => response,
    }
}

/// Where the list is to go on.
pub(super) fn place(call: &Call<'_>) -> Result<Option<After>, Response> {
    let token = call.request.header(CONTINUATION).unwrap_or_default();
    if token.trim().is_empty() {
        return Ok(None);
    }
    match token::read(token) {
        Some(after) => Ok(Some(after)),
        None => Err(Response::error(
            400,
            "the continuation token is none that this list has given: begin without one",
        )),
    }
}

/// `POST /instances/{instanceId}/raiseEvent/{eventName}`
pub(super) fn raise(engine: &mut Engine, call: &Call<'_>, id: &str, event: &str) -> Response {
    if let Some(response) = gone(engine, id) {
        return response;
    }
    if !call.request.is_json() {
        return Response::error(400, "Only application/json request content is supported");
    }
    match start::json(&call.request.body) {
        Ok(input) => told(engine.raise_event(id, event, Some(input), call.now)),
        Err(response) => response,
    }
}

/// `POST /instances/{instanceId}/terminate`
pub(super) fn terminate(engine: &mut Engine, call: &Call<'_>, id: &str) -> Response {
    told(engine.terminate(id, reason(call), false, call.now))
}

/// `POST /instances/{instanceId}/suspend`
pub(super) fn suspend(engine: &mut Engine, call: &Call<'_>, id: &str) -> Response {
    told(engine.suspend(id, reason(call), call.now))
}

/// `POST /instances/{instanceId}/resume`
pub(super) fn resume(engine: &mut Engine, call: &Call<'_>, id: &str) -> Response {
    told(engine.resume_instance(id, reason(call), call.now))
}

/// `POST /instances/{instanceId}/rewind`
pub(super) fn rewind(engine: &mut Engine, call: &Call<'_>, id: &str) -> Response {
    let reason = call.request.query().text("reason");
    match engine.rewind(id, reason.as_deref(), call.now) {
        Err(InstanceError::NotFailed(_, status)) if status.is_final() => Response::empty(410),
        // As every InvalidOperationException of the original.
        Err(error @ InstanceError::NotFailed(..)) => Response::error(500, &error.to_string()),
        result => told(result),
    }
}

/// `DELETE /instances/{instanceId}`
pub(super) fn purge(engine: &mut Engine, id: &str) -> Response {
    if engine.instance(id).is_some() {
        return purged(engine.purge(id, false));
    }
    match id.parse() {
        Ok(entity) if engine.purge_entity(&entity) => purged(1),
        _ => Response::not_found(),
    }
}

/// `DELETE /instances`
pub(super) fn purge_many(engine: &mut Engine, call: &Call<'_>) -> Response {
    let query = call.request.query();
    let Some(from) = query.instant("createdTimeFrom") else {
        let message = "Please provide value for 'createdTimeFrom' parameter.";
        return Response::error(400, message);
    };
    let epoch = engine.shared.options.epoch;
    let created = Span::of(Some(from), query.instant("createdTimeTo"), epoch);
    let statuses = query.statuses("runtimeStatus");
    if created.empty || statuses.as_ref().is_some_and(Vec::is_empty) {
        return Response::not_found();
    }
    let removed = engine.purge_where(&InstanceQuery {
        status: statuses.unwrap_or_default(),
        created_from: created.from,
        created_to: created.to.or(Some(call.now)),
        ..InstanceQuery::default()
    });
    if removed == 0 {
        Response::not_found()
    } else {
        purged(removed)
    }
}

fn purged(count: usize) -> Response {
    Response::json(200, &serde_json::json!({ "instancesDeleted": count }))
}

/// The reason is kept as the text that it is.
fn reason(call: &Call<'_>) -> Option<Json> {
    call.request.query().text("reason").map(Json::from_text)
}

fn gone(engine: &Engine, id: &str) -> Option<Response> {
    match engine.instance(id) {
        None => Some(Response::not_found()),
        Some(instance) if instance.status().is_final() => Some(Response::empty(410)),
        Some(_) => None,
    }
}

/// What telling an instance something came to.
fn told(result: Result<(), InstanceError>) -> Response {
    match result {
        Ok(()) => Response::empty(202),
        Err(InstanceError::Unknown(_)) => Response::not_found(),
        Err(InstanceError::Ended(_)) => Response::empty(410),
        Err(error @ InstanceError::TooLong { .. }) => Response::error(400, &error.to_string()),
        Err(error @ InstanceError::Full { .. }) => Response::error(429, &error.to_string()),
        Err(error @ (InstanceError::NotFailed(..) | InstanceError::NotEnded(_))) => {
            Response::error(500, &error.to_string())
        }
    }
}
