//! RCC: oscillators, PLLs, the clock tree, resets of peripherals (RM0402, chapter 6).

use twinbench_model::VirtualTime;

use super::access::Lanes;
use crate::peripheral::{Clocks, Context, Peripheral, Width};

const HSI: u32 = 16_000_000;

const CR: u32 = 0x00;
const PLLCFGR: u32 = 0x04;
const CFGR: u32 = 0x08;
const CIR: u32 = 0x0C;
const BDCR: u32 = 0x70;
const CSR: u32 = 0x74;

/// Reset registers with the peripherals whose bits we know, from the device's register description.
const RESETS: [(u32, &[(u8, &str)]); 5] = [
    (
        0x10,
        &[
            (0, "GPIOA"),
            (1, "GPIOB"),
            (2, "GPIOC"),
            (3, "GPIOD"),
            (4, "GPIOE"),
            (5, "GPIOF"),
            (6, "GPIOG"),
            (7, "GPIOH"),
            (12, "CRC"),
            (21, "DMA1"),
            (22, "DMA2"),
        ],
    ),
    (0x14, &[(6, "RNG")]),
    (0x18, &[(0, "FSMC"), (1, "QUADSPI")]),
    (
        0x20,
        &[
            (0, "TIM2"),
            (1, "TIM3"),
            (2, "TIM4"),
            (3, "TIM5"),
            (4, "TIM6"),
            (5, "TIM7"),
            (6, "TIM12"),
            (7, "TIM13"),
            (8, "TIM14"),
            (11, "WWDG"),
            (14, "SPI2"),
            (15, "SPI3"),
            (17, "USART2"),
            (18, "USART3"),
            (21, "I2C1"),
            (22, "I2C2"),
            (23, "I2C3"),
            (28, "PWR"),
        ],
    ),
    (
        0x24,
        &[
            (0, "TIM1"),
            (1, "TIM8"),
            (4, "USART1"),
            (5, "USART6"),
            (8, "ADC1"),
            (11, "SDIO"),
            (12, "SPI1"),
            (13, "SPI4"),
            (14, "SYSCFG"),
            (16, "TIM9"),
            (17, "TIM10"),
            (18, "TIM11"),
            (20, "SPI5"),
        ],
    ),
];

/// Why the chip was reset, as CSR tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ResetCause {
    /// Power came: BOR, PIN and POR flags.
    Power,
    /// The reset line.
    Pin,
    /// `SYSRESETREQ`.
    Software,
    /// The independent watchdog.
    Watchdog,
}

/// Reset and clock control.
///
/// Oscillators and PLLs are ready at once.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Rcc {
    /// Crystal on the board in hertz.
    hse: u32,
    /// Registers by offset / 4; those that need more have a field.
    #[serde(with = "crate::snapshot::array")]
    registers: [u32; 38],
    csr: u32,
    /// Reset flags before the last reset.
    flags: u32,
    bdcr: u32,
}

impl Rcc {
    /// RCC with a crystal of `hse` hertz.
    pub fn new(hse: u32) -> Self {
        let mut rcc = Self {
            hse,
            registers: [0; 38],
            csr: 0,
            flags: 0,
            bdcr: 0,
        };
        rcc.note_reset(ResetCause::Power);
        rcc.registers = Self::defaults();
        rcc
    }

    /// Tells why the last reset was: sets its flags in CSR, where they stay until firmware clears
    /// them. A reset without word is taken for one that the software asked for.
    pub fn note_reset(&mut self, cause: ResetCause) {
        let flags = match cause {
            ResetCause::Power => 0b1110 << 24,
            ResetCause::Pin => 1 << 26,
            ResetCause::Software => (1 << 28) | (1 << 26),
            ResetCause::Watchdog => (1 << 29) | (1 << 26),
        };
        self.csr = self.flags | flags;
    }

    fn defaults() -> [u32; 38] {
        let mut registers = [0; 38];
        let values = [
            (CR, 0x0000_8083),
            (PLLCFGR, 0x2400_3010),
            (0x50, 0x0061_90FF),
            (0x54, 0x0000_00C0),
            (0x58, 0x0000_0003),
            (0x60, 0x17E6_C9FF),
            (0x64, 0x0117_7933),
            (0x84, 0x2400_3010),
        ];
        for (offset, value) in values {
            registers[(offset / 4) as usize] = value;
        }
        registers
    }

    fn at(&self, offset: u32) -> u32 {
        self.registers[(offset / 4) as usize]
    }

    /// Frequency of the main PLL's output P, 0 when it is off.
    fn pll(&self) -> u32 {
        if self.at(CR) & (1 << 24) == 0 {
            return 0;
        }
        let cfg = self.at(PLLCFGR);
        let source = if cfg & (1 << 22) == 0 { HSI } else { self.hse };
        let (m, n) = (cfg & 0x3F, cfg >> 6 & 0x1FF);
        let p = ((cfg >> 16 & 3) + 1) * 2;
        if m == 0 {
            return 0;
        }
        (u64::from(source) * u64::from(n) / u64::from(m) / u64::from(p)) as u32
    }

