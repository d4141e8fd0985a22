//! `cargo xtask bench ui`: the page's figures in a headless Chromium, beside uPlot on the same data.
//!
//! Everything is measured in the browser: the time of scripts in a frame, the time between frames,
//! and what the system says of the renderer's work. `--minutes N` watches live data for longer.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]
#![expect(
    clippy::disallowed_methods,
    reason = "measurements are a matter of the wall clock"
)]

#[path = "../../tests/browser/harness.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod harness;

use std::{fs, path::Path, time::Duration};

use harness::World;
use serde_json::{Value, json};

/// Points in the pane that is zoomed and panned.
const POINTS: usize = 1_000_000;
/// Channels of the pane; each keeps at most 262,144 readings.
const LINES: usize = 4;
/// Frames that are measured.
const FRAMES: usize = 240;
/// Ticks of the system's clock in a second (`getconf CLK_TCK` is 100 on Linux).
const TICKS: f64 = 100.0;

/// Runs a step in each of many frames: milliseconds of script and between frames. `step` is the body
/// of a function of the frame's number.
async fn frames(world: &World, count: usize, step: &str) -> (Vec<f64>, Vec<f64>) {
    let script = format!(
        "window.told = null;
         const step = (n) => {{ {step} }}, scripts = [], gaps = [];
         const real = window.raf ??= window.requestAnimationFrame.bind(window);
         let spent = 0, last = 0, n = 0;
         window.requestAnimationFrame = (f) => real((t) => {{ const s = performance.now(); f(t); spent += performance.now() - s; }});
         const tick = (t) => {{
           if (n > 1) {{ scripts.push(spent); gaps.push(t - last); }}
           last = t; spent = 0;
           const s = performance.now(); step(n); spent += performance.now() - s;
           if (++n < {count}) real(tick);
           else {{ window.requestAnimationFrame = real; window.told = [scripts, gaps]; }}
         }};
         real(tick)"
    );
    world.js(&script).await;
    world.until("frames", "return !!window.told").await;
    let told = world.js("return window.told").await;
    let list = |at: usize| {
        let list = told[at].as_array().unwrap();
        list.iter().map(|n| n.as_f64().unwrap()).collect::<Vec<_>>()
    };
    (list(0), list(1))
}

