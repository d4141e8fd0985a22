//! Asking the bench.

use gloo_net::http::Request;
use serde::de::DeserializeOwned;
use twinbench_model::api::{BenchStatus, DeviceInfo};

use crate::{
    place::Place,
    view::{Snapshot, Trouble},
};

/// The header that the API takes its key in.
const KEY: &str = "x-functions-key";

/// Where the bench stands and which devices it has.
pub(crate) async fn snapshot(place: &Place) -> Result<Snapshot, Trouble> {
    let status: BenchStatus = get(place, "/bench/status").await?;
    let mut devices: Vec<DeviceInfo> = get(place, "/api/devices").await?;
    devices.sort_by(|one, other| one.device_id.cmp(&other.device_id));
    Ok(Snapshot { status, devices })
}

async fn get<T: DeserializeOwned>(place: &Place, path: &str) -> Result<T, Trouble> {
    let mut request = Request::get(&format!("{}{path}", place.origin));
    if !place.key.is_empty() {
        request = request.header(KEY, &place.key);
    }
    let response = request.send().await.map_err(|_| Trouble::Unreachable)?;
    match response.status() {
        200 => response
            .json()
            .await
            .map_err(|cause| Trouble::Unreadable(format!("{path}: {cause}"))),
        401 | 403 => Err(Trouble::Key),
        status => Err(Trouble::Refused {
            path: path.to_owned(),
            status,
        }),
    }
}
