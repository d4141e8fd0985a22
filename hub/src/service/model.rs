//! From addresses to the hub's identities, and from its errors to those of the service.

use hmac::Mac;
use serde_json::Value;
use twinbench_model::VirtualTime;

use super::{Error, ErrorCode};
use crate::{
    Hub, SymmetricKey,
    query::Collection,
    registry::{Identity, IdentityId, RegistryError},
    twin::TwinError,
};

/// The identity that an address means.
pub(super) fn parse((device, module): (&str, Option<&str>)) -> Result<IdentityId, Error> {
    IdentityId::from_parts(device, module).map_err(|error| Error::argument(error.to_string()))
}

/// The identity that an address means, which is to be there.
pub(super) fn find<'h>(hub: &'h Hub, target: (&str, Option<&str>)) -> Result<&'h Identity, Error> {
    let id = parse(target)?;
    hub.identity(&id).ok_or_else(|| missing(hub, &id))
}

/// The error for an identity that is not there: of a module, its device may be what is missing.
pub(super) fn missing(hub: &Hub, id: &IdentityId) -> Error {
    let device = id.device.as_str();
    match id.module_str() {
        Some(module) if hub.registry.get(&id.device).is_some() => Error::no_module(device, module),
        _ => Error::no_device(device),
    }
}

pub(super) fn identity_error(hub: &Hub, error: &RegistryError) -> Error {
    match error {
        RegistryError::AlreadyExists(id) => already(id),
        RegistryError::NotFound(id) => missing(hub, id),
        RegistryError::TooMany(_) => Error::new(ErrorCode::IotHubQuotaExceeded, error.to_string()),
    }
}

pub(super) fn already(id: &IdentityId) -> Error {
    match &id.module {
        None => {
            let message = format!("A device with ID '{}' is already registered.", id.device);
            Error::new(ErrorCode::DeviceAlreadyExists, message)
        }
        Some(module) => {
            let message = format!("Device {} already has a module '{module}'.", id.device);
            Error::new(ErrorCode::ModuleAlreadyExistsOnDevice, message)
        }
    }
}

pub(super) fn twin_error(hub: &Hub, error: &TwinError) -> Error {
    match error {
        TwinError::NotFound(id) => missing(hub, id),
        TwinError::Limit(_) => Error::argument(error.to_string()),
        TwinError::Version { .. } => Error::new(ErrorCode::PreconditionFailed, error.to_string()),
    }
}

/// A key that the hub makes for an identity: HMAC-SHA256 of what it is for, under the key of a
/// policy. The same requests make the same keys, and who does not know the policy's key cannot
/// find them.
pub(super) fn new_key(hub: &Hub, id: &IdentityId, name: &str, now: VirtualTime) -> SymmetricKey {
    let request = hub.service.requests;
    let text = format!(
        "{name} key of {id} at {} of request {request}",
        now.as_nanos()
    );
    let made = hub.options.policies.first().and_then(|policy| {
        let mut mac = policy.primary.hmac();
        mac.update(text.as_bytes());
        SymmetricKey::new(&mac.finalize().into_bytes()).ok()
    });
    made.unwrap_or_else(|| crate::derive_key(0, &id.device))
}

/// The twins of a collection after a key, in the order of their keys.
pub(super) fn documents<'h>(
    hub: &'h Hub,
    collection: Collection,
    after: Option<&str>,
) -> Box<dyn Iterator<Item = (String, Value)> + 'h> {
    let modules = collection == Collection::Modules;
    let wanted = move |identity: &&Identity| identity.id.module.is_some() == modules;
    let keyed = |identity: &Identity| {
        let document = hub.twin_document(&identity.id);
        (identity.id.to_string(), document.unwrap_or_default())
    };
    match after.and_then(|after| IdentityId::parse(after).ok()) {
        None => Box::new(hub.registry.all().filter(wanted).map(keyed)),
        Some(after) => {
            let rest: Vec<_> = hub.registry.after(&after).filter(wanted).collect();
            Box::new(rest.into_iter().map(keyed))
        }
    }
}
