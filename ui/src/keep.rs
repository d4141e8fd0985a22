//! What the page keeps in the browser between two visits: sizes, theme, layouts. Never the key.

/// What every entry's name begins with.
const PREFIX: &str = "twinbench-";

fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.local_storage().ok().flatten()
}

/// What was kept under a name.
pub(crate) fn get(name: &str) -> Option<String> {
    storage()?
        .get_item(&format!("{PREFIX}{name}"))
        .ok()
        .flatten()
}

/// Keeps a text; a browser without storage forgets it, which is no harm.
pub(crate) fn set(name: &str, text: &str) {
    if let Some(storage) = storage() {
        let _ = storage.set_item(&format!("{PREFIX}{name}"), text);
    }
}
