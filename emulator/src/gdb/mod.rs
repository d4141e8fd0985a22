//! The GDB remote protocol, as bytes in and bytes out.
//!
//! A session decides; whoever owns the chip and a connection carries the bytes and runs the chip
//! while the session says so:
//!
//! ```text
//! session.receive(&mut chip, &bytes)?;          // what the client sent
//! if session.runs() { chip.run_until(a little later); }
//! session.poll(&mut chip)?;                     // reports a stop
//! client.write_all(&session.take_output())?;
//! ```
//! While it does not run, virtual time stands.

mod arch;
mod target;

use gdbstub::{
    common::Signal,
    conn::Connection,
    stub::{GdbStub, SingleThreadStopReason, state_machine::GdbStubStateMachine},
    target::ext::breakpoints::WatchKind,
};

use crate::{
    core::{Access, DebugStop},
    machine::{Chip, Stop},
};

/// Bytes that a packet from a client may have.
const PACKET: usize = 4096;

/// What leaves for the client.
#[derive(Debug, Default)]
struct Wire(Vec<u8>);

impl Connection for Wire {
    type Error = std::convert::Infallible;

    fn write(&mut self, byte: u8) -> Result<(), Self::Error> {
        self.0.push(byte);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// What a client did that ends its session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("GDB session ended: {0}; connect again")]
pub struct GdbError(String);

type Machine = GdbStubStateMachine<'static, Chip, Wire>;

/// A client's session with a chip.
pub struct GdbSession {
    machine: Option<Machine>,
    output: Vec<u8>,
}

impl GdbSession {
    /// Stops the chip and waits for a client.
    ///
    /// # Errors
    /// None in practice.
    pub fn new(chip: &mut Chip) -> Result<Self, GdbError> {
        chip.halt();
        let stub = GdbStub::builder(Wire::default())
            .packet_buffer_size(PACKET)
            .build()
            .map_err(|error| GdbError(error.to_string()))?;
        let machine = stub
            .run_state_machine(chip)
            .map_err(|error| GdbError(error.to_string()))?;
        Ok(Self {
            machine: Some(machine),
            output: Vec::new(),
        })
    }

    /// Whether the chip is to run now.
    pub fn runs(&self) -> bool {
        matches!(self.machine, Some(Machine::Running(_)))
    }

    /// Whether the client has gone. The chip then runs on without a debugger.
    pub fn is_over(&self) -> bool {
        self.machine.is_none()
    }

    /// What is to be sent to the client.
    pub fn take_output(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.output);
        let wire = match &mut self.machine {
            Some(Machine::Idle(inner)) => Some(inner.borrow_conn()),
            Some(Machine::Running(inner)) => Some(inner.borrow_conn()),
            _ => None,
        };
        if let Some(wire) = wire {
            bytes.append(&mut wire.0);
        }
        bytes
    }

    /// Takes what the client sent.
    ///
    /// # Errors
    /// When the client breaks the protocol; the session is then over.
    pub fn receive(&mut self, chip: &mut Chip, bytes: &[u8]) -> Result<(), GdbError> {
        for byte in bytes {
            let next = match self.machine.take() {
                Some(Machine::Idle(inner)) => inner.incoming_data(chip, *byte),
                Some(Machine::Running(inner)) => inner.incoming_data(chip, *byte),
                other => {
                    self.machine = other;
                    return Ok(());
                }
            };
            let next = next.map_err(|error| GdbError(error.to_string()));
            self.settle(chip, next?)?;
        }
        Ok(())
    }

    /// Reports a chip that has stopped, and carries out a single step.
    ///
    /// # Errors
    /// None in practice.
    pub fn poll(&mut self, chip: &mut Chip) -> Result<(), GdbError> {
        let Some(Machine::Running(inner)) =
            self.machine.take_if(|m| matches!(m, Machine::Running(_)))
        else {
            return Ok(());
        };
        let stop = if std::mem::take(&mut chip.core_mut().debug.stepping) {
            Some(chip.step_halted())
        } else {
            chip.debug_stop()
                .map(Stop::Debug)
                .or_else(|| chip.stopped())
        };
        let Some(reason) = stop.map(|stop| reason(&stop)) else {
            self.machine = Some(inner.into());
            return Ok(());
        };
        let next = inner.report_stop(chip, reason);
        let next = next.map_err(|error| GdbError(error.to_string()))?;
        self.settle(chip, next)
    }

    /// Answers an interrupt by Ctrl-C, and lets go of the chip when the client has gone.
    fn settle(&mut self, chip: &mut Chip, machine: Machine) -> Result<(), GdbError> {
        self.machine = Some(match machine {
            Machine::CtrlCInterrupt(inner) => {
                chip.halt();
                let reason = SingleThreadStopReason::Signal(Signal::SIGINT);
                let next = inner.interrupt_handled(chip, Some(reason));
                next.map_err(|error| GdbError(error.to_string()))?
            }
            Machine::Disconnected(mut inner) => {
                self.output.append(&mut inner.borrow_conn().0);
                chip.attach(false);
                return Ok(());
            }
            other => other,
        });
        Ok(())
    }
}

fn reason(stop: &Stop) -> SingleThreadStopReason<u32> {
    match stop {
        Stop::Debug(DebugStop::Breakpoint(_)) => SingleThreadStopReason::SwBreak(()),
        Stop::Debug(DebugStop::Watchpoint { address, access }) => SingleThreadStopReason::Watch {
            tid: (),
            kind: match access {
                Access::Read => WatchKind::Read,
                Access::Write => WatchKind::Write,
                Access::Any => WatchKind::ReadWrite,
            },
            addr: *address,
        },
        Stop::Debug(DebugStop::Request) | Stop::Reached => SingleThreadStopReason::DoneStep,
        Stop::Exited(code) => SingleThreadStopReason::Exited(*code as u8),
        Stop::Lockup(_) => SingleThreadStopReason::Signal(Signal::SIGSEGV),
    }
}
