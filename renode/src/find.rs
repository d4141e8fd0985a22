//! Finding an installation.

use std::{
    env,
    ffi::OsStr,
    fmt,
    path::{Path, PathBuf},
};

/// Names of the program within a folder.
const NAMES: &[&str] = if cfg!(windows) {
    &["renode.exe", "Renode.exe"]
} else {
    &["renode"]
};

/// Where installers and packages put Renode on this system.
const PLACES: &[&str] = if cfg!(windows) {
    &[
        r"C:\Program Files\Renode\bin\renode.exe",
        r"C:\Program Files\Renode\renode.exe",
    ]
} else if cfg!(target_os = "macos") {
    &[
        "/Applications/Renode.app/Contents/MacOS/renode",
        "/opt/homebrew/bin/renode",
        "/usr/local/bin/renode",
    ]
} else {
    &[
        "/usr/bin/renode",
        "/usr/local/bin/renode",
        "/opt/renode/renode",
        "/opt/renode/bin/renode",
    ]
};

/// Where to look, in this order.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// A path that somebody gave: the program, or the folder it is in. Nothing else is tried then.
    pub explicit: Option<PathBuf>,
    /// The value of `RENODE`: the same. Nothing else is tried then.
    pub renode: Option<PathBuf>,
    /// Folders, as in `PATH`.
    pub folders: Vec<PathBuf>,
    /// Whole paths of the program.
    pub places: Vec<PathBuf>,
}

/// A Renode on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// Its program.
    pub program: PathBuf,
}

/// There is no Renode, and where it was looked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct NotFound {
    /// Every path that was tried, in order, each once.
    pub looked_for: Vec<PathBuf>,
    /// How many of them, the first, are in folders of `PATH`.
    pub in_folders: usize,
}

impl NotFound {
    /// What to do about it.
    pub const HINT: &str = "install it from https://github.com/renode/renode/releases (1.15.3 or \
                            newer), or set RENODE to its program or folder";

    /// Where it is not, in words.
    pub fn place(&self) -> String {
        let paths = self.looked_for.iter().skip(self.in_folders);
        let paths: Vec<_> = paths.map(|path| path.display().to_string()).collect();
        let paths = paths.join(", ");
        match (self.in_folders, paths.is_empty()) {
            (0, _) => format!("renode was not found; looked for {paths}"),
            (1, true) => "renode was not found in the one folder of PATH".to_owned(),
            (folders, true) => {
                format!("renode was not found in the {folders} folders of PATH")
            }
            (folders, false) => {
                format!("renode was not found in the folders of PATH ({folders}), nor as {paths}")
            }
        }
    }
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.place(), Self::HINT)
    }
}

impl Search {
    /// The usual places of this system, with an explicit path, the value of `RENODE` and that of
    /// `PATH` as the caller knows them.
    pub fn usual(explicit: Option<&Path>, renode: Option<&OsStr>, path: Option<&OsStr>) -> Self {
        Self {
            explicit: explicit.map(Path::to_path_buf),
            renode: renode.filter(|value| !value.is_empty()).map(PathBuf::from),
            folders: path
                .map(|value| env::split_paths(value).collect())
                .unwrap_or_default(),
            places: PLACES.iter().map(PathBuf::from).collect(),
        }
    }

    /// Looks.
    ///
    /// # Errors
    /// When there is none where it was looked for; a path that somebody gave is not passed over for
    /// another installation.
    pub fn find(&self) -> Result<Installation, NotFound> {
        let mut looked_for: Vec<PathBuf> = Vec::new();
        let mut look = |path: PathBuf| {
            if !looked_for.contains(&path) {
                looked_for.push(path);
            }
            looked_for.len()
        };
        let mut in_folders = 0;
        if let Some(given) = self.explicit.as_ref().or(self.renode.as_ref()) {
            look(given.clone());
            for path in in_folder(given) {
                look(path);
            }
        } else {
            for path in self.folders.iter().flat_map(|folder| in_folder(folder)) {
                in_folders = look(path);
            }
            for path in &self.places {
                look(path.clone());
            }
        }
        match looked_for.iter().find(|path| is_program(path)) {
            Some(program) => Ok(Installation {
                program: program.clone(),
            }),
            None => Err(NotFound {
                looked_for,
                in_folders,
            }),
        }
    }
}

fn in_folder(folder: &Path) -> impl Iterator<Item = PathBuf> {
    NAMES.iter().map(|name| folder.join(name))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A folder with a program in it.
    fn installed() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join(NAMES[0]);
        fs::write(&program, "").unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        (folder, program)
    }

    fn check(search: &Search, expected: &Path) {
        assert_eq!(
            search.find().map(|found| found.program).as_deref(),
            Ok(expected)
        );
    }

    #[test]
    fn a_given_path_is_the_program_or_its_folder() {
        let (folder, program) = installed();
        check(
            &Search {
                explicit: Some(program.clone()),
                ..Search::default()
            },
            &program,
        );
        check(
            &Search {
                explicit: Some(folder.path().into()),
                ..Search::default()
            },
            &program,
        );
        check(
            &Search {
                renode: Some(folder.path().into()),
                ..Search::default()
            },
            &program,
        );
    }

    #[test]
    fn a_given_path_is_not_passed_over() {
        let (folder, _) = installed();
        let absent = folder.path().join("absent");
        let search = Search {
            explicit: Some(absent.clone()),
            folders: vec![folder.path().into()],
            ..Search::default()
        };
        let error = search.find().unwrap_err();
        assert_eq!(error.looked_for[0], absent);
        assert!(!error.looked_for.contains(&folder.path().join(NAMES[0])));
    }

    #[test]
    fn folders_come_before_places() {
        let (first, program) = installed();
        let (_second, other) = installed();
        let mut search = Search {
            folders: vec!["/nowhere".into(), first.path().into()],
            places: vec![other.clone()],
            ..Search::default()
        };
        check(&search, &program);
        search.folders.clear();
        check(&search, &other);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_cannot_be_run_is_no_program() {
        use std::os::unix::fs::PermissionsExt as _;
        let (folder, program) = installed();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(
            Search {
                folders: vec![folder.path().into()],
                ..Search::default()
            }
            .find()
            .is_err()
        );
    }

    #[test]
    fn absence_says_where_it_looked_and_what_to_do() {
        let path = env::join_paths(["/one", "/two"]).unwrap();
        let mut search = Search::usual(None, Some(OsStr::new("")), Some(&path));
        search.places = vec!["/three/renode".into()];
        let error = search.find().unwrap_err();
        let folders = ["/one", "/two"].map(|it| Path::new(it).join(NAMES[0]));
        assert_eq!(error.looked_for[0], folders[0]);
        assert!(error.looked_for.contains(&folders[1]));
        let text = error.to_string();
        for part in [
            &format!("the folders of PATH ({})", 2 * NAMES.len()),
            "/three/renode",
            "https://github.com/renode/renode/releases",
            "RENODE",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        search.explicit = Some("/four".into());
        let text = search.find().unwrap_err().to_string();
        assert!(text.contains("looked for /four, /four/"), "{text}");
    }

    #[test]
    fn a_folder_that_is_named_twice_is_looked_at_once() {
        let search = Search {
            folders: vec!["/one".into(), "/one".into()],
            ..Search::default()
        };
        let error = search.find().unwrap_err();
        assert_eq!(error.looked_for.len(), NAMES.len());
        assert_eq!(error.in_folders, NAMES.len());
    }
}
