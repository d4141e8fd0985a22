//! GUIDs that are the same in every run that came to them the same way.

use std::sync::Arc;

use sha2::{Digest, Sha256};

/// A GUID without dashes, made from a name.
pub(crate) fn guid(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    let half = digest.first_chunk::<16>().copied().unwrap_or_default();
    format!("{:032x}", u128::from_be_bytes(half))
}

/// A GUID for the `number`th thing of an owner.
pub(crate) fn new_guid(owner: &str, number: u64) -> Arc<str> {
    guid(&format!("{owner}/{number}")).into()
}
