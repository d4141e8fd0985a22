//! The window itself.

use tauri::{WebviewUrl, WebviewWindowBuilder};

use crate::bench::Place;

/// The window's label, which its capabilities name.
const LABEL: &str = "main";

/// Shows the window until it is closed.
///
/// # Errors
/// When there is no display, or the system's webview does not start.
pub(crate) fn show(place: &Place) -> tauri::Result<()> {
    let told = script(place)?;
    tauri::Builder::default()
        .setup(move |app| {
            WebviewWindowBuilder::new(app, LABEL, WebviewUrl::default())
                .title("Twinbench")
                .inner_size(1_200.0, 760.0)
                .min_inner_size(640.0, 400.0)
                // Told before the page's own program runs.
                .initialization_script(told)
                // The page says in its title which bench it shows.
                .on_document_title_changed(|window, title| {
                    // A window that is closing needs no title.
                    let _ = window.set_title(&title);
                })
                // Links lead nowhere: the window shows the page and nothing else.
                .on_navigation(|url| {
                    matches!(
                        (url.scheme(), url.host_str()),
                        ("tauri", Some("localhost")) | ("http", Some("tauri.localhost"))
                    )
                })
                .build()?;
            Ok(())
        })
        .build(tauri::generate_context!())?
        // `run` would end the process, and with it the bench in the middle of a step.
        .run_return(|_, _| {});
    Ok(())
}

/// The script that tells the page where the bench is.
fn script(place: &Place) -> serde_json::Result<String> {
    Ok(format!(
        "window.__TWINBENCH__ = {};",
        serde_json::to_string(place)?
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_told_where_the_bench_is() {
        let place = Place {
            origin: "http://127.0.0.1:4711".into(),
            key: "a\"b".into(),
        };
        let script = script(&place).unwrap();
        assert_eq!(
            script,
            r#"window.__TWINBENCH__ = {"origin":"http://127.0.0.1:4711","key":"a\"b"};"#
        );
    }
}
