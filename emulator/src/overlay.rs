//! A device's flash memory: the shared image, and the pages in which this device differs from it.

use std::sync::{Arc, OnceLock};

use crate::{
    core::{CodePages, Op, PAGE_BYTES, Page, decode_page},
    image::Image,
};

const BYTES: usize = PAGE_BYTES as usize;

/// A page that is no longer the image's, with its own decoded instructions.
#[derive(Debug)]
struct Changed {
    bytes: Box<[u8]>,
    code: OnceLock<Box<[Op]>>,
}

/// Flash memory as one device sees it. A clone shares every page.
#[derive(Debug, Clone)]
pub(crate) struct Flash {
    image: Arc<Image>,
    /// By page; empty while nothing differs.
    changed: Vec<Option<Arc<Changed>>>,
}

impl Flash {
    /// As the image has it.
    pub(crate) fn new(image: Arc<Image>) -> Self {
        Self {
            image,
            changed: Vec::new(),
        }
    }

    pub(crate) fn image(&self) -> &Arc<Image> {
        &self.image
    }

    fn own(&self, page: usize) -> Option<&Arc<Changed>> {
        self.changed.get(page)?.as_ref()
    }

    /// The bytes of a page.
    fn bytes(&self, page: usize) -> &[u8] {
        match self.own(page) {
            Some(own) => &own.bytes,
            None => self
                .image
                .flash()
                .get(page * BYTES..)
                .map_or(&[], |rest| rest.get(..BYTES).unwrap_or(rest)),
        }
    }

    /// `size` bytes at an offset, little-endian.
    #[inline]
    pub(crate) fn read(&self, offset: usize, size: usize) -> Option<u32> {
        let mut word = [0; 4];
        let into = word.get_mut(..size)?;
        if self.changed.is_empty() {
            into.copy_from_slice(self.image.flash().get(offset..offset + size)?);
        } else {
            for (byte, at) in into.iter_mut().zip(offset..) {
                *byte = *self.bytes(at / BYTES).get(at % BYTES)?;
            }
        }
        Some(u32::from_le_bytes(word))
    }

    /// The decoded page at an offset.
    pub(crate) fn code(&self, offset: usize) -> Option<&Page> {
        let page = offset / BYTES;
        let Some(own) = self.own(page) else {
            return self.image.code().page(self.image.flash(), offset);
        };
        let ops = own.code.get_or_init(|| {
            decode_page(page * BYTES, |at| self.read(at, 2), |at| self.read(at, 4))
        });
        ops.as_ref().try_into().ok()
    }

    /// Changes `range`; pages of the image that it touches are copied first.
    pub(crate) fn change(
        &mut self,
        range: std::ops::Range<usize>,
        mut change: impl FnMut(usize, &mut u8),
    ) {
        let end = range.end.min(self.image.flash().len());
        if range.start >= end {
            return;
        }
        let pages = self.image.flash().len().div_ceil(BYTES);
        self.changed.resize(pages, None);
        let (first, last) = (range.start / BYTES, (end - 1) / BYTES);
        // Code within reach of a literal load, and an instruction across the border, are decoded
        // with these bytes: it is decoded anew.
        for page in first.saturating_sub(2)..(last + 3).min(pages) {
            let start = page * BYTES;
            let mut edit = |bytes: &mut [u8]| {
                for at in range.start.max(start)..end.min(start + BYTES) {
                    if let Some(byte) = bytes.get_mut(at - start) {
                        change(at, byte);
                    }
                }
            };
            if let Some(own) = self.changed[page].as_mut().and_then(Arc::get_mut) {
                edit(&mut own.bytes);
                own.code = OnceLock::new();
                continue;
            }
            let mut bytes: Box<[u8]> = self.bytes(page).into();
            edit(&mut bytes);
            let code = OnceLock::new();
            self.changed[page] = Some(Arc::new(Changed { bytes, code }));
        }
    }

    /// Pages that differ from the image, with their numbers.
    pub(crate) fn differences(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let pages = (0..).zip(&self.changed);
        pages.filter_map(|(page, own)| {
            let own = own.as_ref()?;
            let start = page as usize * BYTES;
            let same = self.image.flash().get(start..start + own.bytes.len()) == Some(&own.bytes);
            (!same).then_some((page, &*own.bytes))
        })
    }

    /// The image with these pages instead of its own.
    pub(crate) fn restore<'a>(&mut self, pages: impl Iterator<Item = (u32, &'a [u8])>) {
        self.changed.clear();
        for (page, bytes) in pages {
            let start = page as usize * BYTES;
            self.change(start..start + bytes.len(), |at, byte| {
                *byte = bytes.get(at - start).copied().unwrap_or(*byte);
            });
        }
    }

    /// Bytes of memory that this device takes beyond the image.
    pub(crate) fn footprint(&self) -> usize {
        let own = self.changed.iter().flatten();
        let decoded = BYTES / 2 * size_of::<Op>();
        self.changed.len() * size_of::<usize>()
            + own
                .map(|page| BYTES + page.code.get().map_or(0, |_| decoded))
                .sum::<usize>()
    }
}

impl CodePages {
    /// The page at `offset` into `flash`.
    pub(crate) fn page(&self, flash: &[u8], offset: usize) -> Option<&Page> {
        let word = |at: usize, size: usize| {
            let mut word = [0; 4];
            word.get_mut(..size)?
                .copy_from_slice(flash.get(at..at + size)?);
            Some(u32::from_le_bytes(word))
        };
        self.page_or(offset, |start| {
            decode_page(start, |at| word(at, 2), |at| word(at, 4))
        })
    }
}
