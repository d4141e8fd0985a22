//! What a board is called in Renode.

use std::path::PathBuf;

use renode_rs_bindings::{AZ3166, Platform};
use twinbench_emulator::board::BoardFile;

/// How Renode is told of a board.
#[derive(Debug, Clone)]
pub enum Setup {
    /// One of our boards, with its models.
    Board(Platform),
    /// A description: a file, or a path within Renode such as `platforms/cpus/stm32f412.repl`.
    Description(PathBuf),
}

/// A sensor's quantity in Renode.
#[derive(Debug, Clone)]
pub struct Quantity {
    /// Our name, e.g. `temperature`.
    pub name: String,
    /// The sensor's path, e.g. `sysbus.i2c1.hts221`.
    pub path: String,
    /// The model's property, e.g. `Temperature`.
    pub property: String,
}

/// A pin that is watched, such as an LED's.
#[derive(Debug, Clone)]
pub struct Pin {
    /// Our name, e.g. `led-user`.
    pub name: String,
    /// The port's path, e.g. `sysbus.gpioPortA`.
    pub port: String,
    /// The pin.
    pub pin: i32,
}

/// A board: our names for what it has, and Renode's.
#[derive(Debug, Clone)]
pub struct RenodeBoard {
    /// How Renode is told of it.
    pub setup: Setup,
    /// Serial ports: our name and Renode's path.
    pub uarts: Vec<(String, String)>,
    /// Pins that are watched.
    pub pins: Vec<Pin>,
    /// Buttons: our name and Renode's path.
    pub buttons: Vec<(String, String)>,
    /// What its sensors measure.
    pub quantities: Vec<Quantity>,
    /// A display with a property `Picture`, in hexadecimal.
    pub display: Option<String>,
    /// Where the devkit firmware looks for its settings; none: it has none.
    pub settings: Option<u32>,
}

impl RenodeBoard {
    /// A board of which only the description is known.
    pub fn description(path: impl Into<PathBuf>) -> Self {
        Self {
            setup: Setup::Description(path.into()),
            uarts: Vec::new(),
            pins: Vec::new(),
            buttons: Vec::new(),
            quantities: Vec::new(),
            display: None,
            settings: None,
        }
    }

    /// A board whose wiring is known, on a description of its chip: its serial ports and LEDs have the
    /// names that the embedded emulator has for them.
    pub fn wired(path: impl Into<PathBuf>, wiring: &BoardFile) -> Self {
        let uarts = wiring.uart.iter().map(|(name, uart)| {
            let peripheral = uart.peripheral.to_ascii_lowercase();
            (name.clone(), format!("sysbus.{peripheral}"))
        });
        let pins = wiring.led.iter().map(|(name, pin)| Pin {
            name: name.clone(),
            port: format!("sysbus.gpioPort{}", char::from(b'A' + pin.port)),
            pin: i32::from(pin.pin),
        });
        Self {
            uarts: uarts.collect(),
            pins: pins.collect(),
            ..Self::description(path)
        }
    }

    /// The MXChip AZ3166, with the names that the embedded emulator has for it.
    pub fn az3166() -> Self {
        let pairs = |pairs: &[(&str, &str)]| {
            let own = |&(name, path): &(&str, &str)| (name.to_owned(), path.to_owned());
            pairs.iter().map(own).collect()
        };
        let pin = |name: &str, port: &str, pin| Pin {
            name: name.to_owned(),
            port: format!("sysbus.gpioPort{port}"),
            pin,
        };
        let quantity = |(name, sensor, property): (&str, &str, &str)| Quantity {
            name: name.to_owned(),
            path: format!("sysbus.i2c1.{sensor}"),
            property: property.to_owned(),
        };
        Self {
            setup: Setup::Board(AZ3166),
            uarts: pairs(&[("console", "sysbus.usart6"), ("modem", "sysbus.usart1")]),
            pins: vec![
                pin("led-wifi", "B", 2),
                pin("led-azure", "A", 15),
                pin("led-user", "C", 13),
            ],
            buttons: pairs(&[
                ("a", "sysbus.gpioPortA.buttonA"),
                ("b", "sysbus.gpioPortA.buttonB"),
            ]),
            quantities: [
                ("accelerometer-x", "lsm6dsl", "AccelerationX"),
                ("accelerometer-y", "lsm6dsl", "AccelerationY"),
                ("accelerometer-z", "lsm6dsl", "AccelerationZ"),
                ("gyroscope-x", "lsm6dsl", "AngularRateX"),
                ("gyroscope-y", "lsm6dsl", "AngularRateY"),
                ("gyroscope-z", "lsm6dsl", "AngularRateZ"),
                ("humidity", "hts221", "Humidity"),
                ("magnetometer-x", "lis2mdl", "MagneticFluxDensityX"),
                ("magnetometer-y", "lis2mdl", "MagneticFluxDensityY"),
                ("magnetometer-z", "lis2mdl", "MagneticFluxDensityZ"),
                ("pressure", "lps22hb", "Pressure"),
                ("temperature", "hts221", "Temperature"),
            ]
            .map(quantity)
            .to_vec(),
            display: Some("sysbus.i2c1.display".to_owned()),
            settings: Some(twinbench_devkit_config::FLASH_ADDRESS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantities_are_those_of_the_emulated_board() {
        let board = RenodeBoard::az3166();
        let names = board.quantities.iter().map(|it| it.name.as_str());
        assert!(names.eq(crate::QUANTITIES));
    }

    #[test]
    fn a_wired_board_has_the_names_of_its_file() {
        let board = RenodeBoard::wired("x.repl", &BoardFile::stm32f4discovery().unwrap());
        let uart = ("console".to_owned(), "sysbus.usart2".to_owned());
        assert_eq!(board.uarts, [uart]);
        let pin = board.pins.iter().find(|pin| pin.name == "led-red").unwrap();
        assert_eq!((pin.port.as_str(), pin.pin), ("sysbus.gpioPortD", 14));
    }

    /// Every path of the board is in its description, and every property in its models.
    #[test]
    fn the_paths_are_those_of_the_platform() {
        let board = RenodeBoard::az3166();
        let described = |path: &str| {
            let name = path.rsplit('.').next().unwrap();
            AZ3166.description.contains(&format!("{name}:")) || AZ3166.description.contains(name)
        };
        for (_, path) in board.uarts.iter().chain(&board.buttons) {
            assert!(described(path), "{path}");
        }
        for quantity in &board.quantities {
            assert!(described(&quantity.path), "{}", quantity.path);
            let model = quantity.path.rsplit('.').next().unwrap().to_uppercase();
            let file = format!("{model}.cs");
            let (_, source) = AZ3166.beside.iter().find(|(it, _)| *it == file).unwrap();
            let property = format!("public decimal {} ", quantity.property);
            assert!(source.contains(&property), "{property} in {file}");
        }
    }
}
