//! The time, as the modem learns it from a time server: the bench's clock.

use jiff::{SignedDuration, Timestamp};

use super::{Command, Form, Input, Modem, Outcome, Task, syntax::Argument};

/// Servers that are asked when none are given (`AT+CIPSNTPCFG`, notes).
const DEFAULT_SERVERS: [&str; 3] = ["cn.ntp.org.cn", "ntp.sjtu.edu.cn", "us.pool.ntp.org"];

/// What is set, and whether the time is known.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Sntp {
    enabled: bool,
    /// As given in `AT+CIPSNTPCFG`: whole hours or `hhmm`.
    zone: i64,
    servers: Vec<String>,
    known: bool,
    /// How far the time server's answers are ahead of the bench's clock, in nanoseconds.
    ahead: i128,
}

impl Sntp {
    /// What a modem without supply does not keep. What the time server says is not its own.
    pub(super) fn forget(&mut self) {
        *self = Self {
            ahead: self.ahead,
            ..Self::default()
        };
    }
}

impl Modem {
    pub(super) fn sntp_command(&mut self, command: &Command<'_>) -> Option<Outcome> {
        Some(match (command.name, &command.form) {
            ("+CIPSNTPCFG", Form::Query) => {
                let sntp = &self.sntp;
                let servers: Vec<_> = sntp.servers.iter().map(|it| format!(",\"{it}\"")).collect();
                let servers = servers.concat();
                let enabled = u8::from(sntp.enabled);
                Outcome::tight(format!("+CIPSNTPCFG:{enabled},{}{servers}\r\n", sntp.zone))
            }
            ("+CIPSNTPCFG", Form::Set(arguments)) => Outcome::of(self.set_sntp(arguments)),
            ("+CIPSNTPTIME", Form::Query) => {
                Outcome::tight(format!("+CIPSNTPTIME:{}\r\n", self.calendar_time()))
            }
            _ => return None,
        })
    }

    fn set_sntp(&mut self, arguments: &[Argument]) -> Option<()> {
        let enabled = arguments.first()?.number::<u8>().filter(|it| *it < 2)? == 1;
        let zone = match arguments.get(1) {
            None if enabled => return None,
            None => 0,
            Some(zone) => zone.number()?,
        };
        offset(zone)?;
        let servers = arguments.get(2..).unwrap_or_default();
        if servers.len() > 3 {
            return None;
        }
        let given: Option<Vec<_>> = servers
            .iter()
            .map(|it| it.text().map(str::to_owned))
            .collect();
        let servers = match given? {
            none if none.is_empty() => DEFAULT_SERVERS.map(str::to_owned).to_vec(),
            given => given,
        };
        self.sntp = Sntp {
            enabled,
            zone,
            servers,
            known: self.sntp.known,
            ahead: self.sntp.ahead,
        };
        self.ask_for_time();
        Some(())
    }

    /// From now on the time server's answers are so far ahead, or behind.
    pub fn set_clock(&mut self, ahead: SignedDuration) {
        self.sntp.ahead = ahead.as_nanos();
    }

    /// Asks the time server, when there is one and a way to it.
    pub(super) fn ask_for_time(&mut self) {
        if self.sntp.enabled && self.station.has_address {
            self.after(self.options.delays.time, Task::TimeKnown);
        }
    }

    pub(super) fn time_known(&mut self) {
        if self.station.has_address {
            self.sntp.known = true;
            if !matches!(self.input, Input::Passthrough(_)) {
                self.say("+TIME_UPDATED\r\n");
            }
        }
    }

    /// As C's `asctime` writes it. Until the time is known the modem counts from 1970.
    fn calendar_time(&self) -> String {
        let instant = if self.sntp.known {
            let told = self.epoch.utc(self.now);
            let ahead = SignedDuration::from_nanos_i128(self.sntp.ahead);
            told.checked_add(ahead).unwrap_or(told)
        } else {
            let uptime = self.now.since(self.started).as_nanos() / 1_000_000_000;
            Timestamp::from_second(uptime as i64).unwrap_or(Timestamp::UNIX_EPOCH)
        };
        let shift = offset(self.sntp.zone).unwrap_or_default();
        instant
            .checked_add(shift)
            .unwrap_or(instant)
            .strftime("%a %b %e %H:%M:%S %Y")
            .to_string()
    }
}

/// A time zone: −12 to 14 are hours, beyond that it is `hhmm`.
fn offset(zone: i64) -> Option<SignedDuration> {
    let (hours, minutes) = match zone {
        -12..=14 => (zone, 0),
        _ => (zone / 100, zone % 100),
    };
    let fits = (-12..=14).contains(&hours) && minutes.abs() < 60;
    fits.then(|| SignedDuration::from_mins(hours * 60 + minutes))
}
