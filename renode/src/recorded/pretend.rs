//! A stand-in for a whole Renode 1.15.3 or 1.16.1 with one machine that runs `hello.elf`: for tests
//! of whatever drives sessions. Its answers have the forms and, where the machine behaves, the values
//! of the recorded sessions; what the recordings do not have it refuses.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// What `hello.elf` prints first.
const HELLO: &[u8] = b"hello from renode\r\n";
/// When PA5 changes, in microseconds, as recorded.
const EDGES: [u64; 9] = [
    11_400, 13_100, 14_700, 16_300, 18_000, 19_600, 21_300, 22_900, 24_500,
];
/// After the recorded ones: every 2^14 turns of a loop of ten instructions, at 100 a microsecond.
const PERIOD: u64 = 1_638;

/// How long a terminal's first client may take to connect.
const CONNECT_PATIENCE: Duration = Duration::from_secs(20);

/// A running stand-in. It goes with the process.
#[derive(Debug)]
pub struct Pretend {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    version: String,
    micros: u64,
    watched: Vec<(i32, i32)>,
    /// The socket terminals, in the order in which they were made.
    terminals: Vec<Terminal>,
    said: bool,
    machines: Vec<String>,
    commands: Vec<String>,
    /// The processor stands still.
    halted: bool,
}

/// A socket terminal. It is looked at when the machine runs and by no thread of its own, so that a
/// busy computer changes nothing: a client that has connected is heard and is told from then on.
#[derive(Debug)]
struct Terminal {
    listener: TcpListener,
    client: Option<TcpStream>,
}

impl Terminal {
    fn open(port: &str) -> Result<Self, String> {
        let listener = bind(port)?;
        let quiet = listener.set_nonblocking(true);
        quiet.map_err(|cause| cause.to_string())?;
        Ok(Self {
            listener,
            client: None,
        })
    }

    /// Its client; the first is waited for, as whoever makes a terminal connects to it.
    fn client(&mut self) -> Option<&mut TcpStream> {
        let mut tries = CONNECT_PATIENCE.as_millis();
        while self.client.is_none() && tries > 0 {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    let quiet = stream.set_nonblocking(true);
                    let prompt = stream.set_nodelay(true);
                    self.client = quiet.and(prompt).is_ok().then_some(stream);
                }
                Err(_) => thread::sleep(Duration::from_millis(1)),
            }
            tries -= 1;
        }
        self.client.as_mut()
    }

    /// Gives it the machine's output behind what the client has sent, which comes back as it came.
    fn exchange(&mut self, mut output: Vec<u8>) {
        let Some(client) = self.client() else {
            return;
        };
        let mut buffer = [0; 256];
        while let Ok(length @ 1..) = client.read(&mut buffer) {
            output.extend_from_slice(&buffer[..length]);
        }
        // A client that does not read, or is gone, is told nothing.
        let _ = client.write_all(&output);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pretend {
    /// Starts one that says to be this version.
    ///
    /// # Errors
    /// When no port can be opened.
    pub fn serve(version: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State {
            version: version.to_owned(),
            micros: 0,
            watched: Vec::new(),
            terminals: Vec::new(),
            said: false,
            machines: Vec::new(),
            commands: Vec::new(),
            halted: false,
        }));
        let robot = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that breaks off is its own concern.
                let _ = answer(stream, &robot);
            }
        });
        Ok(Self { address, state })
    }

    /// Its robot server.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Halts its processor, as Renode does with one that cannot go on.
    pub fn halt(&self) {
        lock(&self.state).halted = true;
    }

    /// Every line of the monitor that it was given.
    pub fn commands(&self) -> Vec<String> {
        lock(&self.state).commands.clone()
    }
}

