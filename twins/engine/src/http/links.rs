//! The links that clients follow.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::{Call, Config, Request};

/// What .NET's `WebUtility.UrlEncode` leaves as it is; it writes a blank as `+`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'*')
    .remove(b'(')
    .remove(b')')
    .remove(b' ');

/// Where an instance can be asked and told things. Links of the original hold their parameters as
/// `{eventName}` and `{text}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it, and they are the original's")]
pub struct Links {
    pub id: String,
    pub status_query_get_uri: String,
    pub send_event_post_uri: String,
    pub terminate_post_uri: String,
    /// In the management payload alone, not in answers to a start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewind_post_uri: Option<String>,
    pub purge_history_delete_uri: String,
    pub restart_post_uri: String,
    pub suspend_post_uri: String,
    pub resume_post_uri: String,
}

/// How instances are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it, and they are the original's")]
pub struct CreationLinks {
    pub create_new_instance_post_uri: String,
    pub create_and_wait_on_new_instance_post_uri: String,
}

impl Links {
    /// The management payload of an instance, as clients of an application make it without a
    /// request.
    pub fn of(instance: &str, config: &Config) -> Self {
        let links = Self::with(
            instance,
            &base(&Request::default(), config),
            &suffix(&Request::default(), config),
        );
        let rewind = links
            .terminate_post_uri
            .replacen("/terminate?", "/rewind?", 1);
        Self {
            rewind_post_uri: Some(rewind),
            ..links
        }
    }

    /// The links in the answer to a request.
    pub(super) fn answering(instance: &str, call: &Call<'_>) -> Self {
        Self::with(
            instance,
            &base(call.request, call.config),
            &suffix(call.request, call.config),
        )
    }

    fn with(instance: &str, base: &str, suffix: &str) -> Self {
        let instance_uri = format!("{base}/instances/{}", encode(instance));
        Self {
            id: instance.to_owned(),
            status_query_get_uri: format!("{instance_uri}?{suffix}"),
            send_event_post_uri: format!("{instance_uri}/raiseEvent/{{eventName}}?{suffix}"),
            terminate_post_uri: format!("{instance_uri}/terminate?reason={{text}}&{suffix}"),
            rewind_post_uri: None,
            purge_history_delete_uri: format!("{instance_uri}?{suffix}"),
            restart_post_uri: format!("{instance_uri}/restart?{suffix}"),
            suspend_post_uri: format!("{instance_uri}/suspend?reason={{text}}&{suffix}"),
            resume_post_uri: format!("{instance_uri}/resume?reason={{text}}&{suffix}"),
        }
    }
}

impl CreationLinks {
    /// The creation payload of an application.
    pub fn of(config: &Config) -> Self {
        let start = format!(
            "{}/orchestrators/{{functionName}}[/{{instanceId}}]",
            base(&Request::default(), config)
        );
        let code = config.code.as_deref().map(encode).unwrap_or_default();
        let code = if code.is_empty() {
            String::new()
        } else {
            format!("code={code}")
        };
        Self {
            create_new_instance_post_uri: format!("{start}?{code}"),
            create_and_wait_on_new_instance_post_uri: format!(
                "{start}?timeout={{timeoutInSeconds}}&pollingInterval={{intervalInSeconds}}&{code}"
            ),
        }
    }
}

/// The address of a request, whole.
pub(super) fn own_address(call: &Call<'_>) -> String {
    let Request { path, query, .. } = call.request;
    let address = format!(
        "{}/{}",
        base(call.request, call.config),
        path.trim_start_matches('/')
    );
    if query.is_empty() {
        address
    } else {
        format!("{address}?{query}")
    }
}

/// Scheme, authority and path of the API, as whoever asks has reached it.
pub(super) fn base(request: &Request, config: &Config) -> String {
    // What stands in a header may go to another header: nothing but a host's characters.
    let is_host = |host: &&str| {
        !host.is_empty()
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._:[]%".contains(&b))
    };
    let path = config.base.trim_end_matches('/');
    match request.header("host").filter(is_host) {
        Some(host) => {
            let scheme = config.origin.split("://").next().unwrap_or("http");
            format!("{scheme}://{host}{path}")
        }
        None => format!("{}{path}", config.origin.trim_end_matches('/')),
    }
}

fn suffix(request: &Request, config: &Config) -> String {
    let query = request.query();
    let hub = query.filled("taskHub");
    let connection = query.filled("connection");
    let mut suffix = format!(
        "taskHub={}&connection={}",
        encode(hub.as_deref().unwrap_or(&config.task_hub)),
        encode(connection.as_deref().unwrap_or(&config.connection))
    );
    if let Some(code) = &config.code {
        suffix.push_str("&code=");
        suffix.push_str(&encode(code));
    }
    suffix
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED)
        .to_string()
        .replace(' ', "+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_management_payload_has_a_link_for_rewinding() {
        let config = Config {
            code: Some("k-_y".to_owned()),
            ..Config::default()
        };
        let links = Links::of("a b/c", &config);
        let prefix = "http://127.0.0.1:7071/runtime/webhooks/durabletask/instances/a+b%2Fc";
        let suffix = "taskHub=TestHubName&connection=Storage&code=k-_y";
        assert_eq!(links.status_query_get_uri, format!("{prefix}?{suffix}"));
        assert_eq!(
            links.rewind_post_uri.as_deref(),
            Some(format!("{prefix}/rewind?reason={{text}}&{suffix}").as_str())
        );
        let creation = CreationLinks::of(&config);
        assert_eq!(
            creation.create_and_wait_on_new_instance_post_uri,
            "http://127.0.0.1:7071/runtime/webhooks/durabletask/orchestrators/{functionName}[/{instanceId}]?timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}&code=k-_y"
        );
    }

    #[test]
    fn a_host_that_is_none_is_not_used() {
        let mut request = Request {
            headers: vec![("Host".into(), "bench:1\r\nx: y".into())],
            ..Request::default()
        };
        let config = Config::default();
        assert_eq!(
            base(&request, &config),
            format!("http://127.0.0.1:7071{}", super::super::BASE)
        );
        request.headers[0].1 = "[::1]:8080".into();
        assert_eq!(
            base(&request, &config),
            format!("http://[::1]:8080{}", super::super::BASE)
        );
    }
}
