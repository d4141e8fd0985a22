//! LSM6DSL: acceleration and rate of turn (data sheet DocID028475).

use twinbench_devkit_core::sensor;
use twinbench_devkit_core::telemetry::Axes;

use super::{Bus, Error, Registers};

/// SA0 is at ground.
const ADDRESS: u8 = 0x6A;
const WHO_AM_I: u8 = 0x0F;
const IDENTITY: u8 = 0x6A;
const CTRL1_XL: u8 = 0x10;
/// 12.5 Hz, ±2 g.
const CTRL1_XL_RUN: u8 = 0x10;
const CTRL2_G: u8 = 0x11;
/// 12.5 Hz, ±2000 dps.
const CTRL2_G_RUN: u8 = 0x1C;
const CTRL3_C: u8 = 0x12;
const SW_RESET: u8 = 1;
/// Block data update, address increment.
const CTRL3_C_RUN: u8 = 0x44;
const STATUS_REG: u8 = 0x1E;
const XLDA: u8 = 1;
const GDA: u8 = 1 << 1;
const OUTX_L_G: u8 = 0x22;
const OUTX_L_XL: u8 = 0x28;

pub(super) struct Lsm6dsl {
    registers: Registers,
}

impl Lsm6dsl {
    pub(super) fn new(bus: Bus) -> Result<Self, Error> {
        let mut registers = Registers {
            bus,
            address: ADDRESS,
            name: "LSM6DSL",
            increment: 0,
        };
        registers.identify(WHO_AM_I, IDENTITY)?;
        registers.reset(CTRL3_C, SW_RESET)?;
        registers.write(CTRL3_C, CTRL3_C_RUN)?;
        registers.write(CTRL1_XL, CTRL1_XL_RUN)?;
        registers.write(CTRL2_G, CTRL2_G_RUN)?;
        Ok(Self { registers })
    }

    /// mg.
    pub(super) async fn acceleration(&mut self) -> Result<Axes, Error> {
        self.registers.ready(STATUS_REG, XLDA).await?;
        Ok(sensor::lsm6dsl_acceleration(
            self.registers.read(OUTX_L_XL)?,
        ))
    }

    /// mdps.
    pub(super) async fn rate(&mut self) -> Result<Axes, Error> {
        self.registers.ready(STATUS_REG, GDA).await?;
        Ok(sensor::lsm6dsl_rate(self.registers.read(OUTX_L_G)?))
    }
}