/// One call of the robot server.
fn answer(mut stream: TcpStream, state: &Arc<Mutex<State>>) -> io::Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    let text = loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            length => request.extend_from_slice(&buffer[..length]),
        }
        let text = String::from_utf8_lossy(&request);
        if text.ends_with("</methodCall>") {
            break text.into_owned();
        }
    };
    let words: Vec<String> = text
        .split("<string>")
        .skip(1)
        .filter_map(|part| part.split("</string>").next())
        .map(|word| word.replace("&quot;", "\"").replace("&amp;", "&"))
        .collect();
    let result = match (words.first().map(String::as_str), words.get(1)) {
        (Some("ExecuteCommand"), Some(command)) => run(command, state),
        (Some("ResetEmulation" | "StopRemoteServer"), _) => Ok(String::new()),
        _ => Err("the stand-in has no such keyword".to_owned()),
    };
    let members = match result {
        Ok(text) => format!(
            "<member><name>return</name><value><string>{text}</string></value></member><member><name>status</name><value><string>PASS</string></value></member>"
        ),
        Err(text) => format!(
            "<member><name>status</name><value><string>FAIL</string></value></member><member><name>error</name><value><string>KeywordException: Could not execute command '': {text}</string></value></member>"
        ),
    };
    let body = format!(
        "<?xml version=\"1.0\"?><methodResponse><params><param><value><struct>{members}</struct></value></param></params></methodResponse>"
    );
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// A line of the monitor.
fn run(command: &str, shared: &Arc<Mutex<State>>) -> Result<String, String> {
    let mut state = lock(shared);
    state.commands.push(command.to_owned());
    let words: Vec<&str> = command.split(' ').collect();
    match words[..] {
        ["version"] => Ok(format!(
            "Renode, version {}.0 (stand-in)\r\n",
            state.version
        )),
        ["mach", "create", name] => {
            state.machines.push(name.trim_matches('"').to_owned());
            Ok(String::new())
        }
        ["emulation", "CreateExternalControlServer", _, port] => {
            listen(port, shared, control)?;
            Ok(String::new())
        }
        ["emulation", "CreateServerSocketTerminal", port, _, "false"] => {
            state.terminals.push(Terminal::open(port)?);
            Ok(String::new())
        }
        ["emulation", "RunFor", time] => {
            let seconds: f64 = time.trim_matches('"').parse().map_err(|_| "no time")?;
            let end = state.micros + (seconds * 1e6).round() as u64;
            state.advance(end);
            Ok(String::new())
        }
        ["currentTime"] => {
            let (secs, micros) = (state.micros / 1_000_000, state.micros % 1_000_000);
            Ok(format!(
                "Current virtual time: 00:{:02}:{:02}.{micros:06}000\r\nCurrent real time: 00:00:00\r\n",
                secs / 60,
                secs % 60
            ))
        }
        ["sysbus", "ReadDoubleWord", "0x40020014"] => {
            let high = edges(state.micros).count() % 2 == 1;
            Ok(format!("{:#010x}\r\r\n", u32::from(high) << 5))
        }
        ["sysbus", "LoadELF" | "LoadBinary" | "WriteDoubleWord", ..]
        | ["machine", "LoadPlatformDescription" | "Reset", ..]
        | ["connector", "Connect", ..]
        | ["mach", "set", ..]
        | ["include" | "Load" | "logLevel", ..]
        | [
            "emulation",
            "SetGlobalQuantum"
            | "SetGlobalAdvanceImmediately"
            | "SetGlobalSerialExecution"
            | "SetSeed",
            ..,
        ] => {
            if words[1] == "Reset" {
                state.said = false;
                state.halted = false;
            }
            Ok(String::new())
        }
        ["Save", ..] => {
            Err("Pointer or ThreadLocal object encountered during serialization".to_owned())
        }
        [first, ..] if first.starts_with('$') => Ok(String::new()),
        [path, "Press" | "Release"] if path.contains("button") => Ok(String::new()),
        [path, "Picture"] if path.ends_with("display") => {
            Ok(format!("{}\r\r\n", "00".repeat(1024)))
        }
        ["sysbus.cpu", "IsHalted"] if state.halted => Ok("True\r\r\n".to_owned()),
        ["sysbus.cpu", "IsHalted"] => Ok("False\r\r\n".to_owned()),
        ["sysbus.cpu", "IsHalted", "false"] => {
            state.halted = false;
            Ok(String::new())
        }
        ["sysbus.cpu", "PC"] => Ok("0x800004a\r\r\n".to_owned()),
        [path, "State"] if path.ends_with("Led") => Ok("True\r\r\n".to_owned()),
        [path, "Temperature"] if path.ends_with("hts221") => Ok("21.5\r\r\n".to_owned()),
        [path, property, value] if path.starts_with("sysbus.i2c1.") => match value.parse::<f64>() {
            Ok(_) => Ok(String::new()),
            Err(_) => Err(format!("{value} cannot be a {property}")),
        },
        [path, method, ..] if path.starts_with("sysbus.i2c1.") && method.starts_with("Feed") => {
            Ok(String::new())
        }
        _ => Err(format!("No such command or device: {}\r\n", words[0])),
    }
}

/// Opens a port and hands its connections on, one after another.
fn listen(
    port: &str,
    state: &Arc<Mutex<State>>,
    serve: fn(TcpStream, &Arc<Mutex<State>>),
) -> Result<(), String> {
    let listener = bind(port)?;
    let state = Arc::clone(state);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = stream.set_nodelay(true);
            serve(stream, &state);
        }
    });
    Ok(())
}

