//! The Wi-Fi station.

use std::net::Ipv4Addr;

use twinbench_model::{VirtualDuration, VirtualTime};

use super::{
    Command, Form, Input, Job, Modem, Outcome, Task, options::Admission, syntax::Argument,
};

/// How long after losing its network the station looks for it again (`AT+CWJAP`, default of
/// the reconnect interval).
const REJOIN_AFTER: VirtualDuration = VirtualDuration::from_secs(1);

/// The station's state.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Station {
    /// `AT+CWMODE`: 0 off, 1 station, 2 access point, 3 both.
    mode: u8,
    /// The network that it is in, or wants to be in again.
    network: Option<String>,
    associated: bool,
    pub(super) has_address: bool,
    /// Which attempt to join is the current one; tasks of earlier ones are void.
    attempt: u32,
    /// The air is jammed: no network is heard.
    jammed: bool,
}

impl Station {
    /// As after a restart.
    pub(super) fn forgotten(&self) -> Self {
        Self {
            mode: self.mode,
            attempt: self.attempt + 1,
            jammed: self.jammed,
            ..Self::default()
        }
    }

    fn can_join(&self) -> bool {
        self.mode & 1 != 0
    }
}

impl Modem {
    pub(super) fn wifi_command(&mut self, command: &Command<'_>) -> Option<Outcome> {
        Some(match (command.name, &command.form) {
            ("+CWMODE", Form::Query) => {
                Outcome::tight(format!("+CWMODE:{}\r\n", self.station.mode))
            }
            ("+CWMODE", Form::Set(arguments)) => self.set_mode(arguments),
            ("+CWJAP", Form::Query) => match &self.station.network {
                Some(ssid) if self.station.associated => Outcome::tight(format!(
                    "+CWJAP:\"{ssid}\",\"02:54:57:42:ff:01\",6,-40,0,1,3,0,1\r\n"
                )),
                _ => Outcome::lines("No AP\r\n".to_owned()),
            },
            ("+CWJAP", Form::Set(arguments)) => match arguments.as_slice() {
                [Argument::Text(ssid), rest @ ..] => match rest.first() {
                    None | Some(Argument::Absent) => self.join(ssid, ""),
                    Some(Argument::Text(password)) => self.join(ssid, password),
                    Some(Argument::Number(_)) => Outcome::FAILED,
                },
                _ => Outcome::FAILED,
            },
            ("+CWQAP", Form::Execute) => {
                let was_in = self.station.associated;
                self.leave();
                self.station.network = None;
                if was_in {
                    self.say("\r\nOK\r\nWIFI DISCONNECT\r\n");
                    Outcome::Later
                } else {
                    Outcome::DONE
                }
            }
            ("+CWSTATE", Form::Query) => {
                let station = &self.station;
                let state = match (&station.network, station.associated, station.has_address) {
                    (None, ..) => 0,
                    (_, true, false) => 1,
                    (_, true, true) => 2,
                    (_, false, _) => 4,
                };
                let ssid = station.network.as_deref().unwrap_or_default();
                Outcome::lines(format!("+CWSTATE:{state},\"{ssid}\"\r\n"))
            }
            ("+CIFSR", Form::Execute) => {
                let [a, b, c, d, e, f] = self.options.mac;
                let address = if self.station.has_address {
                    self.options.address
                } else {
                    Ipv4Addr::UNSPECIFIED
                };
                Outcome::lines(format!(
                    "+CIFSR:STAIP,\"{address}\"\r\n\
                     +CIFSR:STAMAC,\"{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}\"\r\n"
                ))
            }
            _ => return None,
        })
    }

    /// The station's part of `STATUS:` (`AT+CIPSTATUS`) while there are no connections.
    pub(super) fn station_status(&self) -> u8 {
        let station = &self.station;
        match (station.mode, &station.network, station.has_address) {
            (0, ..) => 0,
            (_, _, true) => 2,
            (_, Some(_), false) => 5,
            (_, None, false) => 1,
        }
    }

