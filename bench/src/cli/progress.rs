//! The progress line: virtual and wall time, devices, messages, alerts.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use twinbench_model::VirtualTime;

use super::Format;
use crate::session::Stats;

/// Shows how a run goes on: a bar on a terminal, a plain line now and then elsewhere, JSON lines
/// for machines.
pub(crate) struct Progress {
    shape: Shape,
    started: Instant,
    shown: Instant,
}

enum Shape {
    Bar(ProgressBar),
    Lines,
    Json,
}

impl Progress {
    #[expect(
        clippy::disallowed_methods,
        reason = "progress shows the wall clock to a person"
    )]
    pub(crate) fn new(format: Format, end: Option<VirtualTime>) -> Self {
        let now = Instant::now();
        let shape = match format {
            Format::Json => Shape::Json,
            Format::Human if std::io::stderr().is_terminal() => {
                let bar = end.map_or_else(ProgressBar::new_spinner, |end| {
                    ProgressBar::new(end.as_nanos() / 1_000_000)
                });
                let template = if end.is_some() {
                    "{bar:24.cyan/dim} {msg}"
                } else {
                    "{spinner} {msg}"
                };
                if let Ok(style) = ProgressStyle::with_template(template) {
                    bar.set_style(style);
                }
                Shape::Bar(bar)
            }
            Format::Human => Shape::Lines,
        };
        Self {
            shape,
            started: now,
            shown: now,
        }
    }

    /// Whether enough wall time has passed for the next picture of the state.
    #[expect(
        clippy::disallowed_methods,
        reason = "progress shows the wall clock to a person"
    )]
    pub(crate) fn due(&self) -> bool {
        let pause = match self.shape {
            Shape::Bar(_) => Duration::from_millis(100),
            Shape::Lines => Duration::from_secs(5),
            Shape::Json => Duration::from_secs(1),
        };
        Instant::now().duration_since(self.shown) >= pause
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "progress shows the wall clock to a person"
    )]
    pub(crate) fn show(&mut self, stats: &Stats) {
        self.shown = Instant::now();
        let wall = self.shown.duration_since(self.started);
        let line = format!(
            "virtual {}  wall {:.1} s  devices {}  messages {}  alerts {}",
            stats.now,
            wall.as_secs_f64(),
            HumanCount(stats.devices),
            HumanCount(stats.messages),
            HumanCount(stats.alerts),
        );
        match &self.shape {
            Shape::Bar(bar) => {
                bar.set_position(stats.now.as_nanos() / 1_000_000);
                bar.set_message(line);
            }
            Shape::Lines => eprintln!("{line}"),
            Shape::Json => println!(
                "{}",
                serde_json::json!({
                    "progress": {
                        "virtualSeconds": stats.now.as_secs_f64(),
                        "wallSeconds": wall.as_secs_f64(),
                        "devices": stats.devices,
                        "messages": stats.messages,
                        "alerts": stats.alerts,
                    }
                })
            ),
        }
    }

    pub(crate) fn finish(self) {
        if let Shape::Bar(bar) = self.shape {
            bar.finish_and_clear();
        }
    }
}
