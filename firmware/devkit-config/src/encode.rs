//! Writes a page.

use alloc::vec::Vec;

use crate::{
    CRC, MAGIC, MAX_DEVICE_ID, MAX_DEVICE_KEY, MAX_HUB_HOST, MAX_INTERVAL_SECS, MAX_WIFI_PASSWORD,
    MAX_WIFI_SSID, Settings, VERSION,
};

/// Why settings do not fit into a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A text is empty where it must not be, or too long.
    #[error(
        "{field} has {length} bytes, but {min} to {max} fit into the settings page: shorten it or give one"
    )]
    Text {
        /// The field.
        field: &'static str,
        /// Bytes it has.
        length: usize,
        /// Bytes it needs.
        min: usize,
        /// Bytes it may have.
        max: usize,
    },
    /// The hub's port is 0.
    #[error("hub port is 0: give the port of the hub's MQTT, usually 8883")]
    Port,
    /// The interval is out of range.
    #[error("telemetry interval is {0} s, but 1 to 86400 are possible: choose another")]
    Interval(u32),
}

impl Settings<'_> {
    /// The page as it stands in flash at [`crate::FLASH_ADDRESS`].
    ///
    /// # Errors
    /// When a field is out of its range.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        if self.hub_port == 0 {
            return Err(EncodeError::Port);
        }
        if !(1..=MAX_INTERVAL_SECS).contains(&self.telemetry_interval_secs) {
            return Err(EncodeError::Interval(self.telemetry_interval_secs));
        }
        let mut page = Vec::new();
        page.extend(MAGIC);
        page.extend(VERSION.to_le_bytes());
        page.extend([0, 0]);
        text(&mut page, "device id", self.device_id, 1, MAX_DEVICE_ID)?;
        text(&mut page, "device key", self.device_key, 0, MAX_DEVICE_KEY)?;
        text(&mut page, "hub host", self.hub_host, 1, MAX_HUB_HOST)?;
        page.extend(self.hub_port.to_le_bytes());
        page.push(u8::from(self.tls));
        text(&mut page, "Wi-Fi name", self.wifi_ssid, 0, MAX_WIFI_SSID)?;
        text(
            &mut page,
            "Wi-Fi password",
            self.wifi_password,
            0,
            MAX_WIFI_PASSWORD,
        )?;
        page.extend(self.telemetry_interval_secs.to_le_bytes());
        // The limits above keep this below MAX_PAGE.
        let length = (page.len() + 4) as u16;
        page[6..8].copy_from_slice(&length.to_le_bytes());
        let crc = CRC.checksum(&page);
        page.extend(crc.to_le_bytes());
        Ok(page)
    }
}

fn text(
    page: &mut Vec<u8>,
    field: &'static str,
    value: &str,
    min: usize,
    max: usize,
) -> Result<(), EncodeError> {
    let length = value.len();
    if length < min || length > max {
        return Err(EncodeError::Text {
            field,
            length,
            min,
            max,
        });
    }
    page.extend((length as u16).to_le_bytes());
    page.extend(value.as_bytes());
    Ok(())
}
