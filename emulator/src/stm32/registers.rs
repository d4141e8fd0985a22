//! Names of registers, for what is said of those that are not modelled.

/// The table, as it was derived from the vendor's descriptions (its head says from which).
const TABLE: &str = include_str!("registers.txt");

/// Bytes of address space in which a peripheral's registers are looked for.
const REACH: u32 = 0x400;

/// The peripheral and register at an address, as `ADC1_CR2`.
pub(crate) fn name(address: u32) -> Option<String> {
    let mut lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    while let (Some(peripherals), Some(registers)) = (lines.next(), lines.next()) {
        let entries = peripherals.split(' ').filter_map(|entry| {
            let (name, base) = entry.split_once('=')?;
            Some((name, u32::from_str_radix(base, 16).ok()?))
        });
        for (name, base) in entries {
            let offset = address.wrapping_sub(base);
            if offset >= REACH {
                continue;
            }
            let found = registers.split(' ').find_map(|entry| {
                let (at, register) = entry.split_once(':')?;
                (u32::from_str_radix(at, 16).ok()? == offset & !3).then_some(register)
            });
            if let Some(register) = found {
                return Some(format!("{name}_{register}"));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_have_the_manuals_names() {
        for (address, expected) in [
            (0x4001_2008, "ADC1_CR2"),
            (0x4002_3840, "RCC_APB1ENR"),
            (0xA000_1014, "QUADSPI_CCR"),
            (0x4000_001C, "TIM2_CCMR2"),
            (0x4002_6410, "DMA2_S0CR"),
            (0x4000_6400, "CAN1_MCR"),
        ] {
            assert_eq!(name(address).as_deref(), Some(expected), "{address:#x}");
        }
        assert_eq!(name(0x4001_1420), None);
        assert_eq!(name(0x2000_0000), None);
    }

    #[test]
    fn every_line_of_the_table_can_be_read() {
        let lines: Vec<_> = TABLE
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        assert!(lines.len().is_multiple_of(2) && lines.len() > 60);
        for (index, line) in lines.iter().enumerate() {
            for entry in line.split(' ') {
                let number = if index % 2 == 0 {
                    entry.split_once('=').map(|(_, number)| number)
                } else {
                    entry.split_once(':').map(|(number, _)| number)
                };
                assert!(
                    number.is_some_and(|it| u32::from_str_radix(it, 16).is_ok()),
                    "{entry}"
                );
            }
        }
    }
}
