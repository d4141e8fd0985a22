//! What a file or a link on the command line asks for.

use std::path::{Path, PathBuf};

use url::Url;

/// What a file or a link asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A bench is run.
    Bench(PathBuf),
    /// A recording is looked at.
    Recording(PathBuf),
    /// A view of the page is shown.
    View(String),
    /// Nothing that is known.
    Nothing,
}

impl Asked {
    /// Of an argument: a path, or a link.
    pub(crate) fn of(argument: &str) -> Self {
        match Url::parse(argument) {
            Ok(url) if url.scheme() == "twinbench" => Self::of_link(&url),
            _ => Self::of_path(Path::new(argument)),
        }
    }

    /// Of a file: what ends in `.mcap` is a recording.
    pub(crate) fn of_path(path: &Path) -> Self {
        let is = |end: &str| {
            path.extension()
                .is_some_and(|it| it.eq_ignore_ascii_case(end))
        };
        if is("mcap") || path.to_string_lossy().ends_with(".mcap.part") {
            Self::Recording(path.to_owned())
        } else {
            Self::Bench(path.to_owned())
        }
    }

    /// Of a link: `twinbench://go/fleet` shows a view, `twinbench://open?file=/a/bench.toml` opens
    /// a file of this machine by its whole path.
    pub(crate) fn of_link(url: &Url) -> Self {
        match url.host_str() {
            Some("go") => {
                let view = url.path().trim_matches('/');
                let plain = |c: char| c.is_ascii_alphanumeric() || "-_./%@".contains(c);
                if view.chars().all(plain) {
                    Self::View(view.to_owned())
                } else {
                    Self::Nothing
                }
            }
            Some("open") => {
                let file = url.query_pairs().find(|(name, _)| name == "file");
                match file.map(|(_, path)| PathBuf::from(path.as_ref())) {
                    Some(path) if path.is_absolute() => Self::of_path(&path),
                    _ => Self::Nothing,
                }
            }
            _ => Self::Nothing,
        }
    }

    /// The same with its path seen from another folder.
    #[must_use]
    pub(crate) fn seen_from(self, folder: &Path) -> Self {
        match self {
            Self::Bench(path) => Self::Bench(folder.join(path)),
            Self::Recording(path) => Self::Recording(folder.join(path)),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_links() {
        let bench = |path: &str| Asked::Bench(path.into());
        assert_eq!(Asked::of("a/b.toml"), bench("a/b.toml"));
        assert_eq!(Asked::of("b.MCAP"), Asked::Recording("b.MCAP".into()));
        assert_eq!(
            Asked::of("x/session.mcap.part"),
            Asked::Recording("x/session.mcap.part".into())
        );
        assert_eq!(
            Asked::of("twinbench://go/device/devkit-01"),
            Asked::View("device/devkit-01".into())
        );
        assert_eq!(
            Asked::of("twinbench://open?file=/tmp/a%20b.toml"),
            bench("/tmp/a b.toml")
        );
        for nothing in [
            "twinbench://open?file=a.toml",
            "twinbench://open",
            "twinbench://go/x'%20y(",
            "twinbench://run",
        ] {
            assert_eq!(Asked::of(nothing), Asked::Nothing, "{nothing}");
        }
    }

    #[test]
    fn paths_are_those_of_who_asked() {
        let seen = Asked::of("a.toml").seen_from(Path::new("/home"));
        assert_eq!(seen, Asked::Bench("/home/a.toml".into()));
        let whole = Asked::of("/x/a.toml").seen_from(Path::new("/home"));
        assert_eq!(whole, Asked::Bench("/x/a.toml".into()));
    }
}
