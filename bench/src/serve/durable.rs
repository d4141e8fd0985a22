//! The Durable Functions HTTP API: carried from axum to the stepping thread, and answers that wait
//! for the end of an instance.

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use tokio::sync::oneshot;
use twinbench_engine::http::{self, Answer, Config, Waiting};
use twinbench_model::VirtualTime;

use super::{
    Command, Error,
    routes::{Shared, ask, gone},
};
use crate::session::Session;

/// Headers that the API looks at.
const HEADERS: [&str; 5] = [
    "host",
    "content-type",
    http::CONTINUATION,
    "traceparent",
    "tracestate",
];

/// Asks the stepping thread on behalf of an HTTP client.
pub(super) async fn serve(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let given = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        Some((name.to_owned(), value.to_owned()))
    };
    let path = uri.path();
    let request = http::Request {
        method: method.to_string(),
        path: path.strip_prefix(http::BASE).unwrap_or(path).to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        headers: HEADERS.into_iter().filter_map(given).collect(),
        body: body.into(),
    };
    let answer = ask(&shared, |reply| Command::Durable(request, reply)).await;
    let Some(answer) = answer else {
        return gone();
    };
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = if answer.body.is_empty() {
        status.into_response()
    } else {
        let json = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
        (status, json, answer.body).into_response()
    };
    let headers = response.headers_mut();
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// Answers that wait for the end of an instance.
#[derive(Debug, Default)]
pub(super) struct Waits(Vec<(Waiting, oneshot::Sender<http::Response>)>);

impl Waits {
    /// Answers a request, or keeps it.
    pub(super) fn ask(
        &mut self,
        session: &mut Session,
        key: &str,
        request: &http::Request,
        reply: oneshot::Sender<http::Response>,
    ) -> Result<(), Error> {
        let config = Config {
            task_hub: session.file().name.get_ref().clone(),
            code: Some(key.to_owned()),
            ..Config::default()
        };
        match session.durable(request, &config)? {
            // A client that has gone needs no answer.
            Answer::Now(response) => drop(reply.send(response)),
            Answer::Later(waiting) => {
                self.0.push((waiting, reply));
                self.look(session, session.now())?;
            }
        }
        Ok(())
    }

    /// Gives out the answers whose time has come by `now`.
    pub(super) fn look(&mut self, session: &mut Session, now: VirtualTime) -> Result<(), Error> {
        for (waiting, reply) in std::mem::take(&mut self.0) {
            if reply.is_closed() {
                continue;
            }
            match session.durable_waited(&waiting, now)? {
                Some(response) => drop(reply.send(response)),
                None => self.0.push((waiting, reply)),
            }
        }
        Ok(())
    }
}
