//! The device's part of its twin: asks for it, takes desired properties, reports its own.
//!
//! Names and forms are those of the board's stock application (model
//! `dtmi:azurertos:devkit:gsgmxchip;2`): the writable property `telemetryInterval` with an
//! acknowledgement, the read-only `ledState`, and the component `deviceInformation`.
//!
//! One request is under way at a time. What its answer does not confirm is owed still and goes out
//! again, so a lost answer, a throttled hub or a new connection needs no rule of its own.

use core::fmt::Write;

use heapless::String;
use serde::Deserialize;

/// Longest payload of a request.
pub const MAX_BODY: usize = 640;
/// Longest interval between telemetry messages in seconds: a day.
pub const MAX_INTERVAL_SECS: u32 = 86_400;

/// Topic of a request or an answer.
pub type Topic = String<128>;
/// Its payload.
pub type Body = String<MAX_BODY>;

/// What to publish, with QoS 0, as the hub asks for these topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `$iothub/twin/…`.
    pub topic: Topic,
    /// JSON, or nothing.
    pub body: Body,
}

/// How a wish for an interval ended (the "ack" of a writable property, IoT Plug and Play).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Acknowledgement {
    /// 200 or 400, as in HTTP.
    code: u16,
    /// `$version` of the desired properties that it answers.
    version: u32,
}

/// What the hub does not know yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Owed {
    led: bool,
    interval: bool,
    information: bool,
}

impl Owed {
    const ALL: Self = Self {
        led: true,
        interval: true,
        information: true,
    };

    fn any(self) -> bool {
        self.led || self.interval || self.information
    }

    fn and(self, other: Self) -> Self {
        Self {
            led: self.led || other.led,
            interval: self.interval || other.interval,
            information: self.information || other.information,
        }
    }
}

/// A request without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UnderWay {
    Get { request: u32 },
    Report { request: u32, of: Owed },
}

/// What came of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The twin is here and taken in.
    Taken,
    /// The hub has what was reported.
    Reported,
    /// The hub said no, with this status; the request goes out again later.
    Refused(u16),
    /// It answers no request of ours.
    Stray,
}

/// The device's part of its twin.
#[derive(Debug, Clone)]
pub struct Twin {
    interval_secs: u32,
    led: bool,
    acknowledgement: Acknowledgement,
    /// The last desired properties that were taken in, by their version.
    seen: u32,
    /// Whether the twin is to be asked for.
    asks: bool,
    owed: Owed,
    under_way: Option<UnderWay>,
    requests: u32,
}

/// The part of a desired section that matters here. The rest is skipped.
#[derive(Deserialize)]
struct Version {
    #[serde(rename = "$version")]
    version: u32,
}

#[derive(Deserialize)]
struct Interval {
    #[serde(rename = "telemetryInterval")]
    interval: Option<i64>,
}

/// What a desired section says of the interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// Nothing, or that there is no wish any more.
    None,
    Seconds(i64),
    /// Something that is no whole number.
    Unreadable,
}

impl From<Option<Interval>> for Wish {
    fn from(read: Option<Interval>) -> Self {
        match read {
            Some(Interval { interval: None }) => Self::None,
            Some(Interval {
                interval: Some(secs),
            }) => Self::Seconds(secs),
            None => Self::Unreadable,
        }
    }
}

#[derive(Deserialize)]
struct Answer<T> {
    desired: T,
}

impl Twin {
    /// A device that sends every `interval_secs` seconds, its LED off.
    pub const fn new(interval_secs: u32) -> Self {
        Self {
            interval_secs,
            led: false,
            acknowledgement: Acknowledgement {
                code: 200,
                version: 1,
            },
            seen: 0,
            asks: false,
            owed: Owed {
                led: false,
                interval: false,
                information: false,
            },
            under_way: None,
            requests: 0,
        }
    }

    /// Seconds between two telemetry messages.
    pub fn interval_secs(&self) -> u32 {
        self.interval_secs
    }

