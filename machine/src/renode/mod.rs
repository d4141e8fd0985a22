//! A board in Renode, with a modem on one of its serial ports and generators behind its sensors.
//!
//! Renode is another program: a machine here owns one, tells it how far to run, and hears of it over
//! sockets. Its virtual time and its pins' changes are exact; bytes of serial ports are dated at the end
//! of a slice, and since they come over a socket their slice may differ from run to run. So this backend
//! does not claim to be deterministic.

mod board;
mod options;

use std::{collections::BTreeMap, thread, time::Duration};

use renode_rs_bindings::{Session, SessionError, Uart, UartError, control::Edge};
use twinbench_model::{VirtualDuration, VirtualTime};

pub use self::{
    board::{Pin, Quantity, RenodeBoard, Setup},
    options::RenodeOptions,
};
use crate::{
    Capabilities, Error, Halt, Machine, Name, Output, OutputKind, SENSOR_PERIOD, Stimulus, Wake,
    generator::{Key, Sampler},
    modem::{Modem, ModemOutput},
};

/// How long after a slice its serial ports are listened to, on the wall clock: bytes follow the answer.
const SETTLE: Duration = Duration::from_millis(2);
/// How long a byte takes at most to be in Renode, on the wall clock.
const ARRIVE: Duration = Duration::from_millis(3);
/// How often the display and the processor are looked at.
const FRAME: VirtualDuration = VirtualDuration::from_millis(100);
/// The processor of every board.
const PROCESSOR: &str = "sysbus.cpu";

/// A board in Renode.
pub struct RenodeMachine {
    session: Session,
    machine: String,
    board: RenodeBoard,
    start: VirtualTime,
    now: VirtualTime,
    slice: VirtualDuration,
    uarts: Vec<(String, Uart)>,
    modem: Option<Attached>,
    sensors: BTreeMap<String, Sampler>,
    next_sample: Option<VirtualTime>,
    next_frame: VirtualTime,
    frame: String,
    out: Vec<Output>,
    /// Bytes were given that Renode may not have yet.
    given: bool,
    /// The processor says whether it stands still.
    tells: bool,
    ended: Option<Halt>,
}

struct Attached {
    modem: Modem,
    /// Our name for the port.
    port: String,
    out: Vec<(VirtualTime, ModemOutput)>,
}

impl From<SessionError> for Error {
    fn from(cause: SessionError) -> Self {
        Self::Renode(cause.to_string())
    }
}

impl From<UartError> for Error {
    fn from(cause: UartError) -> Self {
        Self::Renode(cause.to_string())
    }
}

impl RenodeMachine {
    /// Starts Renode with the board, switched on at the options' start.
    ///
    /// # Errors
    /// When there is no Renode, it refuses the board or the firmware, or a sensor or the modem's port
    /// does not exist.
    pub fn new(options: &RenodeOptions) -> Result<Self, Error> {
        let session = options.session.clone().build()?;
        Self::in_session(session, options)
    }

