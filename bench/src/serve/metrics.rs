//! `/metrics` in the Prometheus (OpenMetrics) text format.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
    registry::Unit,
};
use twinbench_model::api::BenchStatus;

use crate::session::Stats;

#[derive(Debug)]
struct Bench(Stats);

impl Collector for Bench {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let stats = &self.0;
        let now = ConstGauge::new(stats.now.as_secs_f64());
        now.encode(encoder.encode_descriptor(
            "virtual_time",
            "Virtual time since the epoch",
            Some(&Unit::Seconds),
            now.metric_type(),
        )?)?;
        let devices = ConstGauge::new(stats.devices as i64);
        devices.encode(encoder.encode_descriptor(
            "devices",
            "Devices of the bench",
            None,
            devices.metric_type(),
        )?)?;
        for (name, help, value) in [
            (
                "messages",
                "Device-to-cloud messages that the hub took",
                stats.messages,
            ),
            ("alerts", "Alerts that the application raised", stats.alerts),
            (
                "dead_letters",
                "Messages that the application could not use",
                stats.dead_letters,
            ),
            ("commits", "Commits of the durable state", stats.commits),
            ("events", "Events recorded", stats.events),
            ("steps", "Steps of the loop", stats.steps),
        ] {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(
                name,
                help,
                None,
                counter.metric_type(),
            )?)?;
        }
        Ok(())
    }
}

/// The text of `/metrics`.
pub(super) fn text(status: &BenchStatus, stats: &Stats) -> String {
    let labels = [("bench".into(), status.bench.clone().into())];
    let mut registry = Registry::with_prefix_and_labels("twinbench", labels.into_iter());
    registry.register_collector(Box::new(Bench(*stats)));
    let mut text = String::new();
    // Writing to a text cannot fail.
    let _ = encode(&mut text, &registry);
    text
}
