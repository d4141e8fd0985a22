//! What External Control finds by name in a machine: pins, converters, the bus.

use super::{Command, Control, ControlError, fixed, sized};

/// A machine's number on this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine(pub(super) i32);

/// A port of pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gpio(i32);

/// A converter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adc(i32);

/// The bus of a machine, or as a processor or peripheral sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bus(i32);

/// How memory is read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// As a block of bytes; not for registers.
    Block,
    /// Bytes.
    Byte,
    /// 16 bits each.
    Word,
    /// 32 bits each.
    DoubleWord,
    /// 64 bits each.
    QuadWord,
}

impl Width {
    /// Its number on the wire.
    const fn code(self) -> u8 {
        match self {
            Self::Block => 0,
            Self::Byte => 1,
            Self::Word => 2,
            Self::DoubleWord => 4,
            Self::QuadWord => 8,
        }
    }

    /// Bytes of one element.
    const fn bytes(self) -> usize {
        match self {
            Self::Block | Self::Byte => 1,
            other => other.code() as usize,
        }
    }
}

impl Control {
    /// A port by its path in the monitor, such as `sysbus.gpioPortA`.
    ///
    /// # Errors
    /// `Instance not found`, also when it is something else than a port.
    pub fn gpio(&mut self, machine: Machine, path: &str) -> Result<Gpio, ControlError> {
        self.instance(Command::Gpio, machine, path).map(Gpio)
    }

    /// A converter by its path.
    ///
    /// # Errors
    /// `Instance not found`.
    pub fn adc(&mut self, machine: Machine, path: &str) -> Result<Adc, ControlError> {
        self.instance(Command::Adc, machine, path).map(Adc)
    }

    /// A bus by its path: `sysbus` is the whole machine's.
    ///
    /// # Errors
    /// `Instance not found`; before 1.16.1 there is no such command.
    pub fn bus(&mut self, machine: Machine, path: &str) -> Result<Bus, ControlError> {
        self.instance(Command::SystemBus, machine, path).map(Bus)
    }

    /// What a port drives on a pin: an output's level.
    ///
    /// # Errors
    /// When the port has no such pin.
    pub fn pin(&mut self, gpio: Gpio, pin: i32) -> Result<bool, ControlError> {
        let data = self.part(Command::Gpio, gpio.0, 0, &pin.to_le_bytes())?;
        let [level] = fixed(Command::Gpio, &data)?;
        Ok(level != 0)
    }

    /// Drives a pin from outside: an input's level.
    ///
    /// # Errors
    /// When the port has no such pin.
    pub fn set_pin(&mut self, gpio: Gpio, pin: i32, high: bool) -> Result<(), ControlError> {
        let mut payload = pin.to_le_bytes().to_vec();
        payload.push(high.into());
        self.part(Command::Gpio, gpio.0, 1, &payload).map(drop)
    }

    /// Asks to be told of every change of a pin, under a number of the asker's choice. Once for each
    /// pin and session: it cannot be taken back, and asking twice tells twice.
    ///
    /// # Errors
    /// When the port has no such pin; 1.15.2 does not tell of changes.
    pub fn watch_pin(&mut self, gpio: Gpio, pin: i32, descriptor: i32) -> Result<(), ControlError> {
        let mut payload = pin.to_le_bytes().to_vec();
        payload.extend(descriptor.to_le_bytes());
        self.part(Command::Gpio, gpio.0, 2, &payload).map(drop)
    }

    /// How many channels a converter has.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn adc_channels(&mut self, adc: Adc) -> Result<i32, ControlError> {
        let data = self.part(Command::Adc, adc.0, 0, &[])?;
        Ok(i32::from_le_bytes(fixed(Command::Adc, &data)?))
    }

    /// A channel's value. The unit is the model's; microvolts for most.
    ///
    /// # Errors
    /// When there is no such channel.
    pub fn adc_value(&mut self, adc: Adc, channel: i32) -> Result<u32, ControlError> {
        let data = self.part(Command::Adc, adc.0, 1, &channel.to_le_bytes())?;
        Ok(u32::from_le_bytes(fixed(Command::Adc, &data)?))
    }

    /// Sets a channel's value, in the model's unit.
    ///
    /// # Errors
    /// When there is no such channel.
    pub fn set_adc(&mut self, adc: Adc, channel: i32, value: u32) -> Result<(), ControlError> {
        let mut payload = channel.to_le_bytes().to_vec();
        payload.extend(value.to_le_bytes());
        self.part(Command::Adc, adc.0, 2, &payload).map(drop)
    }

    /// Reads `count` elements of memory.
    ///
    /// # Errors
    /// When Renode refuses.
    pub fn read(
        &mut self,
        bus: Bus,
        width: Width,
        address: u64,
        count: u32,
    ) -> Result<Vec<u8>, ControlError> {
        // An answer without data has no length: it must not be asked for.
        if count == 0 {
            return Ok(Vec::new());
        }
        let data = self.access(bus, 0, width, address, count, &[])?;
        if data.len() == count as usize * width.bytes() {
            Ok(data)
        } else {
            Err(ControlError::Form {
                command: Command::SystemBus,
                length: data.len(),
            })
        }
    }

    /// Writes memory; the data must be whole elements.
    ///
    /// # Errors
    /// When Renode refuses.
    pub fn write(
        &mut self,
        bus: Bus,
        width: Width,
        address: u64,
        data: &[u8],
    ) -> Result<(), ControlError> {
        if data.is_empty() {
            return Ok(());
        }
        if !data.len().is_multiple_of(width.bytes()) {
            return Err(ControlError::Form {
                command: Command::SystemBus,
                length: data.len(),
            });
        }
        let count = (data.len() / width.bytes()) as u32;
        self.access(bus, 1, width, address, count, data).map(drop)
    }

    fn access(
        &mut self,
        bus: Bus,
        operation: u8,
        width: Width,
        address: u64,
        count: u32,
        data: &[u8],
    ) -> Result<Vec<u8>, ControlError> {
        let mut payload = vec![width.code()];
        payload.extend(address.to_le_bytes());
        payload.extend(count.to_le_bytes());
        payload.extend(data);
        self.part(Command::SystemBus, bus.0, operation, &payload)
    }

    fn instance(
        &mut self,
        command: Command,
        machine: Machine,
        path: &str,
    ) -> Result<i32, ControlError> {
        let mut payload = (-1_i32).to_le_bytes().to_vec();
        payload.extend(machine.0.to_le_bytes());
        payload.extend(sized(path));
        let data = self.call(command, &payload)?;
        Ok(i32::from_le_bytes(fixed(command, &data)?))
    }

    fn part(
        &mut self,
        command: Command,
        instance: i32,
        operation: u8,
        rest: &[u8],
    ) -> Result<Vec<u8>, ControlError> {
        let mut payload = instance.to_le_bytes().to_vec();
        payload.push(operation);
        payload.extend(rest);
        self.call(command, &payload)
    }
}
