//! What the machine is connected to: pins, UARTs, memory, sensors, buttons, LEDs.

use std::net::SocketAddr;

use super::{Session, SessionError, name};
use crate::{Uart, platform::at};

impl Session {
    /// Watches a pin of a port, such as pin 5 of `sysbus.gpioPortA`; gives the number under which its
    /// edges are told. The same pin is to be watched once.
    ///
    /// # Errors
    /// When there is no such machine, port or pin, or no External Control.
    pub fn watch_pin(&mut self, machine: &str, port: &str, pin: i32) -> Result<i32, SessionError> {
        let descriptor = self.watched;
        let control = self.control()?;
        let machine = control.machine(machine)?;
        let port = control.gpio(machine, port)?;
        control.watch_pin(port, pin, descriptor)?;
        self.watched += 1;
        Ok(descriptor)
    }

    /// Connects to a UART of the machine, such as `sysbus.usart2`, byte for byte. What it sent before
    /// is lost: connect before the emulation runs.
    ///
    /// # Errors
    /// When there is no such UART.
    pub fn uart(&mut self, path: &str) -> Result<Uart, SessionError> {
        self.terminals += 1;
        let terminal = format!("terminal{}", self.terminals);
        let port = self.on_a_port(|session, port| {
            session.execute(&format!(
                "emulation CreateServerSocketTerminal {port} \"{terminal}\" false"
            ))
        })?;
        self.execute(&format!("connector Connect {path} {terminal}"))?;
        let address = SocketAddr::from((self.robot.address().ip(), port));
        Ok(Uart::connect(address, self.patience)?)
    }

    /// Reads a word of memory or a register, by the monitor.
    ///
    /// # Errors
    /// When Renode refuses.
    pub fn read_word(&self, address: u32) -> Result<u32, SessionError> {
        let command = format!("sysbus ReadDoubleWord {address:#010x}");
        let said = self.execute(&command)?;
        said.strip_prefix("0x")
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or(SessionError::Unexpected {
                command,
                said,
                expected: "number",
            })
    }

    /// Writes a word of memory or a register, by the monitor.
    ///
    /// # Errors
    /// When Renode refuses.
    pub fn write_word(&self, address: u32, value: u32) -> Result<(), SessionError> {
        self.execute(&format!(
            "sysbus WriteDoubleWord {address:#010x} {value:#x}"
        ))
        .map(drop)
    }

    /// Sets a property of a sensor's model, e.g. `Temperature` of `sysbus.i2c1.hts221`.
    ///
    /// # Errors
    /// When there is no such sensor or property, or the model refuses the value.
    pub fn set_sensor(&self, path: &str, property: &str, value: f64) -> Result<(), SessionError> {
        self.execute(&format!("{path} {} {value}", name(property)?))
            .map(drop)
    }

    /// A property's value, as Renode writes it.
    ///
    /// # Errors
    /// When there is no such sensor or property.
    pub fn property(&self, path: &str, property: &str) -> Result<String, SessionError> {
        self.execute(&format!("{path} {}", name(property)?))
    }

    /// Gives a sensor samples from a RESD file; `quantity` as its method says it:
    /// `Temperature` for `FeedTemperatureSamplesFromRESD`.
    ///
    /// # Errors
    /// When the file cannot be written, or the model takes no such samples.
    pub fn feed(
        &mut self,
        path: &str,
        quantity: &str,
        samples: &crate::Resd,
        channel: u16,
    ) -> Result<(), SessionError> {
        self.feeds += 1;
        let file = self.folder.join(format!("feed-{}.resd", self.feeds));
        std::fs::write(&file, samples.bytes()).map_err(|cause| SessionError::File {
            path: file.clone(),
            cause,
        })?;
        self.execute(&format!(
            "{path} Feed{}SamplesFromRESD {} {channel}",
            name(quantity)?,
            at(&file)
        ))
        .map(drop)
    }

    /// Presses a button or lets it go.
    ///
    /// # Errors
    /// When there is none.
    pub fn press(&self, button: &str, pressed: bool) -> Result<(), SessionError> {
        let verb = if pressed { "Press" } else { "Release" };
        self.execute(&format!("{button} {verb}")).map(drop)
    }

    /// Whether an LED is lit.
    ///
    /// # Errors
    /// When there is none.
    pub fn led(&self, led: &str) -> Result<bool, SessionError> {
        self.truth(format!("{led} State"), "state of an LED")
    }

    /// Whether a processor, such as `sysbus.cpu`, was halted: by Renode, when it cannot go on, or by somebody
    /// who asked for it.
    ///
    /// # Errors
    /// When there is none.
    pub fn is_halted(&self, processor: &str) -> Result<bool, SessionError> {
        self.truth(format!("{processor} IsHalted"), "truth value")
    }

    /// Halts a processor, or lets it go on.
    ///
    /// # Errors
    /// When there is none.
    pub fn set_halted(&self, processor: &str, halted: bool) -> Result<(), SessionError> {
        self.execute(&format!("{processor} IsHalted {halted}"))
            .map(drop)
    }

    fn truth(&self, command: String, expected: &'static str) -> Result<bool, SessionError> {
        let said = self.execute(&command)?;
        match said.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(SessionError::Unexpected {
                command,
                said,
                expected,
            }),
        }
    }
}
