//! Going back in a session, and on from there another way.
//!
//! A bench is deterministic: the same bench file, seed and inputs give the same state at every
//! time. So a timeline keeps the inputs, and going back is running again up to there, which for a
//! board with firmware is some hundred times faster than its time. A branch is the same with other
//! inputs from one moment on; it has a recording of its own, which names the one it comes from.

use std::{
    fs,
    path::{Path, PathBuf},
};

use twinbench_engine::ClientFaults;
use twinbench_machine::Stimulus;
use twinbench_model::{DeviceId, Event, Message, VirtualDuration, VirtualTime};
use twinbench_recording::{Header, Parent, Reader};

use super::{
    Error,
    again::{options, parent},
    bench::recorded,
    inputs::{Act, Input, inputs},
};
use crate::{
    file::BenchFile,
    session::{self, Kept, Session},
};

/// A session that can be gone back in.
pub struct Timeline {
    header: Header,
    bench: PathBuf,
    file: BenchFile,
    /// What was done from outside, in order of time.
    inputs: Vec<Input>,
    /// How many of them were done by now.
    done: usize,
    /// Where sessions write; each has a numbered folder.
    out: PathBuf,
    runs: u32,
    threads: usize,
    parent: Parent,
    /// Whether something is unlike the recording.
    changed: bool,
    session: Session,
}

impl Timeline {
    /// A timeline of a recording, at its beginning. `bench` is the path of its bench file, for
    /// the firmware that lies beside it; what its sessions write goes below `out`.
    ///
    /// # Errors
    /// When the recording cannot be read, or its bench not be made.
    pub fn of_recording(
        recording: &Path,
        bench: &Path,
        out: &Path,
        threads: usize,
    ) -> Result<Self, Error> {
        let reader = Reader::open(recording)?;
        let header = reader.header().clone();
        let file = recorded(&header)?;
        let (inputs, _) = inputs(reader, &file)?;
        let parent = parent(recording, "branch", VirtualTime::ZERO);
        let session = open(&header, &file, bench, &out.join("0"), threads, &parent)?;
        Ok(Self {
            header,
            bench: bench.to_owned(),
            file,
            inputs,
            done: 0,
            out: out.to_owned(),
            runs: 0,
            threads,
            parent,
            changed: false,
            session,
        })
    }

    /// Where it stands.
    pub fn now(&self) -> VirtualTime {
        self.session.now()
    }

    /// The session as it stands there, to be looked at.
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Whether it has left its recording: something was changed.
    pub const fn is_branch(&self) -> bool {
        self.changed
    }

    /// Goes to a time, forwards or back.
    ///
    /// # Errors
    /// When the session fails.
    pub fn go_to(&mut self, time: VirtualTime) -> Result<(), Error> {
        if time < self.now() {
            self.restart()?;
        }
        while let Some(input) = self.next_input(time) {
            self.session.run_until(input.time)?;
            input.apply(&mut self.session)?;
            self.done += 1;
        }
        self.session.run_until(time)?;
        Ok(())
    }

    /// Goes back by a while, at most to the beginning.
    ///
    /// # Errors
    /// When the session fails.
    pub fn step_back(&mut self, by: VirtualDuration) -> Result<(), Error> {
        let back = self.now().as_nanos().saturating_sub(by.as_nanos());
        self.go_to(VirtualTime::from_nanos(back))
    }

    /// Runs until an event is such as asked for, at most to `limit`, and returns the event. It
    /// then stands at the end of the step in which it happened.
    ///
    /// # Errors
    /// When the session fails.
    pub fn run_to(
        &mut self,
        limit: VirtualTime,
        mut wanted: impl FnMut(&Event) -> bool,
    ) -> Result<Option<Event>, Error> {
        self.session.watch();
        let mut events = Vec::new();
        self.session.take_watched(&mut events);
        while self.now() < limit {
            let input = self.next_input(limit);
            let until = input.as_ref().map_or(limit, |input| input.time);
            if self.now() < until {
                self.session.step(self.session.next_step(until))?;
            } else if let Some(input) = input {
                input.apply(&mut self.session)?;
                self.done += 1;
            }
            events.clear();
            self.session.take_watched(&mut events);
            if let Some(at) = events.iter().position(&mut wanted) {
                return Ok(Some(events.swap_remove(at)));
            }
        }
        Ok(None)
    }

