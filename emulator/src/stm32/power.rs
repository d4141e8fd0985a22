//! Power controller (RM0402, chapter 5).

use twinbench_model::VirtualTime;

use super::access::Lanes;
use crate::peripheral::{Context, Peripheral, Width};

/// Power control.
///
/// Every voltage scale, the backup regulator and the over-drive mode, which larger chips of the
/// family have, are ready at once; low-power modes are stored only.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
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

    /// VOSRDY, BRR as BRE, ODRDY and ODSWRDY as ODEN and ODSWEN.
    fn status(&self) -> u32 {
        self.csr | 1 << 14 | (self.csr >> 9 & 1) << 3 | self.cr & 3 << 16
    }
}

impl Peripheral for Pwr {
    crate::snapshot::saved_by_serde!();

    fn name(&self) -> &'static str {
        "PWR"
    }

    fn still_until(&self, _offset: u32, _now: VirtualTime) -> Option<VirtualTime> {
        Some(VirtualTime::MAX)
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
            0 => self.cr = lanes.merge(self.cr, value) & 0x0003_EFF3,
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
}
