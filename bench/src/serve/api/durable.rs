//! Entities and orchestrations.

use axum::{
    Json, Router,
    extract::{Path, State, rejection::JsonRejection},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use twinbench_model::EntityId;

use super::{Answer, ApiError, ask, devices::settle, look};
use crate::{
    serve::routes::Shared,
    session::{Session, WorkflowAction},
};

/// Entities and instances of a list.
const MOST: usize = 2_000;
/// Operations of an entity's history.
const OPERATIONS: usize = 200;

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/bench/entities", get(entities))
        .route("/bench/entities/{name}/{key}", get(entity))
        .route("/bench/entities/{name}/{key}/signal", post(signal))
        .route("/bench/workflows", get(workflows))
        .route("/bench/workflows/{id}", get(workflow))
        .route("/bench/workflows/{id}/{action}", post(act))
}

async fn entities(State(shared): State<Shared>) -> Answer<Vec<Value>> {
    ask(&shared, |session| Ok(Json(session.entity_rows(MOST)))).await
}

fn entity_id(name: &str, key: &str) -> Result<EntityId, ApiError> {
    EntityId::new(name, key).map_err(|cause| ApiError::bad(cause.to_string(), ""))
}

async fn entity(
    State(shared): State<Shared>,
    Path((name, key)): Path<(String, String)>,
) -> Answer<Value> {
    let id = entity_id(&name, &key)?;
    let asked = id.clone();
    let state = ask(&shared, move |session| Ok(session.entity(&asked))).await?;
    let Some(state) = state else {
        let hint = "GET /bench/entities lists those with a state";
        return Err(ApiError::missing("entity", &id.to_string(), hint));
    };
    let history = look(&shared, |view| {
        view.journey
            .of_kind("entity", Some(&id.to_string()), OPERATIONS)
    });
    let operation = |row: twinbench_model::api::page::EventRow| {
        json!({
            "at": row.at,
            "event": row.id,
            "operation": row.detail["operation"],
            "input": row.detail["input"],
            "result": row.detail["result"],
            "causes": row.causes,
        })
    };
    let history: Vec<Value> = history.into_iter().map(operation).collect();
    Ok(Json(
        json!({"name": name, "key": key, "state": state, "history": history}),
    ))
}

#[derive(Deserialize)]
struct Signal {
    operation: String,
    #[serde(default)]
    input: Value,
}

async fn signal(
    State(shared): State<Shared>,
    Path((name, key)): Path<(String, String)>,
    body: Result<Json<Signal>, JsonRejection>,
) -> Answer<Value> {
    let Json(Signal { operation, input }) = body?;
    let id = entity_id(&name, &key)?;
    ask(&shared, move |session| {
        session
            .signal(&id, &operation, input)
            .map_err(ApiError::refused)?;
        settle(session)
    })
    .await?;
    Ok(Json(json!({"done": true})))
}

/// A workflow in a list: without its history.
fn row(view: &crate::session::InstanceView) -> Value {
    let end = view.facts["status"]
        .as_str()
        .filter(|status| !matches!(*status, "Running" | "Pending" | "Suspended"));
    json!({
        "id": view.facts["instance"],
        "name": view.facts["name"],
        "status": view.facts["status"],
        "created": view.created.as_nanos(),
        "updated": view.updated.as_nanos(),
        "ended": end.map(|_| view.updated.as_nanos()),
        "input": view.facts["input"],
        "output": view.facts["output"],
        "error": view.facts["error"],
    })
}

async fn workflows(State(shared): State<Shared>) -> Answer<Vec<Value>> {
    ask(&shared, |session| {
        let mut all = session.instances();
        all.sort_by_key(|view| std::cmp::Reverse(view.created));
        Ok(Json(all.iter().take(MOST).map(row).collect()))
    })
    .await
}

fn find(session: &Session, id: &str) -> Result<crate::session::InstanceView, ApiError> {
    let mut all = session.instances().into_iter();
    all.find(|view| view.facts["instance"] == id)
        .ok_or_else(|| ApiError::missing("workflow", id, "GET /bench/workflows lists them"))
}

async fn workflow(State(shared): State<Shared>, Path(id): Path<String>) -> Answer<Value> {
    ask(&shared, move |session| {
        let view = find(session, &id)?;
        let mut whole = row(&view);
        whole["history"] = view.facts["history"].clone();
        let children: Vec<Value> = session
            .instances()
            .iter()
            .filter(|it| session.parent_of(&it.facts["instance"]).as_deref() == Some(id.as_str()))
            .map(row)
            .collect();
        whole["children"] = children.into();
        Ok(Json(whole))
    })
    .await
}

#[derive(Deserialize, Default)]
struct Act {
    reason: Option<String>,
    /// The event's name, to raise one.
    name: Option<String>,
    event: Option<String>,
    #[serde(default)]
    input: Value,
}

async fn act(
    State(shared): State<Shared>,
    Path((id, action)): Path<(String, String)>,
    body: Result<Json<Act>, JsonRejection>,
) -> Answer<Value> {
    let body = body.map(|Json(body)| body).unwrap_or_default();
    let reason = body
        .reason
        .unwrap_or_else(|| "asked for on the page".to_owned());
    let action = match action.as_str() {
        "suspend" => WorkflowAction::Suspend(reason),
        "resume" => WorkflowAction::Resume(reason),
        "terminate" => WorkflowAction::Terminate(reason),
        "rewind" => WorkflowAction::Rewind(reason),
        "restart" => WorkflowAction::Restart,
        "purge" => WorkflowAction::Purge,
        "raise" | "raiseEvent" => {
            let name = body.name.or(body.event);
            let name = name.ok_or_else(|| ApiError::bad("the event has no name", "give name"))?;
            WorkflowAction::Raise(name, body.input)
        }
        other => {
            let hint = "suspend, resume, terminate, rewind, restart, raise or purge";
            return Err(ApiError::missing("action", other, hint));
        }
    };
    let told = ask(&shared, move |session| {
        find(session, &id)?;
        let told = session.workflow(&id, action).map_err(ApiError::refused)?;
        settle(session)?;
        Ok(told)
    })
    .await?;
    Ok(Json(json!({"done": true, "instance": told})))
}
