//! Times as a person writes them.

use jiff::Timestamp;
use twinbench_model::{Epoch, VirtualDuration, VirtualTime};

/// Reads a moment of a session: `90s`, `4m10s`, `04:10` (minutes and seconds), `01:04:10.5`, or
/// an instant such as `2026-01-01T00:04:10Z`.
///
/// # Errors
/// When it is none of these, or an instant before the session's epoch.
pub fn moment(text: &str, epoch: Epoch) -> Result<VirtualTime, String> {
    let wrong = || {
        format!(
            "{text:?} is no time: write `4m10s`, `04:10`, `01:04:10.5` or an instant such as `2026-01-01T00:04:10Z`"
        )
    };
    if text.contains('T') {
        let instant: Timestamp = text.parse().map_err(|_| wrong())?;
        return epoch
            .virtual_time(instant)
            .ok_or_else(|| format!("{text} is before the session began at {}", epoch.instant()));
    }
    if text.contains(':') {
        let parts: Vec<&str> = text.split(':').collect();
        let (hours, minutes, seconds) = match parts[..] {
            [minutes, seconds] => ("0", minutes, seconds),
            [hours, minutes, seconds] => (hours, minutes, seconds),
            _ => return Err(wrong()),
        };
        let whole = |text: &str| text.parse::<u32>().map_err(|_| wrong());
        let seconds: f64 = seconds.parse().map_err(|_| wrong())?;
        let (hours, minutes) = (whole(hours)?, whole(minutes)?);
        if !(0.0..60.0).contains(&seconds) || (parts.len() == 3 && minutes >= 60) {
            return Err(wrong());
        }
        let whole = u64::from(hours) * 3600 + u64::from(minutes) * 60;
        return Ok(VirtualTime::from_secs(whole) + VirtualDuration::from_secs_f64(seconds));
    }
    let since: VirtualDuration = text.parse().map_err(|_| wrong())?;
    Ok(VirtualTime::ZERO + since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read() {
        let epoch = Epoch::new("2026-01-01T00:00:00Z".parse().unwrap());
        for (text, millis) in [
            ("04:10", 250_000),
            ("4m10s", 250_000),
            ("90:00", 5_400_000),
            ("01:04:10.5", 3_850_500),
            ("2026-01-01T00:04:10Z", 250_000),
            ("0s", 0),
        ] {
            assert_eq!(
                moment(text, epoch),
                Ok(VirtualTime::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "",
            "4",
            "1:2:3:4",
            "0:61",
            "1:60:00",
            "-1:00",
            "2025-01-01T00:00:00Z",
            "noon",
        ] {
            assert!(moment(text, epoch).is_err(), "{text}");
        }
    }
}
