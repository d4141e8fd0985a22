//! Asking the bench.

use gloo_net::http::{Method, Request, RequestBuilder, Response};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::place::Place;

/// The header that the API takes its key in.
const KEY: &str = "x-functions-key";

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nobody answers.
    Unreachable,
    /// The key is missing or wrong.
    Key,
    /// The bench answers with an error.
    Refused {
        /// What was asked.
        path: String,
        /// The HTTP status.
        status: u16,
        /// What is wrong, in the bench's words.
        error: String,
        /// What to do, in the bench's words.
        hint: String,
    },
    /// The answer is not what this page knows.
    Unreadable(String),
}

impl Trouble {
    /// What is wrong, and what to do.
    pub(crate) fn words(&self) -> (String, String) {
        match self {
            Self::Unreachable => (
                "The bench does not answer".into(),
                "Start one with: twinbench serve fixtures/benches/journey.toml".into(),
            ),
            Self::Key => (
                "The bench asks for its key".into(),
                "Open this page as http://127.0.0.1:7878/#code=KEY; the command \u{201c}twinbench key\u{201d} shows the key.".into(),
            ),
            Self::Refused { path, status, error, hint } => {
                let what = if error.is_empty() {
                    format!("The bench answers {path} with status {status}")
                } else {
                    sentence(error)
                };
                let next = if hint.is_empty() {
                    "Look at what it printed in its terminal, and try again.".into()
                } else {
                    sentence(hint)
                };
                (what, next)
            }
            Self::Unreadable(what) => (
                format!("The bench gave an answer that this page does not know ({what})"),
                "The page and the bench are of different versions: build the page again with \u{201c}cargo xtask ui\u{201d}.".into(),
            ),
        }
    }

    /// Of an answer that says no.
    pub(crate) fn of(path: &str, status: u16, body: &str) -> Self {
        if matches!(status, 401 | 403) {
            return Self::Key;
        }
        let told: Value = serde_json::from_str(body).unwrap_or_default();
        let text = |name: &str| {
            told.get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Self::Refused {
            path: path.split('?').next().unwrap_or_default().to_owned(),
            status,
            error: text("error"),
            hint: text("hint"),
        }
    }
}

/// A fragment of the bench's as a sentence: begins with a capital.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(letters)
        .collect()
}

fn request(place: &Place, method: Method, path: &str) -> RequestBuilder {
    let builder = RequestBuilder::new(&format!("{}{path}", place.origin)).method(method);
    if place.key.is_empty() {
        builder
    } else {
        builder.header(KEY, &place.key)
    }
}

async fn checked(request: Request, path: &str) -> Result<Response, Trouble> {
    let response = request.send().await.map_err(|_| Trouble::Unreachable)?;
    if response.ok() {
        Ok(response)
    } else {
        let body = response.text().await.unwrap_or_default();
        Err(Trouble::of(path, response.status(), &body))
    }
}

async fn read<T: DeserializeOwned>(response: Response, path: &str) -> Result<T, Trouble> {
    let text = response.text().await.map_err(|_| Trouble::Unreachable)?;
    // An action that has nothing to say is a value too.
    let text = if text.is_empty() { "null" } else { &text };
    serde_json::from_str(text).map_err(|cause| Trouble::Unreadable(format!("{path}: {cause}")))
}

/// Asks for a value.
///
/// # Errors
/// When there is no answer, or none that the page knows.
pub(crate) async fn get<T: DeserializeOwned>(place: &Place, path: &str) -> Result<T, Trouble> {
    let request = request(place, Method::GET, path)
        .build()
        .map_err(|error| Trouble::Unreadable(error.to_string()))?;
    read(checked(request, path).await?, path).await
}

/// Asks for bytes.
///
/// # Errors
/// As [`get`].
pub(crate) async fn bytes(place: &Place, path: &str) -> Result<Vec<u8>, Trouble> {
    let request = request(place, Method::GET, path)
        .build()
        .map_err(|error| Trouble::Unreadable(error.to_string()))?;
    let response = checked(request, path).await?;
    response.binary().await.map_err(|_| Trouble::Unreachable)
}

/// Sends a value, and gives the answer.
///
/// # Errors
/// As [`get`].
pub(crate) async fn send<T: DeserializeOwned>(
    place: &Place,
    method: Method,
    path: &str,
    body: &(impl Serialize + Sync),
) -> Result<T, Trouble> {
    let request = request(place, method, path)
        .json(body)
        .map_err(|error| Trouble::Unreadable(error.to_string()))?;
    read(checked(request, path).await?, path).await
}

/// Posts a value, and gives the answer as it is.
///
/// # Errors
/// As [`get`].
pub(crate) async fn post(place: &Place, path: &str, body: &Value) -> Result<Value, Trouble> {
    send(place, Method::POST, path, body).await
}

/// Posts bytes, and gives the answer as it is.
///
/// # Errors
/// As [`get`].
pub(crate) async fn post_bytes(place: &Place, path: &str, body: &[u8]) -> Result<Value, Trouble> {
    let request = request(place, Method::POST, path)
        .header("content-type", "application/octet-stream")
        .body(js_sys::Uint8Array::from(body))
        .map_err(|error| Trouble::Unreadable(error.to_string()))?;
    read(checked(request, path).await?, path).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_benchs_own_words_come_first() {
        let trouble = Trouble::of(
            "/bench/time?x=1",
            400,
            r#"{"error":"no such speed","hint":"give 0.1 to 1000"}"#,
        );
        assert_eq!(
            trouble.words(),
            ("No such speed".into(), "Give 0.1 to 1000".into())
        );
        let bare = Trouble::of("/bench/time?code=secret", 500, "oops").words();
        assert_eq!(bare.0, "The bench answers /bench/time with status 500");
        assert_eq!(Trouble::of("/", 401, ""), Trouble::Key);
    }
}