    /// Changes something now: from here on it is a branch, in which what the recording did later
    /// from outside is left out.
    ///
    /// # Errors
    /// When the session refuses it; nothing is then changed.
    pub fn change(&mut self, act: Act) -> Result<(), Error> {
        let input = Input {
            time: self.now(),
            act,
        };
        input.apply(&mut self.session)?;
        self.inputs.truncate(self.done);
        self.inputs.push(input);
        self.done += 1;
        if !self.changed {
            self.changed = true;
            self.parent.at = self.now();
        }
        Ok(())
    }

    /// Gives a sensor another value, as [`Timeline::change`].
    ///
    /// # Errors
    /// As [`Timeline::change`].
    pub fn set_sensor(
        &mut self,
        device: &DeviceId,
        quantity: &str,
        value: f64,
    ) -> Result<(), Error> {
        let quantity = quantity.to_owned();
        let stimulus = Stimulus::Sensor { quantity, value };
        self.change(Act::Stimulus(device.clone(), stimulus))
    }

    /// Sends a message as a device, as [`Timeline::change`].
    ///
    /// # Errors
    /// As [`Timeline::change`].
    pub fn send(&mut self, device: &DeviceId, message: Message) -> Result<(), Error> {
        self.change(Act::Message(device.clone(), message))
    }

    /// Goes on from here as a session of its own, whose recording is in `out`: it has everything
    /// from the beginning, and names the recording and the time at which it left it.
    ///
    /// # Errors
    /// When the session cannot be made.
    pub fn branch(&self, out: &Path) -> Result<Session, Error> {
        let parent = Parent {
            at: if self.changed {
                self.parent.at
            } else {
                self.now()
            },
            ..self.parent.clone()
        };
        let mut session = open(
            &self.header,
            &self.file,
            &self.bench,
            out,
            self.threads,
            &parent,
        )?;
        catch_up(&mut session, &self.inputs[..self.done], self.now())?;
        Ok(session)
    }

    /// Ends it: what its last session recorded.
    ///
    /// # Errors
    /// When the recording cannot be finished.
    pub fn finish(self) -> Result<Kept, Error> {
        Ok(self.session.finish()?.1)
    }

    fn next_input(&self, until: VirtualTime) -> Option<Input> {
        let input = self.inputs.get(self.done)?;
        (input.time <= until).then(|| input.clone())
    }

    fn restart(&mut self) -> Result<(), Error> {
        self.runs += 1;
        let out = self.out.join(self.runs.to_string());
        let session = open(
            &self.header,
            &self.file,
            &self.bench,
            &out,
            self.threads,
            &self.parent,
        )?;
        let before = std::mem::replace(&mut self.session, session);
        self.done = 0;
        // What it recorded so far is recorded again.
        let folder = before.out().to_owned();
        drop(before);
        let _ = fs::remove_dir_all(folder);
        Ok(())
    }
}

/// Brings a session that has just begun to a time, with the inputs up to there.
///
/// # Errors
/// When the session fails.
pub fn catch_up(
    session: &mut Session,
    inputs: &[Input],
    time: VirtualTime,
) -> Result<(), session::Error> {
    for input in inputs.iter().filter(|input| input.time <= time) {
        session.run_until(input.time)?;
        input.apply(session)?;
    }
    session.run_until(time)
}

fn open(
    header: &Header,
    file: &BenchFile,
    bench: &Path,
    out: &Path,
    threads: usize,
    parent: &Parent,
) -> Result<Session, Error> {
    let options = options(header, bench, out, threads, Some(parent.clone()));
    let session = Session::open_in_memory(file.clone(), &options, ClientFaults::default())?;
    Ok(session)
}
