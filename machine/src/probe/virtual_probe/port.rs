//! The debug port and its one access port, register by register (ADIv5.2).

use twinbench_emulator::{Chip, peripheral::Width};

use super::components;

/// What the wire's acknowledge says when it is not OK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// FAULT: an error flag is set.
    Fault,
}

/// `DPIDR` of a Cortex-M4's serial wire debug port (RM0402, 30.8.3).
pub(super) const DPIDR: u32 = 0x2BA0_1477;
/// `IDR` of its access port to the AHB (RM0402, 30.10).
pub(super) const APIDR: u32 = 0x2477_0011;

/// Bits of `CTRL/STAT` (ADIv5.2, B2.2.2).
const STICKYORUN: u32 = 1 << 1;
const STICKYCMP: u32 = 1 << 4;
const STICKYERR: u32 = 1 << 5;
const READOK: u32 = 1 << 6;
const WDATAERR: u32 = 1 << 7;
const DEBUG_REQUEST: u32 = 1 << 28;
const SYSTEM_REQUEST: u32 = 1 << 30;
/// What a write of `CTRL/STAT` changes: requests, transfer mode, masks, overrun detection.
const CONTROL: u32 = DEBUG_REQUEST | SYSTEM_REQUEST | 0x0FFF_FF0D;

/// Access port registers.
const CSW: u8 = 0x00;
const TAR: u8 = 0x04;
const DRW: u8 = 0x0C;
const BD0: u8 = 0x10;
const BD3: u8 = 0x1C;
const BASE: u8 = 0xF8;
const IDR: u8 = 0xFC;

/// `CSW`: what is fixed (device enabled), and what is kept of a write.
const CSW_ENABLED: u32 = 1 << 6;
const CSW_KEPT: u32 = 0x7F00_0F37;

/// The device's identity, of which the table of components has the lower 12 bits (RM0402, 30.6.1).
const IDCODE: u32 = 0xE004_2000;
/// System registers that a debugger's port treats by itself.
const AIRCR: u32 = 0xE000_ED0C;
const DHCSR: u32 = 0xE000_EDF0;
const DEMCR: u32 = 0xE000_EDFC;
const VECTKEY: u32 = 0x05FA;
const SYSRESETREQ: u32 = 1 << 2;
const VC_CORERESET: u32 = 1;
const DEBUG_KEY: u32 = 0xA05F;
const C_DEBUGEN: u32 = 1;
const C_HALT: u32 = 1 << 1;
const S_HALT: u32 = 1 << 17;
const S_SLEEP: u32 = 1 << 18;
const S_RESET_ST: u32 = 1 << 25;
/// The debug units' registers, which a system reset leaves alone (ARMv7-M ARM, C1.2.4): first and end.
const KEPT: [(u32, u32); 3] = [
    (0xE000_1020, 0xE000_1060),
    (0xE000_2008, 0xE000_2028),
    (DEMCR, DEMCR + 4),
];
const FP_CTRL: u32 = 0xE000_2000;

/// The chip as the access port sees it.
pub(crate) trait Target {
    /// The chip.
    fn chip(&mut self) -> &mut Chip;
    /// The reset line goes down and up.
    fn reset(&mut self);
    /// Somebody waits for the core: time may go on.
    fn waited_for(&mut self);
}

/// State of the port.
#[derive(Debug, Clone, Default)]
pub(crate) struct Port {
    control: u32,
    sticky: u32,
    select: u32,
    csw: u32,
    tar: u32,
    buffer: u32,
    /// The core was reset since `DHCSR` was read.
    was_reset: bool,
}

impl Port {
    /// The line reset of the serial wire protocol: nothing is selected.
    pub(crate) fn line_reset(&mut self) {
        self.select = 0;
    }

    /// Power has gone away.
    pub(super) fn power_off(&mut self) {
        *self = Self::default();
    }

    /// The port and bank that are selected.
    pub(crate) fn selected(&self) -> u32 {
        self.select
    }