    /// Whether the user LED is on.
    pub fn led(&self) -> bool {
        self.led
    }

    /// Switches the LED's state, which is then reported.
    pub fn set_led(&mut self, on: bool) {
        self.led = on;
        self.owed.led = true;
    }

    /// A connection stands: the twin is asked for, then everything is reported.
    pub fn connected(&mut self) {
        self.under_way = None;
        self.asks = true;
        // What was desired meanwhile may have another version than what was seen here, also after
        // the twin was made anew.
        self.seen = 0;
        self.owed = Owed::ALL;
    }

    /// Whether a request waits for its answer.
    pub fn waits(&self) -> bool {
        self.under_way.is_some()
    }

    /// No answer came, or one that refused: what was asked is owed again.
    pub fn unanswered(&mut self) {
        match self.under_way.take() {
            Some(UnderWay::Get { .. }) => self.asks = true,
            Some(UnderWay::Report { of, .. }) => self.owed = self.owed.and(of),
            None => {}
        }
    }

    /// The next request, unless one is under way or nothing is owed.
    pub fn request(&mut self) -> Option<Request> {
        if self.under_way.is_some() {
            return None;
        }
        if self.asks {
            let request = self.number();
            let mut topic = Topic::new();
            write!(topic, "$iothub/twin/GET/?$rid={request}").ok()?;
            self.asks = false;
            self.under_way = Some(UnderWay::Get { request });
            return Some(Request {
                topic,
                body: Body::new(),
            });
        }
        if !self.owed.any() {
            return None;
        }
        let body = self.report()?;
        let request = self.number();
        let mut topic = Topic::new();
        write!(
            topic,
            "$iothub/twin/PATCH/properties/reported/?$rid={request}"
        )
        .ok()?;
        let of = core::mem::take(&mut self.owed);
        self.under_way = Some(UnderWay::Report { request, of });
        Some(Request { topic, body })
    }

    fn number(&mut self) -> u32 {
        self.requests = self.requests.wrapping_add(1);
        self.requests
    }

    /// Takes the hub's answer to the request `rid`. One that refuses leaves the request under way,
    /// until [`Twin::unanswered`] says that it was long enough ago.
    pub fn answer(&mut self, rid: &str, status: u16, payload: &[u8]) -> Outcome {
        let Ok(rid) = rid.parse::<u32>() else {
            return Outcome::Stray;
        };
        match self.under_way {
            Some(UnderWay::Get { request }) if request == rid => {
                if status != 200 {
                    return Outcome::Refused(status);
                }
                self.under_way = None;
                if let Some(version) = read::<Answer<Version>>(payload) {
                    let wish = read::<Answer<Interval>>(payload).map(|it| it.desired);
                    self.take(version.desired.version, wish.into());
                }
                Outcome::Taken
            }
            Some(UnderWay::Report { request, .. }) if request == rid => {
                if !(200..300).contains(&status) {
                    return Outcome::Refused(status);
                }
                self.under_way = None;
                Outcome::Reported
            }
            _ => Outcome::Stray,
        }
    }

    /// Takes changed desired properties; says whether the interval is another now.
    pub fn desired(&mut self, payload: &[u8]) -> bool {
        let before = self.interval_secs;
        if let Some(Version { version }) = read(payload) {
            self.take(version, read::<Interval>(payload).into());
        }
        self.interval_secs != before
    }

    /// Takes the wish of version `version`.
    fn take(&mut self, version: u32, wish: Wish) {
        if version < self.seen {
            // The twin that was asked for before this change was known.
            return;
        }
        self.seen = version;
        let wish = match wish {
            Wish::None => return,
            Wish::Seconds(secs) => u32::try_from(secs).ok(),
            Wish::Unreadable => None,
        };
        let good = wish.filter(|secs| (1..=MAX_INTERVAL_SECS).contains(secs));
        if let Some(secs) = good {
            self.interval_secs = secs;
        }
        self.acknowledgement = Acknowledgement {
            code: if good.is_some() { 200 } else { 400 },
            version,
        };
        self.owed.interval = true;
    }

