//! The real window on a virtual display: it starts, shows the devices, a button of the board is
//! pressed, and an LED of the firmware is seen to change. `cargo xtask test --only desktop` prepares
//! page, display and drivers and runs this.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(
    clippy::disallowed_methods,
    reason = "patience with other programs is a matter of the wall clock, and xtask says where they are"
)]

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A child that ends with us.
struct Kept(Child);

impl Drop for Kept {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn told(name: &str) -> String {
    std::env::var(name).expect("run this test with `cargo xtask test --only desktop`")
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

async fn until(client: &Client, what: &str, script: &str) {
    let start = Instant::now();
    loop {
        let seen = client.execute(script, vec![]).await;
        if matches!(seen, Ok(Value::Bool(true))) {
            return;
        }
        if start.elapsed() > PATIENCE {
            let text = client
                .execute("return document.body.innerText", vec![])
                .await;
            panic!("{what}: never {script} ({seen:?}); the page says {text:?}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Keeps a picture of the page.
async fn shot(client: &Client, name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../out/screens");
    std::fs::create_dir_all(&folder).unwrap();
    let picture = client.screenshot().await.unwrap();
    std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
}

#[tokio::test]
async fn a_button_of_the_board_is_pressed_in_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let (port, native) = (free_port(), free_port());
    let driver = Command::new(told("TWINBENCH_TAURI_DRIVER"))
        .args(["--port", &port.to_string()])
        .args(["--native-port", &native.to_string()])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let _driver = Kept(driver);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let out = folder.path().join("out");
    let bench = root.join("fixtures/benches/journey.toml");
    let wanted = json!({
        "browserName": "wry",
        "tauri:options": {
            "application": env!("CARGO_BIN_EXE_twinbench-desktop"),
            "args": [bench, "--out", out, "--no-tray"],
        },
    });
    let Value::Object(wanted) = wanted else {
        unreachable!("an object")
    };
    let start = Instant::now();
    let client = loop {
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let session = builder
            .capabilities(wanted.clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await;
        match session {
            Ok(client) => break client,
            Err(cause) => assert!(start.elapsed() < PATIENCE, "no window: {cause}"),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    };

    until(
        &client,
        "the bench",
        "return (document.querySelector('[data-test=this-bench]')?.textContent ?? '') === 'journey'",
    )
    .await;
    client
        .execute("location.hash = '#/fleet'", vec![])
        .await
        .unwrap();
    until(
        &client,
        "the devices",
        "return (document.querySelector('[data-test=fleet-count]')?.textContent ?? '').includes('3 devices') && document.querySelectorAll('.grid-row').length === 3",
    )
    .await;
    shot(&client, "desktop-fleet").await;

    // The menu and the tray speak to the page so.
    client
        .execute(
            "window.dispatchEvent(new CustomEvent('twinbench-do', {detail: 'go:device/devkit-01'}))",
            vec![],
        )
        .await
        .unwrap();
    until(
        &client,
        "a running board",
        "return document.querySelectorAll('[data-led]').length > 0 && document.querySelectorAll('.console .lines > div').length > 2",
    )
    .await;
    client
        .execute(
            "const all = () => [...document.querySelectorAll('[data-led]')].map((led) => led.outerHTML).join();
             window.first = all(); window.changed = false; window.pressed = 0;
             new MutationObserver(() => { if (all() !== window.first) window.changed = true; })
               .observe(document.querySelector('.board'), {subtree: true, childList: true, attributes: true, characterData: true});",
            vec![],
        )
        .await
        .unwrap();
    // The LED lights for an instant when the message leaves: a person would press again too.
    until(
        &client,
        "an LED's change after the button",
        "if (window.changed) return true;
         const button = document.querySelector('[data-button=a]'), kind = window.pressed++ % 10;
         if (kind === 0) button.dispatchEvent(new PointerEvent('pointerdown', {bubbles: true}));
         if (kind === 3) button.dispatchEvent(new PointerEvent('pointerup', {bubbles: true}));
         return false",
    )
    .await;
    until(
        &client,
        "the firmware's line about the button",
        "return document.querySelector('.console .lines').textContent.includes('button: A')",
    )
    .await;
    shot(&client, "desktop-device").await;
    assert_eq!(
        client
            .execute("return location.href.includes('code=')", vec![])
            .await
            .unwrap(),
        Value::Bool(false),
        "the key is in no address"
    );
    client.close().await.unwrap();
}