    /// The same in a session that stands already.
    ///
    /// # Errors
    /// As [`RenodeMachine::new`], but for Renode's absence.
    pub fn in_session(mut session: Session, options: &RenodeOptions) -> Result<Self, Error> {
        let board = options.board.clone();
        let machine = "device".to_owned();
        let key = Key {
            seed: options.seed,
            device: options.device.clone(),
        };
        let mut sensors = BTreeMap::new();
        for (quantity, generator) in &options.sensors {
            if !board.quantities.iter().any(|it| it.name == *quantity) {
                return Err(no_quantity(&board, quantity));
            }
            let sampler = Sampler::new(generator, &key, quantity)
                .map_err(|cause| Error::Setting(format!("sensor {quantity}: {cause}")))?;
            sensors.insert(quantity.clone(), sampler);
        }
        let modem = match &options.modem {
            None => None,
            Some(wanted) => {
                let by_path = |path: &str| {
                    let last = path.rsplit('.').next().unwrap_or(path);
                    last.eq_ignore_ascii_case(wanted)
                };
                let (port, _) = board
                    .uarts
                    .iter()
                    .find(|(name, path)| name == wanted || by_path(path))
                    .ok_or_else(|| {
                        Error::no_such(format!("serial port {wanted}"), names(&board.uarts))
                    })?;
                Some(Attached {
                    modem: Modem::new(options.modem_options.clone(), options.epoch, options.start),
                    port: port.clone(),
                    out: Vec::new(),
                })
            }
        };

        match &board.setup {
            Setup::Board(platform) => session.load_board(platform, &machine, &options.firmware)?,
            Setup::Description(path) => {
                session.create_machine(&machine)?;
                session.load_platform(path)?;
                session.load_elf(&options.firmware)?;
            }
        }
        session.make_repeatable(key.quantity("board").bits() as u32 & 0x7FFF_FFFF)?;
        if let Some(address) = board.settings {
            let file = session.folder().join("settings.bin");
            std::fs::write(&file, options.settings()?)
                .map_err(|cause| Error::Renode(format!("{}: {cause}", file.display())))?;
            session.load_binary(&file, address)?;
        }
        let mut uarts = Vec::new();
        for (name, path) in &board.uarts {
            uarts.push((name.clone(), session.uart(path)?));
        }
        for pin in &board.pins {
            session.watch_pin(&machine, &pin.port, pin.pin)?;
        }
        let mut made = Self {
            session,
            machine,
            board,
            start: options.start,
            now: options.start,
            slice: options.slice.max(VirtualDuration::from_micros(1)),
            uarts,
            modem,
            sensors,
            next_sample: Some(options.start),
            next_frame: options.start,
            frame: String::new(),
            out: Vec::new(),
            given: false,
            tells: true,
            ended: None,
        };
        made.sample()?;
        Ok(made)
    }

    /// Renode's session, for what the trait does not have.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// The name of the machine within Renode.
    pub fn name(&self) -> &str {
        &self.machine
    }

    /// The end of the next slice, `t` at the latest.
    fn slice_end(&self, t: VirtualTime) -> VirtualTime {
        let modem = self.modem.as_ref().and_then(|it| it.modem.next_wake());
        [
            Some(self.now.saturating_add(self.slice)),
            modem,
            self.next_sample,
        ]
        .into_iter()
        .flatten()
        .fold(t, VirtualTime::min)
        .max(self.now)
    }

    fn run_slice(&mut self, end: VirtualTime) -> Result<(), Error> {
        // Renode counts microseconds, a bench nanoseconds: it lags behind by less than one.
        let micros = |time: VirtualTime| time.since(self.start).as_nanos() / 1_000;
        let span = micros(end) - micros(self.now);
        if span > 0 {
            if std::mem::take(&mut self.given) {
                thread::sleep(ARRIVE);
            }
            let edges = self.session.run_for(Duration::from_micros(span))?;
            self.edges(&edges, end);
        }
        self.now = end;
        if span > 0 {
            self.listen()?;
        }
        self.exchange()?;
        if self.next_sample.is_some_and(|sample| sample <= end) {
            self.sample()?;
        }
        if self.next_frame <= end {
            self.next_frame = end.saturating_add(FRAME);
            self.look_at_processor();
            self.look()?;
        }
        Ok(())
    }

    fn edges(&mut self, edges: &[Edge], end: VirtualTime) {
        for edge in edges {
            let Ok(at) = usize::try_from(edge.descriptor) else {
                continue;
            };
            let Some(pin) = self.board.pins.get(at) else {
                continue;
            };
            let nanos = u64::try_from(edge.time.as_nanos()).unwrap_or(u64::MAX);
            let time = self
                .start
                .saturating_add(VirtualDuration::from_nanos(nanos));
            self.out.push(Output {
                time: time.clamp(self.now, end),
                kind: OutputKind::Pin {
                    name: Name::Owned(pin.name.clone()),
                    high: edge.high,
                },
            });
        }
    }

