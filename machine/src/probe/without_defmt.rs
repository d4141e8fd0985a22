//! Firmware that logs with the `defmt` crate, in a program that was built without its decoder: says so
//! instead of showing frames.

/// Stands in for the decoder.
pub(super) struct Decoder {
    told: bool,
}

impl Decoder {
    /// Finds out whether the firmware logs with `defmt`: it has the decoder's texts in a section of this
    /// name.
    ///
    /// # Errors
    /// None; the decoder's own has some.
    #[expect(
        clippy::unnecessary_wraps,
        reason = "the decoder itself can fail, and this stands in for it"
    )]
    pub(super) fn new(elf: &[u8]) -> Result<Option<Self>, String> {
        let name = b".defmt";
        let logs = elf.windows(name.len()).any(|bytes| bytes == name);
        Ok(logs.then_some(Self { told: false }))
    }

    /// What was sent before is not continued.
    pub(super) fn restart(&mut self) {
        self.told = false;
    }

    /// Takes bytes; the first time it says what can be done to read them.
    pub(super) fn decode(&mut self, bytes: &[u8]) -> Vec<String> {
        if bytes.is_empty() || self.told {
            return Vec::new();
        }
        self.told = true;
        vec!["the firmware logs with defmt: build Twinbench with `--features defmt`".to_owned()]
    }
}
