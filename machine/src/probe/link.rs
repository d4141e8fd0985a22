//! A session with the board: attach, flash, and what the core, its channels and variables hold now.

use std::{cell::RefCell, io::Cursor, rc::Rc};

use probe_rs::{
    Core, CoreStatus, MemoryInterface, Permissions, Session,
    config::TargetSelector,
    flashing::{
        DownloadOptions, ElfLoader, ElfOptions, FlashError, FlashProgress, ProgressEvent,
        ProgressOperation,
    },
    rtt::{self, Rtt, ScanRegion},
};
use twinbench_devkit_config as config;

use super::{
    detect, list,
    options::{Flashing, Phase, ProbeOptions},
};
use crate::Error;

/// The only core that is looked at.
const CORE: usize = 0;

/// A session that stands.
pub(super) struct Link {
    session: Session,
    rtt: Option<Rtt>,
}

/// The whole chain of causes in one line.
pub(super) fn chain(cause: &dyn std::error::Error) -> String {
    let mut text = cause.to_string().trim_end_matches('.').to_owned();
    let mut next = cause.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        let more = more.trim_end_matches('.');
        if !text.contains(more) {
            text.push_str(": ");
            text.push_str(more);
        }
        next = cause.source();
    }
    text
}

impl Link {
    /// Opens the probe and attaches to the chip, which goes on with what it does.
    pub(super) fn attach(options: &ProbeOptions) -> Result<Self, Error> {
        let info = match &options.board {
            Some(board) => board.info(),
            None => list::find(&options.probe)?,
        };
        let failed = |what: &str, cause: &dyn std::error::Error| {
            Error::Probe(format!(
                "probe {}: {what}: {}",
                info.identifier,
                chain(cause)
            ))
        };
        let open = || {
            let mut probe = info.open().map_err(|cause| {
                let text = chain(&cause);
                // What drivers say when the system refuses.
                let refused = ["denied", "ermission", "ccess"]
                    .iter()
                    .any(|word| text.contains(word));
                if refused {
                    Error::Probe(format!("probe {}: {}", info.identifier, list::ACCESS_HINT))
                } else {
                    failed("it cannot be opened (does another program use it?)", &cause)
                }
            })?;
            if let Some(speed) = options.speed {
                probe
                    .set_speed(speed)
                    .map_err(|cause| failed("it does not take this speed", &cause))?;
            }
            Ok::<_, Error>(probe)
        };
        let attach = |target: TargetSelector| {
            open().map(|probe| probe.attach(target, Permissions::default()))
        };
        let session = match &options.chip {
            Some(chip) => attach(chip.as_str().into())?.map_err(|cause| {
                failed(
                    "the chip does not answer (is the board powered and wired, and the chip's name right?)",
                    &cause,
                )
            })?,
            None => match attach(TargetSelector::Auto)? {
                Ok(session) => session,
                Err(cause) => {
                    let unknown = |cause: &dyn std::error::Error| {
                        failed(
                            "the chip does not tell what it is (give its name: `chip = \"STM32F412RGTx\"`)",
                            cause,
                        )
                    };
                    let chip = detect::detect(open()?).ok_or_else(|| unknown(&cause))?;
                    attach(chip.as_str().into())?.map_err(|cause| unknown(&cause))?
                }
            },
        };
        Ok(Self { session, rtt: None })
    }

    /// The chip's name.
    pub(super) fn chip(&self) -> &str {
        &self.session.target().name
    }

