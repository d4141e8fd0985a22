//! Log frames of the `defmt` crate, whose texts are in the firmware's ELF file.

use defmt_decoder::{DecodeError, Encoding, Table};

/// An unfinished frame longer than this is noise.
const LONGEST: usize = 4096;

/// Decodes a stream of frames.
pub(super) struct Decoder {
    table: Table,
    /// Bytes of a frame whose rest has not come yet.
    rest: Vec<u8>,
}

impl Decoder {
    /// A decoder for this firmware; none: it does not log with `defmt`.
    ///
    /// # Errors
    /// When it logs with a version that is not known; the text says which.
    pub(super) fn new(elf: &[u8]) -> Result<Option<Self>, String> {
        let table = Table::parse(elf).map_err(|cause| format!("defmt: {cause}"))?;
        let rest = Vec::new();
        Ok(table.map(|table| Self { table, rest }))
    }

    /// What was sent before is not continued.
    pub(super) fn restart(&mut self) {
        self.rest.clear();
    }

    /// Takes bytes; gives a line for each frame that is whole.
    pub(super) fn decode(&mut self, bytes: &[u8]) -> Vec<String> {
        self.rest.extend_from_slice(bytes);
        let mut lines = Vec::new();
        match self.table.encoding() {
            Encoding::Rzcobs => {
                while let Some(end) = self.rest.iter().position(|byte| *byte == 0) {
                    let frame: Vec<u8> = self.rest.drain(..=end).collect();
                    if frame.len() > 1 {
                        let mut decoder = self.table.new_stream_decoder();
                        decoder.received(&frame);
                        lines.push(match decoder.decode() {
                            Ok(frame) => line(&frame),
                            Err(_) => garbled(),
                        });
                    }
                }
            }
            // Raw, the only other one: frames without borders.
            _ => loop {
                match self.table.decode(&self.rest) {
                    Ok((frame, length)) => {
                        lines.push(line(&frame));
                        self.rest.drain(..length);
                    }
                    Err(DecodeError::UnexpectedEof) => break,
                    Err(DecodeError::Malformed) => {
                        // Without borders between frames there is no way to find the next one.
                        self.rest.clear();
                        lines.push(garbled());
                        break;
                    }
                }
            },
        }
        if self.rest.len() > LONGEST {
            self.rest.clear();
            lines.push(garbled());
        }
        lines
    }
}

fn line(frame: &defmt_decoder::Frame<'_>) -> String {
    let message = frame.display_message();
    let level = frame.level().map_or(String::new(), |level| {
        format!("{:<5} ", level.as_str().to_uppercase())
    });
    match frame.display_timestamp() {
        Some(time) => format!("{time} {level}{message}"),
        None => format!("{level}{message}"),
    }
}

fn garbled() -> String {
    "(a garbled log frame)".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ELF: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/probe/firmware/probe-firmware.elf"
    );

    #[test]
    fn garbage_is_told_and_survived() {
        let mut decoder = Decoder::new(&std::fs::read(ELF).unwrap()).unwrap().unwrap();
        assert!(decoder.decode(&[0, 0, 0]).is_empty(), "empty frames");
        assert_eq!(decoder.decode(&[0xFF, 0xFF, 0x55, 0]), [garbled()]);
        assert_eq!(decoder.decode(&[7; LONGEST + 1]), [garbled()]);
        decoder.restart();
        assert!(decoder.decode(&[1, 2]).is_empty());
    }
}
