//! Descriptions of our boards.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A board as Renode reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Platform {
    /// The board's name, which is also that of its files.
    pub name: &'static str,
    /// What is on the board (`.repl`).
    pub description: &'static str,
    /// How to set it up (`.resc`); expects `$bin`, the firmware's ELF file.
    pub script: &'static str,
    /// What goes beside them: models in C#, other scripts; names of files and what is in them.
    pub beside: &'static [(&'static str, &'static str)],
}

/// The MXChip AZ3166 IoT DevKit. Console on `sysbus.usart6`, a modem's port on `sysbus.usart1`,
/// buttons `sysbus.gpioPortA.buttonA` and `buttonB`, LEDs `wifiLed`, `azureLed` and `userLed` on
/// their ports, sensors and display on `sysbus.i2c1`.
pub const AZ3166: Platform = Platform {
    name: "az3166",
    description: include_str!("../platforms/az3166.repl"),
    script: include_str!("../platforms/az3166.resc"),
    beside: &[
        (
            "az3166-modem.resc",
            include_str!("../platforms/az3166-modem.resc"),
        ),
        ("HTS221.cs", include_str!("../platforms/HTS221.cs")),
        ("LPS22HB.cs", include_str!("../platforms/LPS22HB.cs")),
        ("LIS2MDL.cs", include_str!("../platforms/LIS2MDL.cs")),
        ("LSM6DSL.cs", include_str!("../platforms/LSM6DSL.cs")),
        ("SSD1306.cs", include_str!("../platforms/SSD1306.cs")),
    ],
};

impl Platform {
    /// Writes the board's files into a folder; gives the script's path.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write_to(&self, folder: &Path) -> io::Result<PathBuf> {
        fs::write(
            folder.join(self.name).with_extension("repl"),
            self.description,
        )?;
        for (name, source) in self.beside {
            fs::write(folder.join(name), source)?;
        }
        let script = folder.join(self.name).with_extension("resc");
        fs::write(&script, self.script)?;
        Ok(script)
    }

    /// The monitor's command that sets the board up with a firmware image.
    pub fn include(script: &Path, firmware: &Path) -> String {
        format!("$bin={}; include {}", at(firmware), at(script))
    }
}

/// A path as the monitor reads it: after `@`, with blanks escaped.
pub(crate) fn at(path: &Path) -> String {
    format!("@{}", path.display().to_string().replace(' ', r"\ "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_written_side_by_side() {
        let folder = tempfile::tempdir().unwrap();
        let script = AZ3166.write_to(folder.path()).unwrap();
        assert_eq!(script, folder.path().join("az3166.resc"));
        // The script looks for the description beside itself.
        assert!(AZ3166.script.contains("$ORIGIN/az3166.repl"));
        assert!(folder.path().join("az3166.repl").is_file());
    }

    #[test]
    fn blanks_in_paths_are_escaped() {
        let line = Platform::include(Path::new("/a b/x.resc"), Path::new("/f.elf"));
        assert_eq!(line, r"$bin=@/f.elf; include @/a\ b/x.resc");
    }
}
