//! File upload over HTTPS: the device's questions, and a small blob endpoint beside them.

use std::path::PathBuf;

use axum::{
    Extension, Router,
    body::Bytes,
    extract::{ConnectInfo, DefaultBodyLimit, Path, Request, State},
    http::{HeaderMap, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::{post, put},
};
use serde_json::{Value, json};
use twinbench_model::DeviceId;

use super::{
    block_blob::{BlobError, BlobFiles, LARGEST},
    https::Client,
};
use crate::{
    ClientCertificate, Hub,
    handle::HubHandle,
    uploads::{UploadError, UploadResult},
};

#[derive(Clone)]
struct Shared {
    hub: HubHandle,
    files: BlobFiles,
}

/// File upload as a router: `/devices/{id}/files…` for devices, `/uploads/…` for the blobs, which
/// go to a folder; and `/blobs/…`, the containers that imports and exports of the registry use.
/// `rest` takes everything else, such as the service's REST interface. To be
/// served by [`Net::listen_https`](super::Net::listen_https), which knows the clients'
/// certificates.
pub fn uploads(hub: HubHandle, folder: PathBuf, rest: Router) -> Router {
    let shared = Shared {
        hub,
        files: BlobFiles::new(folder),
    };
    let rest = super::blobs::blobs(shared.hub.clone(), shared.files.clone(), rest);
    let own = Router::new()
        .route("/devices/{id}/files", post(begin))
        .route("/devices/{id}/files/notifications", post(finish))
        .route(
            "/devices/{id}/files/notifications/{correlation}",
            post(finish),
        )
        .route("/uploads/{*blob}", put(store).get(load))
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

fn failed(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({"Message": format!("ErrorCode:{code};{message}"), "ExceptionMessage": ""});
    let kind = (header::CONTENT_TYPE, "application/json; charset=utf-8");
    (status, [kind], body.to_string()).into_response()
}

fn gone() -> Response {
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

#[derive(serde::Deserialize)]
struct Finished {
    id: String,
    correlation: Option<String>,
}

/// `POST /devices/{id}/files/notifications`; npm's client names the upload in the path instead of
/// the body.
async fn finish(
    State(shared): State<Shared>,
    Path(Finished { id, correlation }): Path<Finished>,
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
        let correlation = correlation.as_deref().or(body["correlationId"].as_str());
        hub.finish_upload(&device, correlation.unwrap_or_default(), result, now)
    });
    match done.await {
        Err(_) => gone(),
        Ok(Err(error)) => refused(&error),
        Ok(Ok(())) => StatusCode::NO_CONTENT.into_response(),
    }
}

/// `PUT /uploads/{device}/{blob}?{token}`: Put Blob, Put Block or Put Block List.
async fn store(
    State(shared): State<Shared>,
    Path(blob): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, BlobError> {
    shared.check(&blob, &uri).await?;
    // The hub has given this name, so it stays inside of the folder.
    let query = uri.query().unwrap_or_default();
    let size = shared
        .files
        .put(blob.clone(), query, &headers, body)
        .await?;
    if let Some(size) = size {
        let told = move |hub: &mut Hub, now| hub.uploaded(&blob, size, now);
        let told = shared.hub.run(told).await;
        told.map_err(|_| BlobError::Gone)?;
    }
    Ok(StatusCode::CREATED)
}

/// `GET /uploads/{device}/{blob}?{token}`: Get Blob.
async fn load(
    State(shared): State<Shared>,
    Path(blob): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, BlobError> {
    shared.check(&blob, &uri).await?;
    Ok(shared.files.get(blob, &headers).await)
}

impl Shared {
    async fn check(&self, blob: &str, uri: &Uri) -> Result<(), BlobError> {
        let (blob, query) = (blob.to_owned(), uri.query().unwrap_or_default().to_owned());
        let check = move |hub: &mut Hub, now| hub.check_upload(("uploads", &blob), &query, now);
        match self.hub.run(check).await {
            Err(_) => Err(BlobError::Gone),
            Ok(checked) => checked.map_err(|_| BlobError::Denied),
        }
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
