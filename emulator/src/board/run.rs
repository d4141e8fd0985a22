//! The board at work.

use std::{collections::BTreeSet, sync::Arc};

use twinbench_model::VirtualTime;

use super::{BoardError, BoardFile, BoardOutput, BusDevice, Level, output::Names};
use crate::{
    image::Image,
    machine::{Chip, NextWake, Stop},
    sensors::{
        Hts221, I2cDevice, Lis2mdl, Lps22hb, Lsm6dsl, RegisterDevice, Ssd1306, Surroundings,
    },
    snapshot::{Snapshot, SnapshotError},
    stm32::{DeviceId, I2c, Rcc, ResetCause, Rng, Usart, f412},
};

/// Chips that a board file may name. The STM32F407 has the peripherals of the STM32F412 at the same
/// places (RM0090, table 1); what it has more is noted when firmware touches it.
const CHIPS: [&str; 2] = ["stm32f412rg", "stm32f407vg"];

/// Devices that a board file may put on a bus.
const DEVICES: [&str; 5] = ["hts221", "lis2mdl", "lps22hb", "lsm6dsl", "ssd1306"];

/// A board with firmware, run on virtual time. Same image, seed and inputs: same outputs.
pub struct Board {
    chip: Chip,
    file: BoardFile,
    names: Names,
}

impl Board {
    /// An AZ3166 at time zero, power just on, with `image` in flash memory.
    ///
    /// # Errors
    /// When the image was laid out for other memories.
    pub fn az3166(image: Arc<Image>) -> Result<Self, BoardError> {
        Self::new(&BoardFile::az3166()?, image)
    }

    /// A board as a file describes it, at time zero, power just on.
    ///
    /// # Errors
    /// When the file names something that does not exist, or the image was laid out for other memories.
    pub fn new(file: &BoardFile, image: Arc<Image>) -> Result<Self, BoardError> {
        if !CHIPS.contains(&file.chip.as_str()) {
            return Err(unknown("the chip", &file.chip, &CHIPS));
        }
        let map = file.memory_map();
        if *image.map() != map {
            return Err(BoardError::Memories);
        }
        let mut buses: [Vec<Box<dyn I2cDevice>>; 3] = Default::default();
        for device in &file.i2c {
            let names = f412::I2CS.map(|(_, port)| port.name);
            let index = names
                .iter()
                .position(|name| *name == device.bus)
                .ok_or_else(|| unknown("the bus", &device.bus, &names))?;
            buses[index].push(build(device)?);
        }
        let mut names = Names::default();
        let ports = f412::USARTS.map(|(_, port)| port.name);
        for (name, uart) in &file.uart {
            if !ports.contains(&uart.peripheral.as_str()) {
                return Err(unknown("the serial port", &uart.peripheral, &ports));
            }
            names
                .uarts
                .insert(uart.peripheral.clone(), name.as_str().into());
        }
        for (name, pin) in &file.led {
            names.pins.insert((pin.port, pin.pin), name.as_str().into());
        }
        let config = f412::Config {
            hse: file.hse,
            flash_size: map.flash_size,
            buses,
            nor_size: file.memory.nor.map_or(0, |region| region.size),
            ccm_size: file.memory.ccm.map_or(0, |region| region.size),
        };
        let mut board = Self {
            chip: Chip::new(map, image, f412::peripherals(config)),
            file: file.clone(),
            names,
        };
        board.note_reset(ResetCause::Power);
        board.set_seed(0);
        for line in board.file.line.values() {
            let high = line.level == Level::High;
            board.chip.set_pin(line.pin.port, line.pin.pin, high);
        }
        for button in board.file.button.values() {
            let high = button.pressed == Level::Low;
            board.chip.set_pin(button.pin.port, button.pin.pin, high);
        }
        Ok(board)
    }

    /// Gives the chip its random sequence and its unique number.
    pub fn set_seed(&mut self, seed: u64) {
        self.chip
            .with_peripheral::<Rng, _>("RNG", |rng, _| rng.seed(seed));
        let unique = [(seed >> 32) as u32, seed as u32, 0x5457_494E];
        self.chip
            .with_peripheral::<DeviceId, _>("UID", |id, _| id.set_unique(unique));
    }

    /// Runs up to `t`; returns early when the firmware stops for good.
    pub fn run_until(&mut self, t: VirtualTime) -> Stop {
        self.chip.run_until(t)
    }

    /// When the board wants to run next.
    pub fn next_wake(&self) -> NextWake {
        self.chip.next_wake()
    }

    /// The virtual time that the board has reached.
    pub fn now(&self) -> VirtualTime {
        self.chip.now()
    }

    /// Moves everything that came out since the last call to `out`, in order of time.
    pub fn drain(&mut self, out: &mut Vec<BoardOutput>) {
        let mut signals = Vec::new();
        self.chip.drain(&mut signals);
        self.names.apply(signals, out);
    }

    /// Sends bytes into a named serial port, from now on, at the port's own rate.
    ///
    /// # Errors
    /// When the board has no such port.
    pub fn uart_input(&mut self, port: &str, bytes: &[u8]) -> Result<(), BoardError> {
        let fail = || no_such("serial port", port, self.file.uart.keys());
        let name = &self.file.uart.get(port).ok_or_else(fail)?.peripheral;
        self.chip
            .with_peripheral::<Usart, _>(name, |usart, cx| usart.receive(bytes, cx))
            .ok_or_else(fail)
    }

