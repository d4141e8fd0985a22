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

/// The execution that follows on a rewind of another: `x`, `x~1`, `x~2`.
pub(crate) fn rewound(execution: &str) -> Arc<str> {
    let (first, rewinds) = rewinds(execution);
    format!("{first}~{}", rewinds.saturating_add(1)).into()
}

/// The execution that a rewound one was at first. What an orchestrator makes ids from must not
/// change by a rewind: those that it made before are in its history.
pub(crate) fn before_rewinds(execution: &str) -> &str {
    rewinds(execution).0
}

fn rewinds(execution: &str) -> (&str, u64) {
    execution
        .rsplit_once('~')
        .and_then(|(first, number)| Some((first, number.parse().ok()?)))
        .unwrap_or((execution, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewinds_are_counted_and_the_first_execution_is_known() {
        let once = rewound("abc");
        let twice = rewound(&once);
        assert_eq!((&*once, &*twice), ("abc~1", "abc~2"));
        for execution in ["abc", &once, &twice] {
            assert_eq!(before_rewinds(execution), "abc");
        }
        assert_eq!(before_rewinds("a~b"), "a~b");
    }
}
