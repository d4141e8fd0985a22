//! What all views share: one store, one clock, one selection.

use leptos::{prelude::*, task::spawn_local};
use reactive_stores::Store;
use serde_json::{Value, json};
use twinbench_model::Epoch;
use twinbench_plot::Marker;

use crate::{
    api::{self, Trouble},
    chart::{Channels, Kind},
    format::{self, TimeForm},
    keep,
    keys::Command,
    place::Place,
    route::{self, Route},
    state::{Live, LiveStoreFields as _},
    words as w,
};

/// What is selected, everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Pick {
    /// Nothing.
    #[default]
    Nothing,
    /// A device.
    Device(String),
    /// An event, by its number.
    Event(u64),
    /// A moment, in nanoseconds of virtual time.
    Moment(u64),
}

/// Light, dark, or as the system has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Theme {
    /// As the system has it.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// The name in the style sheet and in storage.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The theme of a name.
    pub(crate) fn of(name: &str) -> Self {
        match name {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }
}

/// A short word that comes and goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Toast {
    /// Tells toasts apart.
    pub(crate) id: u64,
    /// `ok`, `bad` or nothing.
    pub(crate) class: &'static str,
    /// What happened.
    pub(crate) what: String,
    /// What to do.
    pub(crate) next: String,
}

/// How long a toast stays, in milliseconds.
const TOAST: u32 = 5_000;

/// What all views share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct App {
    /// What is known of the bench.
    pub(crate) live: Store<Live>,
    /// The view.
    pub(crate) route: RwSignal<Route>,
    /// What is selected.
    pub(crate) pick: RwSignal<Pick>,
    /// Light or dark.
    pub(crate) theme: RwSignal<Theme>,
    /// How times are shown.
    pub(crate) times: RwSignal<TimeForm>,
    /// Words that come and go.
    pub(crate) toasts: RwSignal<Vec<Toast>>,
    /// The palette is open.
    pub(crate) palette: RwSignal<bool>,
    /// The list of keys is open.
    pub(crate) help: RwSignal<bool>,
    /// A command for the view that is shown.
    pub(crate) command: RwSignal<Option<(u32, Command)>>,
    /// Readings that charts draw.
    pub(crate) channels: StoredValue<Channels>,
    /// Counts up when readings came.
    pub(crate) samples: RwSignal<u64>,
    /// Counts up each quarter of a second of the wall clock, for what moves with time.
    pub(crate) tick: RwSignal<u64>,
    /// The virtual time that is shown, between two words of the bench too.
    pub(crate) shown: RwSignal<u64>,
    /// Channels whose readings the bench shall send.
    pub(crate) wanted: RwSignal<Vec<String>>,
    /// When messages were counted, in milliseconds of the wall clock, and how many there were.
    pub(crate) counted: StoredValue<(f64, u64)>,
    /// When the system was last told of an alert, in milliseconds of the wall clock.
    pub(crate) notified: StoredValue<f64>,
    /// The recording whose readings these are; none: those of the bench.
    pub(crate) recorded: StoredValue<Option<String>>,
    /// A moment that charts and the timeline mark, in nanoseconds.
    pub(crate) marked: RwSignal<Option<u64>>,
    /// Who takes commands before the bench does: a recording that is open. It says whether it did.
    pub(crate) first: StoredValue<Option<Callback<Command, bool>>>,
    place: StoredValue<Place>,
    count: StoredValue<u64>,
}

impl App {
    /// A page that knows nothing yet.
    pub(crate) fn new(place: Place) -> Self {
        let hash = window().location().hash().unwrap_or_default();
        Self {
            live: Store::new(Live::default()),
            route: RwSignal::new(Route::of_hash(&hash)),
            pick: RwSignal::new(Pick::Nothing),
            theme: RwSignal::new(Theme::of(&keep::get("theme").unwrap_or_default())),
            times: RwSignal::new(TimeForm::Virtual),
            toasts: RwSignal::new(Vec::new()),
            palette: RwSignal::new(false),
            help: RwSignal::new(false),
            command: RwSignal::new(None),
            channels: StoredValue::new(Channels::default()),
            samples: RwSignal::new(0),
            tick: RwSignal::new(0),
            shown: RwSignal::new(0),
            wanted: RwSignal::new(Vec::new()),
            counted: StoredValue::new((0.0, 0)),
            notified: StoredValue::new(0.0),
            recorded: StoredValue::new(None),
            marked: RwSignal::new(None),
            first: StoredValue::new(None),
            place: StoredValue::new(place),
            count: StoredValue::new(0),
        }
    }

