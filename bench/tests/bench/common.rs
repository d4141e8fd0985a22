//! What the tests of whole benches share.

use std::path::{Path, PathBuf};

use twinbench::{
    file::BenchFile,
    session::{Options, Session},
};

/// A bench of the repository.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/benches")
        .join(name)
}

/// A session of a bench file whose run and data are below `folder`.
pub(crate) fn open(bench: &Path, folder: &Path, threads: usize, resume: bool) -> Session {
    let options = options(bench, folder, threads, resume);
    Session::open(BenchFile::load(bench).unwrap(), &options).unwrap()
}

/// What [`open`] opens a session with.
pub(crate) fn options(bench: &Path, folder: &Path, threads: usize, resume: bool) -> Options {
    Options {
        path: bench.to_owned(),
        text: std::fs::read_to_string(bench).unwrap_or_default(),
        out: folder.join("out"),
        data: folder.join("data"),
        resume,
        threads,
        commit_every: 64,
        durability: twinbench_engine::store::Durability::Strict,
        require_recording: false,
        parent: None,
    }
}
