//! Virtual time: one clock for firmware, hub, cloud and recording.

use std::{
    fmt,
    ops::{Add, AddAssign, Sub},
    str::FromStr,
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// An instant on the bench's clock: nanoseconds since the bench's [`Epoch`].
///
/// 64 bits reach 584 years.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct VirtualTime(u64);

/// A span of virtual time in nanoseconds, never negative.
///
/// As text, in files and on the command line, it is a number with its unit: `250ms`, `10s`,
/// `10m`, `1h 30m`, `2d`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct VirtualDuration(u64);

/// Why a text is not a span of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a duration: write a number with its unit, such as 250ms, 10s, 5m, 1h 30m")]
pub struct DurationError {
    text: String,
}

impl VirtualTime {
    /// The bench's epoch.
    pub const ZERO: Self = Self(0);
    /// Later than every event.
    pub const MAX: Self = Self(u64::MAX);

    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000_000)
    }

    /// From seconds since the epoch.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs * 1_000_000_000)
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds since the epoch, for display and plots.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The span since an earlier instant; zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> VirtualDuration {
        VirtualDuration(self.0.saturating_sub(earlier.0))
    }

    /// The sum, or [`VirtualTime::MAX`] when it does not fit.
    #[must_use]
    pub const fn saturating_add(self, span: VirtualDuration) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl VirtualDuration {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros * 1_000)
    }

    /// From milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000_000)
    }

    /// From whole seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs * 1_000_000_000)
    }

    /// From seconds; negative and not-a-number become zero, too large saturates.
    pub fn from_secs_f64(secs: f64) -> Self {
        Self((secs * 1e9) as u64)
    }

    /// Nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl FromStr for VirtualDuration {
    type Err = DurationError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || DurationError {
            text: text.chars().take(40).collect(),
        };
        // jiff counts no days in an absolute duration; on a bench's clock a day is 24 hours.
        let (days, rest) = match text.split_once('d') {
            Some((days, rest)) => (days.trim().parse::<u64>().map_err(|_| fail())?, rest.trim()),
            None => (0, text.trim()),
        };
        let rest = if rest.is_empty() && days > 0 {
            "0s"
        } else {
            rest
        };
        let parsed: SignedDuration = rest.parse().map_err(|_| fail())?;
        let nanos = u64::try_from(parsed.as_nanos()).map_err(|_| fail())?;
        let day = 86_400_000_000_000u64;
        days.checked_mul(day)
            .and_then(|d| d.checked_add(nanos))
            .map(Self)
            .ok_or_else(fail)
    }
}

impl fmt::Display for VirtualDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = i64::try_from(self.0).unwrap_or(i64::MAX);
        write!(f, "{:#}", SignedDuration::from_nanos(nanos))
    }
}

impl TryFrom<String> for VirtualDuration {
    type Error = DurationError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<VirtualDuration> for String {
    fn from(span: VirtualDuration) -> Self {
        span.to_string()
    }
}

impl Add<VirtualDuration> for VirtualTime {
    type Output = Self;
    fn add(self, span: VirtualDuration) -> Self {
        Self(self.0 + span.0)
    }
}

impl AddAssign<VirtualDuration> for VirtualTime {
    fn add_assign(&mut self, span: VirtualDuration) {
        self.0 += span.0;
    }
}

impl Sub<VirtualDuration> for VirtualTime {
    type Output = Self;
    fn sub(self, span: VirtualDuration) -> Self {
        Self(self.0 - span.0)
    }
}

/// `hh:mm:ss.mmm` since the epoch, as the transport bar shows it.
impl fmt::Display for VirtualTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0 / 1_000_000;
        let (s, ms) = (ms / 1000, ms % 1000);
        write!(
            f,
            "{:02}:{:02}:{:02}.{:03}",
            s / 3600,
            s / 60 % 60,
            s % 60,
            ms
        )
    }
}

/// The UTC instant at which a bench's virtual time is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(Timestamp);

impl Epoch {
    /// An epoch at a UTC instant.
    pub const fn new(instant: Timestamp) -> Self {
        Self(instant)
    }

    /// The epoch itself.
    pub const fn instant(self) -> Timestamp {
        self.0
    }

    /// The UTC instant of a virtual time; the calendar's last instant when it does not fit.
    pub fn utc(self, time: VirtualTime) -> Timestamp {
        let nanos = self.0.as_nanosecond() + i128::from(time.as_nanos());
        Timestamp::from_nanosecond(nanos).unwrap_or(Timestamp::MAX)
    }

    /// Unix seconds of a virtual time, as SAS tokens count.
    pub fn unix_seconds(self, time: VirtualTime) -> i64 {
        self.utc(time).as_second()
    }

    /// The virtual time of a UTC instant; `None` before the epoch.
    pub fn virtual_time(self, instant: Timestamp) -> Option<VirtualTime> {
        let nanos = instant.as_nanosecond() - self.0.as_nanosecond();
        u64::try_from(nanos).ok().map(VirtualTime)
    }

    /// RFC 3339 in UTC with milliseconds, e.g. `2026-01-01T00:00:10.250Z`.
    pub fn rfc3339(self, time: VirtualTime) -> String {
        format!("{:.3}", self.utc(time))
    }
}

/// Where a room that is stepped gets its time from.
///
/// Nothing below the bench reads the wall clock: the bench hands this in.
pub trait Clock: Send + Sync {
    /// The current virtual time.
    fn now(&self) -> VirtualTime;
    /// The UTC instant at which virtual time is zero.
    fn epoch(&self) -> Epoch;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_and_converts() {
        let epoch = Epoch::new("2026-01-01T00:00:00Z".parse().unwrap());
        let t = VirtualTime::from_millis(3_661_250);
        assert_eq!(t.to_string(), "01:01:01.250");
        assert_eq!(epoch.rfc3339(t), "2026-01-01T01:01:01.250Z");
        assert_eq!(epoch.virtual_time(epoch.utc(t)), Some(t));
        assert_eq!(epoch.virtual_time(Timestamp::UNIX_EPOCH), None);
    }

    #[test]
    fn durations_need_their_unit() {
        for (text, secs) in [
            ("10s", 10.0),
            ("10m", 600.0),
            ("1h 30m", 5400.0),
            ("250ms", 0.25),
            ("1d", 86_400.0),
            ("1d 2h", 93_600.0),
        ] {
            let span: VirtualDuration = text.parse().unwrap();
            assert!((span.as_secs_f64() - secs).abs() < 1e-9, "{text}");
            assert_eq!(span.to_string().parse::<VirtualDuration>().unwrap(), span);
        }
        for text in ["", "10", "ten", "-5s", "5 parsecs", "d", "99999999999999d"] {
            assert!(text.parse::<VirtualDuration>().is_err(), "{text:?}");
        }
    }
}
