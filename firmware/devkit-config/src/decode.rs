//! Reads a page.

use crate::{
    CRC, MAGIC, MAX_DEVICE_ID, MAX_DEVICE_KEY, MAX_HUB_HOST, MAX_INTERVAL_SECS, MAX_PAGE,
    MAX_WIFI_PASSWORD, MAX_WIFI_SSID, Settings, VERSION,
};

/// Why a page cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Flash was never written here.
    #[error("no settings page: write one to the board")]
    Erased,
    /// Something else is written here.
    #[error("not a settings page: write one to the board")]
    Magic,
    /// A newer or broken writer.
    #[error("settings page of version {0}, this firmware reads version 1: write it again")]
    Version(u16),
    /// The length field does not fit the page or its content.
    #[error("settings page of impossible length: write it again")]
    Length,
    /// The content changed since it was written.
    #[error("settings page with a wrong checksum: write it again")]
    Checksum,
    /// A field is empty, too long, out of range or not UTF-8; its name is given.
    #[error("settings page with a bad {0}: write it again")]
    Field(&'static str),
}

impl<'a> Settings<'a> {
    /// Reads a page from the start of `flash`, which may be longer than the page.
    ///
    /// # Errors
    /// When there is no page, or it is damaged, or a field is out of its range.
    pub fn decode(flash: &'a [u8]) -> Result<Self, DecodeError> {
        let Some((magic, rest)) = flash.split_first_chunk::<4>() else {
            return Err(DecodeError::Length);
        };
        if magic == &[0xFF; 4] {
            return Err(DecodeError::Erased);
        }
        if *magic != MAGIC {
            return Err(DecodeError::Magic);
        }
        let mut header = Reader { rest };
        let version = header.u16().ok_or(DecodeError::Length)?;
        if version != VERSION {
            return Err(DecodeError::Version(version));
        }
        let length = usize::from(header.u16().ok_or(DecodeError::Length)?);
        if length > MAX_PAGE {
            return Err(DecodeError::Length);
        }
        let page = flash.get(..length).ok_or(DecodeError::Length)?;
        let (covered, crc) = page.split_last_chunk::<4>().ok_or(DecodeError::Length)?;
        let fields = covered.get(8..).ok_or(DecodeError::Length)?;
        if CRC.checksum(covered) != u32::from_le_bytes(*crc) {
            return Err(DecodeError::Checksum);
        }
        Self::fields(fields)
    }

    fn fields(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut r = Reader { rest: bytes };
        let settings = Settings {
            device_id: r.text("device id", 1, MAX_DEVICE_ID)?,
            device_key: r.text("device key", 0, MAX_DEVICE_KEY)?,
            hub_host: r.text("hub host", 1, MAX_HUB_HOST)?,
            hub_port: r
                .u16()
                .filter(|port| *port != 0)
                .ok_or(DecodeError::Field("hub port"))?,
            tls: match r.u8() {
                Some(0) => false,
                Some(1) => true,
                _ => return Err(DecodeError::Field("TLS switch")),
            },
            wifi_ssid: r.text("Wi-Fi name", 0, MAX_WIFI_SSID)?,
            wifi_password: r.text("Wi-Fi password", 0, MAX_WIFI_PASSWORD)?,
            telemetry_interval_secs: r
                .u32()
                .filter(|secs| (1..=MAX_INTERVAL_SECS).contains(secs))
                .ok_or(DecodeError::Field("telemetry interval"))?,
        };
        if r.rest.is_empty() {
            Ok(settings)
        } else {
            Err(DecodeError::Length)
        }
    }
}

/// Takes fields from the front.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.rest.split_first_chunk::<N>()?;
        self.rest = tail;
        Some(*head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn text(&mut self, name: &'static str, min: usize, max: usize) -> Result<&'a str, DecodeError> {
        let bad = DecodeError::Field(name);
        let length = usize::from(self.u16().ok_or(bad)?);
        if length < min || length > max {
            return Err(bad);
        }
        let (head, tail) = self.rest.split_at_checked(length).ok_or(bad)?;
        self.rest = tail;
        core::str::from_utf8(head).map_err(|_| bad)
    }
}
