//! Counters for `/metrics`.

/// What the hub has seen since it was made; gauges are named so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Connections opened.
    pub connections_opened: u64,
    /// Gauge: connections open, admitted or not.
    pub connections_open: u64,
    /// Gauge: devices connected.
    pub devices_connected: u64,
    /// CONNECTs admitted.
    pub connects_admitted: u64,
    /// CONNECTs refused.
    pub connects_refused: u64,
    /// Connections closed because the device connected again.
    pub connections_replaced: u64,
    /// Connections closed by the hub for an error of the client, refusals not counted.
    pub protocol_errors: u64,
    /// Messages taken into the log.
    pub messages: u64,
    /// Their bodies' bytes.
    pub message_bytes: u64,
    /// Wills among them.
    pub wills: u64,
    /// Messages refused by `publish`.
    pub publish_errors: u64,
    /// Messages to devices taken into queues.
    pub c2d_messages: u64,
    /// Direct methods begun.
    pub methods: u64,
    /// Operations that throttles and quotas refused.
    pub throttled: u64,
    /// Subscriptions granted.
    pub subscriptions_granted: u64,
    /// Subscriptions refused.
    pub subscriptions_refused: u64,
    /// Gauge: messages of the log in memory.
    pub log_in_memory: u64,
    /// Gauge: devices registered.
    pub devices_registered: u64,
}