    /// The same page on a recording: with a store, a selection and a clock of its own.
    pub(crate) fn of_recording(self, name: String) -> Self {
        Self {
            live: Store::new(Live::default()),
            pick: RwSignal::new(Pick::Nothing),
            channels: StoredValue::new(Channels::default()),
            samples: RwSignal::new(0),
            tick: RwSignal::new(0),
            shown: RwSignal::new(0),
            wanted: RwSignal::new(Vec::new()),
            recorded: StoredValue::new(Some(name)),
            marked: RwSignal::new(None),
            ..self
        }
    }

    /// Whether this is a recording, in which nothing can be done.
    pub(crate) fn is_recorded(self) -> bool {
        self.recorded.with_value(Option::is_some)
    }

    /// Where readings of a range are asked for.
    fn readings(self, channel: &str, (from, to): (f64, f64)) -> String {
        let channel = route::encode(channel);
        self.recorded.with_value(|name| match name {
            Some(name) => format!(
                "/bench/recordings/data?name={}&channel={channel}&from={from}&to={to}&columns=2000",
                route::encode(name)
            ),
            None => {
                format!("/bench/channels/data?name={channel}&from={from}&to={to}&columns=2000")
            }
        })
    }

    /// A number that nobody else on this page has.
    pub(crate) fn number(self) -> u64 {
        let number = self.count.get_value();
        self.count.set_value(number.wrapping_add(1));
        number
    }

    /// Where the API is.
    pub(crate) fn place(self) -> Place {
        self.place.get_value()
    }

    /// Shows a view.
    pub(crate) fn go(self, route: &Route) {
        let hash = route.hash();
        // The page hears of it and shows the view; a browser that refuses is told directly.
        if window().location().set_hash(&hash).is_err() {
            self.route.set(route.clone());
        }
    }

    /// The virtual time in seconds.
    pub(crate) fn now_secs(self) -> f64 {
        self.shown.get_untracked() as f64 / 1e9
    }

    /// The instant at which the bench's clock began.
    pub(crate) fn epoch(self) -> Option<Epoch> {
        let status = self.live.status().get()?;
        format::epoch(&status.bench.utc, status.bench.virtual_nanos)
    }

    /// A time in the form that a person chose.
    pub(crate) fn time(self, at: u64) -> String {
        let form = self.times.get();
        // Only what is relative moves with the clock.
        let now = if form == TimeForm::Relative {
            self.tick.track();
            self.shown.get_untracked()
        } else {
            0
        };
        let epoch = if form == TimeForm::Wall {
            self.epoch()
        } else {
            None
        };
        format::time(at, now, epoch, form)
    }

    /// Selects a moment, in seconds.
    pub(crate) fn pick_moment(self, secs: f64) {
        self.pick.set(Pick::Moment((secs.max(0.0) * 1e9) as u64));
    }

    /// A short word that goes by itself.
    pub(crate) fn say(self, class: &'static str, what: impl Into<String>, next: impl Into<String>) {
        let id = self.number();
        let toast = Toast {
            id,
            class,
            what: what.into(),
            next: next.into(),
        };
        self.toasts.update(|toasts| {
            // More than four would hide the page.
            if toasts.len() >= 4 {
                toasts.remove(0);
            }
            toasts.push(toast);
        });
        spawn_local(async move {
            gloo_timers::future::TimeoutFuture::new(TOAST).await;
            self.toasts
                .update(|toasts| toasts.retain(|toast| toast.id != id));
        });
    }

    /// Says what went wrong.
    pub(crate) fn trouble(self, trouble: &Trouble) {
        let (what, next) = trouble.words();
        self.say("bad", what, next);
    }

    /// Asks the bench to do something; says when it does not.
    pub(crate) fn act(self, path: impl Into<String>, body: Value, done: &'static str) {
        let path = path.into();
        self.act_then(path, body, move |_| {
            if !done.is_empty() {
                self.say("ok", done, "");
            }
        });
    }

