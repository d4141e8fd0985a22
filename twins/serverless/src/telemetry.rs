//! What a device says: the application's own shape, and the flat one of the AZ3166 firmware.

use std::fmt;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{IgnoredAny, MapAccess, Visitor},
};

/// A reading of the two quantities that the device entities keep.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// Degrees Celsius.
    pub temperature: f64,
    /// Percent relative humidity.
    pub humidity: f64,
}

/// Telemetry on its way to an entity (`DeviceTelemetry` of the application).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceTelemetry {
    /// When it was measured.
    pub timestamp: Timestamp,
    /// The device.
    pub device_id: String,
    /// Its display name.
    pub device_name: String,
    /// The reading.
    pub data: Option<Data>,
}

/// A message body as parsed: whatever of the known members it has, names in any case
/// (the original's serialiser ignores case, and its simulator writes PascalCase).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Body {
    /// `timestamp`, unless it is absent or the calendar's first instant.
    pub timestamp: Option<Timestamp>,
    /// `deviceId`, unless blank.
    pub device_id: Option<String>,
    /// `deviceName`, unless blank.
    pub device_name: Option<String>,
    /// `data`.
    pub data: Option<Data>,
    /// The flat form's reading: `temperature` and `humidity` beside each other.
    pub flat: Option<Data>,
    /// Whether it is another of the firmware's flat messages (magnetometer, accelerometer, gyroscope).
    pub motion: bool,
}

/// Why a body is no telemetry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is not UTF-8.
    #[error("the body is not UTF-8")]
    Encoding,
    /// It is not JSON of the expected form.
    #[error("the body is no telemetry: {0}")]
    Json(String),
}

impl Body {
    /// Parses a message's body.
    ///
    /// # Errors
    /// When it is not UTF-8, not a JSON object, or a known member has another type.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let text = std::str::from_utf8(body).map_err(|_| BodyError::Encoding)?;
        serde_json::from_str(text).map_err(|cause| BodyError::Json(cause.to_string()))
    }
}

/// The known members; anything else is skipped, as the original does.
#[derive(Clone, Copy)]
enum Member {
    Timestamp,
    DeviceId,
    DeviceName,
    Data,
    Temperature,
    Humidity,
    Motion,
    Other,
}

impl Member {
    fn of(name: &str) -> Self {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let starts = |known: &str| {
            name.get(..known.len())
                .is_some_and(|it| it.eq_ignore_ascii_case(known))
        };
        match () {
            () if is("timestamp") => Self::Timestamp,
            () if is("deviceId") => Self::DeviceId,
            () if is("deviceName") => Self::DeviceName,
            () if is("data") => Self::Data,
            () if is("temperature") => Self::Temperature,
            () if is("humidity") => Self::Humidity,
            () if ["magnetometer", "accelerometer", "gyroscope"]
                .into_iter()
                .any(starts) =>
            {
                Self::Motion
            }
            () => Self::Other,
        }
    }
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Member;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }
            fn visit_str<E>(self, name: &str) -> Result<Member, E> {
                Ok(Member::of(name))
            }
        }
        deserializer.deserialize_identifier(Name)
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(BodyVisitor)
    }
}

struct BodyVisitor;

