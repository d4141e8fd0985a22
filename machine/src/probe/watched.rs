//! Variables that are watched by name.

use std::collections::BTreeMap;

use twinbench_emulator::symbols::{Scalar, Scalars, Symbols};

use super::{link::Link, options::ProbeOptions};
use crate::Error;

/// A variable that is read again and again.
pub(super) struct Watch {
    name: String,
    address: u32,
    kind: Scalar,
}

/// Finds the variables that are to be watched.
pub(super) fn find(
    options: &ProbeOptions,
    symbols: &Symbols,
    elf: &[u8],
) -> Result<Vec<Watch>, Error> {
    if options.watch.is_empty() {
        return Ok(Vec::new());
    }
    let scalars = Scalars::from_elf(elf).map_err(|cause| Error::Symbols(cause.to_string()))?;
    options
        .watch
        .iter()
        .map(|(name, variable)| {
            let symbol = symbols.variable(variable).ok_or_else(|| {
                Error::Symbols(format!(
                    "no variable {variable:?} in the firmware, or several; give its whole path, as in `nm -C`"
                ))
            })?;
            // Without debug information, what fits a word is taken for an unsigned integer.
            let kind = scalars
                .at(symbol.address)
                .or(match symbol.size {
                    size @ (1 | 2 | 4 | 8) => Some(Scalar::Unsigned(size as u8)),
                    _ => None,
                })
                .ok_or_else(|| {
                    Error::Symbols(format!(
                        "variable {variable:?} has {} bytes and is no number",
                        symbol.size
                    ))
                })?;
            Ok(Watch {
                name: name.clone(),
                address: symbol.address,
                kind,
            })
        })
        .collect()
}

/// Reads them all.
pub(super) fn read(
    watches: &[Watch],
    link: &mut Link,
) -> Result<BTreeMap<String, f64>, probe_rs::Error> {
    let mut values = BTreeMap::new();
    for watch in watches {
        let mut bytes = [0; 8];
        let bytes = &mut bytes[..watch.kind.size()];
        link.read(watch.address, bytes)?;
        if let Some(value) = watch.kind.value(bytes).filter(|it| it.is_finite()) {
            values.insert(watch.name.clone(), value);
        }
    }
    Ok(values)
}