    /// Reads a register of the debug port.
    pub(crate) fn read_dp(&mut self, address: u8) -> u32 {
        match (address & 0xC, self.select & 0xF) {
            (0x0, _) => DPIDR,
            (0x4, 0) => {
                // What is requested is acknowledged in the next bit.
                let requests = self.control & (DEBUG_REQUEST | SYSTEM_REQUEST);
                self.control | requests << 1 | self.sticky | READOK
            }
            (0x8 | 0xC, _) => self.buffer,
            _ => 0,
        }
    }

    /// Writes a register of the debug port.
    pub(crate) fn write_dp(&mut self, address: u8, value: u32) {
        match (address & 0xC, self.select & 0xF) {
            // ABORT clears each flag by a bit of its own.
            (0x0, _) => {
                for (bit, flag) in [
                    (1, STICKYCMP),
                    (2, STICKYERR),
                    (3, WDATAERR),
                    (4, STICKYORUN),
                ] {
                    if value & 1 << bit != 0 {
                        self.sticky &= !flag;
                    }
                }
            }
            (0x4, 0) => self.control = value & CONTROL,
            (0x8, _) => self.select = value,
            _ => {}
        }
    }

    /// Whether the access port has power and no error is waiting.
    pub(crate) fn ready(&self) -> Result<(), Refusal> {
        let powered = self.control & DEBUG_REQUEST != 0;
        (powered && self.sticky == 0)
            .then_some(())
            .ok_or(Refusal::Fault)
    }

    /// The access port's register at these low bits, with the selected bank; `None`: of a port that is
    /// not there.
    fn register(&self, address: u8) -> Option<u8> {
        let bank = (self.select & 0xF0) as u8;
        (self.select >> 24 == 0).then_some(bank | address & 0xC)
    }

    /// Reads a register of the selected access port.
    pub(crate) fn read_ap(
        &mut self,
        target: &mut impl Target,
        address: u8,
    ) -> Result<u32, Refusal> {
        self.ready()?;
        let value = match self.register(address) {
            Some(CSW) => self.csw | CSW_ENABLED,
            Some(TAR) => self.tar,
            Some(DRW) => {
                let at = self.tar;
                self.advance();
                self.load(target, at, self.width())?
            }
            Some(bank @ BD0..=BD3) => {
                self.load(target, self.tar & !0xF | u32::from(bank & 0xC), Width::Word)?
            }
            Some(BASE) => components::TABLE | 3,
            Some(IDR) => APIDR,
            // CFG says little-endian, and no large addresses or data.
            _ => 0,
        };
        self.buffer = value;
        Ok(value)
    }

    /// Writes a register of the selected access port.
    pub(crate) fn write_ap(
        &mut self,
        target: &mut impl Target,
        address: u8,
        value: u32,
    ) -> Result<(), Refusal> {
        self.ready()?;
        match self.register(address) {
            Some(CSW) => {
                let mut new = value & CSW_KEPT;
                // Words are the largest: a larger size reads back as one.
                if new & 7 > 2 {
                    new = new & !7 | 2;
                }
                self.csw = new;
            }
            Some(TAR) => self.tar = value,
            Some(DRW) => {
                let at = self.tar;
                self.advance();
                self.store(target, at, self.width(), value)?;
            }
            Some(bank @ BD0..=BD3) => self.store(
                target,
                self.tar & !0xF | u32::from(bank & 0xC),
                Width::Word,
                value,
            )?,
            _ => {}
        }
        Ok(())
    }

    fn width(&self) -> Width {
        match self.csw & 7 {
            0 => Width::Byte,
            1 => Width::Half,
            _ => Width::Word,
        }
    }

    /// Moves the address on within its 1 KiB, if so set.
    fn advance(&mut self) {
        if self.csw >> 4 & 3 == 1 {
            let step = 1 << (self.csw & 7);
            self.tar = self.tar & !0x3FF | self.tar.wrapping_add(step) & 0x3FF;
        }
    }

