//! Colours: the interface's tokens and the series set.

use plotters::style::RGBColor;

use crate::Severity;

/// The tokens of the interface's look that a chart needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// Dark on light.
    #[default]
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    const fn pick(self, light: RGBColor, dark: RGBColor) -> RGBColor {
        match self {
            Self::Light => light,
            Self::Dark => dark,
        }
    }

    /// Behind everything.
    pub const fn surface(self) -> RGBColor {
        self.pick(RGBColor(0xff, 0xff, 0xff), RGBColor(0x0f, 0x14, 0x19))
    }

    /// Grid and frame.
    pub const fn line(self) -> RGBColor {
        self.pick(RGBColor(0xd5, 0xda, 0xe1), RGBColor(0x2c, 0x37, 0x42))
    }

    /// The heading and the legend.
    pub const fn text(self) -> RGBColor {
        self.pick(RGBColor(0x17, 0x20, 0x2a), RGBColor(0xe6, 0xed, 0xf3))
    }

    /// Numbers and titles of the axes.
    pub const fn text_dim(self) -> RGBColor {
        self.pick(RGBColor(0x5b, 0x66, 0x72), RGBColor(0x93, 0xa1, 0xaf))
    }

    /// A marked moment.
    pub const fn severity(self, severity: Severity) -> RGBColor {
        match severity {
            Severity::Info => self.pick(RGBColor(0x15, 0x65, 0xc0), RGBColor(0x64, 0xa8, 0xf0)),
            Severity::Warning => self.pick(RGBColor(0xb2, 0x6a, 0x00), RGBColor(0xf0, 0xb1, 0x4a)),
            Severity::Alert => self.pick(RGBColor(0xc6, 0x28, 0x28), RGBColor(0xff, 0x6b, 0x6b)),
        }
    }
}

/// The Okabe–Ito set in a fixed order (Okabe and Ito, "Color Universal Design", 2008), without its
/// black and its yellow, which cannot be told from the background on dark or light.
const SERIES: [RGBColor; 6] = [
    RGBColor(0xd5, 0x5e, 0x00), // vermillion
    RGBColor(0x00, 0x72, 0xb2), // blue
    RGBColor(0x00, 0x9e, 0x73), // bluish green
    RGBColor(0xcc, 0x79, 0xa7), // reddish purple
    RGBColor(0xe6, 0x9f, 0x00), // orange
    RGBColor(0x56, 0xb4, 0xe9), // sky blue
];

/// Channels that every bench has, in the order of [`SERIES`], so that those seen together differ.
const KNOWN: [(&str, usize); 9] = [
    ("temperature", 0),
    ("humidity", 1),
    ("pressure", 2),
    ("x", 3),
    ("y", 4),
    ("z", 5),
    ("messages", 1),
    ("alerts", 0),
    ("latency", 2),
];

/// The colour of a channel: the same name has the same colour everywhere, whatever stands beside
/// it. Case does not matter. A name's last part decides when it is known (`gyroscope.x` is `x`).
pub fn color_of(channel: &str) -> RGBColor {
    let name = channel.to_ascii_lowercase();
    let last = name.rsplit(['.', '/', '_']).next().unwrap_or_default();
    let known = KNOWN
        .iter()
        .find(|(known, _)| *known == last)
        .map(|(_, index)| *index);
    // FNV-1a: stable over versions and platforms, unlike the standard library's hash.
    let hashed = || {
        let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        hash as usize % SERIES.len()
    };
    SERIES[known.unwrap_or_else(hashed)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_keeps_its_colour() {
        assert_eq!(color_of("temperature"), SERIES[0]);
        assert_eq!(color_of("Temperature"), SERIES[0]);
        assert_eq!(color_of("dev-1/humidity"), SERIES[1]);
        assert_eq!(color_of("accelerometer.z"), SERIES[5]);
        // Not known: pinned, because a picture of yesterday must look like one of today.
        assert_eq!(color_of("battery"), color_of("BATTERY"));
        assert_eq!(color_of("battery"), SERIES[0]);
    }
}