    /// Asks the bench to do something and goes on with its answer.
    pub(crate) fn act_then(self, path: String, body: Value, then: impl FnOnce(Value) + 'static) {
        spawn_local(async move {
            match api::post(&self.place(), &path, &body).await {
                Ok(answer) => then(answer),
                Err(trouble) => self.trouble(&trouble),
            }
        });
    }

    /// Asks the bench to do something that not every bench can: what it cannot is noted where the
    /// person asked for it, with what to do instead.
    pub(crate) fn act_or_note(
        self,
        path: &'static str,
        body: Value,
        done: &'static str,
        note: RwSignal<Option<Trouble>>,
    ) {
        note.set(None);
        spawn_local(async move {
            match api::post(&self.place(), path, &body).await {
                Ok(answer) => {
                    self.say("ok", done, "");
                    // A branch, or a recording that is open, has an address of its own.
                    if answer.get("url").is_some() {
                        crate::views::show(&answer);
                    }
                }
                Err(trouble @ Trouble::Refused { status: 501, .. }) => {
                    note.try_set(Some(trouble));
                }
                Err(trouble) => self.trouble(&trouble),
            }
        });
    }

    /// Something about time.
    pub(crate) fn time_do(self, body: Value) {
        self.act("/bench/time", body, "");
    }

    /// Whether the bench's clock stands.
    pub(crate) fn paused(self) -> bool {
        self.live.status().get().is_some_and(|status| status.paused)
    }

    /// Whether the bench's clock stands, at this moment.
    pub(crate) fn paused_untracked(self) -> bool {
        self.live
            .status()
            .with_untracked(|status| status.as_ref().is_some_and(|status| status.paused))
    }

    /// Does what a key or the palette asks.
    pub(crate) fn run(self, command: Command) {
        let first = self.first.get_value();
        if first.is_some_and(|first| first.run(command.clone())) {
            return;
        }
        match command {
            Command::PlayPause => {
                let todo = if self.paused() { "play" } else { "pause" };
                self.time_do(json!({ "do": todo }));
            }
            Command::Step => self.time_do(json!({ "do": "step", "by_ns": 10_000_000_u64 })),
            Command::StepEvent => self.time_do(json!({ "do": "step-event" })),
            Command::StepBack => {
                let at = match self.pick.get_untracked() {
                    Pick::Moment(at) => at,
                    _ => self.shown.get_untracked(),
                };
                self.pick
                    .set(Pick::Moment(at.saturating_sub(1_000_000_000)));
            }
            Command::Alert { next } => self.to_alert(next),
            Command::Go(route) => self.go(&route),
            Command::Palette => self.palette.update(|open| *open = !*open),
            Command::Help => self.help.update(|open| *open = !*open),
            Command::Record => {
                let on = self
                    .live
                    .status()
                    .get_untracked()
                    .is_some_and(|status| status.recording);
                let done = if on {
                    w::RECORDING_OFF
                } else {
                    w::RECORDING_ON
                };
                self.act("/bench/recording", json!({ "on": !on }), done);
            }
            Command::Theme => self.theme.update(|theme| {
                *theme = match theme {
                    Theme::System => Theme::Light,
                    Theme::Light => Theme::Dark,
                    Theme::Dark => Theme::System,
                };
            }),
            Command::Times => self.times.update(|form| *form = form.next()),
            Command::Filter | Command::Export | Command::Measure | Command::Live => {
                let count = self
                    .command
                    .get_untracked()
                    .map_or(0, |(count, _)| count + 1);
                self.command.set(Some((count, command)));
            }
        }
    }

    /// Selects the next alert, or the one before.
    pub(crate) fn to_alert(self, next: bool) {
        let from = match self.pick.get_untracked() {
            Pick::Moment(at) => at,
            Pick::Event(id) => self
                .live
                .events()
                .with_untracked(|events| events.get(id).map_or(0, |event| event.at)),
            _ => self.shown.get_untracked(),
        };
        let found = self
            .live
            .events()
            .with_untracked(|events| events.alert(from, next));
        match found {
            Some(id) => self.pick.set(Pick::Event(id)),
            None => self.say(
                "",
                if next {
                    w::NO_LATER_ALERT
                } else {
                    w::NO_EARLIER_ALERT
                },
                "",
            ),
        }
    }