fn share(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = ((sorted.len() as f64 - 1.0) * part).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

fn told(what: &str, (scripts, gaps): &(Vec<f64>, Vec<f64>)) {
    let dropped = gaps.iter().filter(|gap| **gap > 25.0).count();
    println!(
        "{what:<46} script {:5.1} ms median, {:5.1} ms 95 %; frame {:5.1} ms median; {dropped} of {} frames late",
        share(scripts, 0.5),
        share(scripts, 0.95),
        share(gaps, 0.5),
        gaps.len()
    );
}

/// What makes the readings of a line, in the page and for the other library alike.
const READINGS: &str =
    "const value = (line, n) => Math.sin(n / 5000 + line) * 10 + Math.sin(n * 12.9898 + line) * 2;";

/// The program that feeds `count` readings at `rate` Hz into each of `lines` channels.
fn feed(lines: usize) -> String {
    format!(
        "{READINGS}
         window.names = [...Array({lines}).keys()].map((n) => 'load/' + n);
         window.block = (from, count, rate) => {{
           const bytes = new TextEncoder(), parts = window.names.map((name) => bytes.encode(name));
           const size = parts.reduce((sum, name) => sum + 2 + name.length + 4 + count * 16, 0);
           const buffer = new ArrayBuffer(size), view = new DataView(buffer); let at = 0;
           parts.forEach((name, line) => {{
             view.setUint16(at, name.length, true); at += 2;
             new Uint8Array(buffer, at, name.length).set(name); at += name.length;
             view.setUint32(at, count, true); at += 4;
             for (let n = from; n < from + count; n++) {{
               view.setFloat64(at, n / rate, true); view.setFloat64(at + 8, value(line, n), true); at += 16;
             }}
           }});
           return buffer;
         }};
         window.send = (detail) => window.dispatchEvent(new CustomEvent('twinbench-feed', {{detail}}));
         window.send(JSON.stringify({{seq: 0, at: 0, changes: [{{channels: window.names.map((name) => ({{name, device: 'load', unit: 'V', kind: 'number'}}))}}]}}));
         window.send(window.names)"
    )
}

/// Panes of so many channels each, as a layout that the page finds when the charts are opened.
async fn layout(world: &World, panes: usize, lines: usize) {
    let panes: Vec<Value> = (0..panes)
        .map(|pane| {
            let names = (0..lines).map(|n| format!("load/{}", pane * lines + n));
            json!({"id": pane, "channels": names.collect::<Vec<_>>()})
        })
        .collect();
    let layouts = json!([["", panes]]).to_string();
    world
        .with(
            "localStorage.setItem('twinbench-layouts', arguments[0])",
            vec![layouts.into()],
        )
        .await;
    world.go("#/").await;
    world.find("[data-test=this-bench]").await;
    world.go("#/charts").await;
    world
        .until(
            "panes",
            "return [...document.querySelectorAll('.pane-body canvas')].some((c) => c.width > 300)",
        )
        .await;
}

async fn a_million_points(world: &World) {
    world.js(&feed(LINES)).await;
    world
        .js(&format!(
            "window.send(window.block(0, {}, 4000))",
            POINTS / LINES
        ))
        .await;
    layout(world, 1, LINES).await;
    world.choose("[data-test=follow]", "0").await;
    // All of it, then a range of the middle that is panned.
    let wheel = "const e = document.querySelector('.pane-body'), b = e.getBoundingClientRect();
         e.dispatchEvent(new WheelEvent('wheel', {deltaY: DELTA, shiftKey: SHIFT, bubbles: true, cancelable: true, clientX: b.left + b.width / 2, clientY: b.top + 50}))";
    let zoom = wheel
        .replace("DELTA", "Math.floor(n / 20) % 2 ? 100 : -100")
        .replace("SHIFT", "false");
    // The readings lie in the first 62.5 s of the session: all of them are seen.
    world
        .js("document.querySelector('.pane-body').dispatchEvent(new KeyboardEvent('keydown', {key: 'Home', bubbles: true}))")
        .await;
    told(
        "1,000,000 points in a pane, zoom",
        &frames(world, FRAMES, &zoom).await,
    );
    let pan = wheel
        .replace("DELTA", "Math.floor(n / 20) % 2 ? 100 : -100")
        .replace("SHIFT", "true");
    told(
        "1,000,000 points in a pane, pan",
        &frames(world, FRAMES, &pan).await,
    );
}

async fn the_peer(world: &World, library: &str) {
    let library = fs::read_to_string(library).unwrap();
    world.client.goto("about:blank").await.unwrap();
    let count = POINTS / LINES;
    let script = format!(
        "{library}; {READINGS}
         const x = Float64Array.from({{length: {count}}}, (_, n) => n / 4000);
         const data = [x];
         for (let line = 0; line < {LINES}; line++) data.push(Float64Array.from(x, (_, n) => value(line, n)));
         const colors = ['#d55e00', '#0072b2', '#009e73', '#cc79a7'];
         window.plot = new uPlot({{width: 960, height: 600, cursor: {{show: false}}, legend: {{show: false}},
           series: [{{}}, ...colors.map((stroke) => ({{stroke, width: 1.5}}))], scales: {{x: {{time: false}}}}}}, data, document.body);"
    );
    world.js(&script).await;
    let all = count as f64 / 4000.0;
    // uPlot draws in a microtask: the time is that of the whole frame's scripts.
    let step = |mid: &str, half: &str| {
        format!(
            "const mid = {mid}, half = {half}; window.plot.batch(() => window.plot.setScale('x', {{min: mid - half, max: mid + half}}))"
        )
    };
    let zoom = step(
        &format!("{}", all / 2.0),
        &format!("{} * Math.pow(0.85, 20 - Math.abs(20 - n % 40))", all / 2.0),
    );
    told(
        "uPlot, the same points, zoom",
        &frames(world, FRAMES, &zoom).await,
    );
    let pan = step(
        &format!("{} + (n % 40) * {}", all / 4.0, all / 100.0),
        &format!("{}", all / 4.0),
    );
    told(
        "uPlot, the same points, pan",
        &frames(world, FRAMES, &pan).await,
    );
}

/// Ticks of work of the renderers whose browser keeps its profile here.
fn work() -> f64 {
    let mut sum = 0.0;
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let read = |name: &str| fs::read_to_string(process.path().join(name)).unwrap_or_default();
        if !read("cmdline").contains("--type=renderer") {
            continue;
        }
        let stat = read("stat");
        let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let fields: Vec<&str> = after.split_whitespace().collect();
        let number = |at: usize| fields.get(at).and_then(|it| it.parse::<f64>().ok());
        sum += number(11).unwrap_or(0.0) + number(12).unwrap_or(0.0);
    }
    sum
}

