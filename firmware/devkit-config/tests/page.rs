//! The settings page: written by the bench, read by the firmware.
#![cfg(feature = "encode")]

use proptest::prelude::*;
use twinbench_devkit_config::{DecodeError, EncodeError, MAX_PAGE, Settings};

fn sample() -> Settings<'static> {
    Settings {
        device_id: "devkit-07",
        device_key: "c2VjcmV0",
        hub_host: "hub.example",
        hub_port: 1883,
        tls: false,
        wifi_ssid: "Café",
        wifi_password: "pa,ss\"word",
        telemetry_interval_secs: 2,
    }
}

#[test]
fn the_layout_is_the_documented_one() {
    let page = sample().encode().unwrap();
    let mut expected = b"TWBC\x01\x00".to_vec();
    expected.extend((page.len() as u16).to_le_bytes());
    expected.extend(b"\x09\x00devkit-07\x08\x00c2VjcmV0\x0b\x00hub.example\x5b\x07\x00");
    expected.extend(b"\x05\x00Caf\xc3\xa9\x0a\x00pa,ss\"word\x02\x00\x00\x00");
    assert_eq!(page[..page.len() - 4], expected);
}

#[test]
fn the_checksum_is_that_of_zlib() {
    // The check value of the algorithm (`cksum -a crc32b`, zlib's crc32 of "123456789").
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
    assert_eq!(crc.checksum(b"123456789"), 0xCBF4_3926);
    let page = sample().encode().unwrap();
    let (covered, stored) = page.split_last_chunk::<4>().unwrap();
    assert_eq!(crc.checksum(covered), u32::from_le_bytes(*stored));
}

#[test]
fn erased_flash_and_foreign_bytes_are_told_apart() {
    assert_eq!(Settings::decode(&[0xFF; 1024]), Err(DecodeError::Erased));
    assert_eq!(Settings::decode(&[0; 1024]), Err(DecodeError::Magic));
    assert_eq!(Settings::decode(b"TW"), Err(DecodeError::Length));
    assert_eq!(
        Settings::decode(b"TWBC\x02\x00\x08\x00"),
        Err(DecodeError::Version(2))
    );
}

#[test]
fn settings_out_of_range_are_refused_with_the_field() {
    let long = "x".repeat(33);
    let error = Settings {
        wifi_ssid: &long,
        ..sample()
    }
    .encode()
    .unwrap_err();
    assert_eq!(
        error,
        EncodeError::Text {
            field: "Wi-Fi name",
            length: 33,
            min: 0,
            max: 32
        }
    );
    assert_eq!(
        Settings {
            hub_port: 0,
            ..sample()
        }
        .encode(),
        Err(EncodeError::Port)
    );
    assert_eq!(
        Settings {
            telemetry_interval_secs: 0,
            ..sample()
        }
        .encode(),
        Err(EncodeError::Interval(0))
    );
}

#[test]
fn the_defaults_fit() {
    let page = Settings::DEFAULT.encode().unwrap();
    assert_eq!(Settings::decode(&page), Ok(Settings::DEFAULT));
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        device_id in "[a-zA-Z0-9._:-]{1,128}",
        device_key in "[a-zA-Z0-9+/]{0,86}",
        hub_host in "[a-z0-9.-]{1,128}",
        hub_port in 1u16..,
        tls: bool,
        wifi_ssid in "[a-zé]{0,16}",
        wifi_password in "[ -~]{0,64}",
        telemetry_interval_secs in 1u32..=86_400,
        erased in 0usize..64,
    ) {
        let settings = Settings {
            device_id: &device_id, device_key: &device_key, hub_host: &hub_host, hub_port, tls,
            wifi_ssid: &wifi_ssid, wifi_password: &wifi_password, telemetry_interval_secs,
        };
        let mut flash = settings.encode().unwrap();
        prop_assert!(flash.len() <= MAX_PAGE);
        flash.resize(flash.len() + erased, 0xFF);
        prop_assert_eq!(Settings::decode(&flash), Ok(settings));
    }

    #[test]
    fn a_flipped_bit_is_found(bit in 0usize..8 * 60) {
        let mut page = sample().encode().unwrap();
        let byte = bit / 8 % page.len();
        page[byte] ^= 1 << (bit % 8);
        prop_assert!(Settings::decode(&page).is_err());
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..128), length: u16) {
        let mut page = b"TWBC\x01\x00".to_vec();
        page.extend(length.to_le_bytes());
        page.extend(bytes);
        let _ = Settings::decode(&page);
    }
}
