//! What an ELF file says about its program: names, source lines, and how to walk its stack.

mod backtrace;
mod scalars;

use std::{collections::BTreeMap, sync::Arc};

use gimli::{DwarfSections, EndianArcSlice, LittleEndian};
use object::{
    File, Object, ObjectSection, ObjectSymbol, SymbolKind,
    read::elf::{ElfFile32, FileHeader},
};

pub use backtrace::Frame;
pub use scalars::{Scalar, Scalars};

use crate::machine::Chip;

type Slice = EndianArcSlice<LittleEndian>;

/// Why a file's symbols cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("symbols cannot be read: {0}; give the ELF file that was built together with the firmware")]
pub struct SymbolError(String);

/// A variable or function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// Its name, demangled.
    pub name: String,
    /// Its first address.
    pub address: u32,
    /// Its size in bytes; 0 when the file does not say.
    pub size: u32,
}

/// A place in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLine {
    /// The file as the compiler was given it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

/// Symbols and debug information of one program.
pub struct Symbols {
    /// Variables by name.
    variables: BTreeMap<String, Symbol>,
    /// Functions by address.
    functions: BTreeMap<u32, Symbol>,
    lines: Option<addr2line::Context<Slice>>,
    frames: gimli::DebugFrame<Slice>,
}

impl Symbols {
    /// Reads an ELF file. A file without debug information still gives names.
    ///
    /// # Errors
    /// When it is no 32-bit ELF file or damaged.
    pub fn from_elf(elf: &[u8]) -> Result<Self, SymbolError> {
        let fail = |error: object::Error| SymbolError(error.to_string());
        let file: ElfFile32 = ElfFile32::parse(elf).map_err(fail)?;
        if !file.elf_header().is_little_endian() {
            return Err(SymbolError("it is big-endian".into()));
        }
        let file = File::parse(elf).map_err(fail)?;
        let (mut variables, mut functions) = (BTreeMap::new(), BTreeMap::new());
        for symbol in file.symbols() {
            let (Ok(name), true) = (symbol.name(), symbol.is_definition()) else {
                continue;
            };
            let symbol_of = |address: u64| Symbol {
                name: format!("{:#}", rustc_demangle::demangle(name)),
                address: address as u32,
                size: symbol.size() as u32,
            };
            match symbol.kind() {
                SymbolKind::Data => {
                    let found = symbol_of(symbol.address());
                    variables.insert(found.name.clone(), found);
                }
                SymbolKind::Text => {
                    let found = symbol_of(symbol.address() & !1);
                    functions.insert(found.address, found);
                }
                _ => {}
            }
        }
        let section = |name: &str| -> Slice {
            let data = file.section_by_name(name);
            let data = data.and_then(|section| section.uncompressed_data().ok());
            let bytes: Arc<[u8]> = data.map_or_else(|| Arc::from([]), |data| Arc::from(&*data));
            EndianArcSlice::new(bytes, LittleEndian)
        };
        let sections: Result<DwarfSections<Slice>, gimli::Error> =
            DwarfSections::load(|id| Ok(section(id.name())));
        let dwarf = sections.map(|sections| sections.borrow(Slice::clone));
        let lines = dwarf.and_then(addr2line::Context::from_dwarf).ok();
        let mut frames = gimli::DebugFrame::from(section(".debug_frame"));
        frames.set_address_size(4);
        Ok(Self {
            variables,
            functions,
            lines,
            frames,
        })
    }

    /// A variable by its name: whole, or the end of a path (`counter` for `app::counter`) when only
    /// one ends so.
    pub fn variable(&self, name: &str) -> Option<&Symbol> {
        if let Some(found) = self.variables.get(name) {
            return Some(found);
        }
        let end = format!("::{name}");
        let mut matching = self
            .variables
            .values()
            .filter(|found| found.name.ends_with(&end));
        matching.next().filter(|_| matching.next().is_none())
    }

    /// All variables, by name.
    pub fn variables(&self) -> impl Iterator<Item = &Symbol> {
        self.variables.values()
    }

    /// A function by its name, as [`Symbols::variable`].
    pub fn function(&self, name: &str) -> Option<&Symbol> {
        let end = format!("::{name}");
        let whole = self.functions.values().find(|found| found.name == name);
        whole.or_else(|| {
            let mut matching = self
                .functions
                .values()
                .filter(|found| found.name.ends_with(&end));
            matching.next().filter(|_| matching.next().is_none())
        })
    }

    /// The function that an address is in.
    pub fn function_at(&self, address: u32) -> Option<&Symbol> {
        let (_, found) = self.functions.range(..=address & !1).next_back()?;
        let inside = found.size == 0 || address - found.address < found.size;
        inside.then_some(found)
    }

    /// The source line of an instruction.
    pub fn line_at(&self, address: u32) -> Option<SourceLine> {
        let place = self.lines.as_ref()?.find_location(address.into()).ok()??;
        Some(SourceLine {
            file: place.file?.to_owned(),
            line: place.line?,
        })
    }

    /// The bytes that a variable has now; `None`: there is no such variable, or it is in no memory.
    pub fn read(&self, chip: &Chip, name: &str) -> Option<Vec<u8>> {
        let symbol = self.variable(name)?;
        let mut bytes = vec![0; symbol.size.max(1) as usize];
        (chip.read_memory(symbol.address, &mut bytes) == bytes.len()).then_some(bytes)
    }
}
