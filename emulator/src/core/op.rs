//! Pre-decoded instructions and the pages that cache them.

use std::sync::OnceLock;

use super::{Core, Trap, decode};

/// Executes one kind of instruction.
pub(crate) type Handler = fn(&mut Core, &Op) -> Result<(), Trap>;

/// A decoded instruction: what executes it, and its operands.
///
/// What `x` and `imm` mean is up to the handler. Nothing in it depends on the address, so both
/// places at which flash memory appears share it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Op {
    /// Its handler.
    pub(crate) run: Handler,
    /// Immediate value, offset or register list.
    pub(crate) imm: u32,
    /// Destination register, or the register transferred.
    pub(crate) d: u8,
    /// First operand or base register.
    pub(crate) n: u8,
    /// Second operand or index register.
    pub(crate) m: u8,
    /// Third operand or second destination.
    pub(crate) a: u8,
    /// Shift kind, carry of an immediate, sub-operation.
    pub(crate) x: u8,
    /// Bytes: 2 or 4.
    pub(crate) size: u8,
    /// A word load relative to the PC: from flash memory the value can be fetched once.
    pub(crate) literal: bool,
}

impl Op {
    /// An instruction without operands.
    pub(crate) const fn new(run: Handler) -> Self {
        Self {
            run,
            imm: 0,
            d: 0,
            n: 0,
            m: 0,
            a: 0,
            x: 0,
            size: 4,
            literal: false,
        }
    }
    pub(crate) const fn d(mut self, d: u32) -> Self {
        self.d = (d & 31) as u8;
        self
    }
    pub(crate) const fn n(mut self, n: u32) -> Self {
        self.n = (n & 31) as u8;
        self
    }
    pub(crate) const fn m(mut self, m: u32) -> Self {
        self.m = (m & 31) as u8;
        self
    }
    pub(crate) const fn a(mut self, a: u32) -> Self {
        self.a = (a & 31) as u8;
        self
    }
    pub(crate) const fn x(mut self, x: u32) -> Self {
        self.x = x as u8;
        self
    }
    pub(crate) const fn imm(mut self, imm: u32) -> Self {
        self.imm = imm;
        self
    }
}

/// Instructions in a page of flash memory: one for each half-word, 2 KiB in all.
pub(crate) const PAGE_OPS: usize = 1024;
/// Bytes in a page of flash memory.
pub(crate) const PAGE_BYTES: u32 = 2 * PAGE_OPS as u32;

/// A decoded page.
pub(crate) type Page = [Op; PAGE_OPS];

/// Decoded flash memory, shared by the devices that run one image. A page is decoded when the
/// first of them enters it.
#[derive(Debug)]
pub(crate) struct CodePages(Box<[OnceLock<Box<[Op]>>]>);

impl CodePages {
    /// Nothing decoded yet, for `size` bytes.
    pub(crate) fn new(size: u32) -> Self {
        let pages = size.div_ceil(PAGE_BYTES);
        Self((0..pages).map(|_| OnceLock::new()).collect())
    }

    /// The page at an offset, decoded by `decode` from its start the first time.
    pub(crate) fn page_or(
        &self,
        offset: usize,
        decode: impl FnOnce(usize) -> Box<[Op]>,
    ) -> Option<&Page> {
        let index = offset / PAGE_BYTES as usize;
        let page = self.0.get(index)?;
        let ops = page.get_or_init(|| decode(index * PAGE_BYTES as usize));
        ops.as_ref().try_into().ok()
    }
}

/// Decodes a page that starts at an offset, from half-words and words of flash memory.
pub(crate) fn decode_page(
    start: usize,
    half: impl Fn(usize) -> Option<u32>,
    word: impl Fn(usize) -> Option<u32>,
) -> Box<[Op]> {
    let half = |at: usize| half(at).map_or(0xFFFF, |half| half as u16);
    let decode_at = |index: usize| {
        let at = start + 2 * index;
        let op = decode::decode(half(at), half(at + 2));
        if op.literal {
            let from = ((at + 4) & !3).wrapping_add_signed(op.imm as i32 as isize);
            if let Some(value) = word(from) {
                return decode::constant(&op, value);
            }
        }
        op
    };
    (0..PAGE_OPS).map(decode_at).collect()
}

/// Bytes in a page of RAM.
const RAM_PAGE_BYTES: usize = 256;
const RAM_PAGE_OPS: usize = RAM_PAGE_BYTES / 2;

/// Code decoded from RAM, one instruction at a time, forgotten where RAM is written.
#[derive(Debug, Clone)]
pub(crate) struct RamCode {
    pages: Vec<Option<Box<[Option<Op>; RAM_PAGE_OPS]>>>,
    /// Whether anything is decoded, so that a store pays for this only then.
    pub(crate) any: bool,
}

impl RamCode {
    /// Nothing decoded yet, for `size` bytes.
    pub(crate) fn new(size: u32) -> Self {
        Self {
            pages: vec![None; (size as usize).div_ceil(RAM_PAGE_BYTES)],
            any: false,
        }
    }

    /// Bytes of memory that it takes.
    pub(crate) fn footprint(&self) -> usize {
        let pages = self.pages.iter().flatten().count();
        pages * RAM_PAGE_OPS * size_of::<Option<Op>>() + self.pages.len() * size_of::<usize>()
    }

    /// The instruction at an even `offset` into `ram`.
    pub(crate) fn op(&mut self, ram: &[u8], offset: usize) -> Option<Op> {
        let page = self.pages.get_mut(offset / RAM_PAGE_BYTES)?;
        let page = page.get_or_insert_with(|| Box::new([None; RAM_PAGE_OPS]));
        let slot = page.get_mut(offset % RAM_PAGE_BYTES / 2)?;
        if let Some(op) = slot {
            return Some(*op);
        }
        let half = |at: usize| match ram.get(at..at + 2) {
            Some(&[low, high]) => u16::from_le_bytes([low, high]),
            _ => 0xFFFF,
        };
        self.any = true;
        Some(*slot.insert(decode::decode(half(offset), half(offset + 2))))
    }

    /// Forgets instructions that have a byte in `offset..offset + len`.
    pub(crate) fn forget(&mut self, offset: usize, len: usize) {
        // An instruction that starts in the half-word before may reach into the range.
        let first = (offset / 2).saturating_sub(1);
        for half in first..(offset + len).div_ceil(2) {
            let page = self.pages.get_mut(half / RAM_PAGE_OPS);
            if let Some(Some(page)) = page {
                page[half % RAM_PAGE_OPS] = None;
            }
        }
    }
}
