//! Firmware files of every format, alone and together, whole and broken.

use proptest::prelude::*;
use twinbench_emulator::{FirmwareFile, Format, Image, ImageError, MemoryMap};

const MAP: MemoryMap = MemoryMap::STM32F412XG;
const BASE: u32 = 0x0800_0000;
const APP: u32 = 0x0800_C000;

/// A program that only stays where it is, linked at an address.
fn program(at: u32, size: usize) -> Vec<u8> {
    let mut bytes = 0x2000_4000u32.to_le_bytes().to_vec();
    bytes.extend((at + 9).to_le_bytes());
    bytes.extend(0xE7FEu16.to_le_bytes());
    bytes.extend((bytes.len()..size).map(|index| (index * 7) as u8));
    bytes
}

fn file<'a>(name: &'a str, bytes: &'a [u8], address: Option<u32>) -> FirmwareFile<'a> {
    FirmwareFile {
        name,
        bytes,
        address,
    }
}

fn hex(at: u32, bytes: &[u8]) -> String {
    let line = |kind: u8, offset: u16, data: &[u8]| {
        let mut raw = vec![data.len() as u8];
        raw.extend(offset.to_be_bytes());
        raw.push(kind);
        raw.extend(data);
        let sum = raw.iter().fold(0u8, |sum, byte| sum.wrapping_sub(*byte));
        raw.push(sum);
        let text: Vec<String> = raw.iter().map(|byte| format!("{byte:02X}")).collect();
        format!(":{}\r\n", text.concat())
    };
    let mut text = String::new();
    let mut high = None;
    for (index, chunk) in bytes.chunks(16).enumerate() {
        let address = at + 16 * index as u32;
        if high != Some(address >> 16) {
            high = Some(address >> 16);
            text += &line(4, 0, &((address >> 16) as u16).to_be_bytes());
        }
        text += &line(0, address as u16, chunk);
    }
    text + &line(1, 0, &[])
}

fn uf2(at: u32, bytes: &[u8], family: u32) -> Vec<u8> {
    let count = bytes.len().div_ceil(256) as u32;
    let mut out = Vec::new();
    for (index, chunk) in (0..).zip(bytes.chunks(256)) {
        let head = [
            0x0A32_4655,
            0x9E5D_5157,
            0x2000,
            at + 256 * index,
            chunk.len() as u32,
            index,
            count,
            family,
        ];
        let start = out.len();
        out.extend(head.iter().flat_map(|word: &u32| word.to_le_bytes()));
        out.extend(chunk);
        out.resize(start + 508, 0);
        out.extend(0x0AB1_6F30u32.to_le_bytes());
    }
    out
}

proptest! {
    #[test]
    fn all_formats_give_the_same_memory(size in 10usize..5000, place in 0u32..200) {
        let at = BASE + 0x400 * place;
        let bytes = program(at, size);
        let text = hex(at, &bytes);
        let blocks = uf2(at, &bytes, 0x5775_5A57);
        let raw = Image::from_files(&[file("a.bin", &bytes, Some(at))], &MAP).unwrap();
        for (format, content) in [(Format::Hex, text.as_bytes()), (Format::Uf2, &*blocks)] {
            prop_assert_eq!(Format::of(content), format);
            let image = Image::from_files(&[file("a", content, None)], &MAP).unwrap();
            prop_assert!(image.flash() == raw.flash());
            prop_assert_eq!(image.vectors(), at);
        }
    }

    #[test]
    fn damage_is_an_error_or_changes_nothing_else(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let bytes = program(BASE, 600);
        for content in [hex(BASE, &bytes).into_bytes(), uf2(BASE, &bytes, 0x5775_5A57)] {
            let mut broken = content.clone();
            *place.get_mut(&mut broken) = byte;
            // Never a panic; what is read has the shape of an image.
            if let Ok(image) = Image::from_files(&[file("a", &broken, None)], &MAP) {
                prop_assert_eq!(image.flash().len(), 1 << 20);
            }
            let cut = place.index(content.len());
            let _ = Image::from_files(&[file("a", &content[..cut], None)], &MAP);
        }
    }
}

#[test]
fn a_boot_loader_and_an_application_share_a_device() {
    let (boot, app) = (program(BASE, 0x6000), program(APP, 0x3000));
    let text = hex(APP, &app);
    let files = [
        file("app.hex", text.as_bytes(), None),
        file("boot.bin", &boot, Some(BASE)),
    ];
    let image = Image::from_files(&files, &MAP).unwrap();
    assert_eq!(
        image.vectors(),
        BASE,
        "the boot loader comes first, whatever the order"
    );
    assert_eq!(image.flash()[..boot.len()], boot);
    assert_eq!(image.flash()[0xC000..][..app.len()], app);
    let alone = Image::from_files(&files[..1], &MAP).unwrap();
    assert_eq!(alone.vectors(), APP);
}

#[test]
fn mistakes_say_what_and_where() {
    let bytes = program(BASE, 300);
    let text = hex(BASE, &bytes);
    let error =
        |files: &[FirmwareFile<'_>]| Image::from_files(files, &MAP).unwrap_err().to_string();
    let has = |text: String, facts: &[&str]| {
        for fact in facts {
            assert!(text.contains(fact), "{fact:?} is not in {text:?}");
        }
    };
    has(
        error(&[file("a.bin", &bytes, None)]),
        &["a.bin", "without an address", "0x08000000"],
    );
    has(
        error(&[file("a.hex", text.as_bytes(), Some(BASE))]),
        &["a.hex", "Intel HEX says itself"],
    );
    has(
        error(&[file("a.bin", &bytes, Some(0x4000_0000))]),
        &["a.bin", "0x40000000..0x4000012c", "outside"],
    );
    has(
        error(&[file("a.bin", &bytes, Some(0x080F_FFF0))]),
        &["outside"],
    );
    let two = [
        file("boot.bin", &bytes, Some(BASE)),
        file("app.bin", &bytes, Some(BASE + 0x100)),
    ];
    has(
        error(&two),
        &["app.bin", "0x08000100..0x0800012c", "boot.bin"],
    );
    let wrong = text.replacen(":10001000", ":10001001", 1);
    has(
        error(&[file("a.hex", wrong.as_bytes(), None)]),
        &["a.hex", "line 3"],
    );
    let lines: Vec<&str> = text.lines().take(4).collect();
    let cut = lines.join("\n");
    has(
        error(&[file("a.hex", cut.as_bytes(), None)]),
        &["a.hex", "line 4", "end record"],
    );
    let foreign = uf2(BASE, &bytes, 0xE48B_FF56);
    has(
        error(&[file("a.uf2", &foreign, None)]),
        &["a.uf2", "block 0", "0xe48bff56"],
    );
    let short = uf2(BASE, &bytes, 0x5775_5A57);
    has(
        error(&[file("a.uf2", &short[..700], None)]),
        &["a.uf2", "cut"],
    );
    assert_eq!(Image::from_files(&[], &MAP).unwrap_err(), ImageError::Empty);
    has(
        error(&[file("a.bin", &[0; 64], Some(BASE))]),
        &["no vector table"],
    );
}
