//! The hub's own containers of blobs, for import and export of the registry.
//!
//! A container is a folder beside the devices' uploads. Its address works as one with a SAS of a
//! storage account does: `https://localhost:8443/blobs/registry?{token}` is what a job is given and
//! what a storage client is given, which puts the blob's name before the `?`.

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Request, State},
    http::{HeaderMap, StatusCode, Uri},
    middleware::Next,
    response::Response,
    routing::put,
};

use super::block_blob::{BlobError, BlobFiles, LARGEST};
use crate::{
    handle::{HubGone, HubHandle},
    service::{BlobAddress, LINES_AT_ONCE, TransferWork},
};

#[derive(Clone)]
pub(super) struct Blobs {
    hub: HubHandle,
    files: BlobFiles,
}

/// The containers as a router in front of `rest`, whose imports and exports are carried out.
pub(super) fn blobs(hub: HubHandle, files: BlobFiles, rest: Router) -> Router {
    let shared = Blobs { hub, files };
    let jobs = axum::middleware::from_fn_with_state(shared.clone(), carry_out);
    Router::new()
        .route("/blobs/{container}/{blob}", put(store).get(load))
        .layer(DefaultBodyLimit::max(LARGEST))
        .with_state(shared)
        .fallback_service(rest.layer(jobs))
}

/// After whatever was asked of `/jobs`, what waits is done, also what a restart has left.
async fn carry_out(State(shared): State<Blobs>, request: Request, next: Next) -> Response {
    let is_job = request.uri().path().starts_with("/jobs");
    let response = next.run(request).await;
    if is_job {
        tokio::spawn(async move {
            if let Err(HubGone) = shared.run().await {
                tracing::debug!("the hub has ended during an import or export");
            }
        });
    }
    response
}

impl Blobs {
    async fn write(&self, address: &BlobAddress, text: Bytes) -> Result<(), String> {
        let written = self.files.write_all(name(address), text).await;
        written.map_err(|error| error.to_string())
    }

    async fn run(&self) -> Result<(), HubGone> {
        while let Some(work) = self.hub.run(crate::Hub::next_transfer).await? {
            let (id, result) = match work {
                TransferWork::Export { id, to, text } => {
                    let written = self.write(&to, text.into()).await;
                    (id, written)
                }
                TransferWork::Import { id, from, errors } => {
                    let result = self.import(&id, &from, &errors).await?;
                    (id, result)
                }
            };
            let finish = move |hub: &mut crate::Hub, now| hub.finish_transfer(&id, result, now);
            self.hub.run(finish).await?;
        }
        Ok(())
    }

    async fn import(
        &self,
        id: &str,
        from: &BlobAddress,
        errors: &BlobAddress,
    ) -> Result<Result<(), String>, HubGone> {
        let text = match self.files.read_all(name(from)).await.map(String::from_utf8) {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => return Ok(Err("the blob is not UTF-8".to_owned())),
            Err(BlobError::NotFound) => {
                let BlobAddress { container, blob } = from;
                return Ok(Err(format!(
                    "there is no blob {blob} in container {container}"
                )));
            }
            Err(error) => return Ok(Err(error.to_string())),
        };
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let lines: Vec<String> = lines.map(str::to_owned).collect();
        let mut refused = String::new();
        for some in lines.chunks(LINES_AT_ONCE) {
            let (id, some) = (id.to_owned(), some.to_vec());
            let take = move |hub: &mut crate::Hub, now| hub.import_lines(&id, &some, now);
            let Some(more) = self.hub.run(take).await? else {
                return Ok(Ok(()));
            };
            for line in more {
                refused.push_str(&line);
                refused.push_str("\r\n");
            }
        }
        Ok(self.write(errors, refused.into()).await)
    }
}

/// The file of a blob. A device's id holds no `~`, so its uploads are elsewhere.
fn name(address: &BlobAddress) -> String {
    format!("~{}/{}", address.container, address.blob)
}

/// Whether a request may use a blob, and which file that is.
async fn opened(
    shared: &Blobs,
    (container, blob): &(String, String),
    uri: &Uri,
) -> Result<String, BlobError> {
    let query = uri.query().unwrap_or_default().to_owned();
    let allowed = move |hub: &mut crate::Hub, now| hub.may_use_blobs(&query, now);
    match shared.hub.run(allowed).await {
        Err(HubGone) => Err(BlobError::Gone),
        Ok(false) => Err(BlobError::Denied),
        Ok(true) => {
            let address = BlobAddress::new(container, blob).ok_or(BlobError::Name)?;
            Ok(name(&address))
        }
    }
}

/// `PUT /blobs/{container}/{blob}?{token}`: Put Blob, Put Block or Put Block List.
async fn store(
    State(shared): State<Blobs>,
    Path(names): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, BlobError> {
    let file = opened(&shared, &names, &uri).await?;
    let query = uri.query().unwrap_or_default();
    shared.files.put(file, query, &headers, body).await?;
    Ok(StatusCode::CREATED)
}

/// `GET /blobs/{container}/{blob}?{token}`: Get Blob.
async fn load(
    State(shared): State<Blobs>,
    Path(names): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, BlobError> {
    let file = opened(&shared, &names, &uri).await?;
    Ok(shared.files.get(file, &headers).await)
}
