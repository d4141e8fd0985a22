//! Identities as requests describe them.

use serde_json::{Map, Value};

use super::Error;
use crate::{
    SymmetricKey,
    registry::{Authentication, IdentitySettings, Status, Thumbprint},
};

/// A device or module as a request wants it. What is `None` was not said.
#[derive(Debug, Clone, Default)]
pub(super) struct Form {
    status: Option<Status>,
    status_reason: Option<String>,
    authentication: Option<Way>,
    edge: Option<bool>,
    scope: Option<String>,
    parents: Option<Vec<String>>,
    managed_by: Option<String>,
}

/// How an identity proves itself.
#[derive(Debug, Clone)]
enum Way {
    /// By symmetric keys; those not given are made.
    Sas(Option<SymmetricKey>, Option<SymmetricKey>),
    /// By a certificate with one of these thumbprints.
    Thumbprint(Option<Thumbprint>, Option<Thumbprint>),
    /// By a certificate of a known authority.
    Authority,
    /// Not at all.
    None,
}

impl Form {
    pub(super) fn read(body: &Map<String, Value>) -> Result<Self, Error> {
        let text = |name: &str| match body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Error::argument(format!("{name} must be a text"))),
        };
        let status = match text("status")?
            .map(|status| status.to_ascii_lowercase())
            .as_deref()
        {
            None | Some("") => None,
            Some("enabled") => Some(Status::Enabled),
            Some("disabled") => Some(Status::Disabled),
            Some(_) => return Err(Error::argument("status must be enabled or disabled")),
        };
        let reason = text("statusReason")?;
        if reason
            .as_ref()
            .is_some_and(|reason| reason.chars().count() > 128)
        {
            return Err(Error::argument(
                "statusReason is longer than 128 characters",
            ));
        }
        let edge = body.get("capabilities").and_then(|all| all.get("iotEdge"));
        let parents = match body.get("parentScopes") {
            Some(Value::Array(all)) => Some(
                all.iter()
                    .filter_map(Value::as_str)
                    .map(ToOwned::to_owned)
                    .collect(),
            ),
            _ => None,
        };
        Ok(Self {
            status,
            status_reason: reason,
            authentication: match body.get("authentication") {
                Some(Value::Object(given)) => Some(way(given)?),
                _ => None,
            },
            edge: edge.and_then(Value::as_bool),
            scope: text("deviceScope")?,
            parents,
            managed_by: text("managedBy")?,
        })
    }
}

