//! The two wires of serial wire debug, bit by bit (ADIv5.2, B4): what the target does when a probe shifts
//! bits out and in. The clock that a change of direction takes is the probe's own affair.

use super::super::virtual_probe::State;

/// So many ones in a row reset the line.
const RESET: u32 = 50;

/// Acknowledgements, first bit lowest.
const OK: u64 = 0b001;
const FAULT: u64 = 0b100;

/// What the target waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A line reset: it has lost the thread.
    Lost,
    /// The start of a request.
    Idle,
    /// The rest of a request: bits so far and their count.
    Request(u64, u32),
    /// It answers: bits that are left, their count, and the register that is written next, if any.
    Answer(u64, u32, Option<Register>),
    /// The data of a write: bits so far and their count.
    Data(u64, u32, Register),
}

/// A register as a request names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Register {
    access_port: bool,
    address: u8,
}

/// The target's end of the wires.
#[derive(Debug)]
pub(super) struct Wire {
    ones: u32,
    phase: Phase,
    /// What the access port's last read gave: the next read brings it.
    posted: u32,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            ones: 0,
            phase: Phase::Lost,
            posted: 0,
        }
    }
}

impl Wire {
    /// The probe shifts bits out, the lowest first.
    pub(super) fn out(&mut self, state: &mut State, bits: u64, count: u32) {
        if let Phase::Answer(_, _, next) = self.phase {
            self.phase = next.map_or(Phase::Idle, |register| Phase::Data(0, 0, register));
        }
        for place in 0..count {
            self.bit(state, bits >> place & 1);
        }
    }

    fn bit(&mut self, state: &mut State, bit: u64) {
        self.ones = if bit == 1 { self.ones + 1 } else { 0 };
        if self.ones >= RESET {
            state.wire.line_reset();
            self.phase = Phase::Idle;
            return;
        }
        self.phase = match self.phase {
            Phase::Idle if bit == 1 && self.ones < 2 => Phase::Request(1, 1),
            Phase::Request(bits, 7) => self.request(state, bits | bit << 7),
            Phase::Request(bits, count) => Phase::Request(bits | bit << count, count + 1),
            Phase::Data(bits, 32, register) => {
                let value = bits as u32;
                if u64::from(value.count_ones() & 1) == bit {
                    write(state, register, value);
                }
                Phase::Idle
            }
            Phase::Data(bits, count, register) => {
                Phase::Data(bits | bit << count, count + 1, register)
            }
            other => other,
        };
    }

    /// A whole request: start, APnDP, RnW, A2, A3, parity, stop, park.
    fn request(&mut self, state: &mut State, bits: u64) -> Phase {
        let parity = (bits >> 1 & 0xF).count_ones() & 1;
        if u64::from(parity) != bits >> 5 & 1 || bits >> 6 != 0b10 {
            return Phase::Lost;
        }
        let register = Register {
            access_port: bits >> 1 & 1 == 1,
            address: (bits >> 3 & 3) as u8 * 4,
        };
        if bits >> 2 & 1 == 0 {
            return Phase::Answer(OK, 3, Some(register));
        }
        match self.read(state, register) {
            Some(value) => {
                let parity = u64::from(value.count_ones() & 1);
                Phase::Answer(OK | u64::from(value) << 3 | parity << 35, 36, None)
            }
            None => Phase::Answer(FAULT, 3, None),
        }
    }

    fn read(&mut self, state: &mut State, register: Register) -> Option<u32> {
        let State { wire, desk, .. } = state;
        if register.access_port {
            let value = wire.read_ap(desk, register.address).ok()?;
            return Some(std::mem::replace(&mut self.posted, value));
        }
        if register.address == 0xC {
            return Some(self.posted);
        }
        Some(wire.read_dp(register.address))
    }

    /// The probe shifts bits in, the lowest first; beyond the answer the line is low.
    pub(super) fn take(&mut self, count: u32) -> u64 {
        let Phase::Answer(bits, left, next) = self.phase else {
            // Nobody drives the line: it is pulled up, and no acknowledgement.
            return (1_u64 << count.min(63)) - 1;
        };
        self.ones = 0;
        self.phase = Phase::Answer(
            bits.checked_shr(count).unwrap_or(0),
            left.saturating_sub(count),
            next,
        );
        bits & ((1_u64 << count.min(63)) - 1)
    }
}

fn write(state: &mut State, register: Register, value: u32) {
    let State { wire, desk, .. } = state;
    if register.access_port {
        // What goes wrong is a flag that the next request meets.
        let _ = wire.write_ap(desk, register.address, value);
    } else {
        wire.write_dp(register.address, value);
    }
}
