//! LPS22HB: air pressure and temperature (data sheet DocID027083).

use twinbench_devkit_core::sensor::{lps22hb_pressure, lps22hb_temperature};
use twinbench_devkit_core::telemetry::Hundredths;

use super::{Bus, Error, Registers};

/// SA0 is at ground.
const ADDRESS: u8 = 0x5C;
const WHO_AM_I: u8 = 0x0F;
const IDENTITY: u8 = 0xB1;
const CTRL_REG1: u8 = 0x10;
/// 10 Hz, block data update.
const CTRL_REG1_RUN: u8 = 0x22;
const CTRL_REG2: u8 = 0x11;
const SWRESET: u8 = 1 << 2;
const STATUS: u8 = 0x27;
const P_DA_AND_T_DA: u8 = 0b11;
/// Pressure in three bytes, temperature in the next two.
const PRESS_OUT_XL: u8 = 0x28;

pub(super) struct Lps22hb {
    registers: Registers,
}

impl Lps22hb {
    pub(super) fn new(bus: Bus) -> Result<Self, Error> {
        let mut registers = Registers {
            bus,
            address: ADDRESS,
            name: "LPS22HB",
            increment: 0,
        };
        registers.identify(WHO_AM_I, IDENTITY)?;
        registers.reset(CTRL_REG2, SWRESET)?;
        registers.write(CTRL_REG1, CTRL_REG1_RUN)?;
        Ok(Self { registers })
    }

    pub(super) async fn pressure_and_temperature(
        &mut self,
    ) -> Result<(Hundredths, Hundredths), Error> {
        self.registers.ready(STATUS, P_DA_AND_T_DA).await?;
        let [p0, p1, p2, t0, t1] = self.registers.read(PRESS_OUT_XL)?;
        let temperature = i16::from_le_bytes([t0, t1]);
        Ok((
            lps22hb_pressure([p0, p1, p2]),
            lps22hb_temperature(temperature),
        ))
    }
}
