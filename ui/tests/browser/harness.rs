//! A bench, a browser and a page in it, gone when the test ends.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fantoccini::{Client, ClientBuilder, Locator, elements::Element, error::CmdError};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// How long a test waits for what it expects, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A child that ends with us.
struct Kept(Child);

impl Drop for Kept {
    fn drop(&mut self) {
        // A driver that is asked to end takes its browser along; one that is killed leaves it behind.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        for _ in 0..40 {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        // It may have ended by itself, which is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Browsers that work in a folder, gone when the test ends, also when it fails: a driver that is
/// ended while a session is open leaves its browser behind.
struct Browsers {
    /// What their command line has.
    mark: String,
}

impl Drop for Browsers {
    fn drop(&mut self) {
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let pid = entry.file_name().to_string_lossy().into_owned();
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let ours = String::from_utf8_lossy(&line)
                .split('\0')
                .any(|part| part == self.mark);
            if pid.bytes().all(|byte| byte.is_ascii_digit()) && ours {
                // One that has just ended by itself is as good.
                let _ = Command::new("kill")
                    .args(["-9", &pid])
                    .stderr(Stdio::null())
                    .status();
            }
        }
    }
}

/// A bench with a browser that shows its page. What stands first ends first.
pub(crate) struct World {
    pub(crate) client: Client,
    _bench: Kept,
    _driver: Kept,
    _browsers: Browsers,
    folder: tempfile::TempDir,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

#[expect(
    clippy::disallowed_methods,
    reason = "patience with another program is a matter of the wall clock"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "xtask says where the program is")]
fn program() -> String {
    std::env::var("TWINBENCH_PROGRAM")
        .expect("run these tests with `cargo xtask test --only browser`")
}

