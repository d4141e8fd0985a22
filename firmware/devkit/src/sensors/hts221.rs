//! HTS221: relative humidity (data sheet DocID026333).

use twinbench_devkit_core::sensor::Hts221Calibration;
use twinbench_devkit_core::telemetry::Hundredths;

use super::{Bus, Error, Registers};

const ADDRESS: u8 = 0x5F;
const WHO_AM_I: u8 = 0x0F;
const IDENTITY: u8 = 0xBC;
const CTRL_REG1: u8 = 0x20;
/// Active, block data update, 1 Hz.
const CTRL_REG1_RUN: u8 = 0x85;
const STATUS_REG: u8 = 0x27;
const H_DA: u8 = 1 << 1;
const HUMIDITY_OUT: u8 = 0x28;
const CALIBRATION: u8 = 0x30;

pub(super) struct Hts221 {
    registers: Registers,
    calibration: Hts221Calibration,
}

impl Hts221 {
    pub(super) fn new(bus: Bus) -> Result<Self, Error> {
        let mut registers = Registers {
            bus,
            address: ADDRESS,
            name: "HTS221",
            increment: 0x80,
        };
        registers.identify(WHO_AM_I, IDENTITY)?;
        let calibration = Hts221Calibration::from_registers(&registers.read(CALIBRATION)?);
        registers.write(CTRL_REG1, CTRL_REG1_RUN)?;
        Ok(Self {
            registers,
            calibration,
        })
    }

    pub(super) async fn humidity(&mut self) -> Result<Hundredths, Error> {
        self.registers.ready(STATUS_REG, H_DA).await?;
        let raw = i16::from_le_bytes(self.registers.read(HUMIDITY_OUT)?);
        Ok(self.calibration.humidity(raw))
    }
}
