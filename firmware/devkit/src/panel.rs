//! What the person at the board sees, and what the board senses: both are on the one bus.

use core::fmt::Write;

use embassy_stm32::gpio::Output;
use twinbench_devkit_core::telemetry::Reading;

use crate::display::{Display, Line};
use crate::sensors::{Sensors, SharedBus};

/// Sensors, display and the LED that the cloud switches.
pub(crate) struct Panel {
    /// The sensors.
    pub(crate) sensors: Sensors,
    display: Display,
    user_led: Output<'static>,
}

impl Panel {
    /// Sets both up and shows the device's name.
    pub(crate) fn new(bus: &'static SharedBus, user_led: Output<'static>, device_id: &str) -> Self {
        let sensors = Sensors::new(bus);
        let mut display = Display::new(embedded_hal_bus::i2c::RefCellDevice::new(bus));
        display.show(0, device_id);
        display.show(3, "messages: 0");
        Self {
            sensors,
            display,
            user_led,
        }
    }

    /// Shows a text of the cloud in the first line, instead of the device's name.
    pub(crate) fn text(&mut self, text: &str) {
        self.display.show(0, text);
    }

    /// Switches the user LED.
    pub(crate) fn user_led(&mut self, on: bool) {
        self.user_led.set_level(on.into());
    }

    /// Shows how it stands with the hub.
    pub(crate) fn state(&mut self, state: &str) {
        let mut line = Line::new();
        // A text too long is cut.
        let _ = write!(line, "hub: {state}");
        self.display.show(2, &line);
    }

    /// Shows what is being sent, and how many messages there were.
    pub(crate) fn telemetry(&mut self, reading: &Reading, count: u32) {
        let mut line = Line::new();
        if let Reading::Environment {
            humidity,
            temperature,
            ..
        } = reading
        {
            let _ = write!(line, "{temperature}C {humidity}%RH");
            self.display.show(1, &line);
        }
        line.clear();
        let _ = write!(line, "messages: {count}");
        self.display.show(3, &line);
    }
}
