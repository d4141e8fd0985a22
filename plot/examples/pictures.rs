//! Draws sample charts, to look at: `cargo run -p twinbench-plot --features bitmap,svg --example
//! pictures FOLDER`.

use std::{error::Error, fs, path::PathBuf};

use twinbench_model::VirtualDuration;
use twinbench_plot::{Chart, Marker, Point, Series, Severity, Theme, Threshold, to_png, to_svg};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(
        std::env::args()
            .nth(1)
            .ok_or("name a folder for the pictures")?,
    );
    fs::create_dir_all(&folder)?;
    for (name, chart, theme) in [
        ("journey", journey(), Theme::Light),
        ("journey-dark", journey(), Theme::Dark),
        ("axes", axes(), Theme::Light),
        (
            "empty",
            Chart {
                title: "devkit-02".into(),
                ..Chart::default()
            },
            Theme::Light,
        ),
    ] {
        fs::write(
            folder.join(format!("{name}.svg")),
            to_svg(&chart, 960, 400, theme)?,
        )?;
        fs::write(
            folder.join(format!("{name}.png")),
            to_png(&chart, 960, 400, theme)?,
        )?;
    }
    Ok(())
}

/// Noise between -0.5 and 0.5 that is the same on every run.
fn noise(n: u32) -> f64 {
    let mixed = (n ^ 0x9e37).wrapping_mul(0x85eb_ca6b);
    let mixed = (mixed ^ (mixed >> 13)).wrapping_mul(0xc2b2_ae35);
    f64::from(mixed >> 16) / 65_536.0 - 0.5
}

/// Ten minutes of temperature and humidity with a lost minute and an alert.
fn journey() -> Chart {
    let readings = |value: fn(f64) -> f64, spread: f64| -> Vec<Point> {
        let kept = (0..=300u32).filter(|n| !(200..230).contains(n));
        kept.map(|n| {
            let secs = f64::from(n) * 2.0;
            (secs, value(secs) + spread * noise(n)).into()
        })
        .collect()
    };
    let series = |name: &str, unit: &str, points| Series {
        name: name.into(),
        unit: unit.into(),
        points,
        longest_gap: Some(VirtualDuration::from_secs(4)),
    };
    Chart {
        title: "devkit-01".into(),
        series: vec![
            series(
                "temperature",
                "°C",
                readings(|s| 26.0 - 8.0 * (s / 95.0).cos(), 1.2),
            ),
            series(
                "humidity",
                "%",
                readings(|s| 48.0 + 9.0 * (s / 140.0).sin(), 1.5),
            ),
        ],
        thresholds: vec![Threshold {
            label: "alert above 30 °C".into(),
            unit: "°C".into(),
            value: 30.0,
        }],
        markers: vec![
            Marker {
                secs: 206.0,
                label: "alert 30.4 °C".into(),
                severity: Severity::Alert,
            },
            Marker {
                secs: 236.0,
                label: "e-mail sent".into(),
                severity: Severity::Info,
            },
            Marker {
                secs: 400.0,
                label: "network down".into(),
                severity: Severity::Warning,
            },
        ],
        range: Some((0.0, 600.0)),
    }
}

/// Many points on one axis.
fn axes() -> Chart {
    let series = |name: &str, phase: f64| Series {
        name: name.into(),
        unit: "mg".into(),
        points: (0..60_000u32)
            .map(|n| {
                let secs = f64::from(n) / 1e3;
                (secs, 400.0 * (secs / 4.0 + phase).sin() + 300.0 * noise(n)).into()
            })
            .collect(),
        longest_gap: None,
    };
    Chart {
        title: "Accelerometer".into(),
        series: vec![
            series("x", 0.0),
            series("y", 2.0),
            series("z", 4.0),
            series("gyroscope.x", 1.0),
        ],
        ..Chart::default()
    }
}
