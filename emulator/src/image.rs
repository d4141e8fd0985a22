//! A firmware image: an ELF file checked and laid out in flash memory, shared by every device
//! that runs it together with the instructions decoded from it.

use std::sync::{Arc, OnceLock};

use object::{
    Endianness,
    elf::{
        EM_386, EM_AARCH64, EM_ARM, EM_RISCV, EM_X86_64, ET_EXEC, FileHeader32, PT_LOAD, SHF_ALLOC,
        SHT_NOBITS,
    },
    read::elf::{FileHeader, ProgramHeader, SectionHeader},
};

use crate::{
    core::CodePages,
    loading::{self, FirmwareFile, Format, Part},
    memory::MemoryMap,
};

/// Names under which tool chains put the vector table.
const VECTOR_SECTIONS: [&[u8]; 3] = [b".vector_table", b".isr_vector", b".vectors"];

/// A firmware image for one memory map.
///
/// Share it in an [`Arc`]: devices that run the same image share its bytes and decoded code.
pub struct Image {
    map: MemoryMap,
    flash: Box<[u8]>,
    ram: Vec<(u32, Arc<[u8]>)>,
    vectors: u32,
    entry: u32,
    code: CodePages,
    fingerprint: OnceLock<u64>,
}

/// Why a file is no firmware for the board.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// Not an ELF file at all.
    #[error(
        "not an ELF file: starts with {start}; give the .elf that the linker wrote, not a .bin or .hex"
    )]
    NotElf {
        /// The first bytes in hexadecimal.
        start: String,
    },
    /// A 64-bit or big-endian file.
    #[error("{found} ELF file: build for thumbv7em-none-eabihf (32-bit, little-endian)")]
    WrongClass {
        /// What it is.
        found: &'static str,
    },
    /// Built for another processor.
    #[error("wrong machine {machine}: build for thumbv7em-none-eabihf")]
    WrongMachine {
        /// The machine's name or number.
        machine: String,
    },
    /// An object file, a shared library or a core dump.
    #[error("not an executable but {found}: link it with the board's memory layout")]
    NotExecutable {
        /// What it is.
        found: String,
    },
    /// The file ends early.
    #[error(
        "truncated: {what} ends at {end:#x}, past the file's end at {size:#x}; copy the file again"
    )]
    Truncated {
        /// Which part.
        what: String,
        /// Where that part should end.
        end: u64,
        /// The file's length.
        size: u64,
    },
    /// A header that contradicts itself.
    #[error("damaged ELF file: {0}; build it again")]
    Damaged(String),
    /// A segment that no memory of the board holds.
    #[error(
        "segment {index} at {start:#010x}..{end:#010x} is outside the board's memories \
         (flash {flash_start:#010x}..{flash_end:#010x}, RAM {ram_start:#010x}..{ram_end:#010x}): \
         correct the linker script (memory.x)"
    )]
    OutsideMemory {
        /// The segment's number in the program header table.
        index: usize,
        /// Its load address.
        start: u64,
        /// The address after it.
        end: u64,
        /// Flash memory.
        flash_start: u64,
        /// Its end.
        flash_end: u64,
        /// RAM.
        ram_start: u64,
        /// Its end.
        ram_end: u64,
    },
    /// Raw bytes do not say where they belong.
    #[error(
        "raw bytes without an address: say where they belong, such as 0x08000000, or give the .elf or .hex"
    )]
    NeedsAddress,
    /// An address for a file that has its own.
    #[error("{format} says itself where it belongs: leave the address out")]
    HasAddress {
        /// The file's format.
        format: Format,
    },
    /// A line of Intel HEX that cannot be read.
    #[error("Intel HEX, line {line}: {cause}")]
    Hex {
        /// Its number, from 1.
        line: usize,
        /// What is wrong.
        cause: String,
    },
    /// A block of UF2 that cannot be read.
    #[error("UF2, block {block}: {cause}")]
    Uf2 {
        /// Its number, from 0.
        block: usize,
        /// What is wrong.
        cause: String,
    },
    /// Two files, or two parts of one, want the same place.
    #[error("{start:#010x}..{end:#010x} is also in {other}: link one of them elsewhere")]
    Overlap {
        /// First address in both.
        start: u64,
        /// The address after the last.
        end: u64,
        /// The file that has it already.
        other: String,
    },
    /// What is wrong with one of several files.
    #[error("{name}: {cause}")]
    InFile {
        /// The file.
        name: String,
        /// What is wrong with it.
        cause: Box<ImageError>,
    },
    /// Nothing to load.
    #[error("no loadable segment: was the program linked with -Tlink.x, and not stripped empty?")]
    Empty,
    /// The first two words make no start.
    #[error(
        "no vector table at {address:#010x}: the initial stack pointer reads {stack:#010x} and the \
         reset vector {reset:#010x}; place the vector table first in the linker script"
    )]
    NoVectors {
        /// Where it was looked for.
        address: u32,
        /// Word 0.
        stack: u32,
        /// Word 1.
        reset: u32,
    },
}

