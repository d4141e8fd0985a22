//! The HTTP API: the application's front-end layer, Durable Functions' own API, the bench's routes,
//! metrics, the page.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use tokio::sync::{mpsc::Sender, oneshot};
use tower_http::cors::CorsLayer;
use twinbench_engine::http;
use twinbench_serverless::rest;

use super::{Command, api, durable, key, metrics, view::SharedView};

/// Longest request body: the event hub's own limit for a message.
const LONGEST_BODY: usize = 256 * 1024;

#[derive(Clone)]
pub(super) struct Shared {
    pub(super) commands: Sender<Command>,
    pub(super) key: Arc<str>,
    /// What people look at.
    pub(super) view: SharedView,
    /// Runs of scenarios.
    pub(super) runs: api::Runs,
    /// Benches that were opened beside this one.
    pub(super) others: api::Others,
    /// Where the API listens.
    pub(super) address: SocketAddr,
    /// The folder of the built page.
    pub(super) page: Arc<PathBuf>,
}

pub(super) fn router(
    commands: Sender<Command>,
    key: String,
    page: &Path,
    view: SharedView,
    address: SocketAddr,
) -> Router {
    let shared = Shared {
        commands,
        key: key.into(),
        view,
        runs: api::Runs::default(),
        others: api::Others::default(),
        address,
        page: Arc::new(page.to_owned()),
    };
    let guarded = Router::new()
        .route("/api/{*path}", any(front_end))
        .route(&format!("{}/{{*path}}", http::BASE), any(durable::serve))
        .merge(api::router())
        .route("/metrics", get(show_metrics))
        .layer(middleware::from_fn_with_state(shared.clone(), guard));
    guarded
        .merge(api::live())
        .route("/", get(index))
        .route("/{file}", get(file))
        .layer(axum::extract::DefaultBodyLimit::max(LONGEST_BODY))
        // Outermost: a browser asks before it sends the key.
        .layer(window_origins())
        .with_state(shared)
}

/// The desktop window's page has an origin of its own, and no other page may ask from a browser.
fn window_origins() -> CorsLayer {
    let origins = [
        "tauri://localhost",
        "http://tauri.localhost",
        "https://tauri.localhost",
    ];
    CorsLayer::new()
        .allow_origin(origins.map(HeaderValue::from_static))
        .allow_methods([
            Method::GET,
            Method::PUT,
            Method::POST,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers([
            header::CONTENT_TYPE,
            HeaderName::from_static("x-functions-key"),
        ])
}

/// Lets a request through that has the key, as Azure Functions take it: `x-functions-key` or `code=`.
async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let header = request
        .headers()
        .get("x-functions-key")
        .and_then(|value| value.to_str().ok());
    let query = request.uri().query().unwrap_or_default();
    let code = query.split('&').find_map(|pair| pair.strip_prefix("code="));
    let passes = header
        .or(code)
        .is_some_and(|given| key::matches(given, &shared.key));
    // The query may hold the key: it never reaches a log.
    tracing::debug!(method = %request.method(), path = request.uri().path(), passes, "request");
    if passes {
        return next.run(request).await;
    }
    let help = "the API needs its key: header `x-functions-key: KEY` or `?code=KEY`; `twinbench key` shows it";
    (
        StatusCode::UNAUTHORIZED,
        axum::Json(serde_json::json!({"error": help})),
    )
        .into_response()
}

async fn front_end(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Response {
    let request = rest::Request {
        method: method.to_string(),
        path: uri.path().trim_start_matches("/api/").to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        body,
    };
    let Some(response) = ask(&shared, |reply| Command::FrontEnd(request, reply)).await else {
        return gone();
    };
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    (status, json, response.body).into_response()
}

async fn show_metrics(State(shared): State<Shared>) -> Response {
    let Some((status, stats)) = ask(&shared, Command::Status).await else {
        return gone();
    };
    let kind = [(
        header::CONTENT_TYPE,
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
    )];
    (kind, metrics::text(&status, &stats)).into_response()
}

/// Asks the stepping thread and waits; `None` when the session has ended.
pub(super) async fn ask<T>(
    shared: &Shared,
    command: impl FnOnce(oneshot::Sender<T>) -> Command,
) -> Option<T> {
    let (reply, answer) = oneshot::channel();
    shared.commands.send(command(reply)).await.ok()?;
    answer.await.ok()
}

pub(super) fn gone() -> Response {
    (
        StatusCode::SERVICE_UNAVAILABLE,
        axum::Json(serde_json::json!({"error": "the bench has stopped"})),
    )
        .into_response()
}

async fn index(state: State<Shared>) -> Response {
    serve_file(&state.page, "index.html").await
}

async fn file(
    state: State<Shared>,
    axum::extract::Path(name): axum::extract::Path<String>,
) -> Response {
    serve_file(&state.page, &name).await
}

/// A file of the page. The route has one segment, and a name with a path in it is refused.
async fn serve_file(page: &Path, name: &str) -> Response {
    let plain = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && !name.starts_with('.');
    let kind = match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    if plain && let Ok(bytes) = tokio::fs::read(page.join(name)).await {
        return ([(header::CONTENT_TYPE, kind)], bytes).into_response();
    }
    let help = "no page here: build it with `cargo xtask ui`; the API is below /api/ and /bench/";
    (StatusCode::NOT_FOUND, help).into_response()
}
