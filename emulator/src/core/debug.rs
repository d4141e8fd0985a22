//! What a debugger does to the core.

use super::Core;
use crate::{machine::Registers, peripheral::Width};

impl Core {
    /// All registers.
    pub(crate) fn all_registers(&self) -> Registers {
        let core = self;
        let mut r = core.r;
        r[15] = core.next;
        Registers {
            r,
            xpsr: core.xpsr(),
            msp: core.msp(),
            psp: core.psp(),
            primask: core.primask.into(),
            basepri: core.basepri.into(),
            faultmask: core.faultmask.into(),
            control: core.control.into(),
            s: core.fp.s,
            fpscr: core.fp.fpscr,
        }
    }

    /// Sets all registers.
    pub(crate) fn set_registers(&mut self, registers: &Registers) {
        self.r = registers.r;
        self.next = registers.r[15] & !1;
        self.ipsr = registers.xpsr & 0x1FF;
        self.control = registers.control as u8 & 7;
        self.set_stacks(registers.msp, registers.psp);
        self.set_nzcv(registers.xpsr);
        self.q = registers.xpsr & 1 << 27 != 0;
        self.ge = (registers.xpsr >> 16 & 15) as u8;
        self.it = ((registers.xpsr >> 25 & 3) | (registers.xpsr >> 10 & 0x3F) << 2) as u8;
        self.scs.arm_state = registers.xpsr & 1 << 24 == 0;
        self.primask = registers.primask & 1 != 0;
        self.faultmask = registers.faultmask & 1 != 0;
        self.basepri = registers.basepri as u8 & super::nvic::PRIORITY_BITS;
        self.fp.s = registers.s;
        self.fp.fpscr = registers.fpscr & super::float_arithmetic::STATUS_BITS;
        self.exclusive = false;
        self.refresh_protection();
    }

    /// Reads, or writes `value`, past the MPU and with all privileges.
    pub(crate) fn access(&mut self, address: u32, width: Width, value: Option<u32>) -> Option<u32> {
        // A step executes, registers are looked at and set: the core must be as it is, and keep what
        // becomes of it.
        if let (Width::Word, Some(value)) = (width, value)
            && self.debugger_writes(address, value)
        {
            return Some(value);
        }
        let size = match width {
            Width::Byte => 1,
            Width::Half => 2,
            Width::Word => 4,
        };
        let control = self.control;
        self.control &= !1;
        // Regions never protect the private peripheral bus, in which the MPU's registers are.
        let guarded = address >> 20 != 0xE00;
        let mpu = guarded.then(|| std::mem::take(&mut self.mpu));
        let limit = self.limit;
        let looking = std::mem::take(&mut self.debug.looking);
        self.refresh_protection();
        let result = match (value, size) {
            (None, 1) => self.load8(address),
            (None, 2) => self.load16(address),
            (None, _) => self.load32(address),
            (Some(value), 1) => self.store8(address, value as u8).map(|()| value),
            (Some(value), 2) => self.store16(address, value as u16).map(|()| value),
            (Some(value), _) => self.store32(address, value).map(|()| value),
        };
        self.control = control;
        if address >> 12 != 0xE0001 && address >> 12 != 0xE0002 {
            self.debug.looking = looking;
        }
        if let Some(mpu) = mpu {
            self.mpu = mpu;
        }
        self.refresh_protection();
        self.limit = limit.min(self.limit);
        result.ok()
    }
}
