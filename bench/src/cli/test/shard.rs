//! `--shard i/n`.

use std::str::FromStr;

/// One of several parts of the cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shard {
    part: usize,
    of: usize,
}

impl Shard {
    /// Whether the case of this number (from 0) is in this part.
    pub(super) fn has(self, index: usize) -> bool {
        index % self.of == self.part - 1
    }
}

impl FromStr for Shard {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/');
        let parts = parts.and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match parts {
            Some((part, of)) if part >= 1 && part <= of => Ok(Self { part, of }),
            _ => Err("write it as `1/4`: the first of four parts".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_everything_once() {
        let shards: Vec<Shard> = ["1/3", "2/3", "3/3"].map(|it| it.parse().unwrap()).into();
        for index in 0..20 {
            assert_eq!(shards.iter().filter(|it| it.has(index)).count(), 1);
        }
        for text in ["", "0/3", "4/3", "1", "a/b", "1/0"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
