//! The window's menu and the icon in the tray: what they offer, and what they tell the page.

use tauri::{
    AppHandle, Manager as _, Wry,
    menu::{Menu, MenuBuilder, MenuEvent, MenuItemBuilder, SubmenuBuilder},
    tray::TrayIconBuilder,
};

use crate::window;

/// An entry: its id, its words, its key. Ids that begin with `page:` are told to the page as they
/// are; the page has the same words in its palette.
type Entry = (&'static str, &'static str, Option<&'static str>);

const FILE: [Entry; 2] = [
    ("open-bench", "Open Bench\u{2026}", Some("CmdOrCtrl+O")),
    ("open-recording", "Open Recording\u{2026}", None),
];
const VIEW: [Entry; 11] = [
    ("page:go:", "Start", Some("CmdOrCtrl+1")),
    ("page:go:fleet", "Fleet", Some("CmdOrCtrl+2")),
    ("page:go:charts", "Charts", Some("CmdOrCtrl+3")),
    ("page:go:journey", "Journey", Some("CmdOrCtrl+4")),
    ("page:go:twins", "Twins", Some("CmdOrCtrl+5")),
    ("page:go:workflows", "Workflows", Some("CmdOrCtrl+6")),
    ("page:go:scenarios", "Scenarios", Some("CmdOrCtrl+7")),
    ("page:go:recordings", "Recordings", Some("CmdOrCtrl+8")),
    ("page:go:machines", "Machines", Some("CmdOrCtrl+9")),
    ("page:palette", "Palette", None),
    ("page:theme", "Light or Dark", None),
];
const TIME: [Entry; 5] = [
    ("page:play-pause", "Play or Pause", None),
    ("page:step", "Step", None),
    ("page:step-event", "Step to Next Event", None),
    ("page:alert-before", "Alert Before", None),
    ("page:alert-next", "Next Alert", None),
];
const HELP: [Entry; 1] = [("page:help", "Keys", None)];
const TRAY: [Entry; 3] = [
    ("show", "Show Twinbench", None),
    ("page:play-pause", "Play or Pause", None),
    ("quit", "Quit", None),
];

/// The window's menu.
///
/// # Errors
/// When the system does not make one.
pub(crate) fn of_window(app: &AppHandle) -> tauri::Result<Menu<Wry>> {
    let part = |title: &str, entries: &[Entry], quit: bool| {
        let mut menu = SubmenuBuilder::new(app, title);
        for (id, words, key) in entries {
            let mut item = MenuItemBuilder::with_id(*id, *words);
            if let Some(key) = key {
                item = item.accelerator(*key);
            }
            menu = menu.item(&item.build(app)?);
        }
        if quit {
            menu = menu.separator().quit();
        }
        menu.build()
    };
    // Without it the Mac's clipboard keys do nothing.
    let edit = SubmenuBuilder::new(app, "Edit")
        .cut()
        .copy()
        .paste()
        .select_all();
    MenuBuilder::new(app)
        .item(&part("File", &FILE, true)?)
        .item(&edit.build()?)
        .item(&part("View", &VIEW, false)?)
        .item(&part("Time", &TIME, false)?)
        .item(&part("Help", &HELP, false)?)
        .build()
}

/// Puts the icon into the tray.
///
/// # Errors
/// When the system has no tray.
pub(crate) fn tray(app: &AppHandle) -> tauri::Result<()> {
    let mut menu = MenuBuilder::new(app);
    for (id, words, _) in TRAY {
        menu = menu.text(id, words);
    }
    let mut tray = TrayIconBuilder::with_id("tray")
        .menu(&menu.build()?)
        .tooltip("Twinbench");
    if let Some(icon) = app.default_window_icon() {
        tray = tray.icon(icon.clone());
    }
    tray.build(app).map(|_| ())
}

/// Does what an entry of either says.
pub(crate) fn chosen(app: &AppHandle, event: &MenuEvent) {
    let id = event.id().as_ref();
    match (id, id.strip_prefix("page:")) {
        (_, Some(word)) => window::tell(app, word),
        ("open-bench", _) => window::ask_for_bench(app),
        ("open-recording", _) => window::ask_for_recording(app),
        ("show", _) => {
            if let Some(window) = app.get_webview_window(window::LABEL) {
                // A system that lets no program come forward leaves it where it is.
                let _ = window.show();
                let _ = window.unminimize();
                let _ = window.set_focus();
            }
        }
        ("quit", _) => app.exit(0),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_does_something() {
        let known = ["open-bench", "open-recording", "show", "quit"];
        let all = FILE
            .iter()
            .chain(&VIEW)
            .chain(&TIME)
            .chain(&HELP)
            .chain(&TRAY);
        for (id, words, _) in all {
            assert!(id.starts_with("page:") || known.contains(id), "{id}");
            assert!(!words.is_empty());
        }
    }
}
