//! The service's edge: an axum router in front of a hub that runs in somebody else's loop.

use std::{
    sync::Arc,
    task::{Wake, Waker},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::State,
    http::{self, HeaderValue, header},
};
use tokio::sync::Notify;

use super::{Error, ErrorCode, Method, Reply, Request, Response, handle};
use crate::handle::HubHandle;

/// Longest body of a request, in bytes: a bulk request of 100 twins at their limits fits.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// The service's REST interface as a router, to be served on 443 and 8443.
///
/// Answers are given after the hub's loop has committed what they tell of. A request whose client
/// goes away is still carried out.
pub fn router(hub: HubHandle) -> Router {
    Router::new().fallback(serve).with_state(hub)
}

async fn serve(State(hub): State<HubHandle>, request: http::Request<Body>) -> http::Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return closing(413, ErrorCode::RequestEntityTooLarge);
    };
    let target = head
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.headers.iter();
    let request = Request {
        method: match head.method {
            http::Method::GET => Method::Get,
            http::Method::PUT => Method::Put,
            http::Method::POST => Method::Post,
            http::Method::PATCH => Method::Patch,
            http::Method::DELETE => Method::Delete,
            _ => Method::Other,
        },
        target: target.to_owned(),
        headers: headers
            .map(|(name, value)| (name.as_str().to_owned(), text(value)))
            .collect(),
        body,
    };
    // In a task of its own, which a client that goes away does not end half-way.
    let answer = tokio::spawn(async move { respond(&hub, request).await }).await;
    match answer {
        Ok(Some(response)) => as_http(response),
        Ok(None) | Err(_) => closing(503, ErrorCode::ServiceUnavailable),
    }
}

/// Rings when the hub has an answer.
struct Bell(Notify);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

/// Handles a request on the hub; `None` when the hub has ended.
pub async fn respond(hub: &HubHandle, request: Request) -> Option<Response> {
    let bell = Arc::new(Bell(Notify::new()));
    let waker = Waker::from(Arc::clone(&bell));
    let reply = hub.run(move |hub, now| {
        let reply = handle(hub, &request, now);
        if let Reply::Later(ticket) = reply {
            hub.service.wake_for(ticket, waker);
        }
        reply
    });
    match reply.await.ok()? {
        Reply::Now(response) => Some(response),
        Reply::Later(ticket) => loop {
            bell.0.notified().await;
            let taken = hub.run(move |hub, _| hub.service.take(ticket)).await.ok()?;
            if let Some(response) = taken {
                return Some(response);
            }
        },
    }
}

fn as_http(response: Response) -> http::Response<Body> {
    let mut made = http::Response::new(Body::from(response.body));
    *made.status_mut() = http::StatusCode::from_u16(response.status).unwrap_or_default();
    for (name, value) in response.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            made.headers_mut().append(name, value);
        }
    }
    made
}

/// An answer of the edge itself, after which the connection ends.
fn closing(status: u16, code: ErrorCode) -> http::Response<Body> {
    let message = match code {
        ErrorCode::RequestEntityTooLarge => "the body is too large",
        _ => "the hub has ended",
    };
    let error = Error::new(code, message);
    let body = format!(
        r#"{{"Message":"ErrorCode:{};{}","ExceptionMessage":""}}"#,
        code.name(),
        error.message
    );
    let mut made = as_http(Response {
        status,
        headers: vec![("content-type", "application/json; charset=utf-8".to_owned())],
        body: body.into(),
    });
    made.headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    made
}
