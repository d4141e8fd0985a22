//! The basic commands.

use twinbench_model::VirtualTime;

use super::{Command, Form, Input, Job, Modem, Outcome, Task, agenda::Agenda};

impl Modem {
    pub(super) fn basic_command(&mut self, command: &Command<'_>) -> Option<Outcome> {
        Some(match (command.name, &command.form) {
            ("", Form::Execute) => Outcome::DONE,
            ("E0", Form::Execute) => {
                self.echo = false;
                Outcome::DONE
            }
            ("E1", Form::Execute) => {
                self.echo = true;
                Outcome::DONE
            }
            ("+GMR", Form::Execute) => Outcome::lines(
                "AT version:3.2.0.0(twinbench - ESP32 - Jan 01 2026 00:00:00)\r\n\
                 SDK version:v5.0.6\r\n\
                 compile time(00000000):Jan 01 2026 00:00:00\r\n\
                 Bin version:v3.2.0.0(TWINBENCH)\r\n"
                    .to_owned(),
            ),
            ("+RST", Form::Execute) => self.restart(),
            ("+RESTORE", Form::Execute) => {
                self.system_messages = self.options.system_messages;
                self.restart()
            }
            ("+SYSMSG", Form::Query) => {
                Outcome::tight(format!("+SYSMSG:{}\r\n", self.system_messages))
            }
            // Bit 1 asks for another wording of CONNECT, which is not modelled.
            ("+SYSMSG", Form::Set(arguments)) => Outcome::of(match arguments.as_slice() {
                [state] => state
                    .number()
                    .filter(|state: &u8| *state < 8 && state & 2 == 0)
                    .map(|state| {
                        self.system_messages = state;
                    }),
                _ => None,
            }),
            ("+SYSSTORE", Form::Set(arguments)) => Outcome::of(match arguments.as_slice() {
                [mode] => mode.number().filter(|mode: &u8| *mode < 2).map(|_| ()),
                _ => None,
            }),
            _ => return None,
        })
    }

    fn restart(&mut self) -> Outcome {
        self.say("\r\nOK\r\n");
        for slot in 0..self.links.len() {
            self.hang_up(slot);
        }
        self.agenda.keep_outputs();
        self.station = self.station.forgotten();
        self.echo = true;
        self.multiple = false;
        self.passthrough_receiving = false;
        self.input = Input::Command;
        self.reader.clear();
        self.job = Some(Job::Restart);
        self.after(self.options.delays.restart, Task::Ready);
        Outcome::Later
    }

    /// The supply goes away or comes back. Without it nobody is told: the other ends of its
    /// connections wait until they give up.
    pub fn set_powered(&mut self, now: VirtualTime, on: bool) {
        self.advance(now);
        if on {
            self.after(self.options.delays.restart, Task::Ready);
            return;
        }
        self.links = Default::default();
        self.agenda = Agenda::default();
        self.station = self.station.forgotten();
        self.sntp.forget();
        self.echo = true;
        self.multiple = false;
        self.passthrough_receiving = false;
        self.input = Input::Command;
        self.reader.clear();
        self.job = Some(Job::Restart);
    }

    pub(super) fn ready(&mut self) {
        self.job = None;
        self.started = self.now;
        self.say("\r\nready\r\n");
    }
}