/// The text after a mark in a growing file.
async fn told(file: &Path, mark: &str) -> String {
    let start = now();
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let rest = text.split_once(mark).map(|(_, rest)| rest);
        if let Some((line, _)) = rest.and_then(|rest| rest.split_once('\n')) {
            return line.trim().to_owned();
        }
        assert!(start.elapsed() < PATIENCE, "{mark:?} is not in:\n{text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn start(command: &mut Command, log: &Path) -> Kept {
    let out = std::fs::File::create(log).unwrap();
    command
        .stdin(Stdio::null())
        .stdout(out.try_clone().unwrap())
        .stderr(out);
    Kept(
        command
            .spawn()
            .unwrap_or_else(|cause| panic!("{command:?}: {cause}")),
    )
}

/// A folder to work in, with the repository's fixtures and page in it.
fn workplace(folder: &Path) -> PathBuf {
    let place = folder.join("work");
    std::fs::create_dir(&place).unwrap();
    for name in ["fixtures", "ui"] {
        std::os::unix::fs::symlink(root().join(name), place.join(name)).unwrap();
    }
    place
}

impl World {
    /// A bench that has run for so long already and goes on at real time, on a page of 1280 × 800.
    pub(crate) async fn open(bench: &str, ran: &str) -> Self {
        Self::sized(bench, ran, (1280, 800)).await
    }

    /// The same on a page of another size.
    pub(crate) async fn sized(bench: &str, ran: &str, size: (u32, u32)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("bench.log");
        let mut command = Command::new(program());
        command
            .args([
                "run",
                bench,
                "--for",
                ran,
                "--serve",
                "--port",
                "0",
                "--any-ports",
                "--out",
            ])
            .arg(folder.path().join("out"))
            // What a person makes on the page (benches, scenarios) stays out of the repository.
            .current_dir(workplace(folder.path()));
        let bench = start(&mut command, &log);
        let page = told(&log, "the page:").await;
        let profile = folder.path().join("browser");
        let mark = format!("--user-data-dir={}", profile.display());
        let browsers = Browsers { mark: mark.clone() };
        let driver_log = folder.path().join("driver.log");
        let driver = start(Command::new("chromedriver").arg("--port=0"), &driver_log);
        let port = told(&driver_log, "started successfully on port ").await;
        let port = port.trim_end_matches('.');
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".into(),
            "--disable-gpu".into(),
            "--disable-quic".into(),
            "--no-first-run".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-sync".into(),
            "--hide-scrollbars".into(),
            format!("--window-size={},{}", size.0, size.1),
            mark,
        ];
        let wanted = json!({
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
        });
        let Value::Object(wanted) = wanted else {
            unreachable!("an object")
        };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        client.goto(&page).await.unwrap();
        let world = Self {
            client,
            _bench: bench,
            _driver: driver,
            _browsers: browsers,
            folder,
        };
        world.fit(size).await;
        world.find("[data-test=this-bench]").await;
        world
    }

    /// Makes the inside of the window so large.
    async fn fit(&self, (width, height): (u32, u32)) {
        let outside = self
            .js("return [outerWidth - innerWidth, outerHeight - innerHeight]")
            .await;
        let more = |at: usize| outside[at].as_u64().unwrap_or(0) as u32;
        self.client
            .set_window_size(width + more(0), height + more(1))
            .await
            .unwrap();
    }

    /// Shows a view.
    pub(crate) async fn go(&self, hash: &str) {
        self.js(&format!("location.hash = {hash:?}")).await;
    }

    /// The first element that a selector names, as soon as it is there.
    pub(crate) async fn find(&self, css: &str) -> Element {
        let start = now();
        loop {
            match self.client.find(Locator::Css(css)).await {
                Ok(element) => return element,
                Err(cause) => {
                    if start.elapsed() > PATIENCE {
                        self.shot("failed").await;
                        panic!("{css}: {cause}; see out/screens/failed.png");
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// How many elements a selector names.
    pub(crate) async fn count(&self, css: &str) -> usize {
        self.client.find_all(Locator::Css(css)).await.unwrap().len()
    }

    /// Presses an element, as soon as it can be pressed.
    pub(crate) async fn click(&self, css: &str) {
        let start = now();
        loop {
            let pressed: Result<(), CmdError> = self.find(css).await.click().await;
            match pressed {
                Ok(()) => return,
                Err(cause) => assert!(start.elapsed() < PATIENCE, "{css}: {cause}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Types into an element.
    pub(crate) async fn write(&self, css: &str, text: &str) {
        self.find(css).await.send_keys(text).await.unwrap();
    }

    /// Chooses an option.
    pub(crate) async fn choose(&self, css: &str, value: &str) {
        self.find(css).await.select_by_value(value).await.unwrap();
    }

    /// Presses keys where no field has the focus.
    pub(crate) async fn press(&self, key: &str) {
        self.js(&format!(
            "document.activeElement?.blur(); window.dispatchEvent(new KeyboardEvent('keydown', {{key: {key:?}, bubbles: true}}))"
        ))
        .await;
    }

    /// Runs a script in the page.
    pub(crate) async fn js(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap()
    }

    /// Runs a script in the page that is given values.
    pub(crate) async fn with(&self, script: &str, values: Vec<Value>) -> Value {
        self.client.execute(script, values).await.unwrap()
    }

    /// A file of the repository in Base64.
    pub(crate) fn base64(path: &str) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(std::fs::read(root().join(path)).unwrap())
    }

    /// A file that a person made on the page, below the folder that the bench works in.
    pub(crate) fn made(&self, path: &str) -> PathBuf {
        self.folder.path().join("work").join(path)
    }

    /// Writes over what stands in a field.
    pub(crate) async fn over(&self, css: &str, text: &str) {
        self.find(css).await;
        self.js(&format!(
            "const t = document.querySelector({css:?}); t.value = {text:?};
             for (const e of ['input', 'change']) t.dispatchEvent(new Event(e, {{bubbles: true}}))"
        ))
        .await;
    }

    /// Presses a button of a part of the page by its words.
    pub(crate) async fn say(&self, within: &str, words: &str) {
        self.until(
            &format!("a button {words:?} in {within}"),
            &format!(
                "const b = [...document.querySelectorAll({within:?} + ' button')].find(b => !b.disabled && b.textContent.trim() === {words:?});
                 if (!b) return false; b.click(); return true"
            ),
        )
        .await;
    }

    /// Notes what the page saves as files instead of saving it: `window.saved` has names and texts.
    pub(crate) async fn catch_files(&self) {
        self.js(
            "window.saved = [];
             const make = URL.createObjectURL, blobs = new Map();
             URL.createObjectURL = (blob) => { const url = make.call(URL, blob); blobs.set(url, blob); return url; };
             HTMLAnchorElement.prototype.click = function () {
               const at = window.saved.push({name: this.download, text: this.href}) - 1;
               blobs.get(this.href)?.text().then((text) => { window.saved[at].text = text; });
             };",
        )
        .await;
    }

    /// The text of a file that the page saved, by the end of its name.
    pub(crate) async fn saved(&self, end: &str) -> String {
        let found = format!(
            "window.saved.find(f => f.name.endsWith({end:?}) && !f.text.startsWith('blob:'))"
        );
        self.until(end, &format!("return !!{found}")).await;
        let text = self.js(&format!("return {found}.text")).await;
        text.as_str().unwrap().to_owned()
    }

    /// The text of an element.
    pub(crate) async fn text(&self, css: &str) -> String {
        let script = format!("return document.querySelector({css:?})?.textContent ?? ''");
        self.js(&script)
            .await
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Waits until a script gives true; `what` is told when it does not.
    pub(crate) async fn until(&self, what: &str, script: &str) {
        let start = now();
        while self.js(script).await != Value::Bool(true) {
            if start.elapsed() > PATIENCE {
                self.shot("failed").await;
                panic!("{what}: never {script}; see out/screens/failed.png");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until an element's text has a part.
    pub(crate) async fn says(&self, css: &str, part: &str) {
        let script = format!(
            "return (document.querySelector({css:?})?.textContent ?? '').includes({part:?})"
        );
        self.until(&format!("{css} says {part:?}"), &script).await;
    }

    /// Colours that a canvas has, as a measure of whether anything is drawn.
    pub(crate) async fn colours(&self, css: &str) -> u64 {
        let script = format!(
            "const c = document.querySelector({css:?}); if (!c || !c.width) return 0;
             const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
             const s = new Set(); for (let i = 0; i < d.length; i += 4) s.add((d[i] << 16) | (d[i + 1] << 8) | d[i + 2]); return s.size"
        );
        self.js(&script).await.as_u64().unwrap_or(0)
    }

    /// Keeps a picture of the page.
    pub(crate) async fn shot(&self, name: &str) {
        let folder = root().join("out/screens");
        std::fs::create_dir_all(&folder).unwrap();
        let picture = self.client.screenshot().await.unwrap();
        std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }

    /// Chooses light or dark.
    pub(crate) async fn theme(&self, name: &str) {
        self.js(&format!(
            "localStorage.setItem('twinbench-theme', {name:?})"
        ))
        .await;
        self.client.refresh().await.unwrap();
        self.until(
            "the theme",
            &format!("return document.documentElement.dataset.theme === {name:?}"),
        )
        .await;
        self.find("[data-test=bench]").await;
    }

    /// Ends the browser.
    pub(crate) async fn close(self) {
        // A browser that has gone already is closed.
        let _ = self.client.clone().close().await;
    }
}
