//! Pictures: stable, of the asked size, with gaps as gaps.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use twinbench_model::{VirtualDuration, VirtualTime};
use twinbench_plot::{
    Chart, Error, Marker, Point, Series, Severity, Theme, Threshold, to_png, to_svg,
};

fn series(name: &str, unit: &str, points: &[(f64, f64)]) -> Series {
    Series {
        name: name.into(),
        unit: unit.into(),
        points: points.iter().copied().map(Point::from).collect(),
        longest_gap: Some(VirtualDuration::from_secs(10)),
    }
}

/// Two quantities, a level, a moment and a gap.
fn chart() -> Chart {
    Chart {
        title: "devkit-01 <&>".into(),
        series: vec![
            series(
                "temperature",
                "°C",
                &[
                    (0.0, 20.0),
                    (10.0, 26.0),
                    (20.0, 31.0),
                    (50.0, 24.0),
                    (60.0, 22.0),
                ],
            ),
            series("humidity", "%", &[(0.0, 45.0), (10.0, 47.5), (20.0, 51.0)]),
        ],
        thresholds: vec![Threshold {
            label: "alert above 30 °C".into(),
            unit: "°C".into(),
            value: 30.0,
        }],
        markers: vec![Marker {
            secs: 18.0,
            label: "alert".into(),
            severity: Severity::Alert,
        }],
        range: None,
    }
}

fn svg(chart: &Chart) -> String {
    to_svg(chart, 480, 300, Theme::Light).unwrap()
}

/// How many lines have the colour of temperature, the legend's sample included.
fn lines(svg: &str) -> usize {
    svg.matches(r##"stroke="#D55E00""##).count()
}

#[test]
fn a_small_chart_looks_as_before() {
    insta::assert_snapshot!("small", svg(&chart()));
}

#[test]
fn pictures_are_the_same_each_time_and_have_the_asked_size() {
    let picture = |theme| to_png(&chart(), 480, 300, theme).unwrap();
    let light = picture(Theme::Light);
    assert_eq!(light, picture(Theme::Light));
    assert_ne!(light, picture(Theme::Dark));
    assert_eq!(light[..8], *b"\x89PNG\r\n\x1a\n");
    assert_eq!(light[16..24], [0, 0, 1, 224, 0, 0, 1, 44]);

    let mut decoder = png::Decoder::new(std::io::Cursor::new(&light))
        .read_info()
        .unwrap();
    let mut pixels = vec![0; decoder.output_buffer_size().unwrap()];
    decoder.next_frame(&mut pixels).unwrap();
    let count = |color: [u8; 3]| pixels.chunks(3).filter(|pixel| **pixel == color).count();
    assert!(count([0xff, 0xff, 0xff]) > 480 * 300 / 2, "the surface");
    assert!(count([0xd5, 0x5e, 0x00]) > 100, "temperature");
    assert!(count([0x00, 0x72, 0xb2]) > 100, "humidity");
    assert!(count([0xc6, 0x28, 0x28]) > 30, "the alert");
    let text = svg(&chart());
    assert!(
        text.starts_with(r#"<svg width="480" height="300" viewBox="0 0 3840 2400""#),
        "{}",
        &text[..90]
    );
}

#[test]
fn missing_data_are_not_joined() {
    let mut one = chart();
    one.series.truncate(1);
    let broken = lines(&svg(&one));
    one.series[0].longest_gap = None;
    let joined = lines(&svg(&one));
    assert_eq!(
        (broken, joined),
        (3, 2),
        "the legend's sample and one line for each stretch"
    );

    // A reading that is not a number is a gap of its own.
    one.series[0]
        .points
        .insert(2, Point::from((15.0, f64::NAN)));
    assert_eq!(lines(&svg(&one)), 3);
}

#[test]
fn what_cannot_be_drawn_is_said() {
    let error =
        |chart: &Chart, width, height| to_svg(chart, width, height, Theme::Light).unwrap_err();
    assert_eq!(error(&chart(), 40, 40), Error::TooSmall);
    let mut three = chart();
    three.series.push(series("pressure", "hPa", &[]));
    let told = error(&three, 480, 300).to_string();
    assert!(
        told.contains(r#"["°C", "%", "hPa"]: at most two"#),
        "{told}"
    );
    assert!(matches!(
        to_png(&chart(), 100_000, 100_000, Theme::Light),
        Err(Error::Backend(_))
    ));
    assert!(matches!(
        to_png(&chart(), 0, 0, Theme::Light),
        Err(Error::TooSmall)
    ));
}

#[test]
fn odd_data_are_drawn() {
    let empty = svg(&Chart::default());
    assert!(empty.contains("no data"));
    let at = VirtualTime::from_secs(3);
    for points in [
        vec![Point::at(at, 1.0)],
        vec![Point::at(at, f64::NAN)],
        vec![Point::at(at, f64::INFINITY), Point::from((f64::NAN, 1.0))],
        vec![Point::at(at, 0.0), Point::from((1.0, -0.0))],
        vec![Point::at(at, 1e300), Point::from((1.0, -1e300))],
        vec![Point::from((0.0, f64::MAX)), Point::from((1.0, f64::MIN))],
    ] {
        let one = Series {
            name: "n".into(),
            points,
            ..Series::default()
        };
        let chart = Chart {
            series: vec![one],
            ..Chart::default()
        };
        assert!(svg(&chart).ends_with("</svg>\n"));
    }
}

#[test]
fn labels_of_close_moments_do_not_cover_each_other() {
    let mut crowded = chart();
    let marker = |n: u32| Marker {
        secs: 20.0 + f64::from(n),
        label: format!("moment number {n}"),
        severity: Severity::Info,
    };
    crowded.markers = (0..9).map(marker).collect();
    let shown = svg(&crowded).matches("moment number").count();
    assert_eq!(shown, 3, "three rows; the others keep their flags");
}
