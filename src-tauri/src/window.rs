//! The window itself.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use tauri::{
    AppHandle, Manager as _, Url, WebviewUrl, WebviewWindowBuilder, webview::DownloadEvent,
};
use tauri_plugin_deep_link::DeepLinkExt as _;
use tauri_plugin_dialog::{DialogExt as _, MessageDialogButtons, MessageDialogKind};
use twinbench::serve::Running;

use crate::{
    asked::Asked,
    bench::{self, Folders, Options, Place},
    menu,
};

/// The window's label, which its capabilities name.
pub(crate) const LABEL: &str = "main";

/// The bench that runs in this process, and where runs go.
struct Shown {
    running: Mutex<Option<Running>>,
    out: PathBuf,
}

/// Shows the window until it is closed.
///
/// # Errors
/// When there is no display, or the system's webview does not start.
pub(crate) fn show(options: Options) -> tauri::Result<()> {
    tauri::Builder::default()
        // First: a second start ends here, after it has told the first what it was asked for.
        .plugin(tauri_plugin_single_instance::init(|app, words, folder| {
            if let Some(word) = words.iter().skip(1).find(|word| !word.starts_with('-')) {
                obey(app, Asked::of(word).seen_from(folder.as_ref()));
            }
            if let Some(window) = app.get_webview_window(LABEL) {
                // A system that lets no program come forward leaves it where it is.
                let _ = window.set_focus();
            }
        }))
        .plugin(tauri_plugin_deep_link::init())
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_notification::init())
        .plugin(tauri_plugin_window_state::Builder::default().build())
        .menu(menu::of_window)
        .on_menu_event(|app, event| menu::chosen(app, &event))
        .setup(move |app| {
            let folders = Folders {
                resources: app.path().resource_dir().ok(),
                data: app.path().app_local_data_dir().ok(),
            };
            let (place, running) = options.open(&folders)?;
            app.manage(Shown {
                running: Mutex::new(running),
                out: options.files(&folders).1,
            });
            open(app.handle(), &place)?;
            if !options.no_tray
                && let Err(cause) = menu::tray(app.handle())
            {
                eprintln!("twinbench-desktop: no icon in the tray: {cause}");
            }
            let handle = app.handle().clone();
            app.deep_link().on_open_url(move |event| {
                for url in event.urls() {
                    obey(&handle, confirmed(Asked::of_link(&url)));
                }
            });
            match options.file.as_deref().map(Asked::of) {
                None | Some(Asked::Bench(_)) => {}
                Some(other) => obey(app.handle(), (other, false)),
            }
            Ok(())
        })
        .build(tauri::generate_context!())?
        // `run` would end the process, and with it the bench in the middle of a step.
        .run_return(|_, _| {});
    Ok(())
}

/// A link may come from any page in a browser: a bench that it names is asked about first.
fn confirmed(asked: Asked) -> (Asked, bool) {
    let ask = matches!(asked, Asked::Bench(_));
    (asked, ask)
}

impl From<Asked> for (Asked, bool) {
    /// What a person's own command line asks for is done at once.
    fn from(asked: Asked) -> Self {
        (asked, false)
    }
}

fn open(app: &AppHandle, place: &Place) -> tauri::Result<()> {
    WebviewWindowBuilder::new(app, LABEL, WebviewUrl::default())
        .title("Twinbench")
        .inner_size(1_280.0, 800.0)
        .min_inner_size(640.0, 400.0)
        // Told before the page's own program runs.
        .initialization_script(script(place)?)
        // The page takes what is dropped on it, in a browser and here alike.
        .disable_drag_drop_handler()
        // The page says in its title which bench it shows.
        .on_document_title_changed(|window, title| {
            // A window that is closing needs no title.
            let _ = window.set_title(&title);
        })
        // Links lead nowhere: the window shows the page and nothing else.
        .on_navigation(is_page)
        .on_download(|webview, event| {
            if let DownloadEvent::Requested { destination, .. } = event {
                let name = destination.file_name().map(PathBuf::from);
                match (webview.path().download_dir(), name) {
                    (Ok(folder), Some(name)) => *destination = free(&folder.join(name)),
                    _ => return false,
                }
            }
            true
        })
        .build()
        .map(|_| ())
}

/// Whether an address is the page's own.
fn is_page(url: &Url) -> bool {
    matches!(
        (url.scheme(), url.host_str()),
        ("tauri", Some("localhost")) | ("http" | "https", Some("tauri.localhost")) | ("blob", _)
    )
}

/// The path, or with a number behind its name the first that no file has.
fn free(path: &std::path::Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let end = path.extension().unwrap_or_default().to_string_lossy();
    let numbered = (2..10_000).map(|n| path.with_file_name(format!("{stem}-{n}.{end}")));
    let mut all = std::iter::once(path.to_owned()).chain(numbered);
    all.find(|path| !path.exists())
        .unwrap_or_else(|| path.to_owned())
}

