//! Bench files: which devices, which hub, which application, on which clock.
//!
//! TOML, versioned; unknown keys are refused with a suggestion, and every error names file, line
//! and column.

mod app;
mod board;
mod check;
mod hub;
mod methods;
pub(crate) mod probe;
mod program;
mod traffic;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;
use twinbench_engine::Limits;
use twinbench_hub::bridge::{BridgeConfig, ForwardConfig, Secret};
use twinbench_machine::generator::Generator;
use twinbench_model::{DeviceId, Epoch, VirtualDuration};

pub use app::{App, CaptureSection, EmailSection, ServerlessIot, SmsSection, WebhookSection};
pub(crate) use board::wiring;
pub use hub::{
    AuthoritySection, C2dSection, EnrollmentSection, HubSection, PermissionName, PolicySection,
    Ports, RouteSection,
};
pub use methods::MethodSection;
pub use probe::{FlashName, SerialSection};
pub use program::{LimitsSection, RestartName};
pub use traffic::{
    BurstSection, ChurnSection, MisbehaviourSection, MisdeedName, TrafficSection, UpdateSection,
};
/// What is wrong with a bench file.
pub use twinbench_scenario::FileError as Error;

/// The version of the format that this program reads.
pub const VERSION: u32 = 1;

/// The JSON Schema of bench files, for editors; generated from the types.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(BenchFile).to_value()
}

/// What a bench is: its devices, their hub, and the application behind it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Twinbench bench file")]
pub struct BenchFile {
    /// Format version, 1.
    #[schemars(with = "u32")]
    pub version: Spanned<u32>,
    /// The bench's name; names the folder of its runs.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// The UTC instant at which virtual time is zero.
    #[schemars(with = "String")]
    pub epoch: Epoch,
    /// Seeds every generator, key and phase.
    #[serde(default)]
    pub seed: u64,
    /// The devices.
    #[serde(default)]
    pub device: Vec<Device>,
    /// The hub.
    #[serde(default)]
    pub hub: HubSection,
    /// Bridges from other MQTT brokers into the hub.
    #[serde(default)]
    #[schemars(with = "Vec<BridgeConfig>")]
    pub bridge: Vec<Spanned<BridgeConfig>>,
    /// Other hubs to which telemetry is forwarded.
    #[serde(default)]
    #[schemars(with = "Vec<ForwardConfig>")]
    pub forward: Vec<Spanned<ForwardConfig>>,
    /// The applications behind the hub.
    #[serde(default)]
    pub app: Vec<App>,
    /// How long recordings are kept.
    #[serde(default)]
    pub recording: RecordingSection,
    /// The API server.
    #[serde(default)]
    pub api: ApiSection,
    /// The durable engine.
    #[serde(default)]
    pub engine: EngineSection,
    /// The door for Durable Task clients and workers.
    #[serde(default)]
    pub durable_task: DurableTaskSection,
    /// The folder of the hub's certificates, as the command line has it; programs are told of it.
    #[serde(skip)]
    pub certificates: Option<PathBuf>,
}

