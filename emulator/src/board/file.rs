//! The board file: wiring as data, in TOML.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::BoardError;
use crate::memory::MemoryMap;

/// What is wired to the chip, as a board file says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoardFile {
    /// Version of the format: 1.
    pub version: u32,
    /// Name of the board.
    pub name: String,
    /// The chip: `stm32f412rg` or `stm32f407vg`.
    pub chip: String,
    /// The crystal in hertz.
    pub hse: u32,
    /// The chip's memories.
    pub memory: Memory,
    /// Serial ports by the board's names for them.
    #[serde(default)]
    pub uart: BTreeMap<String, Uart>,
    /// LEDs and other named outputs, by name.
    #[serde(default)]
    pub led: BTreeMap<String, PinName>,
    /// Buttons by name.
    #[serde(default)]
    pub button: BTreeMap<String, Button>,
    /// Lines that the board holds at a level, by name.
    #[serde(default)]
    pub line: BTreeMap<String, Line>,
    /// Devices on I2C buses.
    #[serde(default)]
    pub i2c: Vec<BusDevice>,
}

/// The chip's memories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Flash memory.
    pub flash: Region,
    /// Static RAM.
    pub ram: Region,
    /// Core-coupled memory, at 0x10000000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ccm: Option<Region>,
    /// A NOR flash memory at QUADSPI, mapped at 0x90000000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nor: Option<Region>,
}

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// First address.
    pub base: u32,
    /// Bytes.
    pub size: u32,
}

/// A serial port that leaves the board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uart {
    /// The chip's peripheral, e.g. `USART6`.
    pub peripheral: String,
    /// The pin it sends on.
    pub tx: PinName,
    /// The pin it receives on.
    pub rx: PinName,
}

/// A button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Button {
    /// Its pin.
    pub pin: PinName,
    /// The pin's level while the button is pressed; released it has the other.
    pub pressed: Level,
}

/// A line held at a level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its pin.
    pub pin: PinName,
    /// The level.
    pub level: Level,
}

/// A device on an I2C bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusDevice {
    /// The chip's peripheral, e.g. `I2C1`.
    pub bus: String,
    /// Which device: `hts221`, `lps22hb`, `lis2mdl`, `lsm6dsl`, `ssd1306`.
    pub device: String,
    /// Its 7-bit address.
    pub address: u8,
}

/// Level of a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Ground.
    Low,
    /// Supply.
    High,
}

/// A pin of the chip, as text `PC13`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PinName {
    /// Port, 0 = A.
    pub port: u8,
    /// Pin 0..=15.
    pub pin: u8,
}

impl TryFrom<String> for PinName {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let fail =
            || format!("{text:?} is not a pin; write port A to H and pin 0 to 15, as in PC13");
        let rest = text.strip_prefix('P').ok_or_else(fail)?;
        let mut letters = rest.chars();
        let port = letters
            .next()
            .filter(|letter| ('A'..='H').contains(letter))
            .ok_or_else(fail)?;
        let digits = letters.as_str();
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let pin: u8 = digits.parse().map_err(|_| fail())?;
        if pin > 15 || !plain {
            return Err(fail());
        }
        Ok(Self {
            port: port as u8 - b'A',
            pin,
        })
    }
}

impl From<PinName> for String {
    fn from(name: PinName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for PinName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "P{}{}", char::from(b'A' + self.port), self.pin)
    }
}

impl BoardFile {
    /// Reads a board file.
    ///
    /// # Errors
    /// When it is not TOML, has unknown keys or another version; the message says where.
    pub fn parse(text: &str) -> Result<Self, BoardError> {
        let file: Self =
            toml::from_str(text).map_err(|error| BoardError::File(error.to_string()))?;
        if file.version != 1 {
            return Err(BoardError::Version {
                found: file.version,
            });
        }
        Ok(file)
    }

    /// The AZ3166.
    ///
    /// # Errors
    /// None in a build whose tests passed: the file is part of the program.
    pub fn az3166() -> Result<Self, BoardError> {
        Self::parse(include_str!("../../boards/az3166.toml"))
    }

    /// The STM32F4DISCOVERY.
    ///
    /// # Errors
    /// None in a build whose tests passed: the file is part of the program.
    pub fn stm32f4discovery() -> Result<Self, BoardError> {
        Self::parse(include_str!("../../boards/stm32f4discovery.toml"))
    }

    /// Where the chip's memories are, to load firmware by.
    pub fn memory_map(&self) -> MemoryMap {
        MemoryMap {
            flash_base: self.memory.flash.base,
            flash_size: self.memory.flash.size,
            ram_base: self.memory.ram.base,
            ram_size: self.memory.ram.size,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_az3166_is_as_its_schematic_says() {
        let file = BoardFile::az3166().unwrap();
        assert_eq!(file.memory_map(), MemoryMap::STM32F412XG);
        assert_eq!(file.led["led-user"].to_string(), "PC13");
        assert_eq!(file.button["a"].pin, PinName { port: 0, pin: 4 });
        assert_eq!(file.uart["console"].peripheral, "USART6");
        let again = BoardFile::parse(&toml::to_string(&file).unwrap()).unwrap();
        assert_eq!(again, file);
    }

    #[test]
    fn mistakes_are_named() {
        let text = include_str!("../../boards/az3166.toml");
        let error = |text: String| BoardFile::parse(&text).unwrap_err().to_string();
        assert!(error(text.replace("hse =", "hsi =")).contains("hsi"));
        assert!(error(text.replace("PC13", "PC16")).contains("as in PC13"));
        assert!(error(text.replace("version = 1", "version = 2")).contains("version 2"));
    }

    proptest! {
        #[test]
        fn pins_read_back_as_written(port in 0u8..8, pin in 0u8..16) {
            let name = PinName { port, pin };
            prop_assert_eq!(PinName::try_from(name.to_string()), Ok(name));
        }

        #[test]
        fn nothing_else_is_a_pin(text in ".{0,5}") {
            if let Ok(name) = PinName::try_from(text.clone()) {
                let plain = text[2..].trim_start_matches('0');
                let plain = if plain.is_empty() { "0" } else { plain };
                prop_assert_eq!(name.to_string(), format!("{}{}", &text[..2], plain));
            }
        }
    }
}
