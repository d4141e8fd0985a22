//! Whether a token opens an address of the service.

use twinbench_model::VirtualTime;

use super::{Error, ErrorCode, Method, Request, request::Call};
use crate::{Options, Permission, auth, sas::Token};

/// Whether the query of a blob's address is a token, without its first word, of a policy that may
/// write the registry: what is in the blobs are identities with their keys.
pub(super) fn opens_blobs(options: &Options, query: &str, now: VirtualTime) -> bool {
    // A storage client adds fields of its own, and leaves the policy's name (`skn`) out where it
    // takes the address apart: no storage account has policies of that kind.
    let own = |field: &&str| matches!(field.split('=').next(), Some("sr" | "sig" | "se"));
    let fields: Vec<_> = query.split('&').filter(own).collect();
    let fields = fields.join("&");
    options.policies.iter().any(|policy| {
        let token = format!("SharedAccessSignature {fields}&skn={}", policy.name);
        let request = Request {
            method: Method::Get,
            target: "/blobs".to_owned(),
            headers: vec![("authorization".to_owned(), token)],
            body: bytes::Bytes::new(),
        };
        let wanted = &[Permission::RegistryWrite];
        Call::new(&request).is_ok_and(|call| check(options, &call, wanted, now).is_ok())
    })
}

/// Checks the `Authorization` header: a policy's key must have signed a token for this hub (or
/// for a part of it that covers the address), it must not have ended, and the policy must have
/// one of the permissions.
pub(super) fn check(
    options: &Options,
    call: &Call<'_>,
    any_of: &[Permission],
    now: VirtualTime,
) -> Result<(), Error> {
    let refused = |why: String| Err(Error::new(ErrorCode::IotHubUnauthorizedAccess, why));
    let Some(text) = call.request.header("authorization") else {
        return refused("Unauthorized: the request has no Authorization header".into());
    };
    if text.starts_with("Bearer ") {
        return refused(
            "Unauthorized: this hub knows no Microsoft Entra ID, use a connection string".into(),
        );
    }
    let token = match Token::parse(text) {
        Ok(token) => token,
        Err(error) => return refused(format!("Unauthorized: {error}")),
    };
    let Some(name) = token.policy() else {
        return refused("Unauthorized: the token names no policy (skn)".into());
    };
    let policy = options.policies.iter().find(|policy| policy.name == name);
    // An unknown policy and a wrong key look alike to who has no key.
    let signed = policy.filter(|policy| {
        token.is_signed_by(&policy.primary) || token.is_signed_by(&policy.secondary)
    });
    let Some(policy) = signed else {
        return refused("Unauthorized: the token's policy or signature does not match".into());
    };
    let mut resource = token.resource().trim_end_matches('/').split('/');
    let host = resource.next().unwrap_or_default();
    if !options.is_host(host) {
        let host: String = host.chars().take(100).collect();
        return refused(format!(
            "Unauthorized: {host:?} is none of this hub's names"
        ));
    }
    let mut path = call.path.iter();
    if !resource.all(|part| {
        path.next()
            .is_some_and(|own| own.eq_ignore_ascii_case(part))
    }) {
        return refused("Unauthorized: the token's resource does not cover this address".into());
    }
    if auth::deadline(options, token.expiry()) <= now {
        return refused("Unauthorized: the token has expired".into());
    }
    if any_of.iter().any(|&wanted| policy.allows(wanted)) {
        return Ok(());
    }
    let wanted: Vec<String> = any_of.iter().map(|wanted| format!("{wanted:?}")).collect();
    refused(format!(
        "Unauthorized: the policy {name:?} lacks {}",
        wanted.join(" or ")
    ))
}
