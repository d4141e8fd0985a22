//! The debug unit: halting control, breakpoint unit, watchpoints, and what a debugger sets directly
//! (ARMv7-M ARM, C1).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::peripheral::{Signal, SignalKind};

use super::{
    Core,
    nvic::{self, DEBUG_MONITOR},
};

/// Bits of `DHCSR`.
const C_DEBUGEN: u32 = 1;
const C_HALT: u32 = 1 << 1;
const C_STEP: u32 = 1 << 2;
const C_MASKINTS: u32 = 1 << 3;
const S_REGRDY: u32 = 1 << 16;
const S_HALT: u32 = 1 << 17;
const S_SLEEP: u32 = 1 << 18;
const S_LOCKUP: u32 = 1 << 19;
const KEY: u32 = 0xA05F;
/// `DEMCR.MON_EN` and `DEMCR.VC_*`.
const MON_EN: u32 = 1 << 16;
/// Bits of `DFSR`.
pub(crate) const HALTED: u32 = 1;
pub(crate) const BKPT: u32 = 1 << 1;
pub(crate) const DWTTRAP: u32 = 1 << 2;
/// `FP_CTRL`: six instruction comparators and two literal ones (DDI0439, 10.4).
const FP_FEATURES: u32 = 0x260;
/// Comparators of the watchpoint unit (DDI0439, 9.3).
const WATCHES: usize = 4;

/// What a watchpoint looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Loads.
    Read,
    /// Stores.
    Write,
    /// Both.
    Any,
}

impl Access {
    fn covers(self, write: bool) -> bool {
        match self {
            Self::Read => !write,
            Self::Write => write,
            Self::Any => true,
        }
    }
}

/// Why the core stands still for a debugger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DebugStop {
    /// It is about to execute at a breakpoint, or executed `BKPT`: the address.
    Breakpoint(u32),
    /// An access that is watched for.
    Watchpoint {
        /// The address accessed.
        address: u32,
        /// What kind of access is watched for there.
        access: Access,
    },
    /// A debugger asked.
    Request,
}

/// State of the debug unit.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Debugger {
    /// `C_DEBUGEN`: events stop the core instead of raising exceptions.
    pub(crate) attached: bool,
    pub(crate) status: u32,
    transfer: u32,
    patch_control: u32,
    patch: [u32; 8],
    /// Comparator, mask, function.
    watch: [[u32; 3]; WATCHES],
    /// Matched comparators, until their function register is read.
    matched: [bool; WATCHES],
    trace_enable: u32,
    trace_control: u32,
    #[serde(skip)]
    breakpoints: BTreeSet<u32>,
    #[serde(skip)]
    watchpoints: Vec<(u32, u32, Access)>,
    #[serde(skip)]
    pub(crate) stop: Option<DebugStop>,
    /// The breakpoint at this address is passed once.
    #[serde(skip)]
    skip: Option<u32>,
    /// Where the core was locked up before it was halted, and why.
    #[serde(skip)]
    locked: Option<(u32, String)>,
    /// The next thing that a debugger wants is a single step.
    #[serde(skip)]
    pub(crate) stepping: bool,
    /// Whether every fetch and access is looked at.
    pub(crate) looking: bool,
}

impl Debugger {
    /// After a reset of the core; what an attached debugger set stays (C1.2.4).
    pub(crate) fn reset(&mut self) {
        *self = Self {
            attached: self.attached,
            breakpoints: std::mem::take(&mut self.breakpoints),
            watchpoints: std::mem::take(&mut self.watchpoints),
            looking: self.looking,
            ..Self::default()
        };
        self.look();
    }

    fn look(&mut self) {
        self.looking = !self.breakpoints.is_empty()
            || !self.watchpoints.is_empty()
            || self.patch_control & 1 != 0 && self.patch.iter().any(|patch| patch & 1 != 0)
            || self.watch.iter().any(|[_, _, function]| function & 15 != 0);
    }