impl Image {
    /// Checks an ELF file and lays it out by its load (physical) addresses.
    ///
    /// # Errors
    /// When the file is not a complete ARM executable for these memories; the message says what
    /// was found and what to do.
    pub fn from_elf(elf: &[u8], map: &MemoryMap) -> Result<Self, ImageError> {
        let layout = elf_parts(elf, map)?;
        let mut image = Self::empty(map);
        for part in &layout.parts {
            image.place(part)?;
        }
        image.vectors = layout.vectors;
        image.entry = layout.entry;
        image.check_vectors()?;
        Ok(image)
    }

    /// Lays out one or several files of any format, such as a boot loader and an application. The
    /// core starts from the start of flash memory when one of them has something there, else from
    /// the first file's vector table.
    ///
    /// # Errors
    /// When a file cannot be read, is for other memories, or wants a place that another has; the
    /// message says which and where.
    pub fn from_files(files: &[FirmwareFile<'_>], map: &MemoryMap) -> Result<Self, ImageError> {
        let mut image = Self::empty(map);
        let mut taken: Vec<(u64, u64, String)> = Vec::new();
        let mut first = None;
        for file in files {
            let within = |cause| ImageError::InFile {
                name: file.name.to_owned(),
                cause: Box::new(cause),
            };
            let format = Format::of(file.bytes);
            let layout = if format == Format::Elf && file.address.is_none() {
                elf_parts(file.bytes, map).map_err(within)?
            } else {
                let parts = loading::parts(file, format).map_err(within)?;
                let lowest = parts.first().ok_or(ImageError::Empty).map_err(within)?;
                Layout {
                    vectors: lowest.address,
                    entry: lowest.address,
                    parts,
                }
            };
            for part in &layout.parts {
                let start = u64::from(part.address);
                let end = start + part.bytes.len() as u64;
                let other = taken
                    .iter()
                    .find(|(from, to, _)| start < *to && *from < end);
                if let Some((from, to, other)) = other {
                    return Err(within(ImageError::Overlap {
                        start: start.max(*from),
                        end: end.min(*to),
                        other: other.clone(),
                    }));
                }
                taken.push((start, end, file.name.to_owned()));
                image.place(part).map_err(within)?;
            }
            if layout.vectors == map.flash_base {
                first = Some((layout.vectors, layout.entry));
            }
            first = first.or(Some((layout.vectors, layout.entry)));
        }
        (image.vectors, image.entry) = first.ok_or(ImageError::Empty)?;
        image.check_vectors()?;
        Ok(image)
    }

    fn empty(map: &MemoryMap) -> Self {
        Self {
            map: *map,
            flash: vec![0xFF; map.flash_size as usize].into_boxed_slice(),
            ram: Vec::new(),
            vectors: map.flash_base,
            entry: map.flash_base,
            code: CodePages::new(map.flash_size),
            fingerprint: OnceLock::new(),
        }
    }

    /// Puts bytes into flash memory, or notes them for RAM.
    fn place(&mut self, part: &Part) -> Result<(), ImageError> {
        let size = part.bytes.len() as u32;
        if let Some(offset) = self.map.flash_offset(part.address, size) {
            if let Some(place) = self.flash.get_mut(offset..offset + part.bytes.len()) {
                place.copy_from_slice(&part.bytes);
            }
        } else if self.map.ram_offset(part.address, size).is_some() {
            self.ram.push((part.address, Arc::from(&*part.bytes)));
        } else {
            return Err(outside(&self.map, 0, part.address, size));
        }
        Ok(())
    }

    /// An image from raw bytes placed at the start of flash memory, whose first words are the
    /// vector table. Bytes that do not fit are left out.
    pub fn from_flash(bytes: &[u8], map: &MemoryMap) -> Self {
        let mut flash = vec![0xFF; map.flash_size as usize].into_boxed_slice();
        for (place, byte) in flash.iter_mut().zip(bytes) {
            *place = *byte;
        }
        Self {
            map: *map,
            flash,
            ram: Vec::new(),
            vectors: map.flash_base,
            entry: map.flash_base,
            code: CodePages::new(map.flash_size),
            fingerprint: OnceLock::new(),
        }
    }

    /// Address of the vector table, where the core starts. A boot loader would have set `VTOR`
    /// to it for an application that is linked behind one.
    pub fn vectors(&self) -> u32 {
        self.vectors
    }

    /// The ELF file's entry address (bit 0 set: Thumb).
    pub fn entry(&self) -> u32 {
        self.entry
    }

    /// The memory map that it was made for.
    pub fn map(&self) -> &MemoryMap {
        &self.map
    }

    /// The whole flash memory, erased bytes as 0xFF.
    pub fn flash(&self) -> &[u8] {
        &self.flash
    }

    /// A number by which snapshots know the image: FNV-1a over words of its flash memory and what
    /// is loaded into RAM.
    pub fn fingerprint(&self) -> u64 {
        *self.fingerprint.get_or_init(|| {
            let ram = self.ram.iter().flat_map(|(_, bytes)| bytes.chunks(8));
            let chunks = self.flash.chunks(8).chain(ram);
            chunks.fold(0xCBF2_9CE4_8422_2325, |hash: u64, chunk| {
                let mut word = [0; 8];
                for (place, byte) in word.iter_mut().zip(chunk) {
                    *place = *byte;
                }
                (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x0100_0000_01B3)
            })
        })
    }

    /// What is loaded into RAM: address and bytes.
    pub(crate) fn ram(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.ram.iter().map(|(address, bytes)| (*address, &**bytes))
    }

    /// Instructions decoded so far.
    pub(crate) fn code(&self) -> &CodePages {
        &self.code
    }

    fn word(&self, address: u32) -> Option<u32> {
        let read = |bytes: &[u8], offset: usize| {
            let word: [u8; 4] = bytes.get(offset..offset + 4)?.try_into().ok()?;
            Some(u32::from_le_bytes(word))
        };
        if let Some(offset) = self.map.flash_offset(address, 4) {
            return read(&self.flash, offset);
        }
        self.ram()
            .find_map(|(start, bytes)| read(bytes, address.checked_sub(start)? as usize))
    }

    fn check_vectors(&self) -> Result<(), ImageError> {
        let address = self.vectors;
        let stack = self.word(address).unwrap_or_default();
        let reset = self.word(address.wrapping_add(4)).unwrap_or_default();
        // A full descending stack may start right behind the last word of RAM.
        let stack_fits = self.map.ram_offset(stack & !3, 0).is_some() && stack != self.map.ram_base;
        let runs = reset & 1 == 1 && self.word(reset & !3).is_some();
        if stack_fits && runs && address.is_multiple_of(128) {
            Ok(())
        } else {
            Err(ImageError::NoVectors {
                address,
                stack,
                reset,
            })
        }
    }
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Image")
            .field("map", &self.map)
            .field("vectors", &self.vectors)
            .field("entry", &self.entry)
            .finish_non_exhaustive()
    }
}

