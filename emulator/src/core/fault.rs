//! From a trap to a fault exception, its status registers, escalation and lockup.

use super::{
    Core, DebugStop, Halted, Trap,
    debugger::BKPT,
    nvic::{BUS_FAULT, HARD_FAULT, MEMORY_FAULT, SUPERVISOR_CALL, USAGE_FAULT},
};

/// HFSR.FORCED, HFSR.DEBUGEVT.
const FORCED: u32 = 1 << 30;
const DEBUG_EVENT: u32 = 1 << 31;
/// CFSR.MMARVALID and CFSR.BFARVALID.
const MEMORY_ADDRESS_VALID: u32 = 1 << 7;
const BUS_ADDRESS_VALID: u32 = 1 << 15;

/// Exception, bit in CFSR, and what it means.
fn describe(trap: Trap) -> (u32, u32, &'static str) {
    match trap {
        Trap::Undefined => (USAGE_FAULT, 1 << 16, "undefined instruction"),
        Trap::InvalidState => (
            USAGE_FAULT,
            1 << 17,
            "branch to an address without the Thumb bit",
        ),
        Trap::InvalidReturn | Trap::ExceptionReturn(_) => {
            (USAGE_FAULT, 1 << 18, "invalid exception return")
        }
        Trap::NoCoprocessor => (
            USAGE_FAULT,
            1 << 19,
            "the floating-point unit is off (CPACR) or the coprocessor absent",
        ),
        Trap::Unaligned => (USAGE_FAULT, 1 << 24, "unaligned access"),
        Trap::DivideByZero => (USAGE_FAULT, 1 << 25, "division by zero"),
        Trap::BusFetch => (BUS_FAULT, 1 << 8, "no memory to execute from"),
        Trap::BusData(_) => (BUS_FAULT, 1 << 9, "no memory or peripheral answers"),
        Trap::ProtectedFetch => (MEMORY_FAULT, 1, "execution is not allowed there"),
        Trap::LazyBus => (
            BUS_FAULT,
            1 << 13,
            "no memory for the floating-point registers of the interrupted code",
        ),
        Trap::LazyProtected => (
            MEMORY_FAULT,
            1 << 5,
            "the MPU forbids to save the floating-point registers of the interrupted code",
        ),
        Trap::ProtectedData(_) => (MEMORY_FAULT, 1 << 1, "the MPU forbids the access"),
        Trap::Supervisor => (SUPERVISOR_CALL, 0, "supervisor call at too high a priority"),
        Trap::Breakpoint | Trap::Semihosting => (HARD_FAULT, 0, "breakpoint without a debugger"),
    }
}

impl Core {
    /// Handles what stopped the instruction at `pc`.
    #[cold]
    pub(crate) fn trap(&mut self, trap: Trap, pc: u32) {
        self.polling.still = false;
        match trap {
            Trap::ExceptionReturn(value) => self.exception_return(value, pc),
            Trap::Semihosting => self.semihosting(),
            Trap::Breakpoint if self.debug_breakpoint(pc) => {}
            Trap::Supervisor => {
                self.advance_it();
                self.fault(trap, self.next);
            }
            _ => self.fault(trap, pc),
        }
    }

    /// `BKPT`: stops for a debugger, or becomes the debug monitor's; the PC stays at it.
    fn debug_breakpoint(&mut self, pc: u32) -> bool {
        let taken = self.debug_event(DebugStop::Breakpoint(pc), BKPT);
        if taken {
            self.next = pc;
        }
        taken
    }

    /// Raises the exception of a trap, to return to `address`.
    pub(crate) fn fault(&mut self, trap: Trap, address: u32) {
        let current = self.execution_priority();
        let (number, reason) = self.record(trap, current);
        if number == HARD_FAULT && current <= -1 {
            let at = self.r[15].wrapping_sub(4);
            self.lock_up(&format!(
                "{reason} at pc {at:#010x} in exception {}",
                self.ipsr
            ));
            return;
        }
        self.enter(number, address);
    }

    /// Notes a trap in the status registers; the exception it becomes at priority `current`.
    fn record(&mut self, trap: Trap, current: i16) -> (u32, String) {
        let (number, status, reason) = describe(trap);
        let mut reason = reason.to_owned();
        self.scs.fault_status |= status;
        match trap {
            Trap::BusData(at) => {
                self.scs.bus_fault_address = at;
                self.scs.fault_status |= BUS_ADDRESS_VALID;
                reason = format!("{reason} at {at:#010x}");
            }
            Trap::ProtectedData(at) => {
                self.scs.memory_fault_address = at;
                self.scs.fault_status |= MEMORY_ADDRESS_VALID;
                reason = format!("{reason} at {at:#010x}");
            }
            Trap::Breakpoint => self.scs.hard_fault_status |= DEBUG_EVENT,
            _ => {}
        }
        (self.escalate(number, current), reason)
    }

    fn escalate(&mut self, number: u32, current: i16) -> u32 {
        if number == HARD_FAULT {
            return number;
        }
        if self.scs.handles(number) && self.nvic.group_priority(number) < current {
            return number;
        }
        self.scs.hard_fault_status |= FORCED;
        HARD_FAULT
    }

    /// The fault when a frame cannot be pushed; `None`: locked up.
    pub(crate) fn stacking_fault(&mut self, trap: Trap) -> Option<u32> {
        self.frame_fault(
            trap,
            1 << 12,
            1 << 4,
            "the stack cannot be written at exception entry",
        )
    }

    /// The fault when a frame cannot be popped; `None`: locked up.
    pub(crate) fn unstacking_fault(&mut self, trap: Trap) -> Option<u32> {
        self.frame_fault(
            trap,
            1 << 11,
            1 << 3,
            "the stack cannot be read at exception return",
        )
    }

    fn frame_fault(&mut self, trap: Trap, bus: u32, memory: u32, reason: &str) -> Option<u32> {
        let current = self.execution_priority();
        let number = if matches!(trap, Trap::ProtectedData(_)) {
            self.scs.fault_status |= memory;
            MEMORY_FAULT
        } else {
            self.scs.fault_status |= bus;
            BUS_FAULT
        };
        if current <= -1 {
            self.lock_up(&format!("{reason}, sp {:#010x}", self.r[13]));
            return None;
        }
        Some(self.escalate(number, current))
    }

    /// Stops for good.
    pub(crate) fn lock_up(&mut self, reason: &str) {
        let scs = &self.scs;
        let text = format!(
            "{reason}; CFSR {:#010x}, HFSR {:#010x}, BFAR {:#010x}, MMFAR {:#010x}, lr {:#010x}, sp {:#010x}",
            scs.fault_status,
            scs.hard_fault_status,
            scs.bus_fault_address,
            scs.memory_fault_address,
            self.r[14],
            self.r[13],
        );
        self.halted = Some(Halted::Lockup(text));
        self.limit = 0;
    }
}