    pub(crate) fn set_breakpoint(&mut self, address: u32, set: bool) {
        if set {
            self.breakpoints.insert(address & !1);
        } else {
            self.breakpoints.remove(&(address & !1));
        }
        self.look();
    }

    pub(crate) fn set_watchpoint(&mut self, point: (u32, u32, Access), set: bool) {
        self.watchpoints.retain(|other| *other != point);
        if set {
            self.watchpoints.push(point);
        }
        self.look();
    }

    pub(crate) fn clear_points(&mut self) {
        self.breakpoints.clear();
        self.watchpoints.clear();
        self.look();
    }

    /// Lets the instruction at `next` pass its breakpoint.
    pub(crate) fn pass(&mut self, next: u32) {
        self.stop = None;
        self.skip = Some(next);
    }

    fn breaks_at(&self, pc: u32) -> bool {
        let unit = self.patch_control & 1 != 0
            && self.patch.iter().take(6).any(|patch| {
                let halves = match patch >> 30 {
                    1 => pc & 2 == 0,
                    2 => pc & 2 != 0,
                    3 => true,
                    _ => false,
                };
                patch & 1 != 0 && patch & 0x1FFF_FFFC == pc & !3 && halves
            });
        unit || self.breakpoints.contains(&pc)
    }

    fn watch_hit(&mut self, address: u32, size: u32, write: bool) -> Option<DebugStop> {
        let overlaps = |start: u32, length: u32| {
            address < start.saturating_add(length) && start < address.saturating_add(size)
        };
        let set = self
            .watchpoints
            .iter()
            .find(|(start, length, access)| overlaps(*start, *length) && access.covers(write));
        if let Some((_, _, access)) = set {
            let access = *access;
            return Some(DebugStop::Watchpoint { address, access });
        }
        for (index, [start, mask, function]) in self.watch.iter().enumerate() {
            let access = match function & 15 {
                5 => Access::Read,
                6 => Access::Write,
                7 => Access::Any,
                _ => continue,
            };
            let length = 1u32 << (mask & 31).min(15);
            if access.covers(write) && overlaps(start & !(length - 1), length) {
                self.matched[index] = true;
                return Some(DebugStop::Watchpoint { address, access });
            }
        }
        None
    }
}

impl Core {
    /// Looks at a fetch; `true`: the instruction must not be executed now.
    pub(crate) fn breaks(&mut self, pc: u32) -> bool {
        if self.debug.skip.take() == Some(pc) || !self.debug.breaks_at(pc) {
            return false;
        }
        self.debug_event(DebugStop::Breakpoint(pc), BKPT)
    }

    /// Looks at a data access.
    pub(crate) fn watch(&mut self, address: u32, size: u32, write: bool) {
        if let Some(hit) = self.debug.watch_hit(address, size, write) {
            self.debug_event(hit, DWTTRAP);
        }
    }

    /// Stops for a debugger, or makes the debug monitor pending; `true`: stopped.
    pub(crate) fn debug_event(&mut self, event: DebugStop, status: u32) -> bool {
        if self.debug.attached {
            self.debug.status |= status;
            self.debug.stop = Some(event);
            self.limit = 0;
            return true;
        }
        let enabled = self.scs.debug_control() & MON_EN != 0;
        if enabled && self.nvic.group_priority(DEBUG_MONITOR) < self.execution_priority() {
            self.debug.status |= status;
            self.nvic.pending |= nvic::bit(DEBUG_MONITOR);
            self.limit = 0;
            return matches!(event, DebugStop::Breakpoint(_));
        }
        false
    }

