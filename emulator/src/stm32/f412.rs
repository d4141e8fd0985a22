//! The STM32F412RG: which peripherals it has, where, and on which interrupts (RM0402, tables 1
//! and 39; checked against the vendor's register descriptions).

use super::{
    Adc, Ccm, Crc, Dbgmcu, DeviceId, Dma, Exti, FlashInterface, Gpio, I2c, I2cPort, Iwdg, Pwr,
    Quadspi, Rcc, Rng, Rtc, Sdio, Spi, SpiPort, Syscfg, Timer, TimerPort, Unmodelled, Usart,
    UsartPort, Wwdg, dma,
};
use crate::{machine::Mapped, peripheral::Peripheral, sensors::I2cDevice};

/// What a board decides about its chip.
pub struct Config {
    /// The crystal in hertz.
    pub hse: u32,
    /// Bytes of flash memory.
    pub flash_size: u32,
    /// Devices on the buses I2C1, I2C2 and I2C3.
    pub buses: [Vec<Box<dyn I2cDevice>>; 3],
    /// Bytes of the NOR flash memory at QUADSPI; 0 for none.
    pub nor_size: u32,
    /// Bytes of core-coupled memory at 0x10000000; 0 for none.
    pub ccm_size: u32,
}

impl Config {
    /// A chip with nothing around it but a crystal of `hse` hertz.
    pub fn bare(hse: u32, flash_size: u32) -> Self {
        Self {
            hse,
            flash_size,
            buses: Default::default(),
            nor_size: 0,
            ccm_size: 0,
        }
    }
}

/// Address of QUADSPI's registers.
pub const QUADSPI: u32 = 0xA000_1000;

/// Serial peripheral interfaces: base address, port.
pub const SPIS: [(u32, SpiPort); 5] = [
    (0x4001_3000, spi("SPI1", 35, true)),
    (0x4000_3800, spi("SPI2", 36, false)),
    (0x4000_3C00, spi("SPI3", 51, false)),
    (0x4001_3400, spi("SPI4", 84, true)),
    (0x4001_5000, spi("SPI5", 85, true)),
];

/// Bytes of address space that each peripheral takes.
const BLOCK: u32 = 0x400;

/// Serial ports: base address, port.
pub const USARTS: [(u32, UsartPort); 4] = [
    (0x4001_1000, usart("USART1", 37, true)),
    (0x4000_4400, usart("USART2", 38, false)),
    (0x4000_4800, usart("USART3", 39, false)),
    (0x4001_1400, usart("USART6", 71, true)),
];

/// I2C interfaces: base address, port.
pub const I2CS: [(u32, I2cPort); 3] = [
    (0x4000_5400, i2c("I2C1", 31, 32)),
    (0x4000_5800, i2c("I2C2", 33, 34)),
    (0x4000_5C00, i2c("I2C3", 72, 73)),
];

/// Timers: base address, timer.
pub const TIMERS: [(u32, TimerPort); 14] = [
    (0x4000_0000, timer("TIM2", (28, 0), (28, 0), false, true, 4)),
    (
        0x4000_0400,
        timer("TIM3", (29, 0), (29, 0), false, false, 4),
    ),
    (
        0x4000_0800,
        timer("TIM4", (30, 0), (30, 0), false, false, 4),
    ),
    (0x4000_0C00, timer("TIM5", (50, 0), (50, 0), false, true, 4)),
    (
        0x4000_1000,
        timer("TIM6", (54, 0), (54, 0), false, false, 0),
    ),
    (
        0x4000_1400,
        timer("TIM7", (55, 0), (55, 0), false, false, 0),
    ),
    (
        0x4000_1800,
        timer("TIM12", (43, 1), (43, 1), false, false, 2),
    ),
    (
        0x4000_1C00,
        timer("TIM13", (44, 1), (44, 1), false, false, 1),
    ),
    (
        0x4000_2000,
        timer("TIM14", (45, 1), (45, 1), false, false, 1),
    ),
    (0x4001_0000, timer("TIM1", (25, 0), (27, 0), true, false, 4)),
    (0x4001_0400, timer("TIM8", (44, 0), (46, 0), true, false, 4)),
    (0x4001_4000, timer("TIM9", (24, 1), (24, 1), true, false, 2)),
    (
        0x4001_4400,
        timer("TIM10", (25, 1), (25, 1), true, false, 1),
    ),
    (
        0x4001_4800,
        timer("TIM11", (26, 1), (26, 1), true, false, 1),
    ),
];

