//! `twinbench schema`: what the files look like, for editors and for people, from the types that
//! read them.

use std::{fmt::Write as _, io::Write as _};

use clap::ValueEnum;
use serde_json::Value;

use crate::{exit::Exit, file};

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Bench files: devices, hub, applications.
    Bench,
    /// Scenario files: steps, faults, expectations.
    Scenario,
    /// Twin files: your own entity.
    Twin,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  twinbench schema bench > bench.schema.json       # for editors that check TOML
  twinbench schema scenario --markdown             # the reference as the guide has it")]
pub(crate) struct Args {
    /// Which files.
    kind: Kind,
    /// Print a reference for people, in Markdown, instead of JSON Schema.
    #[arg(long)]
    markdown: bool,
}

pub(crate) fn run(args: &Args) -> Exit {
    let schema = match args.kind {
        Kind::Bench => file::schema(),
        Kind::Scenario => twinbench_scenario::schema(),
        Kind::Twin => twinbench_serverless::twins::schema(),
    };
    let said = if args.markdown {
        markdown(&schema)
    } else {
        format!("{schema:#}\n")
    };
    // Who reads only the beginning (`| head`) does not want to hear of it.
    let _ = std::io::stdout().lock().write_all(said.as_bytes());
    Exit::Pass
}

/// The reference: the file itself first, then every type that it names, by name.
fn markdown(schema: &Value) -> String {
    let title = schema["title"].as_str().unwrap_or("File");
    let mut out = format!("# {title}\n\n{}\n", whole(schema));
    section(&mut out, schema);
    for (name, part) in schema["$defs"].as_object().into_iter().flatten() {
        let _ = write!(out, "\n## {name}\n\n{}\n", whole(part));
        section(&mut out, part);
    }
    out
}

/// A type: its keys as a table, or what it may be as a list.
fn section(out: &mut String, part: &Value) {
    keys(out, part);
    for choice in choices(part) {
        if let Some(constant) = constant(choice) {
            let _ = write!(out, "\n- `{constant}`{}", dash(&text(choice)));
            continue;
        }
        let properties = choice["properties"].as_object();
        let tag = properties.and_then(|all| {
            let tag = all.iter().find(|(_, value)| value["const"].is_string());
            tag.map(|(key, value)| format!("{key} = {}", value["const"]))
        });
        match (tag, properties.filter(|all| all.len() == 1)) {
            (Some(tag), _) => {
                let _ = write!(out, "\n- `{tag}`{}\n", dash(&text(choice)));
                keys(out, choice);
            }
            (None, Some(one)) => {
                for (key, value) in one {
                    let told = text(choice);
                    let told = if told.is_empty() { text(value) } else { told };
                    let _ = write!(out, "\n- `{key}`: {}{}", kind(value), dash(&told));
                }
            }
            (None, None) => {
                let _ = write!(out, "\n- {}{}", kind(choice), dash(&text(choice)));
            }
        }
    }
    for constant in part["enum"].as_array().into_iter().flatten() {
        let _ = write!(out, "\n- `{}`", plain(constant));
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
}

fn keys(out: &mut String, part: &Value) {
    let Some(properties) = part["properties"].as_object().filter(|all| !all.is_empty()) else {
        return;
    };
    let needed = |key: &str| {
        let mut needed = part["required"].as_array().into_iter().flatten();
        needed.any(|it| it == key)
    };
    out.push_str("\n| key | is | default | means |\n|---|---|---|---|\n");
    for (key, value) in properties {
        let default = match &value["default"] {
            _ if needed(key) => "needed".to_owned(),
            Value::Null => String::new(),
            Value::Array(list) if list.is_empty() => "none".to_owned(),
            Value::Object(_) => "as below".to_owned(),
            other => format!("`{}`", plain(other)),
        };
        let _ = writeln!(
            out,
            "| `{key}` | {} | {default} | {} |",
            kind(value),
            text(value)
        );
    }
}

fn choices(part: &Value) -> impl Iterator<Item = &Value> {
    ["oneOf", "anyOf"]
        .into_iter()
        .flat_map(|key| part[key].as_array().into_iter().flatten())
}

fn constant(part: &Value) -> Option<String> {
    part["const"].as_str().map(str::to_owned)
}

/// What a value is, in a word or a link.
fn kind(part: &Value) -> String {
    if let Some(place) = part["$ref"].as_str() {
        let name = place.rsplit('/').next().unwrap_or(place);
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(constant) = constant(part) {
        return format!("`{constant}`");
    }
    let choices: Vec<String> = choices(part)
        .filter(|it| it["type"] != "null")
        .map(kind)
        .collect();
    if !choices.is_empty() {
        return choices.join(" or ");
    }
    let kinds: Vec<&str> = match &part["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let kinds = kinds.into_iter().filter(|kind| *kind != "null");
    let words: Vec<String> = kinds
        .map(|word| match word {
            "string" => "text".to_owned(),
            "integer" => "whole number".to_owned(),
            "boolean" => "`true` or `false`".to_owned(),
            "array" => format!("list of {}", kind(&part["items"])),
            "object" => match &part["additionalProperties"] {
                inner @ Value::Object(_) => format!("table of {}", kind(inner)),
                _ => "table".to_owned(),
            },
            other => other.to_owned(),
        })
        .collect();
    if words.is_empty() {
        "anything".to_owned()
    } else {
        words.join(" or ")
    }
}

/// What is said of it. Links between types lead nowhere outside of their documentation.
fn whole(part: &Value) -> String {
    let said = part["description"].as_str().unwrap_or_default();
    said.replace("[`", "`").replace("`]", "`")
}

/// What is said of it, on one line.
fn text(part: &Value) -> String {
    let said = whole(part);
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    lines.join(" ").replace('|', "\\|")
}

fn dash(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(" – {text}")
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