    /// Reads a debug register; `None`: it is none.
    pub(crate) fn read_debug(&mut self, address: u32) -> Option<u32> {
        Some(match address {
            0xE000_0E00 => self.debug.trace_enable,
            0xE000_0E80 => self.debug.trace_control,
            0xE000_1020..0xE000_1060 => match address & 15 {
                8 => {
                    let matched = std::mem::take(&mut self.debug.matched[watch_index(address)]);
                    self.debug.watch[watch_index(address)][2] | u32::from(matched) << 24
                }
                word @ (0 | 4) => self.debug.watch[watch_index(address)][word as usize / 4],
                _ => 0,
            },
            0xE000_2000 => FP_FEATURES | self.debug.patch_control,
            0xE000_2008..0xE000_2028 => self.debug.patch[(address - 0xE000_2008) as usize / 4],
            0xE000_ED30 => self.debug.status,
            0xE000_EDF0 => {
                let stopped = self.debug.stop.is_some();
                let locked = matches!(self.halted, Some(super::Halted::Lockup(_)));
                let asleep = self.sleep != super::Sleep::Awake;
                let masked = self.nvic.masked != 0;
                u32::from(self.debug.attached)
                    | if masked { C_MASKINTS } else { 0 }
                    | if stopped { C_HALT | S_HALT } else { 0 }
                    | if asleep { S_SLEEP } else { 0 }
                    | if locked { S_LOCKUP } else { 0 }
                    | S_REGRDY
            }
            0xE000_EDF8 => self.debug.transfer,
            _ => return None,
        })
    }

    /// Writes a debug register; `false`: it is none.
    pub(crate) fn write_debug(&mut self, address: u32, value: u32) -> bool {
        match address {
            0xE000_0E00 => self.debug.trace_enable = value,
            0xE000_0E80 => self.debug.trace_control = value & 0x007F_0F0F,
            0xE000_1020..0xE000_1060 => {
                if let word @ (0 | 4 | 8) = address & 15 {
                    self.debug.watch[watch_index(address)][word as usize / 4] = value;
                }
            }
            0xE000_2000 if value & 2 != 0 => self.debug.patch_control = value & 1,
            0xE000_2008..0xE000_2028 => {
                self.debug.patch[(address - 0xE000_2008) as usize / 4] = value & 0xDFFF_FFFD;
            }
            // Written bits are cleared.
            0xE000_ED30 => self.debug.status &= !value,
            // The firmware's writes come by here, a debugger's do not: only a debugger attaches and detaches
            // (C1.6.2).
            0xE000_EDF0 if value >> 16 == KEY && self.debug.attached => {
                self.control_halting(value | C_DEBUGEN);
            }
            0xE000_EDF4 => {
                if value & 1 << 16 == 0 {
                    self.debug.transfer = self.register(value & 0x7F);
                } else {
                    self.set_register(value & 0x7F, self.debug.transfer);
                }
            }
            0xE000_EDF8 => self.debug.transfer = value,
            0xE000_2000 | 0xE000_EDF0 => {}
            _ => return false,
        }
        self.debug.look();
        self.refresh_protection();
        true
    }

    /// A debugger writes `DHCSR` or `DCRSR`, which act on the core as it is; `false`: it is neither.
    pub(crate) fn debugger_writes(&mut self, address: u32, value: u32) -> bool {
        match address {
            0xE000_EDF0 if value >> 16 == KEY => {
                self.control_halting(value);
                self.debug.look();
                self.refresh_protection();
            }
            0xE000_EDF0 => {}
            0xE000_EDF4 => {
                self.write_debug(address, value);
            }
            _ => return false,
        }
        true
    }

    fn control_halting(&mut self, value: u32) {
        self.debug.attached = value & C_DEBUGEN != 0;
        let masked = self.debug.attached && value & C_MASKINTS != 0;
        self.nvic.mask_for_debugger(masked);
        if !self.debug.attached {
            self.debug.stop = None;
            self.locks_up_again();
        } else if value & C_HALT != 0 {
            if self.debug.stop.is_none() {
                self.debug_event(DebugStop::Request, HALTED);
            }
            // A request to halt ends sleep (B1.5.19) and lockup (B1.5.15).
            self.sleep = super::Sleep::Awake;
            if let Some(super::Halted::Lockup(reason)) = &self.halted {
                self.debug.locked = Some((self.next, reason.clone()));
                self.halted = None;
            }
        } else if self.debug.stop.is_some() {
            self.debug.pass(self.next);
            if self.locks_up_again() {
                return;
            }
            if value & C_STEP != 0 {
                self.step_once();
            }
        }
    }