    /// Jams the air or clears it. Who was in a network is out of it at once, and looks for it
    /// again by itself when the air is clear.
    pub fn set_jammed(&mut self, now: VirtualTime, jammed: bool) {
        self.advance(now);
        if self.station.jammed == jammed {
            return;
        }
        self.station.jammed = jammed;
        if jammed && self.station.associated {
            self.report("WIFI DISCONNECT\r\n");
            self.leave();
        } else if !jammed && self.station.network.is_some() && self.job != Some(Job::Join) {
            self.station.attempt += 1;
            let delay = REJOIN_AFTER.as_nanos() + self.options.delays.associate.as_nanos();
            let attempt = self.station.attempt;
            self.after(
                VirtualDuration::from_nanos(delay),
                Task::Associated(attempt),
            );
        }
    }

    fn set_mode(&mut self, arguments: &[Argument]) -> Outcome {
        let mode = arguments
            .first()
            .and_then(Argument::number::<u8>)
            .filter(|mode| *mode < 4);
        let Some(mode) = mode else {
            return Outcome::FAILED;
        };
        self.station.mode = mode;
        if !self.station.can_join() {
            self.leave();
            self.station.network = None;
        }
        Outcome::DONE
    }

    fn join(&mut self, ssid: &str, password: &str) -> Outcome {
        if !self.station.can_join() || ssid.is_empty() || ssid.len() > 32 || password.len() > 64 {
            return Outcome::FAILED;
        }
        if self.station.associated {
            self.say("WIFI DISCONNECT\r\n");
            self.leave();
        }
        self.station.attempt += 1;
        self.station.network = None;
        self.job = Some(Job::Join);
        let attempt = self.station.attempt;
        let admission = if self.station.jammed {
            Admission::NotFound
        } else {
            self.options.admission(ssid, password)
        };
        let delays = self.options.delays;
        match admission {
            Admission::Welcome => {
                self.station.network = Some(ssid.to_owned());
                self.after(delays.associate, Task::Associated(attempt));
            }
            Admission::WrongPassword => self.after(delays.associate, Task::NotJoined(attempt, 2)),
            Admission::NotFound => self.after(delays.scan, Task::NotJoined(attempt, 3)),
        }
        Outcome::Later
    }

    pub(super) fn associated(&mut self, attempt: u32) {
        if attempt != self.station.attempt {
            return;
        }
        if self.station.jammed {
            self.not_joined(attempt, 1);
            return;
        }
        self.station.associated = true;
        self.report("WIFI CONNECTED\r\n");
        self.after(self.options.delays.address, Task::Addressed(attempt));
    }

    pub(super) fn addressed(&mut self, attempt: u32) {
        if attempt != self.station.attempt || !self.station.associated {
            return;
        }
        self.station.has_address = true;
        self.report("WIFI GOT IP\r\n");
        self.finish_join("\r\nOK\r\n");
        self.ask_for_time();
        if matches!(self.input, Input::Passthrough(_)) {
            self.after(self.reconnect_after, Task::Reconnect);
        }
    }

    /// An attempt to join failed, with the code of `AT+CWJAP`: 1 timeout, 2 wrong password,
    /// 3 network not found.
    pub(super) fn not_joined(&mut self, attempt: u32, code: u8) {
        if attempt == self.station.attempt {
            self.finish_join(&format!("+CWJAP:{code}\r\n\r\nERROR\r\n"));
        }
    }

    fn finish_join(&mut self, text: &str) {
        if self.job == Some(Job::Join) {
            self.job = None;
            self.say(text);
        }
    }

    /// Out of the network; connections are cut.
    fn leave(&mut self) {
        self.station.attempt += 1;
        self.station.associated = false;
        self.station.has_address = false;
        self.cut_links();
        self.finish_join("+CWJAP:1\r\n\r\nERROR\r\n");
    }
}
