//! The hub's own containers of blobs, for import and export of the registry.
//!
//! A container is a folder beside the devices' uploads. Its address works as one with a SAS of a
//! storage account does: `https://localhost:8443/blobs/registry?{token}` is what a job is given and
//! what a storage client is given, which puts the blob's name before the `?`.

use std::{
    io::ErrorKind,
    path::{Path as FilePath, PathBuf},
    sync::Arc,
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Request, State},
    http::{HeaderMap, StatusCode, Uri},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::put,
};

use super::uploads::{LARGEST, failed, gone};
use crate::{
    handle::{HubGone, HubHandle},
    service::{BlobAddress, LINES_AT_ONCE, TransferWork},
};

#[derive(Clone)]
pub(super) struct Blobs {
    hub: HubHandle,
    folder: Arc<FilePath>,
}

/// The containers as a router in front of `rest`, whose imports and exports are carried out.
pub(super) fn blobs(hub: HubHandle, folder: Arc<FilePath>, rest: Router) -> Router {
    let shared = Blobs { hub, folder };
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
    /// The file of a blob. A device's id holds no `~`, so its uploads are elsewhere.
    fn path(&self, address: &BlobAddress) -> PathBuf {
        let container = format!("~{}", address.container);
        self.folder.join(container).join(&address.blob)
    }

    async fn write(&self, address: &BlobAddress, text: Bytes) -> std::io::Result<()> {
        let path = self.path(address);
        blocking(move || {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(path, &text)
        })
        .await
    }

    async fn read(&self, address: &BlobAddress) -> std::io::Result<Vec<u8>> {
        let path = self.path(address);
        blocking(move || std::fs::read(path)).await
    }

    async fn run(&self) -> Result<(), HubGone> {
        while let Some(work) = self.hub.run(crate::Hub::next_transfer).await? {
            let (id, result) = match work {
                TransferWork::Export { id, to, text } => {
                    let written = self.write(&to, text.into()).await;
                    (id, written.map_err(|error| error.to_string()))
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
        let text = match self.read(from).await.map(String::from_utf8) {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => return Ok(Err("the blob is not UTF-8".to_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => {
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
        let written = self.write(errors, refused.into()).await;
        Ok(written.map_err(|error| error.to_string()))
    }
}

/// Runs what waits for a disk where it holds nobody up.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(std::io::Error::other)?
}

/// Whether a request may use a blob, and which.
async fn opened(
    shared: &Blobs,
    (container, blob): &(String, String),
    uri: &Uri,
) -> Result<BlobAddress, Response> {
    let query = uri.query().unwrap_or_default().to_owned();
    let allowed = shared
        .hub
        .run(move |hub, now| hub.may_use_blobs(&query, now));
    match allowed.await {
        Err(HubGone) => return Err(gone()),
        Ok(false) => {
            let message = "the query is no token of a policy that may write the registry";
            return Err(failed(
                StatusCode::FORBIDDEN,
                "AuthenticationFailed",
                message,
            ));
        }
        Ok(true) => {}
    }
    BlobAddress::new(container, blob).ok_or_else(|| {
        let message = "no container or blob may be called so";
        failed(StatusCode::BAD_REQUEST, "InvalidResourceName", message)
    })
}

/// `PUT /blobs/{container}/{blob}?{token}`: Put Blob, in one piece.
async fn store(
    State(shared): State<Blobs>,
    Path(names): Path<(String, String)>,
    uri: Uri,
    body: Bytes,
) -> Response {
    let address = match opened(&shared, &names, &uri).await {
        Ok(address) => address,
        Err(response) => return response,
    };
    if uri.query().unwrap_or_default().contains("comp=") {
        let message = "blobs are taken in one piece of up to 64 MiB: send no blocks";
        return failed(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message);
    }
    match shared.write(&address, body).await {
        Ok(()) => StatusCode::CREATED.into_response(),
        Err(error) => {
            let message = format!("the blob cannot be written: {error}");
            failed(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", &message)
        }
    }
}

/// `GET /blobs/{container}/{blob}?{token}`: Get Blob. Who asks for a range, as storage clients do,
/// gets the whole as one.
async fn load(
    State(shared): State<Blobs>,
    Path(names): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let address = match opened(&shared, &names, &uri).await {
        Ok(address) => address,
        Err(response) => return response,
    };
    match shared.read(&address).await {
        Ok(bytes) => {
            let ranged = headers.contains_key("x-ms-range") && !bytes.is_empty();
            let kind = [
                ("content-type", "text/plain"),
                ("x-ms-blob-type", "BlockBlob"),
            ];
            if ranged {
                let range = format!("bytes 0-{}/{}", bytes.len() - 1, bytes.len());
                let range = [("content-range", range)];
                (StatusCode::PARTIAL_CONTENT, kind, range, bytes).into_response()
            } else {
                (kind, bytes).into_response()
            }
        }
        Err(_) => failed(
            StatusCode::NOT_FOUND,
            "BlobNotFound",
            "there is no such blob",
        ),
    }
}