/// What is on the chip and not modelled: base address, bytes, name.
const UNMODELLED: [(u32, u32, &str); 7] = [
    (0x4000_6000, BLOCK, "FMPI2C1"),
    (0x4000_6400, BLOCK, "CAN1"),
    (0x4000_6800, BLOCK, "CAN2"),
    (0x4001_6000, BLOCK, "DFSDM1"),
    (0x4000_3400, BLOCK, "I2S2ext"),
    (0x5000_0000, 0x4_0000, "USB_OTG_FS"),
    (0xA000_0000, 0x1000, "FSMC"),
];

const fn usart(name: &'static str, irq: u8, apb2: bool) -> UsartPort {
    UsartPort { name, irq, apb2 }
}

const fn spi(name: &'static str, irq: u8, apb2: bool) -> SpiPort {
    SpiPort { name, irq, apb2 }
}

const fn i2c(name: &'static str, event_irq: u8, error_irq: u8) -> I2cPort {
    I2cPort {
        name,
        event_irq,
        error_irq,
    }
}

const fn timer(
    name: &'static str,
    update_irq: (u8, u8),
    compare_irq: (u8, u8),
    apb2: bool,
    wide: bool,
    channels: u8,
) -> TimerPort {
    TimerPort {
        name,
        update_irq,
        compare_irq,
        apb2,
        wide,
        channels,
    }
}

/// Every peripheral of the chip at its place.
pub fn peripherals(config: Config) -> Vec<Mapped> {
    let block = |base: u32, peripheral: Box<dyn Peripheral>| (base, BLOCK, peripheral);
    let flash_kib = (config.flash_size / 1024) as u16;
    let mut all = vec![
        block(0x4002_3800, Box::new(Rcc::new(config.hse))),
        block(0x4000_7000, Box::<Pwr>::default()),
        block(0x4002_3C00, Box::<FlashInterface>::default()),
        block(0x4001_3800, Box::<Syscfg>::default()),
        block(0x4001_3C00, Box::<Exti>::default()),
        block(0x4000_2800, Box::<Rtc>::default()),
        block(0x4000_2C00, Box::<Wwdg>::default()),
        block(0x4000_3000, Box::<Iwdg>::default()),
        block(0x4002_3000, Box::<Crc>::default()),
        block(
            0x4002_6000,
            Box::new(Dma::new(
                "DMA1",
                dma::DMA1,
                [11, 12, 13, 14, 15, 16, 17, 47],
            )),
        ),
        block(
            0x4002_6400,
            Box::new(Dma::new(
                "DMA2",
                dma::DMA2,
                [56, 57, 58, 59, 60, 68, 69, 70],
            )),
        ),
        block(0x5006_0800, Box::new(Rng::new(0))),
        block(0xE004_2000, Box::<Dbgmcu>::default()),
        block(0x4001_2000, Box::<Adc>::default()),
        block(0x4001_2C00, Box::<Sdio>::default()),
        (QUADSPI, 0x1000, Box::new(Quadspi::new(config.nor_size))),
        (
            DeviceId::BASE,
            DeviceId::SIZE,
            Box::new(DeviceId::new([0; 3], flash_kib)),
        ),
    ];
    for port in 0..8u8 {
        let base = 0x4002_0000 + u32::from(port) * BLOCK;
        all.push(block(base, Box::new(Gpio::new(port))));
    }
    for (base, port) in USARTS {
        all.push(block(base, Box::new(Usart::new(port))));
    }
    for (base, port) in SPIS {
        all.push(block(base, Box::new(Spi::new(port))));
    }
    if config.ccm_size > 0 {
        let ccm = Ccm::new(config.ccm_size);
        all.push((0x1000_0000, config.ccm_size, Box::new(ccm)));
    }
    for ((base, port), devices) in I2CS.into_iter().zip(config.buses) {
        all.push(block(base, Box::new(I2c::new(port, devices))));
    }
    for (base, port) in TIMERS {
        all.push(block(base, Box::new(Timer::new(port))));
    }
    for (base, size, name) in UNMODELLED {
        all.push((base, size, Box::new(Unmodelled::new(name))));
    }
    all.sort_by_key(|(base, ..)| *base);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_peripherals_share_an_address_or_a_name() {
        let all = peripherals(Config::bare(26_000_000, 1 << 20));
        for pair in all.windows(2) {
            let ((base, size, first), (next, _, second)) = (&pair[0], &pair[1]);
            assert!(
                base + size <= *next,
                "{} and {}",
                first.name(),
                second.name()
            );
        }
        let mut names: Vec<_> = all.iter().map(|(.., p)| p.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
    }
}
