//! The user name of CONNECT: `{host}/{client id}/?{query}`.

use percent_encoding::percent_decode_str;

use crate::registry::IdentityId;

/// Oldest API version that is served.
const OLDEST_API: &str = "2016-11-14";

/// What a user name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username {
    /// The hub as the client calls it.
    pub host: String,
    /// The PnP model that the device announces.
    pub model_id: Option<String>,
}

/// Why a user name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsernameError {
    /// It has no slash.
    #[error("the user name is not of the form {{host}}/{{device id}}/?api-version=…")]
    Form,
    /// It names another device than the client id.
    #[error("the user name is not for the client id {0}")]
    OtherClient(IdentityId),
    /// The API version is older than 2016-11-14 or no date.
    #[error("the api-version {0:?} is not supported: use {OLDEST_API} or later")]
    ApiVersion(String),
}

impl Username {
    /// Parses the user name of a client. The query may be missing, and so may its `?`, as
    /// hand-written clients have it.
    ///
    /// # Errors
    /// When it is malformed, for another client id, or of an API version that is too old.
    pub fn parse(text: &str, client: &IdentityId) -> Result<Self, UsernameError> {
        let (host, rest) = text.split_once('/').ok_or(UsernameError::Form)?;
        if host.is_empty() {
            return Err(UsernameError::Form);
        }
        // An id may itself hold `?` and `=`, so it is compared rather than searched.
        let other = || UsernameError::OtherClient(client.clone());
        let rest = rest.strip_prefix(&client.to_string()).ok_or_else(other)?;
        let query = match rest.strip_prefix('/') {
            Some(query) => query.strip_prefix('?').unwrap_or(query),
            None if rest.is_empty() => "",
            None => return Err(other()),
        };
        let mut model_id = None;
        for field in query.split('&').filter(|field| !field.is_empty()) {
            let (name, value) = match field.split_once('=') {
                Some(pair) => pair,
                // `{host}/{device}/{module}`: an identity of its own.
                None if field == query => return Err(other()),
                None => (field, ""),
            };
            let value = percent_decode_str(value).decode_utf8_lossy();
            match name {
                "api-version" if !is_supported(&value) => {
                    return Err(UsernameError::ApiVersion(crate::output::shown(&value)));
                }
                "model-id" if !value.is_empty() => model_id = Some(value.into_owned()),
                _ => {}
            }
        }
        Ok(Self {
            host: host.to_owned(),
            model_id,
        })
    }
}

/// Dates as `2021-04-12`, maybe with `-preview` behind.
fn is_supported(version: &str) -> bool {
    let Some(date) = version.get(..10) else {
        return false;
    };
    let dashes = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    date.bytes().enumerate().all(dashes) && date >= OLDEST_API
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Username, UsernameError> {
        Username::parse(text, &IdentityId::parse("dev?1").unwrap())
    }

    #[test]
    fn takes_the_forms_of_the_sdks() {
        for text in [
            "localhost/dev?1",
            "localhost/dev?1/",
            "localhost/dev?1/?api-version=2019-10-01&DeviceClientType=azure-iot-device%2F2.14",
            "localhost/dev?1/api-version=2020-09-30",
            "localhost/dev?1/?api-version=2021-04-12-preview",
        ] {
            let username = parse(text).unwrap();
            assert_eq!(username.host, "localhost", "{text}");
            assert_eq!(username.model_id, None, "{text}");
        }
        let text = "h/dev?1/?api-version=2020-09-30&model-id=dtmi%3Acom%3Aexample%3AThermostat%3B1";
        let module = IdentityId::parse("dev/mod").unwrap();
        for text in ["h/dev/mod/?api-version=2021-04-12", "h/dev/mod"] {
            assert!(Username::parse(text, &module).is_ok());
        }
        assert!(Username::parse("h/dev/?api-version=2021-04-12", &module).is_err());
        let model = parse(text).unwrap().model_id;
        assert_eq!(model.as_deref(), Some("dtmi:com:example:Thermostat;1"));
    }

    #[test]
    fn refuses_the_rest() {
        for text in ["", "localhost", "/dev?1/"] {
            assert_eq!(parse(text), Err(UsernameError::Form), "{text}");
        }
        for text in [
            "localhost/dev",
            "localhost/dev?12/",
            "localhost/dev?1/mod",
            "h/DEV?1",
        ] {
            let refused = parse(text).unwrap_err();
            assert!(matches!(refused, UsernameError::OtherClient(_)), "{text}");
        }
        for version in ["2016-11-13", "1", "", "latest", "2021/04/12"] {
            let refused = parse(&format!("h/dev?1/?api-version={version}")).unwrap_err();
            assert!(matches!(refused, UsernameError::ApiVersion(_)), "{version}");
        }
    }
}
