//! Loops that only wait: found by watching one round, skipped up to the next event.
//!
//! Now and then the core executes some instructions under watch. When it comes back to the same
//! instruction with the same registers, and in between stored nothing new, and read nothing but
//! memory and registers of peripherals that stay as they are until the next deadline
//! ([`Peripheral::still_until`](crate::peripheral::Peripheral::still_until)), then every further
//! round is the same, up to then: time and instructions are counted as if they were
//! executed. What comes out is the same to the cycle, with and without.

use std::sync::Arc;

use super::{
    Core, Sleep, float,
    op::{PAGE_BYTES, PAGE_OPS},
    run::NO_PAGE,
};

/// The longest round in instructions.
const ROUND: u32 = 160;
/// Cycles between two looks: at first, and at most.
const SOONEST: u64 = 48;
const LATEST: u64 = 1 << 14;
/// `SYST_CSR`.
const SYSTICK_CONTROL: u32 = 0xE000_E010;

/// How loops that only wait are found.
#[derive(Debug, Clone)]
pub(crate) struct Polling {
    /// Whether loops are skipped at all.
    pub(crate) enabled: bool,
    /// Instructions are being watched.
    pub(crate) watching: bool,
    /// Nothing watched so far would make the next round differ.
    pub(crate) still: bool,
    /// The cycle from which on something that was read may read otherwise.
    until: u64,
    /// The cycle of the next look, and how long the one after it waits if nothing is found.
    look_at: u64,
    patience: u64,
    /// Cycles that were skipped since power-on.
    pub(crate) skipped: u64,
}

impl Default for Polling {
    fn default() -> Self {
        Self {
            enabled: true,
            watching: false,
            still: false,
            until: u64::MAX,
            look_at: SOONEST,
            patience: SOONEST,
            skipped: 0,
        }
    }
}

impl Polling {
    /// Until when to execute without a look.
    pub(crate) fn turn(&self, cycles: u64, limit: u64) -> u64 {
        if self.enabled {
            limit.min(self.look_at.max(cycles + 1))
        } else {
            limit
        }
    }
}

/// All that instructions read besides memory. Time is not in it: who reads it does not wait still.
#[derive(PartialEq)]
struct State {
    next: u32,
    r: [u32; 15],
    flags: (u32, u32, bool, bool, bool, u8, u8),
    masks: (bool, bool, u8, u8),
    mode: (u32, u32, bool, bool),
    fp: float::Registers,
}

impl State {
    fn of(core: &Core) -> Self {
        let mut r = [0; 15];
        r.copy_from_slice(core.r.get(..15).unwrap_or(&[0; 15]));
        Self {
            r,
            next: core.next,
            flags: (core.n, core.z, core.c, core.v, core.q, core.ge, core.it),
            masks: (core.primask, core.faultmask, core.basepri, core.control),
            mode: (core.ipsr, core.other_sp, core.event, core.exclusive),
            fp: core.fp.clone(),
        }
    }
}

impl Core {
    /// Watches a round from here, and skips as many as fit before `limit`.
    pub(crate) fn skip_polling(&mut self, limit: u64) {
        if !self.polling.enabled || self.debug.looking || self.limit == 0 {
            return;
        }
        let found = self.watch_round(limit);
        self.polling.patience = match found {
            Some((cycles, instructions)) => {
                let limit = limit.min(self.polling.until);
                // The last round is executed, so that all that a peripheral notes of being read is
                // as it would be.
                let rounds = (limit.saturating_sub(self.cycles) / cycles).saturating_sub(1);
                self.cycles += rounds * cycles;
                self.instructions += rounds * instructions;
                self.polling.skipped += rounds * cycles;
                SOONEST
            }
            None => (self.polling.patience * 2).min(LATEST),
        };
        self.polling.look_at = self.cycles + self.polling.patience;
    }

    /// Notes how long what is read at an address stays as it is.
    pub(crate) fn watch_read(&mut self, address: u32) {
        let cycle = if address == SYSTICK_CONTROL {
            self.count_systick();
            self.systick.still_until()
        } else {
            let until = self.bus.still_until(address, self.now());
            until.map(|time| self.time.cycles(time))
        };
        match cycle {
            Some(cycle) => self.polling.until = self.polling.until.min(cycle),
            None => self.polling.still = false,
        }
    }

    /// Executes until the state is that of now; cycles and instructions of the round. `None`: it
    /// does not come back soon, or each round would be another.
    fn watch_round(&mut self, limit: u64) -> Option<(u64, u64)> {
        let (cycles, instructions) = (self.cycles, self.instructions);
        let before = State::of(self);
        let flash = Arc::clone(&self.bus.flash);
        self.polling.watching = true;
        self.polling.still = true;
        self.polling.until = u64::MAX;
        self.refresh_protection();
        self.limit = limit;
        let mut back = false;
        let plain = !self.mpu.enabled();
        let (mut page, mut base) = (None, NO_PAGE);
        for _ in 0..ROUND {
            let pc = self.next;
            if plain && pc & !(PAGE_BYTES - 1) != base {
                let offset = self.bus.map.flash_offset(pc, 2);
                page = offset.and_then(|offset| flash.code(offset));
                base = pc & !(PAGE_BYTES - 1);
            }
            match page {
                Some(ops) => self.execute(&ops[(pc >> 1) as usize & (PAGE_OPS - 1)], pc),
                None => self.fetch_slowly(&flash, pc),
            }
            if self.limit == 0 || self.cycles >= limit || !self.polling.still {
                break;
            }
            if self.next == before.next && State::of(self) == before {
                back = true;
                break;
            }
        }
        self.polling.watching = false;
        let attention = self.limit == 0 || self.sleep != Sleep::Awake;
        self.refresh_protection();
        self.limit = if attention { 0 } else { limit };
        back.then(|| (self.cycles - cycles, self.instructions - instructions))
    }
}
