//! A sample of every row of the instruction table: disassembled, and assembled again by the GNU
//! assembler, it has the same bytes.
//!
//! So the table from which the fuzzer draws says what the architecture's own tools say.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::{collections::BTreeMap, fs, path::Path, process::Command};

#[path = "isa/rng.rs"]
#[expect(dead_code, reason = "the fuzzer uses all of it")]
mod rng;
#[path = "isa/rows.rs"]
#[expect(dead_code, reason = "the fuzzer uses all of it")]
mod rows;

use rng::Rng;
use rows::ROWS;

/// Encodings of each row.
const SAMPLE: usize = 6;

fn run(program: &str, arguments: &[&str], folder: &Path) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output();
    let Ok(output) = output else {
        assert!(std::env::var_os("CI").is_none(), "{program} is missing");
        eprintln!("\n!!! SKIPPED: {program} is missing; install binutils-arm-none-eabi !!!\n");
        return None;
    };
    assert!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

const OPTIONS: [&str; 3] = ["-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mthumb"];

/// Bytes as the assembler makes them of these lines.
fn assemble(lines: &[String], folder: &Path, name: &str) -> Option<Vec<u8>> {
    let source = format!("{name}.s");
    let text = format!(".syntax unified\n.thumb\n.text\n{}\n", lines.join("\n"));
    fs::write(folder.join(&source), text).unwrap();
    let object = format!("{name}.o");
    let binary = format!("{name}.bin");
    let mut arguments = OPTIONS.to_vec();
    arguments.extend([source.as_str(), "-o", object.as_str()]);
    run("arm-none-eabi-as", &arguments, folder)?;
    run(
        "arm-none-eabi-objcopy",
        &["-O", "binary", "-j", ".text", &object, &binary],
        folder,
    )?;
    Some(fs::read(folder.join(binary)).unwrap())
}

/// Offset, bytes as numbers and text of each instruction.
fn disassemble(folder: &Path, name: &str) -> Option<BTreeMap<usize, String>> {
    let object = format!("{name}.o");
    let text = run("arm-none-eabi-objdump", &["-d", "-z", &object], folder)?;
    let mut lines = BTreeMap::new();
    for line in text.lines() {
        let mut fields = line.splitn(3, '\t');
        let (Some(offset), Some(_), Some(text)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        if let Ok(offset) = usize::from_str_radix(offset.trim().trim_end_matches(':'), 16) {
            let text = text.split(['@', ';']).next().unwrap_or_default();
            lines.insert(offset, text.trim().replace('\t', " "));
        }
    }
    Some(lines)
}

/// Whether the text says all: branches and literals depend on their place, IT on what follows.
fn says_all(text: &str) -> bool {
    let name = text.split([' ', '.']).next().unwrap_or_default();
    let branch = name.starts_with('b')
        && !matches!(name, "bic" | "bics" | "bfi" | "bfc" | "bkpt" | "bx" | "blx");
    !(branch
        || name.starts_with("cb")
        || name.starts_with("it")
        || name.starts_with("adr")
        || text.contains("[pc")
        || text.contains('<')
        || text.contains("UNDEFINED")
        || text.contains("UNPREDICTABLE")
        || text.contains("illegal"))
}

#[test]
fn rows_come_back_from_disassembler_and_assembler_with_the_same_bytes() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("assembled");
    fs::create_dir_all(&folder).unwrap();
    let mut random = Rng::of(1, 0);
    let mut encodings = Vec::new();
    for (index, row) in ROWS.iter().enumerate() {
        for _ in 0..SAMPLE {
            let (mask, value) = row.mask();
            let free = if row.is_wide() { !mask } else { !mask & 0xFFFF };
            encodings.push((index, value | random.word() & free));
        }
    }
    let raw: Vec<String> = encodings
        .iter()
        .map(|(index, encoding)| {
            if ROWS[*index].is_wide() {
                format!(".inst.w {encoding:#x}")
            } else {
                format!(".inst.n {:#x}", encoding & 0xFFFF)
            }
        })
        .collect();
    let Some(bytes) = assemble(&raw, &folder, "raw") else {
        return;
    };
    let Some(texts) = disassemble(&folder, "raw") else {
        return;
    };
    // Once more from the texts; what they do not say whole stays as it is.
    let mut again = Vec::new();
    let (mut at, mut said, mut rows) = (0, 0, vec![false; ROWS.len()]);
    for ((index, _), line) in encodings.iter().zip(&raw) {
        let text = texts.get(&at).cloned().unwrap_or_default();
        if says_all(&text) {
            let wide = ROWS[*index].is_wide();
            let name = text.split(' ').next().unwrap_or_default();
            let rest = &text[name.len()..];
            let name = name.trim_end_matches(".w").trim_end_matches(".n");
            let width = if wide && !name.starts_with('v') {
                ".w"
            } else {
                ""
            };
            again.push((at, format!("{name}{width}{rest}"), *index));
            said += 1;
            rows[*index] = true;
        } else {
            again.push((at, line.clone(), *index));
        }
        at += if ROWS[*index].is_wide() { 4 } else { 2 };
    }
    assert_eq!(bytes.len(), at);
    let lines: Vec<String> = again.iter().map(|(_, line, _)| line.clone()).collect();
    let made = assemble_leniently(&lines, &raw, &folder);
    let Some((made, refused)) = made else { return };
    let mut different = Vec::new();
    for (place, (at, line, index)) in again.iter().enumerate() {
        let size = if ROWS[*index].is_wide() { 4 } else { 2 };
        let (before, after) = (&bytes[*at..at + size], made.get(*at..at + size));
        if after != Some(before) && !refused.contains(&place) {
            different.push(format!(
                "{}: {line}: {before:02x?} {after:02x?}",
                ROWS[*index].name
            ));
        }
    }
    let reached = rows.iter().filter(|row| **row).count();
    println!(
        "{said} encodings of {reached} rows, {} not taken back by the assembler",
        refused.len()
    );
    assert!(
        reached * 10 > ROWS.len() * 8,
        "{reached} rows of {}",
        ROWS.len()
    );
    assert!(refused.len() * 5 < said, "{} of {said}", refused.len());
    // Bits that should be zero or one, and a different but equal way to say the same.
    assert!(
        different.len() * 20 < said,
        "{} of {said}:\n{}",
        different.len(),
        different.join("\n")
    );
}

/// Assembles; lines that the assembler refuses (unpredictable operands) stay as raw encodings. The
/// bytes, and which lines those are.
fn assemble_leniently(
    lines: &[String],
    raw: &[String],
    folder: &Path,
) -> Option<(Vec<u8>, std::collections::BTreeSet<usize>)> {
    let mut lines = lines.to_vec();
    let mut refused = std::collections::BTreeSet::new();
    for _ in 0..6 {
        let text = format!(".syntax unified\n.thumb\n.text\n{}\n", lines.join("\n"));
        fs::write(folder.join("again.s"), text).unwrap();
        let mut command = Command::new("arm-none-eabi-as");
        command.args(OPTIONS).args(["again.s", "-o", "again.o"]);
        let output = command.current_dir(folder).output().ok()?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            let bytes = assemble(&lines, folder, "again")?;
            return Some((bytes, refused));
        }
        for line in errors.lines().filter(|line| line.contains("Error:")) {
            let number: usize = line.split(':').nth(1)?.parse().ok()?;
            // Three lines come before.
            let place = number - 4;
            refused.insert(place);
            lines[place].clone_from(&raw[place]);
        }
    }
    panic!("the assembler refuses ever more")
}
