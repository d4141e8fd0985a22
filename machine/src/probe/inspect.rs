//! Looking into a board behind a probe. Memory is read while the core runs; for registers and
//! backtraces it stands still for a moment.

use super::{ProbeMachine, fault};
use crate::{Error, Frame, Inspect, Variable};

fn gone() -> Error {
    Error::Probe("the probe is gone, or the core does not stand still: plug it in".to_owned())
}

impl Inspect for ProbeMachine {
    fn registers(&self) -> Vec<(&'static str, u32)> {
        let all = self.with_link(|link| link.with_halted_core(fault::registers).ok());
        all.map_or_else(Vec::new, |all| all.named().collect())
    }

    fn memory(&self, address: u32, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let read = self.with_link(|link| link.read(address, &mut bytes).ok());
        read.map_or_else(Vec::new, |()| bytes)
    }

    fn variable(&mut self, name: &str) -> Result<Variable, Error> {
        let symbol = self.symbols()?.variable(name).cloned();
        let symbol = symbol.ok_or_else(|| {
            Error::Symbols(format!(
                "no variable {name:?} in the firmware, or several; give its whole path, as in `nm -C`"
            ))
        })?;
        let bytes = self.memory(symbol.address, symbol.size.max(1) as usize);
        if bytes.is_empty() {
            return Err(gone());
        }
        Ok(Variable {
            name: symbol.name,
            address: symbol.address,
            bytes,
        })
    }

    fn backtrace(&mut self) -> Result<Vec<Frame>, Error> {
        let symbols = self.symbols()?;
        let frames = self.with_link(|link| {
            link.with_halted_core(|core| {
                let registers = fault::registers(core)?;
                Ok(fault::backtrace(core, symbols, &registers))
            })
            .ok()
        });
        Ok(frames
            .ok_or_else(gone)?
            .into_iter()
            .map(|frame| Frame {
                pc: frame.pc,
                function: frame.function,
                line: frame.line.as_ref().map(|line| line.line),
                file: frame.line.map(|line| line.file),
                interrupted: frame.interrupted,
            })
            .collect())
    }
}