fn bind(port: &str) -> Result<TcpListener, String> {
    let port: u16 = port.parse().map_err(|_| "no port".to_owned())?;
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|_| "Address already in use".to_owned())
}

/// Changes of PA5 up to a time.
fn edges(until: u64) -> impl Iterator<Item = u64> {
    let last = EDGES[EDGES.len() - 1];
    EDGES
        .into_iter()
        .chain((1..).map(move |n| (last + n * PERIOD) / 100 * 100))
        .take_while(move |time| *time <= until)
}

impl State {
    /// Runs the machine; gives the changes of PA5.
    fn advance(&mut self, end: u64) -> Vec<(u64, bool)> {
        let mut output = Vec::new();
        if !self.said && end > 0 {
            self.said = true;
            output.extend(HELLO);
        }
        // The machine has one UART that speaks: the terminal that was made last is on it.
        if let Some(terminal) = self.terminals.last_mut() {
            terminal.exchange(output);
        }
        let begin = std::mem::replace(&mut self.micros, end);
        edges(end)
            .enumerate()
            .map(|(at, time)| (time, at % 2 == 0))
            .filter(|(time, _)| *time > begin)
            .collect()
    }
}

/// External Control, first generation.
fn control(mut stream: TcpStream, state: &Arc<Mutex<State>>) {
    let _ = serve_control(&mut stream, state);
}

fn serve_control(stream: &mut TcpStream, state: &Arc<Mutex<State>>) -> io::Result<()> {
    let mut count = [0; 2];
    stream.read_exact(&mut count)?;
    let mut commands = vec![0; usize::from(u16::from_le_bytes(count)) * 2];
    stream.read_exact(&mut commands)?;
    stream.write_all(&[5])?;
    loop {
        let mut head = [0; 7];
        stream.read_exact(&mut head)?;
        let length = u32::from_le_bytes([head[3], head[4], head[5], head[6]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload)?;
        let command = head[2];
        let reply = reply(stream, state, command, &payload)?;
        stream.write_all(&reply)?;
    }
}

fn sized(head: &[u8], data: &[u8]) -> Vec<u8> {
    let mut bytes = head.to_vec();
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}

fn reply(
    stream: &mut TcpStream,
    state: &Arc<Mutex<State>>,
    command: u8,
    payload: &[u8],
) -> io::Result<Vec<u8>> {
    let data = |data: &[u8]| sized(&[3, command], data);
    let failed = |text: &str| sized(&[0, command], text.as_bytes());
    let word = |at: usize| {
        let bytes = payload.get(at..at + 4).and_then(|it| it.try_into().ok());
        i32::from_le_bytes(bytes.unwrap_or_default())
    };
    Ok(match command {
        1 => {
            let micros = payload.try_into().map(u64::from_le_bytes);
            let Ok(micros) = micros else {
                return Ok(failed("Expected 8 bytes of payload"));
            };
            let mut state = lock(state);
            let end = state.micros + micros;
            for (time, high) in state.advance(end) {
                for (pin, descriptor) in &state.watched {
                    if *pin == 5 {
                        let mut body = time.to_le_bytes().to_vec();
                        body.extend([u8::from(high), 0, 0, 0, 0, 0, 0, 0]);
                        let mut head = vec![6, 5];
                        head.extend(descriptor.to_le_bytes());
                        stream.write_all(&sized(&head, &body))?;
                    }
                }
            }
            // Bytes of the UART arrive a little later than the answer, as in Renode.
            drop(state);
            thread::sleep(Duration::from_micros(200));
            vec![4, 1]
        }
        2 => data(&lock(state).micros.to_le_bytes()),
        3 => {
            let name = String::from_utf8_lossy(payload.get(4..).unwrap_or_default()).into_owned();
            let machines = &lock(state).machines;
            // A board's script makes the machine that the session asks for by a variable.
            if machines.is_empty() || machines.contains(&name) {
                data(&[0; 4])
            } else {
                failed("Machine not found")
            }
        }
        5 if word(0) == -1
            && payload
                .get(12..)
                .is_some_and(|it| it.starts_with(b"sysbus.gpioPort")) =>
        {
            data(&[0; 4])
        }
        4..=6 if word(0) == -1 => failed("Instance not found"),
        5 if payload.get(4) == Some(&2) => {
            lock(state).watched.push((word(5), word(9)));
            vec![4, 5]
        }
        5 if payload.get(4) == Some(&1) => vec![4, 5],
        5 => data(&[0]),
        _ => vec![2, command],
    })
}
