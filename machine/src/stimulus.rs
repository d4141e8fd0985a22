//! What is given to a machine from outside.

use bytes::Bytes;
use jiff::SignedDuration;

use crate::NetworkEvent;

/// Something given to a machine from outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Stimulus {
    /// Bytes into a UART port.
    Uart {
        /// The board's name for the port.
        port: String,
        /// The bytes.
        bytes: Bytes,
    },
    /// A sensor's quantity has a new value, in the quantity's unit (°C, %RH, hPa, mG, mg, mdps).
    Sensor {
        /// The quantity, e.g. `temperature`.
        quantity: String,
        /// The value.
        value: f64,
    },
    /// A button goes down or up.
    Button {
        /// The board's name for it: `a`, `b`.
        name: String,
        /// Pressed or released.
        pressed: bool,
    },
    /// The reset line.
    Reset,
    /// The board's supply goes away, and comes back: the board then starts as at the first time.
    Supply {
        /// Whether it is there.
        on: bool,
    },
    /// What the device takes for the time is wrong.
    Clock {
        /// By how much it is ahead; negative: behind.
        ahead: SignedDuration,
    },
    /// News from the network for the modem.
    Network(NetworkEvent),
    /// The modem's Wi-Fi network goes away or comes back.
    Wifi {
        /// Whether it is there.
        up: bool,
    },
}

impl Stimulus {
    /// What it needs of a machine, as an error names it.
    pub(crate) fn target(&self) -> String {
        match self {
            Self::Uart { port, .. } => format!("UART {port}"),
            Self::Sensor { quantity, .. } => format!("sensor {quantity}"),
            Self::Button { name, .. } => format!("button {name}"),
            Self::Reset => "reset line".to_owned(),
            Self::Supply { .. } => "supply".to_owned(),
            Self::Clock { .. } => "clock".to_owned(),
            Self::Network(_) | Self::Wifi { .. } => "modem".to_owned(),
        }
    }
}
