//! The cloud's side of a device: twin, direct methods, messages.

use axum::{
    Json, Router,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use twinbench_hub::methods::{MethodCall, MethodError};
use twinbench_model::{DeviceId, Message, VirtualDuration};

use super::{Answer, ApiError, ask, devices::settle};
use crate::serve::{Command, routes::Shared};

/// What IoT Hub allows a device to take for an answer, in seconds.
const PATIENCE: std::ops::RangeInclusive<u64> = 5..=300;

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/bench/devices/{id}/twin", get(twin).patch(patch))
        .route("/bench/devices/{id}/methods/{name}", post(method))
        .route("/bench/devices/{id}/c2d", post(message))
}

fn device(id: &str) -> Result<DeviceId, ApiError> {
    DeviceId::new(id).map_err(|_| ApiError::missing("device", id, "GET /bench/devices lists them"))
}

/// The twin as service clients see it, as far as the page needs it.
async fn twin(State(shared): State<Shared>, Path(id): Path<String>) -> Answer<Value> {
    let device = device(&id)?;
    ask(&shared, move |session| {
        let mut twin = session.twin(&device).ok_or_else(|| {
            ApiError::missing(
                "twin",
                device.as_str(),
                "the device must be in the hub's registry",
            )
        })?;
        let tags = twin["tags"].take();
        Ok(Json(json!({
            "deviceId": device.as_str(),
            "tags": tags,
            "properties": {"desired": twin["desired"], "reported": twin["reported"]},
        })))
    })
    .await
}

#[derive(Deserialize)]
struct TwinPatch {
    tags: Option<Map<String, Value>>,
    properties: Option<Properties>,
    desired: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Properties {
    desired: Option<Map<String, Value>>,
}

/// Lays a patch over tags and desired properties; `null` takes a property away.
async fn patch(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    body: Result<Json<TwinPatch>, JsonRejection>,
) -> Answer<Value> {
    let Json(body) = body?;
    let device = device(&id)?;
    let desired = body.properties.and_then(|it| it.desired).or(body.desired);
    if desired.is_none() && body.tags.is_none() {
        return Err(ApiError::bad(
            "there is nothing to change",
            "give {\"properties\": {\"desired\": {…}}} or {\"tags\": {…}}",
        ));
    }
    let again = id.clone();
    let state = State(shared.clone());
    ask(&shared, move |session| {
        let written = session.write_twin(&device, body.tags, desired);
        written.map_err(ApiError::refused)?;
        settle(session)
    })
    .await?;
    twin(state, Path(again)).await
}

#[derive(Deserialize)]
struct Call {
    #[serde(default)]
    payload: Value,
    timeout_s: Option<u64>,
}

async fn method(
    State(shared): State<Shared>,
    Path((id, name)): Path<(String, String)>,
    body: Result<Json<Call>, JsonRejection>,
) -> Answer<Value> {
    let Json(body) = body?;
    let device = device(&id)?;
    let patience = body.timeout_s.unwrap_or(30);
    if !PATIENCE.contains(&patience) {
        return Err(ApiError::bad(
            format!("no such timeout: {patience} s"),
            "a device has 5 to 300 s of virtual time",
        ));
    }
    let call = MethodCall {
        name,
        payload: body.payload,
        response_timeout: VirtualDuration::from_secs(patience),
        connect_timeout: VirtualDuration::from_secs(0),
    };
    let (reply, answer) = oneshot::channel();
    let sent = shared
        .commands
        .send(Command::Method(device, call, reply))
        .await;
    sent.map_err(|_| ApiError::gone())?;
    match answer.await.map_err(|_| ApiError::gone())? {
        Ok(answer) => Ok(Json(
            json!({"status": answer.status, "payload": answer.payload}),
        )),
        Err(error) => {
            let (status, hint) = match &error {
                MethodError::NotFound(_) => (404, "it must be in the hub's registry"),
                MethodError::NotOnline(_) | MethodError::ConnectionClosed(_) => {
                    (404, "wait until the device is connected and try again")
                }
                MethodError::Timeout(_) => (504, "is virtual time paused? play, or give it longer"),
                MethodError::Argument(_) => (400, ""),
                MethodError::BadAnswer(_) => (502, "look at the device's console"),
                MethodError::Throttled => (429, "the hub's profile allows no more; try later"),
            };
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            Err(ApiError::new(status, error.to_string(), hint))
        }
    }
}

#[derive(Deserialize)]
struct ToDevice {
    text: Option<String>,
    json: Option<Value>,
    #[serde(default)]
    properties: Option<Map<String, Value>>,
}

async fn message(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    body: Result<Json<ToDevice>, JsonRejection>,
) -> Answer<Value> {
    let Json(body) = body?;
    let device = device(&id)?;
    let bytes = match (body.text, body.json) {
        (Some(text), _) => text.into_bytes(),
        (None, Some(json)) => json.to_string().into_bytes(),
        (None, None) => {
            return Err(ApiError::bad(
                "there is nothing to send",
                "give text or json",
            ));
        }
    };
    let mut message = Message {
        body: bytes.into(),
        ..Message::default()
    };
    for (name, value) in body.properties.unwrap_or_default() {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        message.properties.insert(name, value);
    }
    let number = ask(&shared, move |session| {
        let number = session.send_to_device(&device, message);
        let number = number.map_err(ApiError::refused)?;
        settle(session)?;
        Ok(number)
    })
    .await?;
    Ok(Json(json!({"sequence": number})))
}
