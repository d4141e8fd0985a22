//! Virtual time: letting it pass, and reading it.

use std::time::Duration;

use super::{Session, SessionError};
use crate::{control::Edge, robot::keywords::seconds};

impl Session {
    /// Sets what makes a run repeatable: virtual time does not wait for the wall clock, processors
    /// take turns, one seed.
    ///
    /// # Errors
    /// With Renode's words.
    pub fn make_repeatable(&self, seed: u32) -> Result<(), SessionError> {
        self.execute("emulation SetGlobalAdvanceImmediately true")?;
        self.execute("emulation SetGlobalSerialExecution true")?;
        self.execute(&format!("emulation SetSeed {seed}")).map(drop)
    }

    /// Sets the grain in which machines go on together, and so of edges' times; 100 µs unless set.
    ///
    /// # Errors
    /// With Renode's words.
    pub fn set_quantum(&self, quantum: Duration) -> Result<(), SessionError> {
        self.execute(&format!(
            "emulation SetGlobalQuantum \"{}\"",
            seconds(quantum)
        ))
        .map(drop)
    }

    /// Runs the emulation, and gives the changes of watched pins.
    ///
    /// # Errors
    /// When it runs already or Renode fails.
    pub fn run_for(&mut self, duration: Duration) -> Result<Vec<Edge>, SessionError> {
        if let Some(control) = &mut self.control {
            control.run_for(duration)?;
            return Ok(control.edges());
        }
        self.execute(&format!("emulation RunFor \"{}\"", seconds(duration)))?;
        Ok(Vec::new())
    }

    /// The virtual time.
    ///
    /// # Errors
    /// When Renode does not say.
    pub fn time(&mut self) -> Result<Duration, SessionError> {
        if let Some(control) = &mut self.control {
            return Ok(control.time()?);
        }
        let command = "currentTime";
        let said = self.execute(command)?;
        elapsed(&said).ok_or_else(|| SessionError::Unexpected {
            command: command.to_owned(),
            said,
            expected: "virtual time",
        })
    }
}

/// The virtual time in what `currentTime` prints: `[days.]hh:mm:ss.fffffffff`.
fn elapsed(said: &str) -> Option<Duration> {
    let text = said.split("virtual time:").nth(1)?.lines().next()?.trim();
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let (days, clock, fraction) = match fraction.split_once('.') {
        Some((clock, fraction)) => (clock_part(text.split('.').next()?)?, clock, fraction),
        None => (0, clock, fraction),
    };
    let mut parts = clock.split(':').map(clock_part);
    let (hours, minutes, secs) = (parts.next()??, parts.next()??, parts.next()??);
    if fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanos: u32 = format!("{fraction:0<9}").parse().ok()?;
    Some(Duration::new(
        ((days * 24 + hours) * 60 + minutes) * 60 + secs,
        nanos,
    ))
}

fn clock_part(text: &str) -> Option<u64> {
    text.parse().ok().filter(|value| *value < 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_read() {
        let check = |text: &str, expected: Option<Duration>| {
            let said = format!("Current virtual time: {text}\r\nCurrent real time: 00:00:01\r\n");
            assert_eq!(elapsed(&said), expected, "{text}");
        };
        check("00:00:00.012000000", Some(Duration::from_millis(12)));
        check("01:02:03.5", Some(Duration::from_millis(3_723_500)));
        check("2.00:00:01.000000001", Some(Duration::new(172_801, 1)));
        check("00:00:07", Some(Duration::from_secs(7)));
        for bad in ["", "x", "1:2", "1:2:x", "0:0:0.1234567890", "0:0:0.-1"] {
            check(bad, None);
        }
        assert_eq!(elapsed("nothing"), None);
    }
}
