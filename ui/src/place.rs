//! Where the API is, and the key to it.

use serde::Deserialize;

/// The API's address and key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub(crate) struct Place {
    /// Scheme, host and port; empty for the page's own.
    #[serde(default)]
    pub(crate) origin: String,
    /// The key; empty when none is known.
    #[serde(default)]
    pub(crate) key: String,
}

/// The session storage's entry for the key, so that a reload keeps it.
const STORED: &str = "twinbench-key";

/// The session storage's entry for the bench that the desktop window shows instead of its first.
const CHOSEN: &str = "twinbench-place";

/// Shows another bench: a browser goes to its address, the desktop window asks it from where it is.
pub(crate) fn go(origin: &str, key: &str, url: &str) {
    let Some(window) = web_sys::window() else {
        return;
    };
    let location = window.location();
    if Place::of_window().is_none() {
        // A browser that refuses stays where it is.
        let _ = location.assign(url);
        return;
    }
    let place = serde_json::json!({ "origin": origin, "key": key }).to_string();
    if let Ok(Some(storage)) = window.session_storage() {
        let _ = storage.set_item(CHOSEN, &place);
    }
    let _ = location.set_hash("#/");
    let _ = location.reload();
}

impl Place {
    /// What the desktop window has told the page, or else what the browser's address says:
    /// `http://127.0.0.1:7878/?code=KEY` or `…/#code=KEY`.
    pub(crate) fn find() -> Self {
        Self::chosen()
            .or_else(Self::of_window)
            .unwrap_or_else(|| Self {
                origin: String::new(),
                key: key_of_browser().unwrap_or_default(),
            })
    }

    /// The address of a WebSocket at the API.
    pub(crate) fn socket(&self, path: &str) -> String {
        let origin = if self.origin.is_empty() {
            let location = leptos::prelude::window().location();
            location.origin().unwrap_or_default()
        } else {
            self.origin.clone()
        };
        format!("{}{path}", origin.replacen("http", "ws", 1))
    }

    /// The bench that a person opened in this window after the first.
    fn chosen() -> Option<Self> {
        let storage = web_sys::window()?.session_storage().ok()??;
        serde_json::from_str(&storage.get_item(CHOSEN).ok()??).ok()
    }

    /// `window.__TWINBENCH__ = {origin, key}`.
    fn of_window() -> Option<Self> {
        let told = js_sys::Reflect::get(&js_sys::global(), &"__TWINBENCH__".into()).ok()?;
        let text = js_sys::JSON::stringify(&told).ok()?.as_string()?;
        serde_json::from_str(&text).ok()
    }
}

fn key_of_browser() -> Option<String> {
    let window = web_sys::window()?;
    let location = window.location();
    let storage = window.session_storage().ok().flatten();
    let given = [location.hash().ok()?, location.search().ok()?]
        .iter()
        .find_map(|part| code(part));
    if given.is_some() {
        // The key leaves the address bar, and with it the history. A browser that refuses keeps it.
        let _ = window.history().and_then(|history| {
            history.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some("/#/"))
        });
    }
    if let (Some(key), Some(storage)) = (&given, &storage) {
        // A page without storage asks again after a reload, no more.
        let _ = storage.set_item(STORED, key);
    }
    given.or_else(|| storage?.get_item(STORED).ok()?)
}

/// The key in the part of an address that begins with `?` or `#`.
fn code(part: &str) -> Option<String> {
    let pairs = part.trim_start_matches(['?', '#']).split('&');
    let key = pairs
        .filter_map(|pair| pair.strip_prefix("code="))
        .find(|key| !key.is_empty())?;
    Some(key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_read_from_an_address() {
        assert_eq!(code("?code=abc").as_deref(), Some("abc"));
        assert_eq!(code("#x=1&code=a-b_c").as_deref(), Some("a-b_c"));
        for none in ["", "?", "#", "?code=", "?decode=abc"] {
            assert_eq!(code(none), None, "{none}");
        }
    }

    #[test]
    fn what_the_window_tells_is_understood() {
        let told: Place =
            serde_json::from_str(r#"{"origin":"http://127.0.0.1:4711","key":"k"}"#).unwrap();
        assert_eq!(
            told,
            Place {
                origin: "http://127.0.0.1:4711".into(),
                key: "k".into()
            }
        );
    }
}