    /// Reads memory, each byte in its own lane of the word.
    pub(crate) fn load(
        &mut self,
        target: &mut impl Target,
        address: u32,
        width: Width,
    ) -> Result<u32, Refusal> {
        let lane = 8 * (address & 3);
        let identity = || target.chip().peek(IDCODE).unwrap_or(0) as u16 & 0xFFF;
        if let Some(word) = components::read(address, identity) {
            return Ok(word);
        }
        if address == DHCSR {
            return Ok(self.state(target));
        }
        match target.chip().access(address, width, None) {
            Some(value) => Ok(value << lane),
            None => Err(self.fail()),
        }
    }

    /// Writes memory, each byte from its own lane of the word.
    pub(crate) fn store(
        &mut self,
        target: &mut impl Target,
        address: u32,
        width: Width,
        value: u32,
    ) -> Result<(), Refusal> {
        if address == AIRCR && value >> 16 == VECTKEY && value & SYSRESETREQ != 0 {
            self.reset(target);
            return Ok(());
        }
        let lane = 8 * (address & 3);
        let value = match width {
            Width::Byte => value >> lane & 0xFF,
            Width::Half => value >> lane & 0xFFFF,
            Width::Word => value,
        };
        match target.chip().access(address, width, Some(value)) {
            Some(_) => Ok(()),
            None => Err(self.fail()),
        }
    }

    fn fail(&mut self) -> Refusal {
        self.sticky |= STICKYERR;
        Refusal::Fault
    }

    /// `DHCSR`. Who reads it while the core runs waits for something.
    fn state(&mut self, target: &mut impl Target) -> u32 {
        let mut word = target.chip().peek(DHCSR).unwrap_or_default();
        if word & S_HALT == 0 {
            target.waited_for();
            word = target.chip().peek(DHCSR).unwrap_or_default();
        }
        // A core that stands still for a debugger does not sleep (ARMv7-M ARM, C1.6.2).
        if word & S_HALT != 0 {
            word &= !S_SLEEP;
        }
        if std::mem::take(&mut self.was_reset) {
            word |= S_RESET_ST;
        }
        word
    }

