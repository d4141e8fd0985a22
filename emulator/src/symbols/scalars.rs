//! What numbers a program's variables are, by its debug information (DWARF 5, chapters 4 and 5).

use std::{collections::BTreeMap, sync::Arc};

use gimli::{
    AttributeValue, DwAte, DwTag, Dwarf, EndianArcSlice, LittleEndian, Operation, Unit, UnitOffset,
};
use object::{File, Object, ObjectSection};

use super::SymbolError;

type Slice = EndianArcSlice<LittleEndian>;

/// A type that refers to others deeper than this is not followed.
const DEEPEST: u32 = 16;

/// What number a variable is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// An unsigned integer, a pointer or a discriminant, of so many bytes.
    Unsigned(u8),
    /// A signed integer of so many bytes.
    Signed(u8),
    /// A truth of so many bytes.
    Bool(u8),
    /// A floating-point number of 4 or 8 bytes.
    Float(u8),
}

impl Scalar {
    /// Its size in bytes.
    pub fn size(self) -> usize {
        match self {
            Self::Unsigned(size) | Self::Signed(size) | Self::Bool(size) | Self::Float(size) => {
                size.into()
            }
        }
    }

    /// The value of its bytes as they are in memory; `None`: they are not so many.
    pub fn value(self, bytes: &[u8]) -> Option<f64> {
        let size = self.size();
        let mut word = [0; 8];
        word.get_mut(..size)?.copy_from_slice(bytes.get(..size)?);
        let raw = u64::from_le_bytes(word);
        Some(match self {
            Self::Unsigned(_) => raw as f64,
            Self::Bool(_) => f64::from(u8::from(raw != 0)),
            Self::Signed(size) => {
                let unused = 64 - 8 * u32::from(size);
                ((raw << unused) as i64 >> unused) as f64
            }
            Self::Float(4) => f64::from(f32::from_bits(raw as u32)),
            Self::Float(_) => f64::from_bits(raw),
        })
    }
}

/// The program's variables that are numbers, by address.
#[derive(Debug, Clone, Default)]
pub struct Scalars(BTreeMap<u32, Scalar>);

impl Scalars {
    /// Reads an ELF file. A file without debug information knows none.
    ///
    /// # Errors
    /// When it is no ELF file.
    pub fn from_elf(elf: &[u8]) -> Result<Self, SymbolError> {
        let file = File::parse(elf).map_err(|cause| SymbolError(cause.to_string()))?;
        let section = |id: gimli::SectionId| -> Result<Slice, gimli::Error> {
            let data = file.section_by_name(id.name());
            let data = data.and_then(|section| section.uncompressed_data().ok());
            let bytes: Arc<[u8]> = data.map_or_else(|| Arc::from([]), |data| Arc::from(&*data));
            Ok(EndianArcSlice::new(bytes, LittleEndian))
        };
        let mut all = BTreeMap::new();
        // A unit that cannot be read takes its own variables with it, and no others.
        if let Ok(dwarf) = Dwarf::load(section) {
            let mut units = dwarf.units();
            while let Ok(Some(header)) = units.next() {
                if let Ok(unit) = dwarf.unit(header) {
                    let _ = variables(&unit, &mut all);
                }
            }
        }
        Ok(Self(all))
    }

    /// The variable at an address.
    pub fn at(&self, address: u32) -> Option<Scalar> {
        self.0.get(&address).copied()
    }
}

fn variables(unit: &Unit<Slice>, all: &mut BTreeMap<u32, Scalar>) -> Result<(), gimli::Error> {
    let mut entries = unit.entries();
    while let Some((_, entry)) = entries.next_dfs()? {
        if entry.tag() != gimli::DW_TAG_variable {
            continue;
        }
        let Some(AttributeValue::Exprloc(place)) = entry.attr_value(gimli::DW_AT_location)? else {
            continue;
        };
        let Some(Operation::Address { address }) = place.operations(unit.encoding()).next()? else {
            continue;
        };
        let mut kind = entry.attr_value(gimli::DW_AT_type)?;
        if kind.is_none()
            && let Some(AttributeValue::UnitRef(declared)) =
                entry.attr_value(gimli::DW_AT_specification)?
        {
            kind = unit.entry(declared)?.attr_value(gimli::DW_AT_type)?;
        }
        if let Some(AttributeValue::UnitRef(kind)) = kind
            && let Some(scalar) = scalar(unit, kind, DEEPEST)?
        {
            all.insert(address as u32, scalar);
        }
    }
    Ok(())
}