/// What a file puts where.
struct Layout {
    parts: Vec<Part>,
    vectors: u32,
    entry: u32,
}

/// Checks an ELF file and takes its loadable segments by their load (physical) addresses.
fn elf_parts(elf: &[u8], map: &MemoryMap) -> Result<Layout, ImageError> {
    let header = check_header(elf)?;
    let endian = Endianness::Little;
    let table_end = u64::from(header.e_phoff(endian))
        + u64::from(header.e_phnum(endian)) * u64::from(header.e_phentsize(endian));
    within(elf, "the program header table", table_end)?;
    let segments = header
        .program_headers(endian, elf)
        .map_err(|error| ImageError::Damaged(error.to_string()))?;

    let mut parts = Vec::new();
    let mut lowest: Option<u32> = None;
    for (index, segment) in segments.iter().enumerate() {
        let size = segment.p_filesz(endian);
        if segment.p_type(endian) != PT_LOAD || size == 0 {
            continue;
        }
        let start = segment.p_offset(endian);
        let end = u64::from(start) + u64::from(size);
        within(elf, &format!("segment {index}"), end)?;
        // A segment that begins with the file's own headers is there for its first section.
        let headers = if start == 0 {
            first_section(header, elf, size)
        } else {
            0
        };
        let Some(bytes) = elf.get((start + headers) as usize..end as usize) else {
            continue;
        };
        let address = segment.p_paddr(endian).wrapping_add(headers);
        let size = size - headers;
        if map.flash_offset(address, size).is_none() && map.ram_offset(address, size).is_none() {
            return Err(outside(map, index, address, size));
        }
        parts.push(Part {
            address,
            bytes: bytes.to_vec(),
        });
        lowest = Some(lowest.map_or(address, |low| low.min(address)));
    }
    let Some(lowest) = lowest else {
        return Err(ImageError::Empty);
    };
    Ok(Layout {
        parts,
        vectors: vector_section(header, elf).unwrap_or(lowest),
        entry: header.e_entry(endian),
    })
}

