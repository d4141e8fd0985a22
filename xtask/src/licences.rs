//! The licences of everything that is linked in, held without `cargo deny`.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::Metadata;
use serde::Deserialize;
use spdx::{Expression, ParseMode};

/// The part of `deny.toml` that is read here.
#[derive(Debug, Deserialize)]
pub struct Rules {
    licenses: Licences,
}

#[derive(Debug, Deserialize)]
struct Licences {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Debug, Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

impl Rules {
    /// Reads the text of `deny.toml`.
    ///
    /// # Errors
    /// When it is not TOML or has no `[licenses]` with a list `allow`.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// What is wrong with a package's licence; `None` when the rules allow it.
    pub fn violation(&self, name: &str, licence: Option<&str>) -> Option<String> {
        let Some(text) = licence else {
            return Some(format!("{name} states no licence"));
        };
        // Older packages write `MIT/Apache-2.0`.
        let Ok(expression) = Expression::parse_mode(text, ParseMode::LAX) else {
            return Some(format!(
                "{name} states a licence that is no SPDX expression: {text}"
            ));
        };
        let more: BTreeMap<&str, &[String]> = self
            .licenses
            .exceptions
            .iter()
            .map(|exception| (exception.name.as_str(), exception.allow.as_slice()))
            .collect();
        let allowed: BTreeSet<&str> = self
            .licenses
            .allow
            .iter()
            .chain(more.get(name).copied().unwrap_or_default())
            .map(String::as_str)
            .collect();
        let passes =
            expression.evaluate(|requirement| allowed.contains(requirement.to_string().as_str()));
        (!passes).then(|| format!("{name} is under {text}, which deny.toml does not allow"))
    }

    /// What is wrong with the licences of the packages in the lock file.
    pub fn violations(&self, metadata: &Metadata) -> Vec<String> {
        let packages = metadata.packages.iter();
        packages
            .filter_map(|package| self.violation(&package.name, package.license.as_deref()))
            .collect()
    }
}
