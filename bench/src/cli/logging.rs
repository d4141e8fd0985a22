//! `--log`: structured logs on stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::{Failure, Format};
use crate::exit::Exit;

pub(crate) fn start(filter: &str, format: Format) -> Result<(), Failure> {
    // What a system without USB lacks is no warning to who has asked for no probe.
    let quiet = if filter.contains("probe_rs") {
        ""
    } else {
        "probe_rs=error,"
    };
    let filter = EnvFilter::try_new(format!("{quiet}{filter}")).map_err(|cause| {
        Failure::new(Exit::Usage, format!("--log {filter}: {cause}"))
            .help("try `--log info` or `--log twinbench_hub=debug`")
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Colours are for a terminal; a file or a pipe gets plain lines.
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match format {
        Format::Human => builder.init(),
        Format::Json => builder.json().init(),
    }
    Ok(())
}