    /// Takes what the serial ports said.
    fn listen(&mut self) -> Result<(), Error> {
        if !self.uarts.is_empty() {
            thread::sleep(SETTLE);
        }
        for (name, uart) in &mut self.uarts {
            let bytes = uart.receive(Duration::ZERO)?;
            if bytes.is_empty() {
                continue;
            }
            match &mut self.modem {
                Some(attached) if attached.port == *name => {
                    for byte in bytes {
                        attached.modem.receive(self.now, byte);
                    }
                }
                _ => self.out.push(Output {
                    time: self.now,
                    kind: OutputKind::Uart {
                        port: Name::Owned(name.clone()),
                        bytes: bytes.into(),
                    },
                }),
            }
        }
        Ok(())
    }

    /// Lets the modem do what is due, and hands its bytes to the board.
    fn exchange(&mut self) -> Result<(), Error> {
        let Some(attached) = &mut self.modem else {
            return Ok(());
        };
        attached.modem.advance(self.now);
        attached.modem.drain(&mut attached.out);
        let mut line = Vec::new();
        for (time, output) in attached.out.drain(..) {
            let kind = match output {
                ModemOutput::Line(bytes) => {
                    line.extend_from_slice(&bytes);
                    continue;
                }
                ModemOutput::Network(request) => OutputKind::Network(request),
                ModemOutput::Note(text) => OutputKind::Note(text),
            };
            self.out.push(Output { time, kind });
        }
        let port = attached.port.clone();
        self.send(&port, &line)
    }

    fn send(&mut self, port: &str, bytes: &[u8]) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        let Some((_, uart)) = self.uarts.iter_mut().find(|(name, _)| name == port) else {
            return Err(Error::no_such(
                format!("UART {port}"),
                names(&self.board.uarts),
            ));
        };
        self.given = true;
        uart.send(bytes).map_err(Error::from)
    }

    fn set_sensor(&self, quantity: &str, value: f64) -> Result<(), Error> {
        let Some(it) = self.board.quantities.iter().find(|it| it.name == quantity) else {
            return Err(no_quantity(&self.board, quantity));
        };
        if !value.is_finite() {
            return Err(Error::Setting(format!("{value} is no value of a sensor")));
        }
        self.session
            .set_sensor(&it.path, &it.property, value)
            .map_err(Error::from)
    }

    /// Asks the generators and tells the sensors, on the grid that every backend has.
    fn sample(&mut self) -> Result<(), Error> {
        let now = self.now;
        let mut changing = false;
        let mut values = Vec::new();
        for (quantity, sampler) in &mut self.sensors {
            changing |= !sampler.is_constant();
            values.push((quantity.clone(), sampler.at(now)));
        }
        for (quantity, value) in values {
            self.set_sensor(&quantity, value)?;
        }
        self.next_sample = changing.then(|| {
            let grid = SENSOR_PERIOD.as_nanos();
            let next = (now.as_nanos() / grid).saturating_add(1);
            VirtualTime::from_nanos(next.saturating_mul(grid))
        });
        Ok(())
    }

    /// Renode halts a processor that cannot go on, and goes on with the rest of the machine.
    fn look_at_processor(&mut self) {
        if !self.tells || self.ended.is_some() {
            return;
        }
        match self.session.is_halted(PROCESSOR) {
            Ok(false) => {}
            Ok(true) => {
                let place = self.session.property(PROCESSOR, "PC");
                let place = place.map_or(String::new(), |it| format!(" at {it}"));
                let log = self.session.log().map_or(String::new(), |log| {
                    format!(": its log says why ({})", log.display())
                });
                let reason = format!("renode halted the processor{place}{log}");
                self.ended = Some(Halt::Lockup(reason));
            }
            // A platform that calls it otherwise is not asked again.
            Err(_) => self.tells = false,
        }
    }

    /// Looks at the display.
    fn look(&mut self) -> Result<(), Error> {
        let Some(path) = &self.board.display else {
            return Ok(());
        };
        let frame = self.session.property(path, "Picture")?;
        if frame == self.frame {
            return Ok(());
        }
        let bytes: Option<Vec<u8>> = (0..frame.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(frame.get(at..at + 2)?, 16).ok())
            .collect();
        let bytes = bytes.ok_or_else(|| Error::Renode(format!("{path} shows {frame:?}")))?;
        // The first look at a dark display is no change.
        if !(self.frame.is_empty() && bytes.iter().all(|byte| *byte == 0)) {
            self.out.push(Output {
                time: self.now,
                kind: OutputKind::Display {
                    frame: bytes.into(),
                },
            });
        }
        self.frame = frame;
        Ok(())
    }
}

