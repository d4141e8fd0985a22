//! Power controller and flash memory interface (RM0402, chapters 5 and 3).

use super::access::Lanes;
use crate::peripheral::{Context, Peripheral, Signal, SignalKind, Width};

/// Power control.
///
/// Every voltage scale and the backup regulator are ready at once; low-power modes are stored only.
#[derive(Debug, Clone)]
pub struct Pwr {
    cr: u32,
    csr: u32,
}

impl Default for Pwr {
    fn default() -> Self {
        Self::new()
    }
}

impl Pwr {
    /// After reset: voltage scale 2 (5.4.1).
    pub fn new() -> Self {
        Self { cr: 0x8000, csr: 0 }
    }

    /// VOSRDY, and BRR as BRE.
    fn status(&self) -> u32 {
        self.csr | 1 << 14 | (self.csr >> 9 & 1) << 3
    }
}

impl Peripheral for Pwr {
    fn name(&self) -> &'static str {
        "PWR"
    }

    fn read(&mut self, offset: u32, width: Width, _cx: &mut Context<'_>) -> Option<u32> {
        let lanes = Lanes::new(offset, width);
        let word = match lanes.register {
            0 => self.cr,
            4 => self.status(),
            _ => return None,
        };
        Some(lanes.extract(word))
    }

    fn write(
        &mut self,
        offset: u32,
        width: Width,
        value: u32,
        _cx: &mut Context<'_>,
    ) -> Option<()> {
        let lanes = Lanes::new(offset, width);
        match lanes.register {
            // CWUF and CSBF act and read as 0.
            0 => self.cr = lanes.merge(self.cr, value) & 0x0000_EFF3,
            // EWUP1..3 and BRE.
            4 => self.csr = lanes.merge(self.csr, value) & 0x0000_03C0,
            _ => return None,
        }
        Some(())
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

const ACR: u32 = 0x00;
const KEYR: u32 = 0x04;
const OPTKEYR: u32 = 0x08;
const SR: u32 = 0x0C;
const CR: u32 = 0x10;
const OPTCR: u32 = 0x14;

/// CR: LOCK. OPTCR: OPTLOCK is bit 0.
const LOCK: u32 = 1 << 31;

/// The keys of CR and OPTCR (3.5.1, 3.6.2).
const KEYS: [u32; 2] = [0x4567_0123, 0xCDEF_89AB];
const OPTION_KEYS: [u32; 2] = [0x0819_2A3B, 0x4C5D_6E7F];

/// How far a key sequence has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keys {
    Locked,
    First,
    Open,
    /// A wrong key locks until reset.
    Barred,
}

impl Keys {
    fn enter(self, key: u32, keys: [u32; 2]) -> Self {
        match self {
            Self::Locked if key == keys[0] => Self::First,
            Self::First if key == keys[1] => Self::Open,
            Self::Open => Self::Open,
            _ => Self::Barred,
        }
    }
}

/// The flash memory interface: wait states, caches and the locks.
///
/// Erasing and programming are not modelled: the operation ends at once, changes nothing and says
/// so in a note. Option bytes are stored and have no effect.
#[derive(Debug, Clone)]
pub struct FlashInterface {
    acr: u32,
    cr: u32,
    optcr: u32,
    keys: Keys,
    option_keys: Keys,
}

impl Default for FlashInterface {
    fn default() -> Self {
        Self::new()
    }
}

impl FlashInterface {
    /// Locked, without wait states, with the option bytes of a new chip (3.8.6).
    pub fn new() -> Self {
        Self {
            acr: 0,
            cr: LOCK,
            optcr: 0x0FFF_AAED,
            keys: Keys::Locked,
            option_keys: Keys::Locked,
        }
    }
}

