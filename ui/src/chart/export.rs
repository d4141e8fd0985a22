//! What leaves the page as a file.

use plotters::prelude::{IntoDrawingArea as _, SVGBackend};
use twinbench_plot::{Pane, Point, Theme, draw_pane};
use wasm_bindgen::{JsCast as _, JsValue};

use super::canvas::Canvas;

/// Readings as comma-separated values: one row a time, one column a channel.
pub(crate) fn csv(channels: &[(String, String, Vec<Point>)]) -> String {
    let mut rows: Vec<(f64, usize, f64)> = Vec::new();
    for (column, (_, _, points)) in channels.iter().enumerate() {
        rows.extend(points.iter().map(|point| (point.secs, column, point.value)));
    }
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut out = String::from("time_s");
    for (name, unit, _) in channels {
        let head = if unit.is_empty() {
            name.clone()
        } else {
            format!("{name} [{unit}]")
        };
        out.push(',');
        out.push_str(&quoted(&head));
    }
    out.push('\n');
    for at_once in rows.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let mut cells = vec![String::new(); channels.len()];
        for (_, column, value) in at_once {
            if value.is_finite() {
                cells[*column] = value.to_string();
            }
        }
        let secs = at_once.first().map_or(0.0, |row| row.0);
        out.push_str(&secs.to_string());
        out.push(',');
        out.push_str(&cells.join(","));
        out.push('\n');
    }
    out
}

/// A cell in quotes where it needs them (RFC 4180).
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// A pane as the text of an SVG document, drawn by the code that draws it on the page.
pub(crate) fn svg(pane: &Pane, width: u32, height: u32, theme: Theme) -> Option<String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
        draw_pane(pane, &area, theme, 1.0).ok()?;
        area.present().ok()?;
    }
    Some(text)
}

/// A pane as the address of a PNG, drawn twice as fine as on the page.
pub(crate) fn png(pane: &Pane, width: f64, height: f64) -> Option<String> {
    let document = web_sys::window()?.document()?;
    let element = document.create_element("canvas").ok()?;
    let element = element.dyn_into::<web_sys::HtmlCanvasElement>().ok()?;
    let area = Canvas::sized(&element, width * 2.0, height * 2.0)?.into_drawing_area();
    draw_pane(pane, &area, super::canvas::theme_of_page(), 2.0).ok()?;
    element.to_data_url().ok()
}

/// Offers a file to the person.
pub(crate) fn save(name: &str, kind: &str, content: &JsValue) -> Option<()> {
    let options = web_sys::BlobPropertyBag::new();
    options.set_type(kind);
    let parts = js_sys::Array::of1(content);
    let blob = web_sys::Blob::new_with_u8_array_sequence_and_options(&parts, &options).ok()?;
    let url = web_sys::Url::create_object_url_with_blob(&blob).ok()?;
    save_url(name, &url)?;
    // The click has taken it.
    web_sys::Url::revoke_object_url(&url).ok()
}

/// Offers what an address holds as a file.
pub(crate) fn save_url(name: &str, url: &str) -> Option<()> {
    let document = web_sys::window()?.document()?;
    let link = document.create_element("a").ok()?;
    let link = link.dyn_into::<web_sys::HtmlAnchorElement>().ok()?;
    link.set_href(url);
    link.set_download(name);
    link.click();
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinbench_plot::PaneLine;

    #[test]
    fn one_row_a_time() {
        let channels = [
            (
                "a".to_owned(),
                "\u{b0}C".to_owned(),
                vec![(0.0, 1.0).into(), (1.0, 2.5).into()],
            ),
            (
                "b,\"c\"".to_owned(),
                String::new(),
                vec![(1.0, 3.0).into(), (2.0, f64::NAN).into()],
            ),
        ];
        let text = csv(&channels);
        assert_eq!(
            text,
            "time_s,a [\u{b0}C],\"b,\"\"c\"\"\"\n0,1,\n1,2.5,3\n2,,\n"
        );
    }

    #[test]
    fn the_picture_has_line_and_numbers() {
        let pane = Pane {
            lines: vec![PaneLine {
                name: "temperature".into(),
                unit: "\u{b0}C".into(),
                points: vec![(0.0, 20.0).into(), (10.0, 30.0).into()],
                longest_gap: None,
            }],
            to: 10.0,
            ..Pane::default()
        };
        let text = svg(&pane, 400, 200, Theme::Light).unwrap();
        assert!(
            text.contains("#D55E00") && text.contains("<polyline"),
            "{text}"
        );
        assert!(text.contains("\n30"), "{text}");
        assert!(svg(&pane, 10, 10, Theme::Light).is_none());
    }
}
