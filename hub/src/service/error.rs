//! Why the service refuses, as its clients read it.

use serde_json::json;
use twinbench_model::{Epoch, VirtualDuration, VirtualTime};

use super::Response;
use crate::limits::Refusal;

/// An error of the service: a code, which fixes the status, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code:?}: {message}")]
pub struct Error {
    /// What kind.
    pub code: ErrorCode,
    /// The sentence.
    pub message: String,
    /// How long a method call waited, in seconds: its errors have a form of their own.
    pub(super) waited: Option<u64>,
    /// After how many seconds to ask again.
    pub(super) retry: Option<u64>,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal),* $(,)?) => {
        /// The service's error codes ("Understand and resolve Azure IoT Hub errors"). The first
        /// three digits are the response's status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ErrorCode { $($(#[$doc])* $name),* }

        impl ErrorCode {
            /// Its number.
            pub fn number(self) -> u32 {
                match self { $(Self::$name => $number),* }
            }

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }
        }
    };
}

codes! {
    /// A request that makes no sense.
    ArgumentInvalid = 400_004,
    /// A query that cannot be read.
    InvalidQuery = 400_032,
    /// No token, or one that does not count.
    IotHubUnauthorizedAccess = 401_002,
    /// The hub's daily quota is used up.
    IotHubQuotaExceeded = 403_002,
    /// An import or export is under way already.
    JobQuotaExceeded = 403_005,
    /// A device's queue of messages is full.
    DeviceMaximumQueueDepthExceeded = 403_004,
    /// No such device.
    DeviceNotFound = 404_001,
    /// No such address or thing.
    NotFound = 404_000,
    /// No such module.
    ModuleNotFound = 404_010,
    /// No such job.
    JobNotFound = 404_002,
    /// No such configuration.
    ConfigurationNotFound = 404_011,
    /// The device has no connection, or does not listen.
    DeviceNotOnline = 404_103,
    /// The device's connection ended while it was to answer.
    DeviceConnectionClosedRemotely = 404_104,
    /// The method is not one of those that the address knows.
    MethodNotAllowed = 405_000,
    /// There is such a device.
    DeviceAlreadyExists = 409_001,
    /// There is such a module.
    ModuleAlreadyExistsOnDevice = 409_301,
    /// There is such a job.
    JobAlreadyExists = 409_002,
    /// There is such a configuration.
    ConfigurationAlreadyExists = 409_003,
    /// It has another ETag.
    PreconditionFailed = 412_001,
    /// The lock is not held any more.
    DeviceMessageLockLost = 412_002,
    /// Too large.
    RequestEntityTooLarge = 413_001,
    /// Too fast.
    ThrottlingException = 429_001,
    /// The device's answer cannot be read.
    BadDeviceResponse = 502_001,
    /// Something that this hub does not do.
    NotImplemented = 501_000,
    /// The hub ended.
    ServiceUnavailable = 503_001,
    /// The device did not answer in time.
    GatewayTimeout = 504_101,
}

impl ErrorCode {
    /// The response's status.
    pub fn status(self) -> u16 {
        (self.number() / 1_000) as u16
    }
}

impl Error {
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            waited: None,
            retry: None,
        }
    }

    /// The hub's limits do not allow it; they may after this time.
    pub(super) fn limited(refusal: Refusal, after: VirtualDuration) -> Self {
        let code = match refusal {
            Refusal::Throttled => ErrorCode::ThrottlingException,
            Refusal::QuotaExceeded(_) => ErrorCode::IotHubQuotaExceeded,
        };
        let retry = after.as_nanos().div_ceil(1_000_000_000).max(1);
        Self {
            retry: Some(retry),
            ..Self::new(code, refusal.to_string())
        }
    }

    pub(super) fn argument(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ArgumentInvalid, message)
    }

    pub(super) fn no_device(id: &str) -> Self {
        Self::new(
            ErrorCode::DeviceNotFound,
            format!("Device {id} not registered"),
        )
    }

    pub(super) fn no_module(device: &str, module: &str) -> Self {
        let message = format!("Module {module} not registered on device {device}");
        Self::new(ErrorCode::ModuleNotFound, message)
    }

    /// The same as an error of a method call that waited so many seconds.
    pub(super) fn after(mut self, seconds: u64) -> Self {
        self.waited = Some(seconds);
        self
    }

    /// The response: two forms are in use, and clients are keyed on either. Method calls nest an
    /// object in the message, everything else writes `ErrorCode:Name;sentence`; the header names
    /// the code in both.
    pub(super) fn response(&self, tracking: u64, now: VirtualTime, epoch: Epoch) -> Response {
        let instant = epoch.utc(now);
        let zoned = instant.to_zoned(jiff::tz::TimeZone::UTC);
        let stamp = zoned.strftime("%m/%d/%Y %H:%M:%S");
        let tracking = format!("{tracking:032x}-G:0-TimeStamp:{stamp}");
        let body = match self.waited {
            Some(seconds) => {
                let timeout = format!(
                    "{:02}:{:02}:{:02}",
                    seconds / 3600,
                    seconds / 60 % 60,
                    seconds % 60
                );
                let nested = json!({
                    "errorCode": self.code.number(),
                    "trackingId": tracking,
                    "message": self.message,
                    "info": {"timeout": timeout},
                    "timestampUtc": instant.to_string(),
                });
                json!({"Message": nested.to_string(), "ExceptionMessage": ""})
            }
            None => json!({
                "Message": format!("ErrorCode:{};{}", self.code.name(), self.message),
                "ExceptionMessage": format!("Tracking ID:{tracking}"),
            }),
        };
        let response = Response::json(self.code.status(), &body);
        let response = response.with("iothub-errorcode", self.code.name());
        match (self.retry, self.code) {
            (Some(seconds), _) => response.with("retry-after", seconds.to_string()),
            (None, ErrorCode::ThrottlingException) => response.with("retry-after", "1"),
            _ => response,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn body(error: &Error) -> (u16, Value) {
        let epoch = Epoch::new("2026-01-01T00:00:00Z".parse().unwrap());
        let response = error.response(7, VirtualTime::from_secs(61), epoch);
        assert_eq!(response.header("iothub-errorcode"), Some(error.code.name()));
        (
            response.status,
            serde_json::from_slice(&response.body).unwrap(),
        )
    }

    #[test]
    fn both_forms() {
        let (status, plain) = body(&Error::no_device("d"));
        assert_eq!(status, 404);
        assert_eq!(
            plain["Message"],
            "ErrorCode:DeviceNotFound;Device d not registered"
        );
        assert_eq!(
            plain["ExceptionMessage"],
            "Tracking ID:00000000000000000000000000000007-G:0-TimeStamp:01/01/2026 00:01:01"
        );
        let (status, nested) = body(&Error::new(ErrorCode::GatewayTimeout, "late").after(65));
        assert_eq!(status, 504);
        let inner: Value = serde_json::from_str(nested["Message"].as_str().unwrap()).unwrap();
        assert_eq!(inner["errorCode"], 504_101);
        assert_eq!(inner["info"]["timeout"], "00:01:05");
        assert_eq!(inner["timestampUtc"], "2026-01-01T00:01:01Z");
    }
}
