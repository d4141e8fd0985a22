//! Flash memory interface (RM0402, chapter 3).

use twinbench_model::VirtualTime;

use std::ops::Range;

use super::access::Lanes;
use crate::peripheral::{Context, Peripheral, Width};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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

/// CR: PG, SER, MER, STRT, EOPIE.
const PG: u32 = 1;
const SER: u32 = 1 << 1;
const MER: u32 = 1 << 2;
const STRT: u32 = 1 << 16;
const EOPIE: u32 = 1 << 24;
/// SR: EOP.
const EOP: u32 = 1;

/// Interrupt number.
const IRQ: u8 = 4;

/// First offset of each sector, and the end (3.3): 4 × 16 K, 64 K, 7 × 128 K.
const SECTORS: [u32; 13] = {
    let mut starts = [0; 13];
    let mut sector = 0;
    while sector < 12 {
        let kib = match sector {
            0..=3 => 16,
            4 => 64,
            _ => 128,
        };
        starts[sector + 1] = starts[sector] + kib * 1024;
        sector += 1;
    }
    starts
};

/// The flash memory interface: wait states, caches, the locks, erasing and programming.
///
/// Operations are done at once. Parallelism and its errors, write protection and option bytes are
/// stored and have no effect.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct FlashInterface {
    acr: u32,
    cr: u32,
    optcr: u32,
    keys: Keys,
    option_keys: Keys,
    sr: u32,
    erase: Option<Range<u32>>,
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
            sr: 0,
            erase: None,
        }
    }

    /// Begins what CR asks for, and ends it.
    fn start(&mut self) {
        let sector = (self.cr >> 3 & 0xF) as usize;
        self.erase = if self.cr & MER != 0 {
            Some(0..SECTORS[12])
        } else if self.cr & SER != 0 && sector < 12 {
            Some(SECTORS[sector]..SECTORS[sector + 1])
        } else {
            None
        };
        if self.cr & EOPIE != 0 {
            self.sr |= EOP;
        }
    }
}

impl Peripheral for FlashInterface {
    crate::snapshot::saved_by_serde!();

    fn name(&self) -> &'static str {
        "FLASH"
    }

    fn still_until(&self, _offset: u32, _now: VirtualTime) -> Option<VirtualTime> {
        Some(VirtualTime::MAX)
    }

    fn read(&mut self, offset: u32, width: Width, _cx: &mut Context<'_>) -> Option<u32> {
        let lanes = Lanes::new(offset, width);
        let word = match lanes.register {
            ACR => self.acr,
            KEYR | OPTKEYR => 0,
            SR => self.sr,
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
                if new & STRT != 0 {
                    self.start();
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
            // Flags are cleared by writing 1.
            SR => self.sr &= !lanes.merge(0, value),
            // A locked register ignores writes.
            CR | OPTCR => {}
            _ => return None,
        }
        self.advance(cx);
        Some(())
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        cx.irq.set(IRQ, self.sr & EOP != 0 && self.cr & EOPIE != 0);
    }

    fn programs_flash(&self) -> bool {
        self.cr & (LOCK | PG) == PG
    }

    fn take_flash_erase(&mut self) -> Option<Range<u32>> {
        self.erase.take()
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
    fn the_control_register_opens_with_both_keys_in_order() {
        let (mut rig, mut flash) = (Rig::default(), FlashInterface::new());
        rig.write(&mut flash, ACR, 0x703);
        assert_eq!(rig.read(&mut flash, ACR), 0x703);
        rig.write(&mut flash, CR, PG);
        assert!(!flash.programs_flash());
        assert_eq!(rig.read(&mut flash, CR), LOCK);
        rig.write(&mut flash, KEYR, KEYS[0]);
        rig.write(&mut flash, KEYR, KEYS[1]);
        assert_eq!(rig.read(&mut flash, CR), 0);
        rig.write(&mut flash, CR, SER | 5 << 3 | STRT | EOPIE);
        assert_eq!(flash.take_flash_erase(), Some(0x2_0000..0x4_0000));
        assert_eq!(flash.take_flash_erase(), None);
        assert!(rig.irq(IRQ));
        rig.write(&mut flash, SR, EOP);
        assert!(!rig.irq(IRQ));
        assert!(!flash.programs_flash());
        rig.write(&mut flash, CR, PG);
        assert!(flash.programs_flash());
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
