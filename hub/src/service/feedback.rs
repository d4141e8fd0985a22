//! Messages to devices as far as REST reaches: the queue's purge and the feedback.

use serde_json::{Value, json};
use twinbench_model::VirtualTime;

use super::{Error, ErrorCode, Response, model};
use crate::{Hub, c2d::LockLost};

/// `DELETE /devices/{id}/commands`
pub(super) fn purge(hub: &mut Hub, id: &str, now: VirtualTime) -> Result<Response, Error> {
    let device = model::find(hub, (id, None))?.id.clone();
    let purged = hub.purge_c2d(&device, now).unwrap_or_default();
    let body = json!({"totalMessagesPurged": purged, "deviceId": id, "moduleId": null});
    Ok(Response::ok(&body))
}

/// `GET /messages/serviceBound/feedback`: 204 when none waits; the ETag is the lock's token.
pub(super) fn receive(hub: &mut Hub, now: VirtualTime) -> Response {
    let Some(batch) = hub.receive_feedback(now) else {
        return Response::empty();
    };
    let epoch = hub.options.epoch;
    let records: Value = batch
        .records
        .iter()
        .map(|record| record.to_json(epoch))
        .collect();
    Response::ok(&records).tagged(&format!("{:032x}", batch.lock_token))
}

/// `DELETE /messages/serviceBound/feedback/{lock}`
pub(super) fn complete(hub: &mut Hub, lock: &str) -> Result<Response, Error> {
    let result = token(lock).and_then(|token| hub.complete_feedback(token));
    result.map(|()| Response::empty()).map_err(lost)
}

/// `POST /messages/serviceBound/feedback/{lock}/abandon`
pub(super) fn abandon(hub: &mut Hub, lock: &str) -> Result<Response, Error> {
    let result = token(lock).and_then(|token| hub.abandon_feedback(token));
    result.map(|()| Response::empty()).map_err(lost)
}

fn token(text: &str) -> Result<u64, LockLost> {
    u64::from_str_radix(text.trim_matches('"'), 16).map_err(|_| LockLost)
}

fn lost(error: LockLost) -> Error {
    Error::new(ErrorCode::DeviceMessageLockLost, error.to_string())
}
