//! What the hub knows of an admitted client.

use std::sync::Arc;

use twinbench_model::{DeviceId, Message, VirtualDuration, VirtualTime};

use super::Subscriptions;
use crate::log::AuthScope;

/// Longest silence before the hub closes (IoT Hub MQTT guide: 29.45 minutes).
const MAX_SILENCE: VirtualDuration = VirtualDuration::from_secs(1767);

/// The session of a connected device.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) device: DeviceId,
    pub(crate) scope: AuthScope,
    /// When its token ends, skew included.
    pub(crate) until: VirtualTime,
    /// How long it may be silent.
    pub(crate) silence: VirtualDuration,
    pub(crate) model_id: Option<Arc<str>>,
    /// The message to take when the connection ends without DISCONNECT.
    pub(crate) will: Option<Message>,
    /// Whether its subscriptions end with the connection.
    pub(crate) clean: bool,
    pub(crate) subscriptions: Subscriptions,
}

/// One and a half times the keep-alive time, at most 1,767 s, which also stands for "none".
pub(super) fn silence(keep_alive: u16) -> VirtualDuration {
    match keep_alive {
        0 => MAX_SILENCE,
        seconds => VirtualDuration::from_millis(u64::from(seconds) * 1_500).min(MAX_SILENCE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_bounded() {
        assert_eq!(silence(60), VirtualDuration::from_secs(90));
        assert_eq!(silence(1), VirtualDuration::from_millis(1_500));
        assert_eq!(silence(0), MAX_SILENCE);
        assert_eq!(silence(u16::MAX), MAX_SILENCE);
    }
}