async fn live(world: &World, seconds: u64) {
    world.js(&feed(100)).await;
    layout(world, 5, 20).await;
    world
        .js("window.at = 0; window.beat = setInterval(() => { window.send(window.block(window.at++, 1, 50)); }, 20);
             window.gaps = []; let last = 0; const tick = (t) => { if (last) window.gaps.push(t - last); last = t; if (window.beat) requestAnimationFrame(tick); }; requestAnimationFrame(tick)")
        .await;
    let memory = "return performance.memory.usedJSHeapSize";
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (ticks, before) = (work(), world.js(memory).await);
    world
        .js("window.spent = 0; const inner = window.requestAnimationFrame; window.requestAnimationFrame = (f) => inner((t) => { const a = performance.now(); f(t); window.spent += performance.now() - a; });
             const send = window.send; window.send = (d) => { const a = performance.now(); send(d); window.spent += performance.now() - a; }")
        .await;
    let start = harness::now();
    world.js("window.gaps.length = 0").await;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let took = start.elapsed().as_secs_f64();
    let busy = (work() - ticks) / TICKS / took * 100.0;
    let gaps = world.js("clearInterval(window.beat); window.beat = 0; return [window.gaps.length, window.gaps.filter((gap) => gap > 25).length]").await;
    println!(
        "{:<46} {busy:5.1} % of a core; {} of {} frames late in {took:.0} s",
        "100 live channels at 50 Hz", gaps[1], gaps[0]
    );
    let spent = world.js("return window.spent").await.as_f64();
    println!(
        "{:<46} {:5.1} ms of script in a second of it",
        "frames and readings",
        spent.unwrap_or(0.0) / took
    );
    let after = world.js(memory).await;
    let mib = |bytes: &Value| bytes.as_f64().unwrap_or(0.0) / 1_048_576.0;
    println!(
        "{:<46} {:5.1} MiB before, {:5.1} MiB after {took:.0} s of it",
        "memory of the page's scripts",
        mib(&before),
        mib(&after)
    );
}

async fn a_long_list(world: &World) {
    world
        .js("const rows = [...Array(10000).keys()].map((n) => ({id: 'load-' + String(n).padStart(5, '0'), board: 'az3166', backend: 'simulated', firmware: null, state: 'running', last_message_at: n * 1e6, alert: null, tags: [], pinned: {channel: 't', value: n / 100, unit: '\u{b0}C', spark: [1, 3, 2, 5, 4, 6, n % 7]}}));
             window.dispatchEvent(new CustomEvent('twinbench-feed', {detail: JSON.stringify({seq: 0, at: 0, changes: [{devices: rows}]})}))")
        .await;
    world.go("#/fleet").await;
    world.says("[data-test=fleet-count]", "10,0").await;
    world.find(".virtual").await;
    told(
        "10,000 devices, the list scrolls",
        &frames(
            world,
            FRAMES,
            "document.querySelector('.virtual').scrollTop += 200",
        )
        .await,
    );
}

/// The page as it is at its start: what was fed into it is gone.
async fn again(world: &World) {
    world.go("#/").await;
    world.client.refresh().await.unwrap();
    world.find("[data-test=this-bench]").await;
}

async fn begin(world: &World) {
    let mut times = Vec::new();
    for _ in 0..5 {
        world.client.refresh().await.unwrap();
        world.find("[data-test=this-bench]").await;
        let at = "return performance.getEntriesByName('twinbench-ready')[0].startTime";
        times.push(world.js(at).await.as_f64().unwrap());
    }
    println!(
        "{:<46} {:5.0} ms median of five loads on loopback",
        "the page can be used",
        share(&times, 0.5)
    );
}

fn size() {
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("dist/twinbench-ui_bg.wasm");
    let module = fs::read(module).unwrap();
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packer, &module).unwrap();
    let packed = packer.finish().unwrap().len();
    println!(
        "{:<46} {:5.0} KB after gzip",
        "the page's program",
        packed as f64 / 1_000.0
    );
}

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().collect();
    let minutes = words
        .iter()
        .position(|word| word == "--minutes")
        .and_then(|at| words.get(at + 1)?.parse::<u64>().ok());
    // `--only live`, `--only list`, `--only points`: one of them.
    let only = words.iter().position(|word| word == "--only");
    let only = only.and_then(|at| words.get(at + 1)).cloned();
    let wanted = |name: &str| only.as_ref().is_none_or(|only| only == name);
    size();
    let world = World::open("fixtures/benches/journey.toml", "70s").await;
    begin(&world).await;
    world.press(" ").await;
    if wanted("points") {
        a_million_points(&world).await;
        again(&world).await;
    }
    if wanted("live") {
        live(&world, minutes.map_or(30, |minutes| minutes * 60)).await;
        again(&world).await;
    }
    if wanted("list") {
        a_long_list(&world).await;
    }
    match std::env::var("TWINBENCH_UPLOT") {
        Ok(library) if wanted("points") => the_peer(&world, &library).await,
        Ok(_) => {}
        Err(_) => println!("uPlot is not here: npm install uplot"),
    }
    world.close().await;
}