    /// Begins to keep a channel's readings.
    pub(crate) fn open_channel(self, name: &str) {
        let found = self
            .live
            .channels()
            .with_untracked(|list| list.iter().find(|c| c.name == name).cloned());
        let (unit, kind) = found.map_or((String::new(), Kind::Number), |info| {
            (info.unit.clone(), crate::state::kind(&info))
        });
        self.channels.update_value(|channels| {
            channels.open(name, &unit, kind);
        });
        self.wanted.update(|wanted| {
            if !wanted.iter().any(|there| there == name) {
                wanted.push(name.to_owned());
            }
        });
    }

    /// Asks for readings of a range that nobody has yet.
    pub(crate) fn ask_for_past(self, name: &str, (from, to): (f64, f64)) {
        // A little more than is seen, so that a small move asks for nothing.
        let room = (to - from) * 0.5;
        if self.lacks(name, (from, to)) {
            let name = name.to_owned();
            spawn_local(async move {
                self.fetch(&name, ((from - room).max(0.0), to + room)).await;
            });
        }
    }

    /// Asks for readings of a range, and waits for them.
    pub(crate) async fn fetch_past(self, name: &str, range: (f64, f64)) {
        if self.lacks(name, range) {
            self.fetch(name, range).await;
        }
    }

    fn lacks(self, name: &str, (from, to): (f64, f64)) -> bool {
        let lacks = self.channels.with_value(|channels| {
            channels
                .get(name)
                .is_some_and(|channel| channel.lacks(from, to))
        });
        lacks && self.shown.get_untracked() > 0
    }

    async fn fetch(self, name: &str, (from, to): (f64, f64)) {
        self.channels
            .update_value(|channels| channels.asked(name, from, to));
        let path = self.readings(name, (from, to));
        // A channel without a past is drawn from its present.
        if let Ok(bytes) = api::bytes(&self.place(), &path).await {
            let rows = crate::chart::rows(&bytes);
            self.channels
                .update_value(|channels| channels.answer(name, &rows));
            self.samples.update(|count| *count += 1);
            // Where no clock goes, what shows values is told by this.
            if self.is_recorded() {
                self.tick.update(|count| *count += 1);
            }
        }
    }

    /// What the number of a channel of states or alerts means.
    pub(crate) fn state_name(kind: Kind, value: f64) -> String {
        let words = match (kind, value == 0.0, (value - 1.0).abs() < 1e-9) {
            (Kind::Alert, true, _) => w::STATE_NORMAL,
            (Kind::Alert, false, true) => w::STATE_ALERT,
            (_, true, _) => w::LED_OFF,
            (_, _, true) => w::LED_ON,
            _ => return format::digits(value),
        };
        words.to_owned()
    }

    /// Alerts, faults and restarts of a range, as marks of a chart that shows channels of devices.
    pub(crate) fn markers(self, (from, to): (f64, f64), channels: &[String]) -> Vec<Marker> {
        let concerns = |device: &str| {
            let of = |channel: &String| {
                channel
                    .strip_prefix(device)
                    .is_some_and(|rest| rest.starts_with('/'))
            };
            device.is_empty() || channels.iter().any(of)
        };
        self.live.events().with_untracked(|events| {
            let mut marks: Vec<Marker> = events
                .marks()
                .filter(|event| (from..=to).contains(&(event.at as f64 / 1e9)))
                .filter(|event| concerns(&event.device))
                .map(|event| Marker {
                    secs: event.at as f64 / 1e9,
                    label: event.title.clone(),
                    severity: crate::state::severity(event),
                })
                .collect();
            // A forest of marks says nothing: the newest hundred.
            let surplus = marks.len().saturating_sub(100);
            marks.drain(..surplus);
            let marked = self.marked.get_untracked().map(|at| at as f64 / 1e9);
            marks.extend(marked.map(|secs| Marker {
                secs,
                label: w::FIRST_DIFFERENCE.to_owned(),
                severity: twinbench_plot::Severity::Alert,
            }));
            marks
        })
    }
}
