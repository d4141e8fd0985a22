//! What chip is behind a probe, when `probe-rs` cannot tell: the STM32F1 and F4, whose own identity says
//! the line, and whose factory words say how much flash memory they have.

use probe_rs::{
    MemoryInterface, Permissions, Session,
    config::{MemoryRegion, Registry},
};

/// The identity register of the debug unit (RM0402, 30.6.1; RM0090, 38.6.1; RM0008, 31.6.1).
const IDCODE: u64 = 0xE004_2000;
/// KiB of flash memory, where the F4 (RM0402, 31.2) and the F1 (RM0008, 30.1.1) have them.
const F4_SIZE: u64 = 0x1FFF_7A22;
const F1_SIZE: u64 = 0x1FFF_F7E0;

/// Lines by the lower 12 bits of their identity, with the place of the flash memory's size (the reference
/// manuals' chapters on debug support, "MCU device ID code").
const LINES: [(u32, &str, u64); 15] = [
    (0x410, "STM32F103", F1_SIZE),
    (0x412, "STM32F103", F1_SIZE),
    (0x414, "STM32F103", F1_SIZE),
    (0x418, "STM32F107", F1_SIZE),
    (0x411, "STM32F207", F4_SIZE),
    (0x413, "STM32F407", F4_SIZE),
    (0x419, "STM32F429", F4_SIZE),
    (0x421, "STM32F446", F4_SIZE),
    (0x423, "STM32F401", F4_SIZE),
    (0x431, "STM32F411", F4_SIZE),
    (0x433, "STM32F401", F4_SIZE),
    (0x434, "STM32F469", F4_SIZE),
    (0x441, "STM32F412", F4_SIZE),
    (0x458, "STM32F410", F4_SIZE),
    (0x463, "STM32F413", F4_SIZE),
];

/// The name of a chip of this line with so much flash memory: packages make no difference here.
fn name(registry: &Registry, line: &str, flash: u64) -> Option<String> {
    let chips = registry
        .families()
        .iter()
        .flat_map(|family| &family.variants);
    let mut fitting: Vec<&str> = chips
        .filter(|chip| {
            chip.name.starts_with(line)
                && chip.memory_map.iter().any(|region| match region {
                    MemoryRegion::Nvm(flash_memory) => {
                        let range = &flash_memory.range;
                        !flash_memory.is_alias && range.end - range.start == flash
                    }
                    _ => false,
                })
        })
        .map(|chip| chip.name.as_str())
        .collect();
    fitting.sort_unstable();
    fitting.first().map(|name| (*name).to_owned())
}

/// Asks the chip behind an opened probe; none: it is of another kind.
pub(super) fn detect(probe: probe_rs::probe::Probe) -> Option<String> {
    // Any Cortex-M answers as this one does as long as only memory is read.
    let mut session: Session = probe.attach("Cortex-M4", Permissions::default()).ok()?;
    let mut core = session.core(0).ok()?;
    let identity = core.read_word_32(IDCODE).ok()? & 0xFFF;
    let (_, line, place) = LINES.into_iter().find(|(known, ..)| *known == identity)?;
    let flash = u64::from(core.read_word_16(place).ok()?) * 1024;
    name(&Registry::from_builtin_families(), line, flash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_chips() {
        let registry = Registry::from_builtin_families();
        for (_, line, _) in LINES {
            let some = [64, 128, 256, 512, 1024, 2048]
                .into_iter()
                .filter_map(|kib| name(&registry, line, kib * 1024))
                .count();
            assert!(some > 0, "{line}");
        }
        let found = name(&registry, "STM32F412", 1024 * 1024).unwrap();
        assert!(
            found.starts_with("STM32F412") && found.contains('G'),
            "{found}"
        );
        assert_eq!(name(&registry, "STM32F412", 3), None);
    }
}
