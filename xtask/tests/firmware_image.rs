//! The committed firmware image is of the firmware's source as it is now.

use std::process::Command;

#[test]
fn the_image_is_not_older_than_its_source() {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["firmware", "--check"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "run `cargo xtask firmware` and commit what it writes:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