fn names(pairs: &[(String, String)]) -> String {
    let names: Vec<_> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    names.join(", ")
}

fn no_quantity(board: &RenodeBoard, quantity: &str) -> Error {
    let names: Vec<_> = board.quantities.iter().map(|it| it.name.as_str()).collect();
    Error::no_such(format!("sensor {quantity}"), names.join(", "))
}

impl Machine for RenodeMachine {
    fn run_until(&mut self, t: VirtualTime) -> Result<Halt, Error> {
        while self.now < t {
            let end = self.slice_end(t);
            self.run_slice(end)?;
        }
        Ok(self.ended.clone().unwrap_or(Halt::Reached))
    }

    fn drain(&mut self, out: &mut Vec<Output>) {
        let first = out.len();
        out.append(&mut self.out);
        out[first..].sort_by_key(|output| output.time);
    }

    fn apply(&mut self, stimulus: Stimulus) -> Result<(), Error> {
        let target = stimulus.target();
        match stimulus {
            Stimulus::Uart { port, bytes } => match &self.modem {
                Some(attached) if attached.port == port => {
                    let free = self.board.uarts.iter().filter(|(name, _)| *name != port);
                    let free: Vec<_> = free.map(|(name, _)| name.as_str()).collect();
                    Err(Error::no_such(
                        format!("{target} without a modem"),
                        free.join(", "),
                    ))
                }
                _ => self.send(&port, &bytes),
            },
            Stimulus::Sensor { quantity, value } => {
                self.set_sensor(&quantity, value)?;
                self.sensors.remove(&quantity);
                Ok(())
            }
            Stimulus::Button { name, pressed } => {
                match self.board.buttons.iter().find(|(it, _)| *it == name) {
                    Some((_, path)) => self.session.press(path, pressed).map_err(Error::from),
                    None => Err(Error::no_such(target, names(&self.board.buttons))),
                }
            }
            Stimulus::Reset => {
                self.session.reset()?;
                if self.ended.take().is_some() {
                    // Whether a reset is enough is the platform's.
                    let _ = self.session.set_halted(PROCESSOR, false);
                }
                Ok(())
            }
            Stimulus::Supply { .. } => Err(Error::no_such(
                target,
                "the reset line: Renode keeps a machine's supply",
            )),
            Stimulus::Clock { ahead } => match &mut self.modem {
                Some(attached) => {
                    attached.modem.set_clock(ahead);
                    Ok(())
                }
                None => Err(Error::no_such(target, "no modem that could tell the time")),
            },
            Stimulus::Network(event) => match &mut self.modem {
                Some(attached) => {
                    attached.modem.network(self.now, event);
                    Ok(())
                }
                None => Err(Error::no_such(target, "serial ports only")),
            },
            Stimulus::Wifi { up } => match &mut self.modem {
                Some(attached) => {
                    attached.modem.set_jammed(self.now, !up);
                    Ok(())
                }
                None => Err(Error::no_such(target, "serial ports only")),
            },
        }
    }

    /// Whether the core sleeps is not known from outside.
    fn next_wake(&self) -> Wake {
        if self.ended.is_some() {
            return Wake::Never;
        }
        Wake::Busy
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            deterministic: false,
            firmware: true,
        }
    }
}