/// A device, or a row of like ones (`count`).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Its identity in the hub. With `count`, `{n}` stands for 1, 2, 3 …
    #[schemars(with = "String")]
    pub id: Spanned<String>,
    /// How many devices of this kind; default 1.
    #[schemars(with = "Option<u32>")]
    pub count: Option<Spanned<u32>>,
    /// The board it is built on, needed by devices with firmware: `az3166`, `stm32f4discovery`, or a
    /// board file relative to the bench file, `boards/mine.toml`.
    #[schemars(with = "Option<String>")]
    pub board: Option<Spanned<String>>,
    /// What Renode calls a board that is not the AZ3166: the path of its description, within Renode
    /// (`platforms/cpus/stm32f412.repl`) or, when it begins with `./`, relative to the bench file.
    #[schemars(with = "Option<String>")]
    pub platform: Option<Spanned<String>>,
    /// The firmware image, relative to the bench file.
    #[schemars(with = "Option<PathBuf>")]
    pub firmware: Option<Spanned<PathBuf>>,
    /// What runs it.
    #[serde(default)]
    pub backend: Backend,
    /// How it reaches the hub.
    pub link: Option<Link>,
    /// What its sensors measure, by quantity.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Generator>")]
    pub sensors: BTreeMap<Spanned<String>, Generator>,
    /// How often it sends telemetry.
    #[schemars(with = "Option<String>")]
    pub interval: Option<Spanned<VirtualDuration>>,
    /// Its display name in telemetry (`simulated` only); default: the id.
    pub device_name: Option<String>,
    /// Connect to the hub as a program would (`simulated` only), and take part in its twin, direct
    /// methods and messages from the cloud; without, its messages go straight in.
    #[serde(default)]
    pub connected: bool,
    /// The direct methods that it answers (`simulated` with `connected` only); others with 501.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, MethodSection>")]
    pub methods: BTreeMap<Spanned<String>, MethodSection>,
    /// Its symmetric key in base64, for production connection strings; default: derived from the
    /// bench's seed.
    #[schemars(with = "Option<String>")]
    pub key: Option<Spanned<Secret>>,
    /// The application's configuration of its entity, as `PUT …/configuration` takes it.
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub configuration: Option<toml::Table>,
    /// The port on loopback at which GDB finds its firmware (`emulator` only); 0 takes any free one.
    #[schemars(with = "Option<u16>")]
    pub gdb: Option<Spanned<u16>>,
    /// What becomes of an access to a register that is not modelled (`emulator` only).
    #[serde(default)]
    pub unmodelled: Unmodelled,
    /// The program that plays it, and its arguments (`process` only). It is started in the bench
    /// file's folder, and finds how to sign in in `IOTHUB_DEVICE_CONNECTION_STRING`.
    #[serde(default)]
    pub command: Vec<String>,
    /// Further variables of the program's environment (`process` only); `{connection:ID}` in one
    /// stands for the connection string of another device of the bench.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// What becomes of the program when it has ended (`process` only).
    #[serde(default)]
    pub restart: RestartName,
    /// What the program may use (`process` only, Unix).
    #[serde(default)]
    pub limits: LimitsSection,
    /// Its debug probe (`probe` only): a serial number, `VID:PID` or `VID:PID:SERIAL` as `twinbench
    /// probe list` shows them, or `virtual`, a board in the emulator; default: the only one there is.
    #[schemars(with = "Option<String>")]
    pub probe: Option<Spanned<String>>,
    /// The chip as probe-rs names it (`probe` only); default: that of the board.
    pub chip: Option<String>,
    /// Whether the firmware is written to the board's flash memory (`probe` only).
    #[serde(default)]
    pub flash: FlashName,
    /// Variables of the firmware that are read ten times a second and plotted (`probe` only): the
    /// channel's name and the variable's, `level = "app::LEVEL"`.
    #[serde(default)]
    pub watch: BTreeMap<String, String>,
    /// Serial ports of this computer that are wired to the board (`probe` only), by a name for each.
    #[serde(default)]
    pub serial: BTreeMap<String, SerialSection>,
    /// What it does besides sending at every interval (`simulated` only).
    #[serde(default)]
    pub traffic: TrafficSection,
}

/// What becomes of an access to a register that is not modelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "lowercase")]
pub enum Unmodelled {
    /// A note, once for each register; it reads 0.
    #[default]
    Note,
    /// The firmware stops there.
    Fatal,
}

/// What runs a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The embedded Cortex-M emulator.
    #[default]
    Emulator,
    /// No firmware: generators send telemetry.
    Simulated,
    /// An identity only: a program outside of the bench connects as this device.
    External,
    /// Renode, an installation of this machine.
    Renode,
    /// A program that the bench starts and that connects as this device, at real time.
    Process,
    /// A board behind a debug probe, at real time; or a virtual one.
    Probe,
}

