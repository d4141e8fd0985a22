//! Versions of orchestrations.

use std::cmp::Ordering;

/// Which versions of orchestrations a worker runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VersionMatch {
    /// All of them.
    #[default]
    None,
    /// Its own only.
    Strict,
    /// Its own and older ones.
    CurrentOrOlder,
}

/// What happens to an orchestration of another version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnMismatch {
    /// It waits for another worker.
    #[default]
    Reject,
    /// It fails.
    Fail,
}

/// A worker's version and what it does with others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Versioning {
    /// Its own version.
    pub own: String,
    /// The versions that it runs.
    pub matching: VersionMatch,
    /// What happens to the others.
    pub others: OnMismatch,
}

impl Versioning {
    /// Whether an orchestration of this version is run; no version counts as the empty one.
    pub fn takes(&self, version: Option<&str>) -> bool {
        let version = version.unwrap_or_default();
        match self.matching {
            VersionMatch::None => true,
            VersionMatch::Strict => version == self.own,
            VersionMatch::CurrentOrOlder => compare(version, &self.own).is_le(),
        }
    }
}

/// Compares part by part between dots: numbers as numbers, else as texts in any case; no version is
/// older than any.
pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    let mut lefts = left.split('.');
    let mut rights = right.split('.');
    loop {
        let ordering = match (lefts.next(), rights.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(left), Some(right)) => match (left.parse::<u64>(), right.parse::<u64>()) {
                (Ok(left), Ok(right)) => left.cmp(&right),
                _ => left.to_lowercase().cmp(&right.to_lowercase()),
            },
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_as_numbers() {
        assert!(compare("1.9", "1.10").is_lt());
        assert!(compare("1.0", "1.0").is_eq());
        assert!(compare("2", "1.10").is_gt());
        assert!(compare("", "1.0").is_lt());
        assert!(compare("1.0", "1.0.1").is_lt());
    }

    #[test]
    fn a_worker_takes_what_it_says() {
        let versioning = |matching| Versioning {
            own: "1.1".into(),
            matching,
            others: OnMismatch::Reject,
        };
        assert!(versioning(VersionMatch::None).takes(Some("9")));
        assert!(!versioning(VersionMatch::Strict).takes(Some("1.0")));
        assert!(versioning(VersionMatch::Strict).takes(Some("1.1")));
        assert!(versioning(VersionMatch::CurrentOrOlder).takes(None));
        assert!(!versioning(VersionMatch::CurrentOrOlder).takes(Some("1.2")));
    }
}
