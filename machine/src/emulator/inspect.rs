//! Looking into the emulated board.

use twinbench_emulator::symbols::Symbols;

use super::EmulatorMachine;
use crate::{Error, Frame, Inspect, Variable};

impl EmulatorMachine {
    /// The firmware's symbols, read at the first question.
    fn symbols(&mut self) -> Result<(), Error> {
        if self.symbols.is_some() {
            return Ok(());
        }
        let elf = self.elf.as_ref().ok_or_else(|| {
            Error::Symbols("the firmware has none: give the .elf that the linker wrote".into())
        })?;
        let symbols = Symbols::from_elf(elf).map_err(|cause| Error::Symbols(cause.to_string()))?;
        self.symbols = Some(Box::new(symbols));
        Ok(())
    }
}

impl Inspect for EmulatorMachine {
    fn registers(&self) -> Vec<(&'static str, u32)> {
        let all = self.board.chip().registers();
        all.named().chain([("fpscr", all.fpscr)]).collect()
    }

    fn memory(&self, address: u32, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let count = self.board.chip().read_memory(address, &mut bytes);
        bytes.truncate(count);
        bytes
    }

    fn variable(&mut self, name: &str) -> Result<Variable, Error> {
        self.symbols()?;
        let found = self.symbols.as_ref().and_then(|symbols| {
            let symbol = symbols.variable(name)?;
            let bytes = symbols.read(self.board.chip(), name)?;
            Some(Variable {
                name: symbol.name.clone(),
                address: symbol.address,
                bytes,
            })
        });
        found.ok_or_else(|| {
            Error::Symbols(format!(
                "no variable {name:?} in memory, or several; give its whole path, as in `nm -C`"
            ))
        })
    }

    fn backtrace(&mut self) -> Result<Vec<Frame>, Error> {
        self.symbols()?;
        let frames = self
            .symbols
            .as_ref()
            .map(|symbols| symbols.backtrace(self.board.chip()));
        Ok(frames
            .into_iter()
            .flatten()
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