    /// Enters a pending exception that may be taken, or executes one instruction, and stands still again
    /// (C1.5.4).
    fn step_once(&mut self) {
        let active = self.nvic.active;
        self.service();
        let entered = self.nvic.active != active;
        if !entered && self.halted.is_none() {
            self.run(self.cycles + 1);
        }
        if self.debug.stop.is_none() && self.halted.is_none() {
            self.debug_event(DebugStop::Request, HALTED);
        }
        // It stands, and does not wait for what it was told to wait for.
        self.sleep = super::Sleep::Awake;
        // Time has passed for everything else.
        self.service();
    }

    /// Let go where it was, a core that was locked up is so again; `true`: it is.
    fn locks_up_again(&mut self) -> bool {
        let Some((place, reason)) = self.debug.locked.take() else {
            return false;
        };
        if place != self.next {
            return false;
        }
        self.halted = Some(super::Halted::Lockup(reason));
        self.limit = 0;
        true
    }

    /// Takes what is written to a stimulus port, if the trace and the port are on.
    pub(crate) fn trace(&mut self, address: u32, size: u32, value: u32) {
        let port = address >> 2 & 31;
        if self.debug.trace_control & 1 == 0 || self.debug.trace_enable >> port & 1 == 0 {
            return;
        }
        let bytes = value.to_le_bytes();
        let bytes = bytes.get(..size as usize).unwrap_or(&bytes);
        self.bus.out.push(Signal {
            time: self.now(),
            kind: SignalKind::Itm {
                port: port as u8,
                bytes: bytes::Bytes::copy_from_slice(bytes),
            },
        });
    }

    /// A core register by its number in `DCRSR.REGSEL` (C1.6.3).
    pub(crate) fn register(&self, number: u32) -> u32 {
        match number {
            0..=14 => self.r[number as usize],
            15 => self.next,
            16 => self.xpsr(),
            17 => self.msp(),
            18 => self.psp(),
            20 => {
                u32::from(self.control) << 24
                    | u32::from(self.faultmask) << 16
                    | u32::from(self.basepri) << 8
                    | u32::from(self.primask)
            }
            33 => self.fp.fpscr,
            64..=95 => self.fp.s[number as usize - 64],
            _ => 0,
        }
    }

    fn set_register(&mut self, number: u32, value: u32) {
        match number {
            0..=14 => self.set(number as u8, value),
            15 => self.next = value & !1,
            16 => {
                self.set_nzcv(value);
                self.scs.arm_state = value & 1 << 24 == 0;
                self.q = value & 1 << 27 != 0;
                self.ge = (value >> 16 & 15) as u8;
                self.it = ((value >> 25 & 3) | (value >> 10 & 0x3F) << 2) as u8;
            }
            17 => self.set_stacks(value, self.psp()),
            18 => self.set_stacks(self.msp(), value),
            20 => {
                let (msp, psp) = (self.msp(), self.psp());
                self.control = (value >> 24) as u8 & 7;
                self.set_stacks(msp, psp);
                self.faultmask = value & 1 << 16 != 0;
                self.basepri = (value >> 8) as u8 & nvic::PRIORITY_BITS;
                self.primask = value & 1 != 0;
            }
            33 => self.fp.fpscr = value & super::float_arithmetic::STATUS_BITS,
            64..=95 => self.fp.s[number as usize - 64] = value,
            _ => {}
        }
    }
}

fn watch_index(address: u32) -> usize {
    ((address - 0xE000_1020) / 16) as usize & (WATCHES - 1)
}