impl Peripheral for FlashInterface {
    fn name(&self) -> &'static str {
        "FLASH"
    }

    fn read(&mut self, offset: u32, width: Width, _cx: &mut Context<'_>) -> Option<u32> {
        let lanes = Lanes::new(offset, width);
        let word = match lanes.register {
            ACR => self.acr,
            KEYR | OPTKEYR | SR => 0,
            CR => self.cr,
            OPTCR => self.optcr,
            _ => return None,
        };
        Some(lanes.extract(word))
    }

    fn write(&mut self, offset: u32, width: Width, value: u32, cx: &mut Context<'_>) -> Option<()> {
        let lanes = Lanes::new(offset, width);
        match lanes.register {
            // The cache reset bits read back; the caches hold nothing here.
            ACR => self.acr = lanes.merge(self.acr, value) & 0x1F0F,
            KEYR => {
                self.keys = self.keys.enter(lanes.merge(0, value), KEYS);
                if self.keys == Keys::Open {
                    self.cr &= !LOCK;
                }
            }
            OPTKEYR => {
                self.option_keys = self.option_keys.enter(lanes.merge(0, value), OPTION_KEYS);
                if self.option_keys == Keys::Open {
                    self.optcr &= !1;
                }
            }
            CR if self.cr & LOCK == 0 => {
                let new = lanes.merge(self.cr, value);
                if new & LOCK != 0 {
                    self.keys = Keys::Locked;
                }
                // STRT is done as soon as it is written.
                self.cr = new & 0x8300_03FF;
                if new & (1 << 16) != 0 {
                    cx.out.push(Signal {
                        time: cx.now,
                        kind: SignalKind::Note(
                            "FLASH: erasing is not modelled, the memory keeps its content".into(),
                        ),
                    });
                }
            }
            OPTCR if self.optcr & 1 == 0 => {
                let new = lanes.merge(self.optcr, value);
                if new & 1 != 0 {
                    self.option_keys = Keys::Locked;
                }
                // OPTSTRT is done as soon as it is written.
                self.optcr = new & !2;
            }
            // There are no error flags to clear; a locked register ignores writes.
            SR | CR | OPTCR => {}
            _ => return None,
        }
        Some(())
    }

    fn reset(&mut self) {
        let optcr = self.optcr | 1;
        *self = Self {
            optcr,
            ..Self::new()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stm32::rig::Rig;

    #[test]
    fn voltage_scale_and_backup_access_read_back() {
        let (mut rig, mut pwr) = (Rig::default(), Pwr::new());
        rig.modify(&mut pwr, 0, |v| v | 0xC000 | 1 << 8 | 1 << 2);
        assert_eq!(rig.read(&mut pwr, 0), 0xC100);
        assert_ne!(rig.read(&mut pwr, 4) & 1 << 14, 0);
        rig.write(&mut pwr, 4, 1 << 9);
        assert_ne!(rig.read(&mut pwr, 4) & 1 << 3, 0);
    }

    #[test]
    fn the_control_register_opens_with_both_keys_in_order() {
        let (mut rig, mut flash) = (Rig::default(), FlashInterface::new());
        rig.write(&mut flash, ACR, 0x703);
        assert_eq!(rig.read(&mut flash, ACR), 0x703);
        rig.write(&mut flash, CR, 2);
        assert_eq!(rig.read(&mut flash, CR), LOCK);
        rig.write(&mut flash, KEYR, KEYS[0]);
        rig.write(&mut flash, KEYR, KEYS[1]);
        assert_eq!(rig.read(&mut flash, CR), 0);
        rig.write(&mut flash, CR, 2 | 1 << 16);
        assert_eq!(rig.out.len(), 1, "an erase is noted");
        rig.write(&mut flash, CR, LOCK);
        assert_eq!(rig.read(&mut flash, CR), LOCK);
        rig.write(&mut flash, KEYR, KEYS[1]);
        rig.write(&mut flash, KEYR, KEYS[0]);
        rig.write(&mut flash, KEYR, KEYS[1]);
        assert_eq!(
            rig.read(&mut flash, CR),
            LOCK,
            "a wrong key bars the register"
        );
        flash.reset();
        rig.write(&mut flash, OPTKEYR, OPTION_KEYS[0]);
        rig.write(&mut flash, OPTKEYR, OPTION_KEYS[1]);
        assert_eq!(rig.read(&mut flash, OPTCR) & 1, 0);
    }
}