/// The number that a type is, through what only names, qualifies or wraps it.
fn scalar(
    unit: &Unit<Slice>,
    kind: UnitOffset,
    depth: u32,
) -> Result<Option<Scalar>, gimli::Error> {
    let entry = unit.entry(kind)?;
    let size = match entry.attr_value(gimli::DW_AT_byte_size)? {
        Some(size) => size.udata_value().unwrap_or_default(),
        None => 0,
    };
    let fits = matches!(size, 1 | 2 | 4 | 8);
    let inner = match entry.attr_value(gimli::DW_AT_type)? {
        Some(AttributeValue::UnitRef(inner)) if depth > 0 => Some(inner),
        _ => None,
    };
    let size_byte = size as u8;
    match entry.tag() {
        gimli::DW_TAG_base_type if fits => {
            let Some(AttributeValue::Encoding(encoding)) =
                entry.attr_value(gimli::DW_AT_encoding)?
            else {
                return Ok(None);
            };
            Ok(of_encoding(encoding, size_byte))
        }
        gimli::DW_TAG_pointer_type => Ok(Some(Scalar::Unsigned(4))),
        gimli::DW_TAG_enumeration_type if fits => Ok(Some(Scalar::Unsigned(size_byte))),
        tag if names(tag) => match inner {
            Some(inner) => scalar(unit, inner, depth - 1),
            None => Ok(None),
        },
        // A cell, an atomic, a newtype: one member that is all of it.
        gimli::DW_TAG_structure_type if fits && depth > 0 => {
            let mut tree = unit.entries_tree(Some(kind))?;
            let mut members = tree.root()?.children();
            while let Some(member) = members.next()? {
                let member = member.entry();
                if member.tag() != gimli::DW_TAG_member {
                    continue;
                }
                if let Some(AttributeValue::UnitRef(of)) = member.attr_value(gimli::DW_AT_type)?
                    && let Some(found) = scalar(unit, of, depth - 1)?
                    && found.size() as u64 == size
                {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        }
        _ => Ok(None),
    }
}

fn names(tag: DwTag) -> bool {
    matches!(
        tag,
        gimli::DW_TAG_typedef
            | gimli::DW_TAG_const_type
            | gimli::DW_TAG_volatile_type
            | gimli::DW_TAG_atomic_type
    )
}

fn of_encoding(encoding: DwAte, size: u8) -> Option<Scalar> {
    match encoding {
        gimli::DW_ATE_boolean => Some(Scalar::Bool(size)),
        gimli::DW_ATE_float if size >= 4 => Some(Scalar::Float(size)),
        gimli::DW_ATE_signed | gimli::DW_ATE_signed_char => Some(Scalar::Signed(size)),
        gimli::DW_ATE_unsigned | gimli::DW_ATE_unsigned_char | gimli::DW_ATE_UTF => {
            Some(Scalar::Unsigned(size))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_numbers() {
        for (scalar, bytes, value) in [
            (Scalar::Unsigned(2), &[0xFE, 0xFF, 9][..], 65534.0),
            (Scalar::Signed(2), &[0xFE, 0xFF], -2.0),
            (Scalar::Signed(8), &[0xFF; 8], -1.0),
            (Scalar::Bool(1), &[7], 1.0),
            (Scalar::Float(4), &(-0.5_f32).to_le_bytes(), -0.5),
            (Scalar::Float(8), &2.25_f64.to_le_bytes(), 2.25),
        ] {
            assert_eq!(scalar.value(bytes), Some(value), "{scalar:?}");
        }
        assert_eq!(Scalar::Unsigned(4).value(&[1, 2, 3]), None);
    }
}
