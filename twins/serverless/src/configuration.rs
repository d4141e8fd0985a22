//! The configuration of a device entity, and what is made of values that make no sense.

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::profile::Profile;

/// `DeviceEntityConfiguration` of the application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Configuration {
    /// How long readings are kept; `hh:mm:ss`, with `d.` before it for days.
    pub history_retention: Retention,
    /// An alert is raised above this many °C.
    pub temperature_high_threshold: Option<f64>,
    /// An alert is raised below this many °C.
    pub temperature_low_threshold: Option<f64>,
    /// The telephone number that alerts are sent to.
    pub notification_number: Option<String>,
    /// Digits that are kept of a temperature.
    pub temperature_decimal_precision: i32,
    /// Digits that are kept of a humidity.
    pub humidity_decimal_precision: i32,
    /// Regular export of the readings.
    pub storage_capture: Option<StorageCapture>,
}

/// Regular export of the readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StorageCapture {
    /// Whether it is on.
    pub enabled: bool,
    /// Every so many minutes.
    pub time_window_in_minutes: i32,
}

impl Default for StorageCapture {
    fn default() -> Self {
        Self {
            enabled: false,
            time_window_in_minutes: 5,
        }
    }
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            history_retention: Retention::DEFAULT,
            temperature_high_threshold: None,
            temperature_low_threshold: None,
            notification_number: None,
            temperature_decimal_precision: 2,
            humidity_decimal_precision: 2,
            storage_capture: Some(StorageCapture::default()),
        }
    }
}

impl Configuration {
    /// What the entity makes of a configuration it is given.
    ///
    /// As the original: a negative precision becomes 2, a negative window 5, an absent capture the
    /// default. Repaired: a precision is at most 15, since more made every later operation fail,
    /// and a retention that is negative or beyond [`Retention::LONGEST`] becomes the default or
    /// that, since it made the entity drop everything or overflow.
    #[must_use]
    pub fn normalised(mut self) -> Self {
        let precision = |digits: i32| if digits < 0 { 2 } else { digits.min(15) };
        self.temperature_decimal_precision = precision(self.temperature_decimal_precision);
        self.humidity_decimal_precision = precision(self.humidity_decimal_precision);
        if self.history_retention.0.is_negative() {
            self.history_retention = Retention::DEFAULT;
        }
        self.history_retention = self.history_retention.min(Retention::LONGEST);
        let mut capture = self.storage_capture.unwrap_or_default();
        if capture.time_window_in_minutes < 0 {
            capture.time_window_in_minutes = StorageCapture::default().time_window_in_minutes;
        }
        self.storage_capture = Some(capture);
        self
    }

    /// What the original's entity makes of it: digits and retention are taken as they are.
    #[must_use]
    pub fn normalised_as_the_original(mut self) -> Self {
        let precision = |digits: i32| if digits < 0 { 2 } else { digits };
        self.temperature_decimal_precision = precision(self.temperature_decimal_precision);
        self.humidity_decimal_precision = precision(self.humidity_decimal_precision);
        let mut capture = self.storage_capture.unwrap_or_default();
        if capture.time_window_in_minutes < 0 {
            capture.time_window_in_minutes = StorageCapture::default().time_window_in_minutes;
        }
        self.storage_capture = Some(capture);
        self
    }

    /// What an entity makes of it; `weather` says which of the two.
    #[must_use]
    pub fn normalised_by(self, profile: Profile, weather: bool) -> Self {
        match (profile, weather) {
            (Profile::Repaired, false) => self.normalised(),
            (Profile::Repaired, true) => self.normalised_for_weather(),
            (Profile::Original, false) => self.normalised_as_the_original(),
            (Profile::Original, true) => Self {
                temperature_decimal_precision: 1,
                humidity_decimal_precision: 1,
                ..self.normalised_as_the_original()
            },
        }
    }

    /// Whether readings are exported regularly.
    pub fn captures(&self) -> bool {
        self.storage_capture.is_some_and(|capture| capture.enabled)
    }

    /// What a weather entity makes of it: whole tenths, whatever was asked.
    #[must_use]
    pub fn normalised_for_weather(self) -> Self {
        Self {
            temperature_decimal_precision: 1,
            humidity_decimal_precision: 1,
            ..self.normalised()
        }
    }
}

/// A .NET `TimeSpan`, `[-][d.]hh:mm:ss[.fffffff]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Retention(pub SignedDuration);

impl Retention {
    /// Ten minutes.
    pub const DEFAULT: Self = Self(SignedDuration::from_secs(600));
    /// A year: longer histories have no place in an entity's state.
    pub const LONGEST: Self = Self(SignedDuration::from_secs(366 * 86_400));

    fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = text
            .strip_prefix('-')
            .map_or((false, text), |rest| (true, rest));
        let (clock, days) = match rest.split_once(':') {
            Some((first, _)) => match first.split_once('.') {
                Some((days, _)) => (rest.get(days.len() + 1..)?, days.parse::<i64>().ok()?),
                None => (rest, 0),
            },
            None => {
                return Some(Self(signed(
                    negative,
                    SignedDuration::from_secs(rest.parse::<i64>().ok()?.checked_mul(86_400)?),
                )));
            }
        };
        let mut parts = clock.split(':');
        let hours: i64 = parts.next()?.parse().ok()?;
        let minutes: i64 = parts.next()?.parse().ok()?;
        let seconds = parts.next().unwrap_or("0");
        if parts.next().is_some() || !(0..24).contains(&hours) || !(0..60).contains(&minutes) {
            return None;
        }
        let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
        let seconds: i64 = seconds.parse().ok()?;
        if !(0..60).contains(&seconds) || fraction.is_empty() || fraction.len() > 7 {
            return None;
        }
        let nanos = fraction.parse::<u32>().ok()? * 10u32.pow(9 - fraction.len() as u32);
        let whole = days
            .checked_mul(86_400)?
            .checked_add(hours * 3600 + minutes * 60 + seconds)?;
        Some(Self(signed(
            negative,
            SignedDuration::new(whole, nanos as i32),
        )))
    }
}

fn signed(negative: bool, span: SignedDuration) -> SignedDuration {
    if negative { -span } else { span }
}

impl Serialize for Retention {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sign = if self.0.is_negative() { "-" } else { "" };
        let span = self.0.unsigned_abs();
        let (secs, ticks) = (span.as_secs(), span.subsec_nanos() / 100);
        let days = if secs >= 86_400 {
            format!("{}.", secs / 86_400)
        } else {
            String::new()
        };
        let fraction = if ticks > 0 {
            format!(".{ticks:07}")
        } else {
            String::new()
        };
        serializer.collect_str(&format_args!(
            "{sign}{days}{:02}:{:02}:{:02}{fraction}",
            secs / 3600 % 24,
            secs / 60 % 60,
            secs % 60
        ))
    }
}

impl<'de> Deserialize<'de> for Retention {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format_args!(
                "{text:?} is no time span: write hh:mm:ss, such as 00:10:00"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_spans_read_and_write_as_dot_net_does() {
        for (text, secs) in [
            ("00:10:00", 600),
            ("1.02:03:04", 93_784),
            ("-00:00:01", -1),
            ("23:59:59", 86_399),
        ] {
            let span: Retention = serde_json::from_value(text.into()).unwrap();
            assert_eq!(span.0.as_secs(), secs, "{text}");
            assert_eq!(serde_json::to_value(span).unwrap(), text);
        }
        assert_eq!(
            serde_json::from_value::<Retention>("2".into())
                .unwrap()
                .0
                .as_secs(),
            172_800
        );
        assert_eq!(
            serde_json::to_value(Retention::parse("00:00:00.5").unwrap()).unwrap(),
            "00:00:00.5000000"
        );
        for text in [
            "",
            "ten",
            "24:00:00",
            "00:60:00",
            "00:00:60",
            "00:00:00:00",
            "99999999999999999.00:00:00",
        ] {
            assert_eq!(Retention::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn nonsense_is_made_sense_of() {
        let given = Configuration {
            history_retention: Retention(SignedDuration::from_secs(-5)),
            temperature_decimal_precision: -1,
            humidity_decimal_precision: 99,
            storage_capture: None,
            ..Configuration::default()
        };
        let made = given.clone().normalised();
        assert_eq!(made.history_retention, Retention::DEFAULT);
        assert_eq!(
            (
                made.temperature_decimal_precision,
                made.humidity_decimal_precision
            ),
            (2, 15)
        );
        assert_eq!(made.storage_capture, Some(StorageCapture::default()));
        let weather = given.normalised_for_weather();
        assert_eq!(
            (
                weather.temperature_decimal_precision,
                weather.humidity_decimal_precision
            ),
            (1, 1)
        );
    }

    proptest::proptest! {
        #[test]
        fn every_span_comes_back(ticks in -10_000_000_000_000i64..10_000_000_000_000) {
            let span = Retention(SignedDuration::from_nanos(ticks * 100));
            let text = serde_json::to_value(span).unwrap();
            proptest::prop_assert_eq!(serde_json::from_value::<Retention>(text).unwrap(), span);
        }

        #[test]
        fn never_panics(text: String) {
            let _ = Retention::parse(&text);
        }
    }
}
