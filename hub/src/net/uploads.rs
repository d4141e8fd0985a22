//! File upload over HTTPS: the device's questions, and a small blob endpoint beside them.

use std::{
    path::{Path as FilePath, PathBuf},
    sync::Arc,
};

use axum::{
    Extension, Router,
    body::Bytes,
    extract::{ConnectInfo, DefaultBodyLimit, Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::{post, put},
};
use serde_json::{Value, json};
use twinbench_model::DeviceId;

use super::https::Client;
use crate::{
    ClientCertificate,
    handle::HubHandle,
    uploads::{UploadError, UploadResult},
};

/// Largest file: what the storage clients send in one piece.
pub(super) const LARGEST: usize = 64 * 1024 * 1024;

#[derive(Clone)]
struct Shared {
    hub: HubHandle,
    folder: Arc<FilePath>,
}

/// File upload as a router: `/devices/{id}/files…` for devices, `/uploads/…` for the blobs, which
/// go to a folder; and `/blobs/…`, the containers that imports and exports of the registry use.
/// `rest` takes everything else, such as the service's REST interface. To be
/// served by [`Net::listen_https`](super::Net::listen_https), which knows the clients'
/// certificates.
pub fn uploads(hub: HubHandle, folder: PathBuf, rest: Router) -> Router {
    let shared = Shared {
        hub,
        folder: folder.into(),
    };
    let rest = super::blobs::blobs(shared.hub.clone(), Arc::clone(&shared.folder), rest);
    let own = Router::new()
        .route("/devices/{id}/files", post(begin))
        .route("/devices/{id}/files/notifications", post(finish))
        .route("/uploads/{*blob}", put(store))
        .layer(DefaultBodyLimit::max(LARGEST))
        .layer(axum::middleware::from_fn(certificate))
        .with_state(shared);
    own.fallback_service(rest)
}

/// The certificate of the client, if the router is served over TLS.
#[derive(Clone)]
struct Shown(Option<Box<ClientCertificate>>);

async fn certificate(mut request: Request, next: Next) -> Response {
    let client = request.extensions().get::<ConnectInfo<Client>>();
    let shown = client.and_then(|client| client.0.certificate.clone());
    request.extensions_mut().insert(Shown(shown));
    next.run(request).await
}

fn refused(error: &UploadError) -> Response {
    let (status, code) = match error {
        UploadError::Unauthorized(_) => (StatusCode::UNAUTHORIZED, "IotHubUnauthorizedAccess"),
        UploadError::Name => (StatusCode::BAD_REQUEST, "ArgumentInvalid"),
        UploadError::TooMany => (
            StatusCode::FORBIDDEN,
            "DeviceMaximumActiveFileUploadLimitExceeded",
        ),
        UploadError::NotFound => (StatusCode::NOT_FOUND, "InvalidFileUploadCorrelationId"),
    };
    failed(status, code, &error.to_string())
}

pub(super) fn failed(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({"Message": format!("ErrorCode:{code};{message}"), "ExceptionMessage": ""});
    let kind = (header::CONTENT_TYPE, "application/json; charset=utf-8");
    (status, [kind], body.to_string()).into_response()
}

pub(super) fn gone() -> Response {
    failed(
        StatusCode::SERVICE_UNAVAILABLE,
        "ServiceUnavailable",
        "the hub has ended",
    )
}

fn object(body: &[u8]) -> Option<Value> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body.is_object().then_some(body)
}

/// `POST /devices/{id}/files`
async fn begin(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Extension(Shown(certificate)): Extension<Shown>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(name) = object(&body).and_then(|body| body["blobName"].as_str().map(str::to_owned))
    else {
        return refused(&UploadError::Name);
    };
    let host = text(&headers, header::HOST).unwrap_or_else(|| "localhost".to_owned());
    let token = text(&headers, header::AUTHORIZATION);
    let made = shared.hub.run(move |hub, now| {
        let device = DeviceId::new(&id).map_err(|_| UploadError::NotFound)?;
        hub.authenticate_device(&device, token.as_deref(), certificate.as_deref(), now)?;
        let secret = match (&token, &certificate) {
            (Some(token), _) => token.clone(),
            (None, Some(certificate)) => certificate.sha256.as_str().to_owned(),
            (None, None) => String::new(),
        };
        hub.begin_upload(&device, &name, secret.as_bytes(), now)
    });
    match made.await {
        Err(_) => gone(),
        Ok(Err(error)) => refused(&error),
        Ok(Ok(address)) => {
            let body = json!({
                "correlationId": address.correlation_id,
                "hostName": host,
                "containerName": address.container,
                "blobName": address.blob,
                "sasToken": address.token,
            });
            let kind = (header::CONTENT_TYPE, "application/json; charset=utf-8");
            ([kind], body.to_string()).into_response()
        }
    }
}

/// `POST /devices/{id}/files/notifications`
async fn finish(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Extension(Shown(certificate)): Extension<Shown>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(body) = object(&body) else {
        return failed(
            StatusCode::BAD_REQUEST,
            "ArgumentInvalid",
            "the body must be a JSON object",
        );
    };
    let token = text(&headers, header::AUTHORIZATION);
    let done = shared.hub.run(move |hub, now| {
        let device = DeviceId::new(&id).map_err(|_| UploadError::NotFound)?;
        hub.authenticate_device(&device, token.as_deref(), certificate.as_deref(), now)?;
        let result = UploadResult {
            success: body["isSuccess"].as_bool().unwrap_or_default(),
            status: body["statusCode"].as_i64().unwrap_or_default(),
        };
        let correlation = body["correlationId"].as_str().unwrap_or_default();
        hub.finish_upload(&device, correlation, result, now)
    });
    match done.await {
        Err(_) => gone(),
        Ok(Err(error)) => refused(&error),
        Ok(Ok(())) => StatusCode::NO_CONTENT.into_response(),
    }
}

/// `PUT /uploads/{device}/{blob}?{token}`: Put Blob of a block blob, in one piece.
async fn store(
    State(shared): State<Shared>,
    Path(blob): Path<String>,
    request_uri: axum::http::Uri,
    body: Bytes,
) -> Response {
    let query = request_uri.query().unwrap_or_default().to_owned();
    if query.split('&').any(|field| field.starts_with("comp=")) {
        let message = "files are taken in one piece of up to 64 MiB: send no blocks";
        return failed(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message);
    }
    let name = blob.clone();
    let checked = shared
        .hub
        .run(move |hub, now| hub.check_upload(("uploads", &name), &query, now));
    match checked.await {
        Err(_) => return gone(),
        Ok(Err(_)) => {
            let message = "the token does not allow this blob";
            return failed(StatusCode::FORBIDDEN, "AuthenticationFailed", message);
        }
        Ok(Ok(())) => {}
    }
    // The hub has given this name, so it stays inside of the folder.
    let path = shared.folder.join(&blob);
    let size = body.len() as u64;
    let written = tokio::task::spawn_blocking(move || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, &body)
    });
    match written.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            let message = format!("the file cannot be written: {error}");
            return failed(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", &message);
        }
        Err(_) => return gone(),
    }
    let told = shared
        .hub
        .run(move |hub, now| hub.uploaded(&blob, size, now));
    if told.await.is_err() {
        return gone();
    }
    StatusCode::CREATED.into_response()
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