    /// Clocks as the registers say.
    fn clocks(&self) -> Clocks {
        let cfgr = self.at(CFGR);
        let sysclk = match cfgr >> 2 & 3 {
            0 => HSI,
            1 => self.hse,
            _ => self.pll(),
        };
        let hclk = match cfgr >> 4 & 0xF {
            code @ 8..=11 => sysclk >> (code - 7),
            // There is no division by 32.
            code @ 12..=15 => sysclk >> (code - 6),
            _ => sysclk,
        };
        let apb = |code: u32| match code & 7 {
            code @ 4..=7 => (hclk >> (code - 3), true),
            _ => (hclk, false),
        };
        let (pclk1, divided1) = apb(cfgr >> 10);
        let (pclk2, divided2) = apb(cfgr >> 13);
        // TIMPRE (DCKCFGR bit 24): timers run at HCLK up to a division by 4, else at 4 × PCLK.
        let timpre = self.at(0x8C) & (1 << 24) != 0;
        let timer = |pclk: u32, divided: bool| match (timpre, divided) {
            (_, false) => pclk,
            (false, true) => pclk * 2,
            (true, true) => hclk.min(pclk * 4),
        };
        Clocks {
            hclk,
            pclk1,
            pclk2,
            tim1: timer(pclk1, divided1),
            tim2: timer(pclk2, divided2),
        }
    }

    /// Copies each ON bit of CR to its RDY bit and lets SWS follow SW when that source is ready.
    fn settle(&mut self) {
        let mut cr = self.at(CR);
        for on in [0, 16, 24, 26] {
            let ready = cr >> on & 1;
            cr = (cr & !(2 << on)) | (ready << (on + 1));
        }
        self.registers[0] = cr;
        let cfgr = self.at(CFGR);
        let ready = match cfgr & 3 {
            0 => cr & 2 != 0,
            1 => cr & (1 << 17) != 0,
            2 => cr & (1 << 25) != 0,
            _ => false,
        };
        if ready {
            self.registers[(CFGR / 4) as usize] = (cfgr & !0xC) | (cfgr & 3) << 2;
        }
    }

    fn load(&self, register: u32) -> Option<u32> {
        match register {
            BDCR => Some(self.bdcr),
            CSR => Some(self.csr),
            CR..=CIR
            | 0x10
            | 0x14
            | 0x18
            | 0x20
            | 0x24
            | 0x30
            | 0x34
            | 0x38
            | 0x40
            | 0x44
            | 0x50
            | 0x54
            | 0x58
            | 0x60
            | 0x64
            | 0x80
            | 0x84
            | 0x8C
            | 0x90
            | 0x94 => Some(self.at(register)),
            _ => None,
        }
    }

    fn store(&mut self, register: u32, value: u32, cx: &mut Context<'_>) -> Option<()> {
        self.load(register)?;
        match register {
            BDCR if value & (1 << 16) != 0 => self.bdcr = 1 << 16,
            BDCR => self.bdcr = (value & !2) | (value & 1) << 1,
            CSR => {
                let flags = if value & (1 << 24) != 0 {
                    0
                } else {
                    self.csr & 0xFE00_0000
                };
                self.csr = flags | (value & 1) | (value & 1) << 1;
            }
            // Interrupts of the clock system are only stored; the clear bits read as 0.
            CIR => self.registers[(CIR / 4) as usize] = value & 0x0000_7F00,
            CFGR => {
                let sws = self.at(CFGR) & 0xC;
                self.registers[(CFGR / 4) as usize] = (value & !0xC) | sws;
            }
            CR => {
                // The oscillator or PLL that feeds the core cannot be switched off (6.3.1).
                let mut value = value & 0x0F0F_00FB | 0x8000;
                match self.at(CFGR) >> 2 & 3 {
                    0 => value |= 1,
                    1 => value |= 1 << 16,
                    _ => value |= 1 << 24,
                }
                self.registers[0] = value;
            }
            _ => {
                let old = self.at(register);
                self.registers[(register / 4) as usize] = value;
                if let Some((_, bits)) = RESETS.iter().find(|(offset, _)| *offset == register) {
                    let rising = value & !old;
                    let named = bits.iter().filter(|(bit, _)| rising >> bit & 1 != 0);
                    cx.resets.extend(named.map(|(_, name)| *name));
                }
            }
        }
        self.settle();
        *cx.clocks = self.clocks();
        Some(())
    }
}

impl Peripheral for Rcc {
    crate::snapshot::saved_by_serde!();