    /// Everything that is owed, as one patch.
    fn report(&self) -> Option<Body> {
        let mut body = Body::new();
        let mut comma = "{";
        if self.owed.led {
            write!(body, r#"{comma}"ledState":{}"#, self.led).ok()?;
            comma = ",";
        }
        if self.owed.interval {
            let Acknowledgement { code, version } = self.acknowledgement;
            let description = if code == 200 {
                "success"
            } else {
                "seconds from 1 to 86400"
            };
            write!(
                body,
                r#"{comma}"telemetryInterval":{{"value":{},"ac":{code},"av":{version},"ad":"{description}"}}"#,
                self.interval_secs
            )
            .ok()?;
            comma = ",";
        }
        if self.owed.information {
            write!(body, r#"{comma}"deviceInformation":{INFORMATION}"#).ok()?;
        }
        body.push('}').ok()?;
        Some(body)
    }
}

/// What the board says of itself: fields of `dtmi:azure:DeviceManagement:DeviceInformation;1`,
/// storage and memory in KiB.
const INFORMATION: &str = concat!(
    r#"{"__t":"c","manufacturer":"MXCHIP","model":"AZ3166","swVersion":""#,
    env!("CARGO_PKG_VERSION"),
    r#"","osName":"Embassy","processorArchitecture":"Arm Cortex M4","#,
    r#""processorManufacturer":"STMicroelectronics","totalStorage":1024,"totalMemory":256}"#
);

fn read<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Option<T> {
    serde_json_core::from_slice(payload)
        .ok()
        .map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use proptest::prelude::*;

    use super::*;

    fn twin() -> Twin {
        let mut twin = Twin::new(10);
        twin.connected();
        twin
    }

    /// Answers the request for the twin with this desired section.
    fn fetched(desired: &str) -> Twin {
        let mut twin = twin();
        assert_eq!(twin.request().unwrap().topic, "$iothub/twin/GET/?$rid=1");
        let body = std::format!(
            r#"{{"desired":{desired},"reported":{{"x":[1,{{"y":2}}],"$version":3}}}}"#
        );
        assert_eq!(twin.answer("1", 200, body.as_bytes()), Outcome::Taken);
        twin
    }

    #[test]
    fn it_asks_first_and_then_reports_everything_as_the_stock_application_does() {
        let mut twin = fetched(r#"{"$version":1}"#);
        let request = twin.request().unwrap();
        assert_eq!(
            request.topic,
            "$iothub/twin/PATCH/properties/reported/?$rid=2"
        );
        assert!(
            request.body.starts_with(
                r#"{"ledState":false,"telemetryInterval":{"value":10,"ac":200,"av":1,"ad":"success"},"deviceInformation":{"__t":"c","manufacturer":"MXCHIP","#
            ),
            "{}",
            request.body
        );
        assert_eq!(twin.request(), None);
        assert_eq!(twin.answer("2", 204, b""), Outcome::Reported);
        assert_eq!(twin.request(), None);
    }

    #[test]
    fn a_wish_in_the_twin_is_applied_and_acknowledged_with_its_version() {
        let mut twin = fetched(r#"{"other":{"a":"}"},"telemetryInterval":25,"$version":7}"#);
        assert_eq!(twin.interval_secs(), 25);
        assert!(
            twin.request()
                .unwrap()
                .body
                .contains(r#""telemetryInterval":{"value":25,"ac":200,"av":7,"#)
        );
    }

    #[test]
    fn a_change_is_applied_and_alone_reported() {
        let mut twin = fetched(r#"{"$version":1}"#);
        twin.request().unwrap();
        twin.answer("2", 204, b"");
        assert!(twin.desired(br#"{"telemetryInterval":3,"$version":2}"#));
        assert_eq!(
            twin.request().unwrap().body,
            r#"{"telemetryInterval":{"value":3,"ac":200,"av":2,"ad":"success"}}"#
        );
    }

    #[test]
    fn what_is_no_interval_is_refused_and_the_old_one_stays() {
        for wish in [
            "0",
            "-5",
            "86401",
            "\"7\"",
            "1.5",
            "true",
            "{\"a\":1}",
            "99999999999999999999",
        ] {
            let mut twin = fetched(r#"{"$version":1}"#);
            twin.request().unwrap();
            twin.answer("2", 204, b"");
            let patch = std::format!(r#"{{"telemetryInterval":{wish},"$version":2}}"#);
            assert!(!twin.desired(patch.as_bytes()), "{wish}");
            assert_eq!(twin.interval_secs(), 10, "{wish}");
            let body = twin.request().unwrap().body;
            assert!(
                body.contains(r#""value":10,"ac":400,"av":2,"#),
                "{wish}: {body}"
            );
        }
    }

    #[test]
    fn a_wish_taken_back_and_other_properties_change_nothing() {
        let mut twin = fetched(r#"{"telemetryInterval":5,"$version":1}"#);
        twin.request().unwrap();
        twin.answer("2", 204, b"");
        assert!(!twin.desired(br#"{"telemetryInterval":null,"$version":2}"#));
        assert!(!twin.desired(br#"{"fan":{"speed":1},"$version":3}"#));
        assert_eq!(twin.interval_secs(), 5);
        assert_eq!(twin.request(), None);
    }

    #[test]
    fn an_older_version_does_not_undo_a_newer_one() {
        let mut twin = twin();
        twin.request().unwrap();
        assert!(twin.desired(br#"{"telemetryInterval":3,"$version":9}"#));
        let older =
            br#"{"desired":{"telemetryInterval":60,"$version":8},"reported":{"$version":1}}"#;
        assert_eq!(twin.answer("1", 200, older), Outcome::Taken);
        assert_eq!(twin.interval_secs(), 3);
    }

    #[test]
    fn a_refusal_and_silence_bring_the_request_again() {
        let mut twin = twin();
        twin.request().unwrap();
        assert_eq!(twin.answer("1", 429, b""), Outcome::Refused(429));
        assert!(twin.waits());
        assert_eq!(twin.request(), None);
        twin.unanswered();
        assert_eq!(twin.request().unwrap().topic, "$iothub/twin/GET/?$rid=2");
        twin.answer(
            "2",
            200,
            br#"{"desired":{"$version":1},"reported":{"$version":1}}"#,
        );
        let first = twin.request().unwrap();
        twin.set_led(true);
        twin.unanswered();
        let again = twin.request().unwrap();
        assert!(first.body.contains(r#""ledState":false"#));
        assert!(again.body.contains(r#""ledState":true"#));
        assert!(again.body.contains("deviceInformation"));
        // The late answer to the first is not the second's.
        assert_eq!(twin.answer("3", 204, b""), Outcome::Stray);
        assert_eq!(twin.answer("4", 204, b""), Outcome::Reported);
    }

    #[test]
    fn the_longest_report_fits_and_is_json() {
        let mut twin = fetched(r#"{"telemetryInterval":86401,"$version":4294967295}"#);
        twin.set_led(true);
        let body = twin.request().unwrap().body;
        let value: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(value["telemetryInterval"]["av"], u32::MAX);
        assert_eq!(value["deviceInformation"]["totalMemory"], 256);
        assert_eq!(value["ledState"].to_string(), "true");
    }

    proptest! {
        #[test]
        fn any_payload_is_survived(payload in proptest::collection::vec(any::<u8>(), 0..200), text in "[{}\\[\\]\",:a$0-9.e-]{0,80}") {
            for bytes in [&payload[..], text.as_bytes()] {
                let mut twin = twin();
                twin.request();
                twin.answer("1", 200, bytes);
                twin.desired(bytes);
                prop_assert!((1..=MAX_INTERVAL_SECS).contains(&twin.interval_secs()));
            }
        }
    }
}