impl<'de> Visitor<'de> for BodyVisitor {
    type Value = Body;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Body, A::Error> {
        let mut body = Body::default();
        let (mut temperature, mut humidity) = (None, None);
        while let Some(member) = map.next_key::<Member>()? {
            match member {
                Member::Timestamp => body.timestamp = instant(map.next_value::<Option<String>>()?)?,
                Member::DeviceId => body.device_id = not_blank(map.next_value()?),
                Member::DeviceName => body.device_name = not_blank(map.next_value()?),
                Member::Data => body.data = map.next_value::<Option<AnyCaseData>>()?.map(|it| it.0),
                Member::Temperature => temperature = map.next_value::<Option<f64>>()?,
                Member::Humidity => humidity = map.next_value::<Option<f64>>()?,
                Member::Motion => {
                    body.motion = true;
                    map.next_value::<IgnoredAny>()?;
                }
                Member::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        body.flat = temperature
            .zip(humidity)
            .map(|(temperature, humidity)| Data {
                temperature,
                humidity,
            });
        Ok(body)
    }
}

/// `data` with its names in any case; an absent number is 0, as the original's serialiser has it.
struct AnyCaseData(Data);

impl<'de> Deserialize<'de> for AnyCaseData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DataVisitor;
        impl<'de> Visitor<'de> for DataVisitor {
            type Value = AnyCaseData;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with temperature and humidity")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AnyCaseData, A::Error> {
                let mut data = Data {
                    temperature: 0.0,
                    humidity: 0.0,
                };
                while let Some(member) = map.next_key::<Member>()? {
                    match member {
                        Member::Temperature => data.temperature = map.next_value()?,
                        Member::Humidity => data.humidity = map.next_value()?,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(AnyCaseData(data))
            }
        }
        deserializer.deserialize_map(DataVisitor)
    }
}

pub(crate) fn not_blank(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// An instant as .NET writes it: with an offset, or without one, which is read as UTC.
/// The first instant of the calendar (`DateTimeOffset.MinValue`) means "none".
pub(crate) fn instant<E: serde::de::Error>(text: Option<String>) -> Result<Option<Timestamp>, E> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let instant = text
        .parse::<Timestamp>()
        .or_else(|_| {
            text.parse::<DateTime>()
                .and_then(|at| at.to_zoned(TimeZone::UTC))
                .map(|at| at.timestamp())
        })
        .map_err(|_| E::custom(format_args!("timestamp {text:?} is no date and time")))?;
    let first = Timestamp::from_second(-62_135_596_800).unwrap_or(Timestamp::MIN);
    Ok(Some(instant).filter(|instant| *instant > first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str) -> Body {
        Body::parse(body.as_bytes()).unwrap()
    }

    #[test]
    fn reads_the_applications_shape_in_any_case() {
        let data = Some(Data {
            temperature: 21.3,
            humidity: 55.1,
        });
        for body in [
            r#"{"timestamp":"2026-01-01T00:00:05+01:00","deviceId":"a","deviceName":"A","data":{"temperature":21.3,"humidity":55.1}}"#,
            r#"{"Timestamp":"2025-12-31T23:00:05Z","DeviceId":"a","DeviceName":"A","Data":{"Temperature":21.3,"Humidity":55.1},"more":[1]}"#,
            r#"{"TIMESTAMP":"2025-12-31T23:00:05","DEVICEID":"a","DEVICENAME":"A","DATA":{"TEMPERATURE":21.3,"HUMIDITY":55.1}}"#,
        ] {
            let read = check(body);
            assert_eq!(
                read.timestamp,
                Some("2025-12-31T23:00:05Z".parse().unwrap()),
                "{body}"
            );
            assert_eq!(
                (read.device_id.as_deref(), read.device_name.as_deref()),
                (Some("a"), Some("A"))
            );
            assert_eq!(read.data, data);
        }
    }

    #[test]
    fn reads_the_four_flat_messages() {
        let read = check(r#"{"humidity":41.00,"temperature":25.50,"pressure":1013.20}"#);
        assert_eq!(
            read.flat,
            Some(Data {
                temperature: 25.5,
                humidity: 41.0
            })
        );
        assert!(!read.motion && read.data.is_none());
        for body in [
            r#"{"magnetometerX":1.0}"#,
            r#"{"accelerometerX":1,"accelerometerY":2}"#,
            r#"{"gyroscopeZ":0}"#,
        ] {
            let read = check(body);
            assert!(read.motion && read.flat.is_none(), "{body}");
        }
    }

    #[test]
    fn blanks_and_the_first_instant_mean_none() {
        let read = check(
            r#"{"timestamp":"0001-01-01T00:00:00","deviceId":" ","deviceName":null,"data":null}"#,
        );
        assert_eq!(read, Body::default());
    }

    #[test]
    fn refuses_what_is_no_telemetry() {
        for body in [
            "",
            "nonsense",
            "[]",
            "3",
            r#"{"data":3}"#,
            r#"{"timestamp":"yesterday"}"#,
            r#"{"temperature":"hot"}"#,
        ] {
            assert!(Body::parse(body.as_bytes()).is_err(), "{body:?}");
        }
        assert_eq!(Body::parse(b"\xff"), Err(BodyError::Encoding));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(body: Vec<u8>) {
            let _ = Body::parse(&body);
        }
    }
}
