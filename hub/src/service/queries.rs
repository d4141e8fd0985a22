//! `POST /devices/query`

use serde_json::Value;

use super::{
    Error, ErrorCode, Response, jobs, model,
    request::{Call, number},
};
use crate::{
    Hub,
    query::{Collection, Continuation, Query},
};

/// Rows of a page, unless the request says otherwise, and at most.
const PAGE: u64 = 100;
const MAX_PAGE: u64 = 1_000;

pub(super) fn run(hub: &Hub, call: &Call<'_>) -> Result<Response, Error> {
    let body = call.object()?;
    let text = body.get("query").and_then(Value::as_str);
    let text = text.ok_or_else(|| Error::argument("the body must be {\"query\": \"SELECT …\"}"))?;
    let query: Query = text.parse().map_err(|error| {
        Error::new(
            ErrorCode::InvalidQuery,
            format!("the query cannot be read: {error}"),
        )
    })?;
    let size = call.request.header("x-ms-max-item-count");
    let size = number("x-ms-max-item-count", size, 1..=MAX_PAGE)?.unwrap_or(PAGE);
    let token = call
        .request
        .header("x-ms-continuation")
        .filter(|token| !token.is_empty());
    let from = match token {
        None => None,
        Some(token) => {
            let read = Continuation::read(token, &query);
            Some(read.map_err(|error| Error::argument(error.to_string()))?)
        }
    };
    let page = query.page(size as usize, from.as_ref(), |after| {
        match query.collection() {
            Collection::Jobs => Box::new(jobs::rows(hub, after).into_iter()),
            twins => model::documents(hub, twins, after),
        }
    });
    let kind = match query.collection() {
        _ if !query.is_whole() => "Raw",
        Collection::Jobs => "DeviceJob",
        Collection::Devices | Collection::Modules => "Twin",
    };
    let response = Response::ok(&Value::Array(page.rows)).with("x-ms-item-type", kind);
    Ok(match page.next {
        Some(next) => response.with("x-ms-continuation", next.token(&query)),
        None => response,
    })
}