    fn name(&self) -> &'static str {
        "RCC"
    }

    fn still_until(&self, _offset: u32, _now: VirtualTime) -> Option<VirtualTime> {
        Some(VirtualTime::MAX)
    }

    fn read(&mut self, offset: u32, width: Width, _cx: &mut Context<'_>) -> Option<u32> {
        let lanes = Lanes::new(offset, width);
        Some(lanes.extract(self.load(lanes.register)?))
    }

    fn write(&mut self, offset: u32, width: Width, value: u32, cx: &mut Context<'_>) -> Option<()> {
        let lanes = Lanes::new(offset, width);
        let kept = self.load(lanes.register)?;
        self.store(lanes.register, lanes.merge(kept, value), cx)
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        *cx.clocks = self.clocks();
    }

    /// The backup domain and the reset flags keep their values (6.1.1).
    fn reset(&mut self) {
        self.registers = Self::defaults();
        self.flags = self.csr & 0xFE00_0000;
        self.note_reset(ResetCause::Software);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stm32::rig::Rig;

    /// HSE 26 MHz / 13 × 96 / 2 = 96 MHz, in the order in which embassy-stm32 does it.
    #[test]
    fn the_board_s_clock_tree_reaches_96_mhz() {
        let (mut rig, mut rcc) = (Rig::default(), Rcc::new(26_000_000));
        let rcc = &mut rcc;
        rig.modify(rcc, CR, |v| v | 1 << 16);
        assert_ne!(rig.read(rcc, CR) & 1 << 17, 0, "HSERDY");
        rig.modify(rcc, CR, |v| v & !(1 << 24));
        assert_eq!(rig.read(rcc, CR) & 1 << 25, 0, "PLLRDY falls");
        rig.write(
            rcc,
            PLLCFGR,
            13 + (96 << 6) + (1 << 22) + (4 << 24) + (2 << 28),
        );
        rig.modify(rcc, CR, |v| v | 1 << 24);
        assert_ne!(rig.read(rcc, CR) & 1 << 25, 0, "PLLRDY");
        // PPRE1 = /2.
        rig.write(rcc, CFGR, 2 | 4 << 10);
        assert_eq!(rig.read(rcc, CFGR) >> 2 & 3, 2, "SWS");
        assert_eq!(
            rig.clocks,
            Clocks {
                hclk: 96_000_000,
                pclk1: 48_000_000,
                pclk2: 96_000_000,
                tim1: 96_000_000,
                tim2: 96_000_000
            }
        );
        rig.modify(rcc, CR, |v| v & !(1 << 24));
        assert_ne!(rig.read(rcc, CR) & 1 << 25, 0, "the PLL in use stays on");
    }

    #[test]
    fn a_source_that_is_off_is_not_selected() {
        let (mut rig, mut rcc) = (Rig::default(), Rcc::new(26_000_000));
        rig.write(&mut rcc, CFGR, 1);
        assert_eq!(rig.read(&mut rcc, CFGR), 1);
        assert_eq!(rig.clocks.hclk, HSI);
    }

    #[test]
    fn a_reset_bit_names_the_peripheral_once() {
        let (mut rig, mut rcc) = (Rig::default(), Rcc::new(26_000_000));
        rig.write(&mut rcc, 0x20, 1 << 21);
        rig.write(&mut rcc, 0x20, 1 << 21);
        rig.write(&mut rcc, 0x20, 0);
        assert_eq!(rig.resets, ["I2C1"]);
    }

    #[test]
    fn reset_flags_stay_until_cleared() {
        let (mut rig, mut rcc) = (Rig::default(), Rcc::new(26_000_000));
        assert_eq!(rig.read(&mut rcc, CSR), 0x0E00_0000);
        rig.modify(&mut rcc, CSR, |v| v | 1 << 24);
        assert_eq!(rig.read(&mut rcc, CSR), 0);
        rcc.reset();
        assert_eq!(rig.read(&mut rcc, CSR), 0x1400_0000);
        rcc.reset();
        rcc.note_reset(ResetCause::Watchdog);
        assert_eq!(rig.read(&mut rcc, CSR), 0x3400_0000);
        rig.modify(&mut rcc, CSR, |v| v | 1);
        assert_eq!(rig.read(&mut rcc, CSR) & 3, 3, "LSIRDY follows LSION");
        rig.write(&mut rcc, BDCR, 0x8101);
        assert_eq!(rig.read(&mut rcc, BDCR), 0x8103, "LSERDY follows LSEON");
    }

    #[test]
    fn unknown_registers_are_left_to_the_bus() {
        let (mut rig, mut rcc) = (Rig::default(), Rcc::new(26_000_000));
        assert_eq!(rcc.read(0x200, Width::Word, &mut rig.cx()), None);
        assert_eq!(rcc.write(0x1C, Width::Word, 1, &mut rig.cx()), None);
    }
}
