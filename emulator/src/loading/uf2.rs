//! UF2 (github.com/microsoft/uf2): blocks of 512 bytes, each with its address.

use super::Part;
use crate::image::ImageError;

const BLOCK: usize = 512;
const MAGIC: [u32; 2] = [0x0A32_4655, 0x9E5D_5157];
const MAGIC_END: u32 = 0x0AB1_6F30;
/// Flags: not for the main flash memory; a family is named.
const NOT_MAIN: u32 = 1;
const HAS_FAMILY: u32 = 0x2000;
/// Families of this chip: STM32F4 and its F407 variant.
const FAMILIES: [u32; 2] = [0x5775_5A57, 0x6D09_22FA];

pub(super) fn read(bytes: &[u8]) -> Result<Vec<Part>, ImageError> {
    let mut parts = Vec::new();
    for (index, block) in bytes.chunks(BLOCK).enumerate() {
        let fail = |cause: String| ImageError::Uf2 {
            block: index,
            cause,
        };
        let word = |at: usize| {
            let word = block.get(at..at + 4).and_then(|word| word.try_into().ok());
            word.map(u32::from_le_bytes)
                .ok_or_else(|| fail(format!("it is cut to {} bytes", block.len())))
        };
        if [word(0)?, word(4)?] != MAGIC || word(BLOCK - 4)? != MAGIC_END {
            return Err(fail("its magic numbers are wrong".into()));
        }
        let (flags, address, size) = (word(8)?, word(12)?, word(16)?);
        let (number, count, family) = (word(20)?, word(24)?, word(28)?);
        if flags & NOT_MAIN != 0 {
            continue;
        }
        if flags & HAS_FAMILY != 0 && !FAMILIES.contains(&family) {
            return Err(fail(format!(
                "it is for the family {family:#010x}, not an STM32F4"
            )));
        }
        if number >= count || (index == 0 && count as usize > bytes.len() / BLOCK) {
            return Err(fail(format!(
                "it is number {number} of {count}: the file is cut"
            )));
        }
        let data = block
            .get(32..)
            .and_then(|rest| rest.get(..size as usize))
            .filter(|data| data.len() <= 476)
            .ok_or_else(|| fail(format!("it says that it holds {size} bytes")))?;
        parts.push(Part {
            address,
            bytes: data.to_vec(),
        });
    }
    Ok(parts)
}
