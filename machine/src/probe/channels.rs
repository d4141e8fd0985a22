//! The firmware's channels: RTT both ways, and the log frames in one of them.

use std::collections::BTreeMap;

use probe_rs::rtt::{ScanRegion, find_rtt_control_block_in_raw_file};
use twinbench_model::{VirtualDuration, VirtualTime};

use super::{defmt::Decoder, link::Link, machine::POLL};
use crate::{Error, Name, Output, OutputKind, emulator::console::Console};

/// How often the channels are looked for in the whole RAM, when no symbol says where they are.
const SCAN: VirtualDuration = VirtualDuration::from_secs(1);

/// The firmware's channels.
pub(super) struct Channels {
    region: ScanRegion,
    next_scan: VirtualTime,
    decoder: Option<Decoder>,
    /// The channel with log frames.
    defmt: Option<usize>,
    consoles: BTreeMap<usize, Console>,
    /// What waits for room, by channel.
    waiting: BTreeMap<usize, Vec<u8>>,
}

impl Channels {
    /// Those of this firmware, which is looked at from `start` on.
    ///
    /// # Errors
    /// When it logs in a way that is not known.
    pub(super) fn new(firmware: Option<&[u8]>, start: VirtualTime) -> Result<Self, Error> {
        let place = firmware.and_then(|elf| find_rtt_control_block_in_raw_file(elf).ok().flatten());
        let decoder = match firmware {
            Some(elf) => Decoder::new(elf).map_err(Error::Symbols)?,
            None => None,
        };
        Ok(Self {
            region: place.map_or(ScanRegion::Ram, ScanRegion::Exact),
            next_scan: start,
            decoder,
            defmt: None,
            consoles: BTreeMap::new(),
            waiting: BTreeMap::new(),
        })
    }

    /// Reads every channel, and writes what waits.
    pub(super) fn exchange(
        &mut self,
        link: &mut Link,
        now: VirtualTime,
        out: &mut Vec<Output>,
    ) -> Result<(), probe_rs::rtt::Error> {
        if !link.has_rtt() && self.next_scan <= now {
            let exact = matches!(self.region, ScanRegion::Exact(_));
            self.next_scan = now.saturating_add(if exact { POLL } else { SCAN });
            if link.find_rtt(&self.region)? {
                self.found(&link.up_names());
            }
        }
        for (number, bytes) in link.read_rtt()? {
            self.take(now, number, &bytes, out);
        }
        for console in self.consoles.values_mut() {
            console.flush_quiet(now, out);
        }
        for (number, waiting) in &mut self.waiting {
            if !waiting.is_empty() {
                let written = link.write_rtt(*number, waiting)?;
                waiting.drain(..written);
            }
        }
        Ok(())
    }

    /// Puts bytes into a channel down, as soon as there is room.
    pub(super) fn give(&mut self, number: usize, bytes: &[u8]) {
        self.waiting
            .entry(number)
            .or_default()
            .extend_from_slice(bytes);
    }

    /// Whether the firmware has channels that it may not have made yet.
    pub(super) fn may_come(&self) -> bool {
        matches!(self.region, ScanRegion::Exact(_))
    }

    /// The channels are there.
    fn found(&mut self, names: &[Option<String>]) {
        self.defmt = names
            .iter()
            .position(|name| name.as_deref() == Some("defmt"))
            .filter(|_| self.decoder.is_some());
    }

    /// What was begun is not continued.
    pub(super) fn lose(&mut self) {
        if let Some(decoder) = &mut self.decoder {
            decoder.restart();
        }
        self.waiting.clear();
    }

    fn take(&mut self, now: VirtualTime, number: usize, bytes: &[u8], out: &mut Vec<Output>) {
        if let Some(decoder) = &mut self.decoder
            && self.defmt == Some(number)
        {
            for line in decoder.decode(bytes) {
                out.push(Output {
                    time: now,
                    kind: OutputKind::Uart {
                        port: Name::Borrowed("defmt"),
                        bytes: format!("{line}\n").into_bytes().into(),
                    },
                });
            }
            return;
        }
        let console = self
            .consoles
            .entry(number)
            .or_insert_with(|| Console::new(format!("rtt{number}")));
        for byte in bytes {
            console.push(now, *byte, out);
        }
    }
}