    /// A reset of everything but the debug units; the core stops at its first instruction if that is
    /// to be caught.
    pub(crate) fn reset(&mut self, target: &mut impl Target) {
        let chip = target.chip();
        let kept: Vec<(u32, u32)> = KEPT
            .into_iter()
            .flat_map(|(first, end)| (first..end).step_by(4))
            .map(|address| (address, chip.peek(address).unwrap_or_default()))
            .collect();
        let breakpoints = chip.peek(FP_CTRL).unwrap_or_default();
        let debugged = chip.peek(DHCSR).unwrap_or_default() & C_DEBUGEN != 0;
        target.reset();
        let chip = target.chip();
        for (address, value) in kept {
            chip.poke(address, value);
        }
        // Bit 1 is the key.
        chip.poke(FP_CTRL, breakpoints | 2);
        let caught = chip.peek(DEMCR).unwrap_or_default() & VC_CORERESET != 0;
        if debugged && caught {
            chip.poke(DHCSR, DEBUG_KEY << 16 | C_HALT | C_DEBUGEN);
        }
        self.was_reset = true;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use twinbench_emulator::{Image, MemoryMap, board::Board};

    use super::*;

    struct Bare(Board);

    impl Bare {
        fn new() -> Self {
            let image = Image::from_flash(&[], &MemoryMap::STM32F412XG);
            Self(Board::az3166(Arc::new(image)).unwrap())
        }
    }

    impl Target for Bare {
        fn chip(&mut self) -> &mut Chip {
            self.0.chip_mut()
        }

        fn reset(&mut self) {
            self.0.reset();
        }

        fn waited_for(&mut self) {}
    }

    #[derive(Debug, Clone, Copy)]
    enum Operation {
        ReadDp(u8),
        WriteDp(u8, u32),
        ReadAp(u8),
        WriteAp(u8, u32),
    }

    fn operation() -> impl Strategy<Value = Operation> {
        let register = prop_oneof![Just(0_u8), Just(4), Just(8), Just(12)];
        let value = prop_oneof![
            any::<u32>(),
            Just(0x5000_0000),
            Just(0x1E),
            Just(0x2300_0052),
            Just(0x2000_0100),
            Just(0xE000_ED0C),
            Just(0xE000_EDF0),
            Just(0x05FA_0004),
            Just(0xA05F_0003),
        ];
        (0..4, register, value).prop_map(|(which, register, value)| match which {
            0 => Operation::ReadDp(register),
            1 => Operation::WriteDp(register, value),
            2 => Operation::ReadAp(register),
            _ => Operation::WriteAp(register, value),
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn an_error_is_told_until_it_is_cleared(
            operations in proptest::collection::vec(operation(), 1..200)
        ) {
            let (mut port, mut target) = (Port::default(), Bare::new());
            for operation in operations {
                let before = port.sticky;
                let refused = match operation {
                    Operation::ReadDp(register) => {
                        port.read_dp(register);
                        false
                    }
                    Operation::WriteDp(register, value) => {
                        port.write_dp(register, value);
                        false
                    }
                    Operation::ReadAp(register) => port.read_ap(&mut target, register).is_err(),
                    Operation::WriteAp(register, value) => {
                        port.write_ap(&mut target, register, value).is_err()
                    }
                };
                let accesses = matches!(operation, Operation::ReadAp(_) | Operation::WriteAp(..));
                prop_assert!(!(accesses && before != 0) || refused);
                prop_assert!(refused || !accesses || port.sticky == before);
            }
            // Whatever was done, power, a cleared flag and a selection bring the port back.
            port.write_dp(0x0, 0x1E);
            port.write_dp(0x8, 0xF0);
            port.write_dp(0x0, 0x1E);
            port.line_reset();
            port.write_dp(0x4, 0x5000_0000);
            port.write_dp(0x8, 0xF0);
            prop_assert_eq!(port.read_ap(&mut target, 0xC), Ok(APIDR));
        }
    }

    #[test]
    fn addresses_advance_within_a_kilobyte_and_bytes_have_their_lanes() {
        let (mut port, mut target) = (Port::default(), Bare::new());
        assert_eq!(
            port.read_ap(&mut target, 0xC),
            Err(Refusal::Fault),
            "no power"
        );
        port.write_dp(0x4, 0x5000_0000);
        assert_eq!(port.read_dp(0x4) >> 28, 0xF, "requests are acknowledged");
        // Bytes, advancing.
        port.write_ap(&mut target, 0x0, 0x2300_0050).unwrap();
        port.write_ap(&mut target, 0x4, 0x2000_03FE).unwrap();
        port.write_ap(&mut target, 0xC, 0x00AB_0000).unwrap();
        port.write_ap(&mut target, 0xC, 0xCD00_0000).unwrap();
        assert_eq!(port.read_ap(&mut target, 0x4), Ok(0x2000_0000));
        port.write_ap(&mut target, 0x0, 0x2300_0052).unwrap();
        port.write_ap(&mut target, 0x4, 0x2000_03FC).unwrap();
        assert_eq!(port.read_ap(&mut target, 0xC), Ok(0xCDAB_0000));
        // Nothing answers there; the flag stays until it is cleared.
        port.write_ap(&mut target, 0x4, 0x7000_0000).unwrap();
        assert_eq!(port.read_ap(&mut target, 0xC), Err(Refusal::Fault));
        assert_eq!(port.read_dp(0x4) & STICKYERR, STICKYERR);
        assert_eq!(port.read_ap(&mut target, 0x4), Err(Refusal::Fault));
        port.write_dp(0x0, 1 << 2);
        assert!(port.read_ap(&mut target, 0x4).is_ok());
    }
}
