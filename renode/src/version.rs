//! Which Renode it is, and what it can do.

use std::fmt;

/// A released version: `1.15.3`, `1.16.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// First part.
    pub major: u16,
    /// Second part.
    pub minor: u16,
    /// Third part.
    pub patch: u16,
}

/// The form of the External Control protocol. The server cannot be asked: the version tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// 1.15.1 to 1.16.x: a handshake with a version for each command; microseconds.
    One(Commands),
    /// 1.17.0 and newer: numbered messages both ways; nanoseconds.
    Two,
}

/// What a server of the first generation takes. A version that it does not expect is fatal to it, so
/// nothing is asked for that the release does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commands {
    /// Version of the GPIO command: 1 tells of changes; none: there is none (1.15.1).
    pub gpio: Option<u8>,
    /// Version of the system bus command; none before 1.16.1.
    pub bus: Option<u8>,
}

impl Version {
    /// The oldest that these bindings drive: the oldest they were checked with.
    pub const OLDEST: Self = Self::new(1, 15, 3);

    /// A version by its parts.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// Finds it in what `renode --version` or the monitor's `version` prints. Releases and packages
    /// differ in the number of parts and in the label after it: only the first three count.
    pub fn find(text: &str) -> Option<Self> {
        let rest = text
            .match_indices(['v', 'V'])
            .find_map(|(at, _)| {
                let rest = text[at + 1..].trim_start_matches("ersion").trim_start();
                rest.starts_with(|c: char| c.is_ascii_digit())
                    .then_some(rest)
            })
            .unwrap_or_else(|| text.trim_start());
        let mut parts = rest
            .split(|c: char| !c.is_ascii_digit() && c != '.')
            .next()?
            .split('.')
            .map(str::parse);
        let (Some(Ok(major)), Some(Ok(minor))) = (parts.next(), parts.next()) else {
            return None;
        };
        let patch = match parts.next() {
            None => 0,
            Some(patch) => patch.ok()?,
        };
        Some(Self::new(major, minor, patch))
    }

    /// The form of External Control that it speaks; none before 1.15.1.
    pub fn external_control(self) -> Option<Generation> {
        let one = |gpio, bus| Some(Generation::One(Commands { gpio, bus }));
        if self >= Self::new(1, 17, 0) {
            Some(Generation::Two)
        } else if self >= Self::new(1, 16, 1) {
            one(Some(1), Some(0))
        } else if self >= Self::new(1, 15, 3) {
            one(Some(1), None)
        } else if self >= Self::new(1, 15, 2) {
            one(Some(0), None)
        } else if self >= Self::new(1, 15, 1) {
            one(None, None)
        } else {
            None
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_in_what_renode_prints() {
        let check = |text: &str, expected: &str| {
            let found = Version::find(text).map(|it| it.to_string());
            assert_eq!(found.as_deref(), Some(expected), "{text}");
        };
        check("Renode, version 1.15.3.0 (abc-2024)", "1.15.3");
        check("Renode v1.16.1.20260216\n build: 1", "1.16.1");
        check("1.17.0", "1.17.0");
        check("Renode, version 1.16", "1.16.0");
        for none in [
            "",
            "Renode",
            "version x",
            "no such program",
            "9",
            "v1.99999.0",
        ] {
            assert_eq!(Version::find(none), None, "{none}");
        }
    }

    #[test]
    fn the_protocol_follows_the_version() {
        let check = |patch: (u16, u16), expected: Option<Generation>| {
            assert_eq!(
                Version::new(1, patch.0, patch.1).external_control(),
                expected
            );
        };
        let one = |gpio, bus| Some(Generation::One(Commands { gpio, bus }));
        check((15, 0), None);
        check((15, 1), one(None, None));
        check((15, 2), one(Some(0), None));
        check((15, 3), one(Some(1), None));
        check((16, 0), one(Some(1), None));
        check((16, 1), one(Some(1), Some(0)));
        check((16, 9), one(Some(1), Some(0)));
        check((17, 0), Some(Generation::Two));
    }
}
