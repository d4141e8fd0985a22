//! SMS, webhooks and blobs, by HTTP.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ureq::{
    Agent,
    tls::{Certificate, RootCerts, TlsConfig},
};

use super::off_thread;
use crate::connectors::{Call, Connector, SendError, Sending};

/// SMS by Twilio's HTTP interface: `POST /2010-04-01/Accounts/{sid}/Messages.json` with the form
/// `To`, `From`, `Body`, and the account's id and token as basic authentication.
#[derive(Clone)]
pub struct Twilio {
    /// Where: `https://api.twilio.com`, or who stands in for it.
    pub url: String,
    /// The account's id (`AC…`).
    pub account: String,
    /// The account's token.
    pub token: String,
    /// The number that SMS come from.
    pub from: String,
    /// How long one call may take.
    pub timeout: Duration,
}

impl std::fmt::Debug for Twilio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Twilio")
            .field("url", &self.url)
            .field("account", &self.account)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

impl Connector for Twilio {
    fn send(&self, call: Call) -> Sending {
        let it = self.clone();
        off_thread(move || {
            let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let form = format!(
                "To={}&From={}&Body={}",
                encoded(&call.to),
                encoded(&it.from),
                encoded(&call.text)
            );
            let url = format!(
                "{}/2010-04-01/Accounts/{}/Messages.json",
                it.url.trim_end_matches('/'),
                encoded(&it.account)
            );
            let secret = STANDARD.encode(format!("{}:{}", it.account, it.token));
            let request = agent(it.timeout)
                .post(&url)
                .header("authorization", format!("Basic {secret}"))
                .header("content-type", "application/x-www-form-urlencoded");
            judge("the SMS service", request.send(form.as_bytes()))
        })
    }
}

/// Posts a call's text as JSON to the address that it goes to.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// How long one call may take.
    pub timeout: Duration,
}

impl Connector for Webhook {
    fn send(&self, call: Call) -> Sending {
        let timeout = self.timeout;
        off_thread(move || {
            let request = agent(timeout)
                .post(&call.to)
                .header("content-type", "application/json")
                .header("idempotency-key", &call.key);
            judge("the webhook", request.send(call.text.as_bytes()))
        })
    }
}

/// Puts captures into a container of a blob service; a blob is never written over.
#[derive(Clone)]
pub struct Blob {
    /// The container's address, with the query of its shared access signature if it needs one.
    pub url: String,
    /// How long one call may take.
    pub timeout: Duration,
}

impl std::fmt::Debug for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = self.url.split('?').next().unwrap_or_default();
        f.debug_tuple("Blob").field(&shown).finish()
    }
}

impl Connector for Blob {
    fn send(&self, call: Call) -> Sending {
        let it = self.clone();
        off_thread(move || {
            let (container, query) = it.url.split_once('?').unwrap_or((&it.url, ""));
            let name: Vec<String> = call
                .to
                .split('/')
                .map(|part| utf8_percent_encode(part, NAME).to_string())
                .collect();
            let mut url = format!("{}/{}", container.trim_end_matches('/'), name.join("/"));
            if !query.is_empty() {
                url = format!("{url}?{query}");
            }
            let request = agent(it.timeout)
                .put(&url)
                .header("x-ms-blob-type", "BlockBlob")
                .header("x-ms-version", "2021-08-06")
                .header("if-none-match", "*")
                .header("content-type", "text/csv; charset=utf-8");
            judge("the blob service", request.send(call.text.as_bytes()))
        })
    }
}

/// What a blob's name is encoded with.
const NAME: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

fn agent(timeout: Duration) -> Agent {
    let certificates: Vec<Certificate<'static>> = rustls_native_certs::load_native_certs()
        .certs
        .iter()
        .map(|it| Certificate::from_der(it).to_owned())
        .collect();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&certificates))
        .unversioned_rustls_crypto_provider(provider)
        .build();
    Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .tls_config(tls)
        .build()
        .into()
}

/// 2xx is taken; 408, 429 and 5xx may be better later; what else is said stays so.
fn judge(
    who: &str,
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<(), SendError> {
    let mut answer = answer.map_err(|cause| SendError::Unreachable(format!("{who}: {cause}")))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let said = answer.body_mut().with_config().limit(1_024);
    let said = said.read_to_string().unwrap_or_default();
    let reason = format!("{who} answered {status}: {}", said.trim());
    Err(match status.as_u16() {
        408 | 429 | 500.. => SendError::Unreachable(reason),
        _ => SendError::Refused(reason),
    })
}