    /// Sets what a quantity is around the board: `temperature` in °C, `humidity` in %RH, `pressure` in
    /// hPa, `magnetometer-x`, `-y`, `-z` in mG, `accelerometer-…` in mg, `gyroscope-…` in mdps. Every
    /// sensor that measures it sees it at its next sample; beyond its range it shows the range's end.
    ///
    /// # Errors
    /// When no sensor of the board measures the quantity, or the value is not finite.
    pub fn set_sensor(&mut self, quantity: &str, value: f64) -> Result<(), BoardError> {
        if !value.is_finite() {
            return Err(BoardError::NotFinite {
                quantity: quantity.into(),
                value,
            });
        }
        if !self.quantities().contains(quantity) {
            return Err(no_such("quantity", quantity, self.quantities()));
        }
        self.for_each_device(|device| device.set(quantity, value));
        Ok(())
    }

    /// Lets a quantity follow what `make` makes, one for each sensor that measures it. It is asked
    /// now and when the firmware addresses the sensor; a value that is set takes its place.
    ///
    /// # Errors
    /// When no sensor of the board measures the quantity.
    pub fn follow(
        &mut self,
        quantity: &str,
        make: impl Fn() -> Box<dyn Surroundings>,
    ) -> Result<(), BoardError> {
        if !self.quantities().contains(quantity) {
            return Err(no_such("quantity", quantity, self.quantities()));
        }
        let now = self.now();
        self.for_each_device(|device| {
            if device.quantities().contains(&quantity) {
                device.follow(quantity, make(), now);
            }
        });
        Ok(())
    }

    /// The quantities that the board's sensors measure.
    pub fn quantities(&self) -> BTreeSet<&'static str> {
        let buses = f412::I2CS.into_iter();
        buses
            .filter_map(|(_, port)| self.chip.peripheral::<I2c>(port.name))
            .flat_map(I2c::devices)
            .flat_map(|device| device.quantities().iter().copied())
            .collect()
    }

    /// Presses or releases a button.
    ///
    /// # Errors
    /// When the board has no such button.
    pub fn set_button(&mut self, name: &str, pressed: bool) -> Result<(), BoardError> {
        let button = self
            .file
            .button
            .get(name)
            .ok_or_else(|| no_such("button", name, self.file.button.keys()))?;
        let high = pressed == (button.pressed == Level::High);
        self.chip.set_pin(button.pin.port, button.pin.pin, high);
        Ok(())
    }

    /// The reset button: the chip and the devices on its reset line start anew; RAM keeps its
    /// content, sensors go on, and so does time.
    pub fn reset(&mut self) {
        self.chip.reset();
        self.note_reset(ResetCause::Pin);
        self.for_each_device(|device| {
            if device.has_reset_line() {
                device.power_on();
            }
        });
    }

    /// The board's supply goes away, or comes back: chip and devices start anew then, and the chip
    /// tells that power came (RM0402, RCC_CSR: BORRSTF, PORRSTF and PINRSTF).
    pub fn set_powered(&mut self, on: bool) {
        self.chip.set_powered(on);
        self.note_reset(ResetCause::Power);
        self.for_each_device(I2cDevice::power_on);
    }

    /// The whole state of the board; pages of RAM that are as in `before` are shared with it.
    ///
    /// # Errors
    /// None in practice: memory holds all that is written.
    pub fn snapshot(&self, before: Option<&Snapshot>) -> Result<Snapshot, SnapshotError> {
        self.chip.snapshot(before)
    }

    /// Goes on from a snapshot of this or another board of the same kind with the same firmware.
    ///
    /// # Errors
    /// As [`Chip::restore`].
    pub fn restore(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        self.chip.restore(snapshot)
    }

    /// The chip, to look into.
    pub fn chip(&self) -> &Chip {
        &self.chip
    }

    /// The chip, for a debugger.
    pub fn chip_mut(&mut self) -> &mut Chip {
        &mut self.chip
    }

    /// What the board is wired like.
    pub fn file(&self) -> &BoardFile {
        &self.file
    }

    fn note_reset(&mut self, cause: ResetCause) {
        self.chip
            .with_peripheral::<Rcc, _>("RCC", |rcc, _| rcc.note_reset(cause));
    }

    fn for_each_device(&mut self, mut act: impl FnMut(&mut dyn I2cDevice)) {
        for (_, port) in f412::I2CS {
            self.chip.with_peripheral::<I2c, _>(port.name, |i2c, _| {
                for device in i2c.devices_mut() {
                    act(device.as_mut());
                }
            });
        }
    }
}

/// A device as the board file names it.
fn build(wired: &BusDevice) -> Result<Box<dyn I2cDevice>, BoardError> {
    let address = wired.address & 0x7F;
    Ok(match wired.device.as_str() {
        "hts221" => Box::new(RegisterDevice::new(address, Hts221::default())),
        "lis2mdl" => Box::new(RegisterDevice::new(address, Lis2mdl::default())),
        "lps22hb" => Box::new(RegisterDevice::new(address, Lps22hb::default())),
        "lsm6dsl" => Box::new(RegisterDevice::new(address, Lsm6dsl::default())),
        "ssd1306" => Box::new(Ssd1306::new(address)),
        other => return Err(unknown("the device", other, &DEVICES)),
    })
}

fn unknown(what: &'static str, name: &str, known: &[&str]) -> BoardError {
    BoardError::Unknown {
        what,
        name: name.into(),
        known: known.join(", "),
    }
}

pub(super) fn no_such(
    what: &'static str,
    name: &str,
    available: impl IntoIterator<Item = impl AsRef<str>>,
) -> BoardError {
    let available: Vec<_> = available
        .into_iter()
        .map(|name| name.as_ref().to_owned())
        .collect();
    BoardError::NoSuch {
        what,
        name: name.into(),
        available: available.join(", "),
    }
}
