//! Running other programs, visibly.

use std::{
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
};

use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};

use crate::place;

/// The cargo that runs us, in the checkout's top folder.
pub(crate) fn cargo<I, S>(args: I) -> Command
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(args).current_dir(place::root());
    command
}

/// Shows the command, runs it without input, and fails when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    eprintln!("$ {line}");
    let status = command
        .stdin(Stdio::null())
        .status()
        .into_diagnostic()
        .wrap_err_with(|| format!("failed to start `{line}`"))?;
    if status.success() {
        Ok(())
    } else {
        Err(miette!("`{line}` ended with {status}"))
    }
}

/// Runs a command quietly and gives its output; `None` when it cannot start or fails.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A command as one would type it.
pub(crate) fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    // The folder of cargo or rustc is noise, any other program's is not.
    let name = program.file_stem().map(OsStr::to_string_lossy);
    let program = match name.as_deref() {
        Some(name @ "cargo") if command.get_envs().all(|(key, _)| key != "RUSTC") => {
            name.to_owned()
        }
        _ => program.to_string_lossy().into_owned(),
    };
    let mut parts: Vec<String> = command
        .get_envs()
        .filter_map(|(key, value)| Some(format!("{}={}", key.to_string_lossy(), quoted(value?))))
        .collect();
    parts.push(program);
    parts.extend(command.get_args().map(quoted));
    parts.join(" ")
}

fn quoted(part: &OsStr) -> String {
    // Cargo parts encoded flags with a character that no terminal shows.
    let text = part.to_string_lossy().replace('\u{1f}', " ");
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_reads_as_it_is_typed() {
        let mut command = Command::new("/opt/rust/bin/cargo");
        command
            .args(["doc", "--no-deps"])
            .env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(
            line(&command),
            "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps"
        );
        assert_eq!(
            line(Command::new("/usr/bin/env").arg("it's")),
            r"/usr/bin/env 'it'\''s'"
        );
    }
}