/// How a device with firmware reaches the hub.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// A serial modem on this UART of the board (`usart1`).
    #[schemars(with = "String")]
    pub modem: Spanned<String>,
}

/// `[recording]`: which recordings of earlier runs (`out/<bench>/<n>/session.mcap`) are removed when
/// a run begins; by default none. Reports, logs and pictures stay.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RecordingSection {
    /// Those that are older than so many days.
    pub keep_days: Option<u32>,
    /// The oldest, until all together have no more than so many MiB; the newest stays.
    pub keep_mib: Option<u64>,
}

/// `[api]`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApiSection {
    /// The port of the HTTP API; 0 takes any free one.
    pub port: u16,
}

impl Default for ApiSection {
    fn default() -> Self {
        Self { port: 7878 }
    }
}

/// `[engine]`: limits that differ from the engine's own.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSection {
    /// The longest state of an entity, in bytes.
    pub state: Option<usize>,
    /// The longest input, output or event, in bytes.
    pub payload: Option<usize>,
    /// The most messages that wait for one instance.
    pub queue: Option<usize>,
    /// The most operations of one entity that are done at once.
    pub batch: Option<usize>,
    /// The most actions of one turn of an orchestrator.
    pub actions: Option<usize>,
}

impl EngineSection {
    /// The engine's limits, with what is said here.
    pub fn limits(&self) -> Limits {
        let own = Limits::default();
        Limits {
            state: self.state.unwrap_or(own.state),
            payload: self.payload.unwrap_or(own.payload),
            queue: self.queue.unwrap_or(own.queue),
            batch: self.batch.unwrap_or(own.batch),
            actions: self.actions.unwrap_or(own.actions),
            ..own
        }
    }
}

/// `[durable_task]`: workers and clients of the Durable Task SDKs, over gRPC.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DurableTaskSection {
    /// Open the port, and leave functions that the application does not have to workers.
    pub listen: bool,
    /// The port on loopback; 0 takes any free one. 8080 is that of the Durable Task Scheduler's
    /// emulator.
    pub port: u16,
}

impl Default for DurableTaskSection {
    fn default() -> Self {
        Self {
            listen: false,
            port: 8080,
        }
    }
}

impl BenchFile {
    /// Reads, parses and checks a bench file.
    ///
    /// # Errors
    /// With file, line, column, cause and what to do.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|cause| {
            Error::unreadable(path, "bench file", &cause)
                .help("give the path of a bench file, such as fixtures/benches/journey.toml")
        })?;
        Self::parse(path, &text)
    }

    /// Parses and checks the text of a bench file; `path` is used in errors and to find firmware.
    ///
    /// # Errors
    /// As [`BenchFile::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let mut file: Self =
            toml::from_str(text).map_err(|cause| Error::toml(path, text, &cause))?;
        check::check(path, text, &file)?;
        for App::ServerlessIot(app) in &mut file.app {
            app.make_ready(path, text)?;
        }
        Ok(file)
    }

    /// Whether programs or real boards live on the wall clock, so that the bench has to as well.
    pub fn starts_programs(&self) -> bool {
        let mut devices = self.device.iter();
        devices.any(|device| device.backend == Backend::Process || device.is_real_board())
    }

    /// The application as the file describes it; the repaired one when there is none.
    pub fn application(&self) -> twinbench_serverless::Options {
        match self.app.first() {
            Some(App::ServerlessIot(app)) => app.options(self.epoch),
            None => twinbench_serverless::Options::new(self.epoch),
        }
    }

    /// Every device, rows with `count` written out, in the file's order.
    pub fn devices(&self) -> Vec<(DeviceId, &Device)> {
        let mut all = Vec::new();
        for device in &self.device {
            let count = device.count.as_ref().map_or(1, |c| *c.get_ref());
            for n in 1..=count {
                // `check` has seen to it that each of them is valid.
                if let Ok(id) = DeviceId::new(&device.id.get_ref().replace("{n}", &n.to_string())) {
                    all.push((id, device));
                }
            }
        }
        all
    }
}