/// Where the first section begins that is loaded of the file's first `size` bytes; 0 if none is.
fn first_section(header: &FileHeader32<Endianness>, elf: &[u8], size: u32) -> u32 {
    let endian = Endianness::Little;
    let Ok(sections) = header.sections(endian, elf) else {
        return 0;
    };
    let loaded = sections.iter().filter(|section| {
        section.sh_flags(endian) & SHF_ALLOC != 0 && section.sh_type(endian) != SHT_NOBITS
    });
    let offsets = loaded.map(|section| section.sh_offset(endian));
    offsets.filter(|offset| *offset < size).min().unwrap_or(0)
}

/// Checks what the first 52 bytes say.
fn check_header(elf: &[u8]) -> Result<&FileHeader32<Endianness>, ImageError> {
    let ident = elf.get(..6).unwrap_or(elf);
    if !ident.starts_with(b"\x7fELF") {
        let start: Vec<String> = ident.iter().map(|byte| format!("{byte:02x}")).collect();
        let start = if start.is_empty() {
            "nothing (the file is empty)".into()
        } else {
            start.join(" ")
        };
        return Err(ImageError::NotElf { start });
    }
    match (ident.get(4), ident.get(5)) {
        (Some(1), Some(1)) => {}
        (Some(2), _) => return Err(ImageError::WrongClass { found: "64-bit" }),
        (Some(1), Some(2)) => {
            return Err(ImageError::WrongClass {
                found: "big-endian",
            });
        }
        _ => {
            return Err(ImageError::Damaged(
                "its class is neither 32 nor 64 bit".into(),
            ));
        }
    }
    within(
        elf,
        "the file header",
        size_of::<FileHeader32<Endianness>>() as u64,
    )?;
    let header = FileHeader32::<Endianness>::parse(elf)
        .map_err(|error| ImageError::Damaged(error.to_string()))?;
    let machine = header.e_machine(Endianness::Little);
    if machine != EM_ARM {
        let machine = match machine {
            EM_X86_64 => "x86-64".into(),
            EM_386 => "x86".into(),
            EM_AARCH64 => "AArch64".into(),
            EM_RISCV => "RISC-V".into(),
            other => format!("number {other:#x}"),
        };
        return Err(ImageError::WrongMachine { machine });
    }
    let kind = header.e_type(Endianness::Little);
    if kind != ET_EXEC {
        let found = match kind {
            1 => "an object file (.o)".into(),
            3 => "a shared library or position-independent program".into(),
            4 => "a core dump".into(),
            other => format!("of type {other}"),
        };
        return Err(ImageError::NotExecutable { found });
    }
    Ok(header)
}

fn within(elf: &[u8], what: &str, end: u64) -> Result<(), ImageError> {
    let size = elf.len() as u64;
    if end <= size {
        return Ok(());
    }
    Err(ImageError::Truncated {
        what: what.into(),
        end,
        size,
    })
}

fn outside(map: &MemoryMap, index: usize, address: u32, size: u32) -> ImageError {
    let end = |base: u32, size: u32| u64::from(base) + u64::from(size);
    ImageError::OutsideMemory {
        index,
        start: address.into(),
        end: end(address, size),
        flash_start: map.flash_base.into(),
        flash_end: end(map.flash_base, map.flash_size),
        ram_start: map.ram_base.into(),
        ram_end: end(map.ram_base, map.ram_size),
    }
}

/// Address of the section that holds the vector table; a stripped file has none.
fn vector_section(header: &FileHeader32<Endianness>, elf: &[u8]) -> Option<u32> {
    let endian = Endianness::Little;
    let sections = header.sections(endian, elf).ok()?;
    let section = sections.iter().find(|section| {
        let name = sections.section_name(endian, section).unwrap_or_default();
        section.sh_size(endian) > 0 && VECTOR_SECTIONS.contains(&name)
    })?;
    Some(section.sh_addr(endian))
}