impl Form {
    /// The settings of an identity after the request. `old` are those before it; `make` makes
    /// the first or second key where the request leaves that to the hub.
    ///
    /// An update says all that it does not want to lose, as in the cloud; only keys and the edge
    /// scope stay when they are not given.
    pub(super) fn settings(
        &self,
        old: Option<&IdentitySettings>,
        make: impl Fn(&'static str) -> SymmetricKey,
    ) -> IdentitySettings {
        let had = old.map(|old| &old.authentication);
        let keys = |primary: &Option<SymmetricKey>, secondary: &Option<SymmetricKey>| {
            let (first, second) = match had {
                Some(Authentication::Sas { primary, secondary }) => {
                    (Some(primary), Some(secondary))
                }
                _ => (None, None),
            };
            let pick = |given: &Option<SymmetricKey>, old: Option<&SymmetricKey>, name| {
                given
                    .clone()
                    .or_else(|| old.cloned())
                    .unwrap_or_else(|| make(name))
            };
            Authentication::Sas {
                primary: pick(primary, first, "primary"),
                secondary: pick(secondary, second, "secondary"),
            }
        };
        let authentication = match (&self.authentication, had) {
            (Some(Way::Sas(primary, secondary)), _) => keys(primary, secondary),
            (Some(Way::Thumbprint(primary, secondary)), _) => Authentication::SelfSigned {
                primary: primary.clone(),
                secondary: secondary.clone(),
            },
            (Some(Way::Authority), _) => Authentication::Authority,
            (Some(Way::None), _) => Authentication::None,
            (None, Some(had)) => had.clone(),
            (None, None) => keys(&None, &None),
        };
        IdentitySettings {
            authentication,
            status: self
                .status
                .or(old.map(|old| old.status))
                .unwrap_or_default(),
            status_reason: self.status_reason.clone(),
            iot_edge: self
                .edge
                .or(old.map(|old| old.iot_edge))
                .unwrap_or_default(),
            device_scope: self.scope.clone().or_else(|| old?.device_scope.clone()),
            parent_scopes: match (&self.parents, old) {
                (Some(parents), _) => parents.clone(),
                (None, Some(old)) => old.parent_scopes.clone(),
                (None, None) => Vec::new(),
            },
            managed_by: self.managed_by.clone().or_else(|| old?.managed_by.clone()),
        }
    }
}

fn way(given: &Map<String, Value>) -> Result<Way, Error> {
    let part = |outer: &str, inner: &str| {
        let text = given.get(outer)?.get(inner)?.as_str()?;
        Some(text).filter(|text| !text.is_empty())
    };
    let thumbprints = || {
        let one = |name: &str| match part("x509Thumbprint", name) {
            None => Ok(None),
            Some(text) => Thumbprint::parse(text)
                .map(Some)
                .map_err(|error| Error::argument(error.to_string())),
        };
        Ok::<_, Error>((one("primaryThumbprint")?, one("secondaryThumbprint")?))
    };
    let kind = given.get("type").and_then(Value::as_str);
    match kind.map(str::to_ascii_lowercase).as_deref() {
        Some("selfsigned") => match thumbprints()? {
            (None, None) => Err(Error::argument("selfSigned needs a thumbprint")),
            (primary, secondary) => Ok(Way::Thumbprint(primary, secondary)),
        },
        Some("certificateauthority") => Ok(Way::Authority),
        Some("none") => Ok(Way::None),
        Some("sas") | None => {
            // Old clients name no type: thumbprints then speak for themselves.
            let (primary, secondary) = thumbprints()?;
            if kind.is_none() && (primary.is_some() || secondary.is_some()) {
                return Ok(Way::Thumbprint(primary, secondary));
            }
            let key = |name: &str| match part("symmetricKey", name) {
                None => Ok(None),
                Some(text) => SymmetricKey::from_base64(text)
                    .map(Some)
                    .map_err(|error| Error::argument(format!("{name}: {error}"))),
            };
            Ok(Way::Sas(key("primaryKey")?, key("secondaryKey")?))
        }
        Some(other) => Err(Error::argument(format!(
            "authentication.type {other:?} must be sas, selfSigned or certificateAuthority"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: &Value) -> Result<Form, Error> {
        Form::read(body.as_object().unwrap())
    }

    #[test]
    fn forms_of_authentication() {
        let of = |authentication: Value| {
            read(&json!({"authentication": authentication}))
                .map(|form| form.authentication.unwrap())
        };
        let sas = json!({"type": "sas", "symmetricKey": {"primaryKey": "", "secondaryKey": null}});
        assert!(matches!(of(sas), Ok(Way::Sas(None, None))));
        let thumb = json!({"x509Thumbprint": {"primaryThumbprint": "AA:".repeat(19) + "AA"}});
        let Ok(Way::Thumbprint(Some(read), None)) = of(thumb) else {
            panic!()
        };
        assert_eq!(read.as_str(), "a".repeat(40));
        let authority = json!({"type": "certificateAuthority"});
        assert!(matches!(of(authority), Ok(Way::Authority)));
        for wrong in [
            json!({"type": "selfSigned"}),
            json!({"type": "selfSigned", "x509Thumbprint": {"primaryThumbprint": "zz"}}),
            json!({"type": "magic"}),
            json!({"type": "sas", "symmetricKey": {"primaryKey": "short"}}),
        ] {
            assert!(of(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn keys_stay_or_are_made() {
        let key = |byte: u8| SymmetricKey::new(&[byte; 32]).unwrap();
        let make = |name| if name == "primary" { key(1) } else { key(2) };
        let new = read(&json!({})).unwrap().settings(None, make);
        let Authentication::Sas { primary, secondary } = &new.authentication else {
            panic!()
        };
        assert_eq!((primary, secondary), (&key(1), &key(2)));
        let given = json!({"authentication": {"symmetricKey": {"primaryKey": key(3).to_base64()}}});
        let next = read(&given).unwrap().settings(Some(&new), |_| key(9));
        let Authentication::Sas { primary, secondary } = &next.authentication else {
            panic!()
        };
        assert_eq!((primary, secondary), (&key(3), &key(2)));
    }

    #[test]
    fn what_is_not_said_stays_open() {
        let form = read(&json!({"status": "Disabled", "managedBy": null})).unwrap();
        assert_eq!(form.status, Some(Status::Disabled));
        assert!(form.managed_by.is_none() && form.authentication.is_none());
        assert!(read(&json!({"status": "asleep"})).is_err());
        assert!(read(&json!({"statusReason": "x".repeat(129)})).is_err());
    }
}
