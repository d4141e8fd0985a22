//! Runs the foreign clients' scripts.

use std::{io::Write, path::PathBuf, process::Stdio};

use serde_json::Value;

/// The Python that set-up makes, or a word why not; a lack fails in CI.
pub(crate) fn python(test: &str) -> Option<PathBuf> {
    found(
        test,
        "TWINBENCH_PYTHON",
        "the Python environment of the set-up",
    )
}

/// The Node modules that set-up installs, or a word why not; a lack fails in CI.
pub(crate) fn node_modules(test: &str) -> Option<PathBuf> {
    found(
        test,
        "TWINBENCH_NODE_MODULES",
        "the Node modules of the set-up",
    )
}

fn found(test: &str, variable: &str, what: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(PathBuf::from);
    let found = found.filter(|path| path.exists());
    if found.is_none() {
        let advice = "as cargo xtask test does";
        lacking(
            test,
            &format!("{what} is missing: set {variable}, {advice}"),
        );
    }
    found
}

/// Says loudly that a test is skipped; in CI that fails.
pub(crate) fn lacking(test: &str, lack: &str) {
    assert!(std::env::var_os("CI").is_none(), "{lack}");
    eprintln!("SKIPPED {test}: {lack}");
}

/// Runs a script with a JSON request on its standard input and gives the JSON it prints last.
pub(crate) async fn run(program: PathBuf, script: &'static str, request: Value) -> Value {
    let arguments = vec!["-c".to_owned(), script.to_owned()];
    run_with(program, arguments, request, Vec::new()).await
}

/// [`run`] with arguments and environment of one's own.
pub(crate) async fn run_with(
    program: PathBuf,
    arguments: Vec<String>,
    request: Value,
    environment: Vec<(&'static str, PathBuf)>,
) -> Value {
    let work = move || {
        let mut child = std::process::Command::new(program)
            .args(arguments)
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(request.to_string().as_bytes()).unwrap();
        drop(input);
        child.wait_with_output().unwrap()
    };
    let output = tokio::task::spawn_blocking(work).await.unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "the client failed: {out}\n{err}");
    let last = out.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {out}\n{err}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