/// Does what a file or a link asks for; `ask` says that a person has to agree first.
fn obey(app: &AppHandle, what: impl Into<(Asked, bool)>) {
    match what.into() {
        (Asked::Bench(path), false) => run(app, path),
        (Asked::Bench(path), true) => {
            let handle = app.clone();
            app.dialog()
                .message(format!(
                    "A link asks to run the bench {}. A bench starts the programs that it names.",
                    path.display()
                ))
                .title("Twinbench")
                .kind(MessageDialogKind::Warning)
                .buttons(MessageDialogButtons::OkCancelCustom(
                    "Run it".into(),
                    "No".into(),
                ))
                .show(move |agreed| {
                    if agreed {
                        run(&handle, path);
                    }
                });
        }
        (Asked::Recording(path), _) => {
            let taken = app
                .try_state::<Shown>()
                .map(|shown| bench::take_in(&path, &shown.out));
            match taken {
                Some(Err(cause)) => trouble(app, &cause.to_string()),
                Some(Ok(name)) => tell(app, &format!("go:recordings/{}", name.replace('/', "%2F"))),
                None => tell(app, "go:recordings"),
            }
        }
        (Asked::View(view), _) => tell(app, &format!("go:{view}")),
        (Asked::Nothing, _) => trouble(app, "this link asks for nothing that this window knows"),
    }
}

/// Asks for a bench file and runs it.
pub(crate) fn ask_for_bench(app: &AppHandle) {
    let handle = app.clone();
    let dialog = app.dialog().file().set_title("Open Bench");
    dialog
        .add_filter("Bench files", &["toml"])
        .pick_file(move |file| {
            if let Some(path) = file.and_then(|file| file.into_path().ok()) {
                run(&handle, path);
            }
        });
}

/// Asks for a recording and shows it among the others.
pub(crate) fn ask_for_recording(app: &AppHandle) {
    let handle = app.clone();
    let dialog = app.dialog().file().set_title("Open Recording");
    dialog
        .add_filter("Recordings", &["mcap", "part"])
        .pick_file(move |file| {
            if let Some(path) = file.and_then(|file| file.into_path().ok()) {
                obey(&handle, Asked::Recording(path));
            }
        });
}

/// Runs a bench in place of the one that is shown.
fn run(app: &AppHandle, path: PathBuf) {
    let app = app.clone();
    let name = path.display().to_string();
    // Starting reads files and opens ports: nothing that the window should wait for.
    let started = std::thread::Builder::new()
        .name("open".into())
        .spawn(move || {
            let Some(shown) = app.try_state::<Shown>() else {
                return;
            };
            match bench::start(&path, &shown.out) {
                Ok((place, running)) => {
                    let mut now = shown.running.lock().unwrap_or_else(PoisonError::into_inner);
                    let before = now.replace(running);
                    drop(now);
                    if let (Ok(script), Some(window)) =
                        (switch(&place), app.get_webview_window(LABEL))
                    {
                        // A window that is closing shows no other bench.
                        let _ = window.eval(script);
                    }
                    // Its recording is finished after the page has left it.
                    drop(before);
                }
                Err(cause) => trouble(&app, &cause.to_string()),
            }
        });
    if let Err(cause) = started {
        eprintln!("twinbench-desktop: failed to open {name}: {cause}");
    }
}

/// Says what went wrong.
fn trouble(app: &AppHandle, what: &str) {
    app.dialog()
        .message(what)
        .title("Twinbench")
        .kind(MessageDialogKind::Error)
        .show(|_| {});
}

/// Tells the page a word; it does what the same word does in its palette.
pub(crate) fn tell(app: &AppHandle, word: &str) {
    let told = serde_json::to_string(word).map(|word| {
        format!("window.dispatchEvent(new CustomEvent('twinbench-do', {{ detail: {word} }}));")
    });
    if let (Ok(script), Some(window)) = (told, app.get_webview_window(LABEL)) {
        // A window that is closing does nothing more.
        let _ = window.eval(script);
    }
}

/// The script that tells the page where the bench is.
fn script(place: &Place) -> serde_json::Result<String> {
    Ok(format!(
        "window.__TWINBENCH__ = {};",
        serde_json::to_string(place)?
    ))
}

/// The script that shows another bench: the page finds it in its storage when it begins anew.
fn switch(place: &Place) -> serde_json::Result<String> {
    let place = serde_json::to_string(&serde_json::to_string(place)?)?;
    Ok(format!(
        "sessionStorage.setItem('twinbench-place', {place}); location.hash = '#/'; location.reload();"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            origin: "http://127.0.0.1:4711".into(),
            key: "a\"b".into(),
        }
    }

    #[test]
    fn the_page_is_told_where_the_bench_is() {
        assert_eq!(
            script(&place()).unwrap(),
            r#"window.__TWINBENCH__ = {"origin":"http://127.0.0.1:4711","key":"a\"b"};"#
        );
        let switch = switch(&place()).unwrap();
        assert!(
            switch.contains(r#""{\"origin\":\"http://127.0.0.1:4711\",\"key\":\"a\\\"b\"}""#),
            "{switch}"
        );
    }

    #[test]
    fn the_window_shows_nothing_but_the_page() {
        let of = |url: &str| is_page(&url.parse().unwrap());
        assert!(of("tauri://localhost/index.html#/fleet"));
        assert!(of("http://tauri.localhost/"));
        for other in [
            "https://example.com/",
            "http://127.0.0.1:80/",
            "file:///etc/passwd",
        ] {
            assert!(!of(other), "{other}");
        }
    }

    #[test]
    fn a_link_runs_nothing_unasked() {
        assert!(confirmed(Asked::of("/a.toml")).1);
        assert!(!confirmed(Asked::View("fleet".into())).1);
    }
}
