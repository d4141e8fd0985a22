//! LIS2MDL: magnetic field (data sheet DocID029026).

use twinbench_devkit_core::sensor;
use twinbench_devkit_core::telemetry::Axes;

use super::{Bus, Error, Registers};

const ADDRESS: u8 = 0x1E;
const WHO_AM_I: u8 = 0x4F;
const IDENTITY: u8 = 0x40;
const CFG_REG_A: u8 = 0x60;
const SOFT_RST: u8 = 1 << 5;
/// Temperature compensation, 10 Hz, continuous.
const CFG_REG_A_RUN: u8 = 0x80;
const CFG_REG_B: u8 = 0x61;
/// Offset cancellation by set/reset pulses.
const OFF_CANC: u8 = 1 << 1;
const CFG_REG_C: u8 = 0x62;
const BDU: u8 = 1 << 4;
const STATUS_REG: u8 = 0x67;
const ZYXDA: u8 = 1 << 3;
const OUTX_L: u8 = 0x68;

pub(super) struct Lis2mdl {
    registers: Registers,
}

impl Lis2mdl {
    pub(super) fn new(bus: Bus) -> Result<Self, Error> {
        let mut registers = Registers {
            bus,
            address: ADDRESS,
            name: "LIS2MDL",
            increment: 0x80,
        };
        registers.identify(WHO_AM_I, IDENTITY)?;
        registers.reset(CFG_REG_A, SOFT_RST)?;
        registers.write(CFG_REG_C, BDU)?;
        registers.write(CFG_REG_B, OFF_CANC)?;
        registers.write(CFG_REG_A, CFG_REG_A_RUN)?;
        Ok(Self { registers })
    }

    /// mG.
    pub(super) async fn field(&mut self) -> Result<Axes, Error> {
        self.registers.ready(STATUS_REG, ZYXDA).await?;
        Ok(sensor::lis2mdl(self.registers.read(OUTX_L)?))
    }
}