    /// Does something with the core.
    pub(super) fn with_core<T, E: From<probe_rs::Error>>(
        &mut self,
        act: impl FnOnce(&mut Core<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut core = self.session.core(CORE)?;
        act(&mut core)
    }

    /// What the core does.
    pub(super) fn status(&mut self) -> Result<CoreStatus, probe_rs::Error> {
        self.session.core(CORE)?.status()
    }

    /// Lets the core go on.
    pub(super) fn release(&mut self) -> Result<(), probe_rs::Error> {
        self.session.core(CORE)?.run()
    }

    /// Does something with the core standing still; it runs on afterwards if it ran before.
    pub(super) fn with_halted_core<T>(
        &mut self,
        act: impl FnOnce(&mut Core<'_>) -> Result<T, probe_rs::Error>,
    ) -> Result<T, probe_rs::Error> {
        let mut core = self.session.core(CORE)?;
        let stood = core.core_halted()?;
        if !stood {
            core.halt(super::fault::PATIENCE)?;
        }
        let done = act(&mut core);
        if !stood {
            core.run()?;
        }
        done
    }

    /// Writes the firmware, and the settings if it leaves their place free. Gives what was done in words.
    pub(super) fn flash(&mut self, options: &ProbeOptions) -> Result<Option<String>, Error> {
        let Some(firmware) = &options.firmware else {
            return Ok(None);
        };
        if options.flash == Flashing::Never {
            return Ok(None);
        }
        let failed = |cause: &dyn std::error::Error| {
            Error::Probe(format!("flash memory is not written: {}", chain(cause)))
        };
        let mut loader = self.session.target().flash_loader();
        let elf = ElfLoader(ElfOptions::default());
        loader
            .load_image(
                &mut self.session,
                &mut Cursor::new(&firmware[..]),
                elf,
                None,
            )
            .map_err(|cause| failed(&cause))?;
        if let Some(settings) = &options.settings {
            let place = u64::from(config::FLASH_ADDRESS);
            if !loader.has_data_for_address(place) {
                loader
                    .add_data(place, settings)
                    .map_err(|cause| failed(&cause))?;
            }
        }
        if options.flash == Flashing::IfDifferent {
            match loader.verify(&mut self.session, &mut FlashProgress::empty()) {
                Ok(()) => {
                    let text = "the board has this firmware already: verified, nothing written";
                    return Ok(Some(text.to_owned()));
                }
                Err(FlashError::Verify) => {}
                Err(cause) => return Err(failed(&cause)),
            }
        }
        let counted = Rc::new(RefCell::new([(0_u64, 0_u64); 3]));
        let mut download = DownloadOptions::default();
        download.verify = true;
        let (counts, told) = (counted.clone(), options.progress.clone());
        download.progress = FlashProgress::new(move |event| {
            let (operation, add, total) = match event {
                ProgressEvent::AddProgressBar { operation, total } => {
                    (operation, 0, total.unwrap_or(0))
                }
                ProgressEvent::Progress {
                    operation, size, ..
                } => (operation, size, 0),
                _ => return,
            };
            let phase = match operation {
                ProgressOperation::Erase => Phase::Erase,
                ProgressOperation::Program => Phase::Program,
                ProgressOperation::Verify => Phase::Verify,
                ProgressOperation::Fill => return,
            };
            let mut counts = counts.borrow_mut();
            let (done, all) = &mut counts[phase as usize];
            *done += add;
            *all += total;
            if let Some(told) = &told {
                told(phase, *done, *all);
            }
        });
        loader
            .commit(&mut self.session, download)
            .map_err(|cause| failed(&cause))?;
        let written = counted.borrow()[Phase::Program as usize].0;
        Ok(Some(format!(
            "{written} bytes written to flash memory and verified"
        )))
    }

    /// Resets the board; it runs from the beginning.
    pub(super) fn reset(&mut self) -> Result<(), probe_rs::Error> {
        self.rtt = None;
        self.session.core(CORE)?.reset()
    }

    /// Whether the firmware's channels were found.
    pub(super) fn has_rtt(&self) -> bool {
        self.rtt.is_some()
    }

    /// Looks for the firmware's channels, which are there once it has made them. `true`: found now.
    pub(super) fn find_rtt(&mut self, region: &ScanRegion) -> Result<bool, rtt::Error> {
        let mut core = self.session.core(CORE).map_err(rtt::Error::from)?;
        match Rtt::attach_region(&mut core, region) {
            Ok(rtt) => {
                self.rtt = Some(rtt);
                Ok(true)
            }
            Err(rtt::Error::Probe(cause)) => Err(cause.into()),
            // Not there, or not whole yet.
            Err(_) => Ok(false),
        }
    }

    /// The names of the channels up.
    pub(super) fn up_names(&self) -> Vec<Option<String>> {
        self.rtt.as_ref().map_or_else(Vec::new, |rtt| {
            rtt.up_channels
                .iter()
                .map(|channel| channel.name().map(str::to_owned))
                .collect()
        })
    }

    /// How many channels lead down.
    pub(super) fn down_count(&self) -> usize {
        self.rtt.as_ref().map_or(0, |rtt| rtt.down_channels.len())
    }

    /// Takes what waits in every channel up: its number and the bytes.
    pub(super) fn read_rtt(&mut self) -> Result<Vec<(usize, Vec<u8>)>, rtt::Error> {
        let Some(rtt) = &mut self.rtt else {
            return Ok(Vec::new());
        };
        let mut core = self.session.core(CORE).map_err(rtt::Error::from)?;
        let mut all = Vec::new();
        for channel in &mut rtt.up_channels {
            let mut bytes = vec![0; channel.buffer_size()];
            match channel.read(&mut core, &mut bytes) {
                Ok(0) => {}
                Ok(length) => {
                    bytes.truncate(length);
                    all.push((channel.number(), bytes));
                }
                Err(rtt::Error::Probe(cause)) => return Err(cause.into()),
                // The firmware began anew, and its channels with it.
                Err(_) => {
                    self.rtt = None;
                    break;
                }
            }
        }
        Ok(all)
    }

    /// Puts bytes into a channel down; how many fitted.
    pub(super) fn write_rtt(&mut self, channel: usize, bytes: &[u8]) -> Result<usize, rtt::Error> {
        let Some(channel) = self.rtt.as_mut().and_then(|rtt| rtt.down_channel(channel)) else {
            return Ok(0);
        };
        let mut core = self.session.core(CORE).map_err(rtt::Error::from)?;
        channel.write(&mut core, bytes)
    }

    /// Copies memory.
    pub(super) fn read(&mut self, address: u32, into: &mut [u8]) -> Result<(), probe_rs::Error> {
        self.with_core(|core| core.read(address.into(), into))
    }
}
