//! Boards: those that Twinbench knows by name, and board files of one's own.

use std::path::Path;

use twinbench_emulator::board::BoardFile;

/// Boards by name. Any other is a file, whose name ends with `.toml`.
pub(crate) const BOARDS: [&str; 2] = ["az3166", "stm32f4discovery"];

/// The wiring of a board: of one that is known by name, or of a board file relative to `folder`.
///
/// # Errors
/// When there is no such board, or its file cannot be read.
pub(crate) fn wiring(folder: &Path, name: &str) -> Result<BoardFile, String> {
    let known = match name {
        "az3166" => BoardFile::az3166(),
        "stm32f4discovery" => BoardFile::stm32f4discovery(),
        _ if is_file(name) => {
            let path = folder.join(name);
            let text = std::fs::read_to_string(&path)
                .map_err(|cause| format!("board file {}: {cause}", path.display()))?;
            return BoardFile::parse(&text)
                .map_err(|cause| format!("board file {}: {cause}", path.display()));
        }
        _ => return Err(format!("board {name:?} is not known")),
    };
    known.map_err(|cause| cause.to_string())
}

/// Whether a board's name is that of a file.
pub(crate) fn is_file(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
}
