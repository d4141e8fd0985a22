//! The serial modem on USART1 (ESP-AT command set): Wi-Fi, time, and one connection to the hub in
//! transparent mode.

use core::fmt;

use embassy_stm32::usart::{self, BufferedUartRx, BufferedUartTx};
use embassy_time::{Duration, TimeoutError, Timer, with_timeout};
use embedded_io_async::{Read as _, ReadReady as _, Write as _};
use twinbench_devkit_core::at::{self, Answer, Lines};

use crate::log;

/// For commands that the modem answers by itself.
const SHORT: Duration = Duration::from_secs(2);
/// For joining a network (the modem's own limit is 15 s).
const JOIN: Duration = Duration::from_secs(20);
/// For opening a connection with TLS.
const OPEN: Duration = Duration::from_secs(20);
/// Silence before and after `+++` (ESP-AT: at least 20 ms before, one second after).
const GUARD: Duration = Duration::from_millis(1050);
/// How often the time is asked for, a second apart.
const TIME_TRIES: u32 = 60;
/// How often a modem is asked whether it is there.
const ATTENTION_TRIES: u32 = 5;

/// Why the modem did not do what was asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Error {
    /// No answer to this step in time.
    Silent(&'static str),
    /// It said no to this step.
    Refused(&'static str),
    /// It does not know the time.
    NoTime,
    /// The line failed.
    Line(usart::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Silent(step) => write!(f, "no answer to {step}"),
            Error::Refused(step) => write!(f, "{step} failed"),
            Error::NoTime => write!(f, "no time from the time server"),
            Error::Line(error) => write!(f, "line error {error:?}"),
        }
    }
}

impl From<usart::Error> for Error {
    fn from(error: usart::Error) -> Self {
        Error::Line(error)
    }
}

/// What an answer brought besides OK.
#[derive(Default)]
struct Reply {
    time: Option<u64>,
    prompt: bool,
}

/// The modem.
pub(crate) struct Modem {
    tx: BufferedUartTx<'static>,
    rx: BufferedUartRx<'static>,
    lines: Lines,
    /// Whether our bytes go through to the hub.
    transparent: bool,
    /// A reset of this chip does not reset the modem: until we asked, it may be in any state.
    unknown: bool,
    joined: bool,
}

impl Modem {
    /// A modem in unknown state.
    pub(crate) fn new(tx: BufferedUartTx<'static>, rx: BufferedUartRx<'static>) -> Self {
        Self {
            tx,
            rx,
            lines: Lines::new(),
            transparent: false,
            unknown: true,
            joined: false,
        }
    }

    /// Whether the modem is in its Wi-Fi network.
    pub(crate) fn joined(&self) -> bool {
        self.joined
    }

    /// Brings the modem to answer commands, without echo, as a Wi-Fi station.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) async fn start(&mut self) -> Result<(), Error> {
        let mut tries = 0;
        while let Err(error) = self.command("AT", SHORT).await {
            tries += 1;
            if tries == ATTENTION_TRIES {
                return Err(error);
            }
            // A refusal comes of leftovers on its line and takes them along. Silence may mean that
            // our bytes go through to the hub.
            if matches!(error, Error::Silent(_)) {
                self.escape().await?;
            }
        }
        self.command("ATE0", SHORT).await?;
        if self.unknown {
            // What is left from before our reset; mostly nothing, and that is an ERROR.
            let _ = self.command("AT+CIPCLOSE", SHORT).await;
            self.unknown = false;
        }
        self.command("AT+CWMODE=1", SHORT).await?;
        Ok(())
    }

    /// Joins the Wi-Fi network, unless the modem is in it.
    ///
    /// # Errors
    /// When the network refuses or is not there.
    pub(crate) async fn join(&mut self, ssid: &str, password: &str) -> Result<(), Error> {
        if self.joined {
            return Ok(());
        }
        log!("modem: joining {ssid}");
        let command = at::join(ssid, password).ok_or(Error::Refused("AT+CWJAP"))?;
        self.ask("AT+CWJAP", &command, JOIN).await?;
        self.joined = true;
        self.command("AT+CIPSNTPCFG=1,0,\"pool.ntp.org\"", SHORT)
            .await?;
        Ok(())
    }

    /// Seconds since 1970, UTC, as soon as the modem knows them.
    ///
    /// # Errors
    /// When it does not learn them in a minute.
    pub(crate) async fn time(&mut self) -> Result<u64, Error> {
        for _ in 0..TIME_TRIES {
            if let Some(time) = self.command("AT+CIPSNTPTIME?", SHORT).await?.time {
                return Ok(time);
            }
            Timer::after_secs(1).await;
        }
        Err(Error::NoTime)
    }

    /// Opens the connection; then [`Modem::read`] and [`Modem::write`] are the hub's bytes.
    ///
    /// # Errors
    /// When the other side does not answer.
    pub(crate) async fn open(&mut self, tls: bool, host: &str, port: u16) -> Result<(), Error> {
        self.command("AT+CIPMODE=1", SHORT).await?;
        let command = at::open(tls, host, port).ok_or(Error::Refused("AT+CIPSTART"))?;
        self.ask("AT+CIPSTART", &command, OPEN).await?;
        if !self.command("AT+CIPSEND", SHORT).await?.prompt {
            with_timeout(SHORT, self.prompt())
                .await
                .map_err(|TimeoutError| Error::Silent("AT+CIPSEND"))??;
        }
        self.transparent = true;
        // Some versions put a blank behind the prompt. The hub never speaks first.
        Timer::after_millis(20).await;
        self.drain().await
    }

    /// Ends the connection, if there is one, and goes back to commands.
    ///
    /// # Errors
    /// When the line fails.
    pub(crate) async fn close(&mut self) -> Result<(), Error> {
        if !self.transparent {
            return Ok(());
        }
        self.escape().await?;
        // There may be nothing left to close, and that is an ERROR.
        let _ = self.command("AT+CIPCLOSE", SHORT).await;
        Ok(())
    }

    /// Reads bytes of the connection.
    ///
    /// # Errors
    /// When the line fails.
    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        Ok(self.rx.read(buffer).await?)
    }

    /// Writes bytes to the connection.
    ///
    /// # Errors
    /// When the line fails.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.tx.write_all(bytes).await?;
        Ok(self.tx.flush().await?)
    }

    /// Leaves transparent mode: `+++` alone, with silence around it.
    async fn escape(&mut self) -> Result<(), Error> {
        Timer::after(GUARD).await;
        self.write(b"+++").await?;
        Timer::after(GUARD).await;
        self.transparent = false;
        self.drain().await
    }

    async fn drain(&mut self) -> Result<(), Error> {
        let mut waste = [0; 64];
        while self.rx.read_ready()? {
            self.rx.read(&mut waste).await?;
        }
        self.lines.clear();
        Ok(())
    }

    async fn command(&mut self, text: &'static str, limit: Duration) -> Result<Reply, Error> {
        let command = at::plain(text).ok_or(Error::Refused(text))?;
        self.ask(text, &command, limit).await
    }

    /// Sends a command and waits for its end.
    async fn ask(
        &mut self,
        step: &'static str,
        command: &str,
        limit: Duration,
    ) -> Result<Reply, Error> {
        self.write(command.as_bytes()).await?;
        with_timeout(limit, self.reply(step))
            .await
            .unwrap_or(Err(Error::Silent(step)))
    }

    async fn reply(&mut self, step: &'static str) -> Result<Reply, Error> {
        let mut reply = Reply::default();
        loop {
            match self.answer().await? {
                Answer::Ok => return Ok(reply),
                Answer::Error => return Err(Error::Refused(step)),
                Answer::Time(time) => reply.time = time,
                Answer::Prompt => {
                    reply.prompt = true;
                    return Ok(reply);
                }
                _ => {}
            }
        }
    }

    async fn prompt(&mut self) -> Result<(), Error> {
        while self.answer().await? != Answer::Prompt {}
        Ok(())
    }

    /// The next line, with what it says of the Wi-Fi noted.
    async fn answer(&mut self) -> Result<Answer, Error> {
        loop {
            let mut byte = [0];
            self.rx.read(&mut byte).await?;
            let Some(answer) = self.lines.push(byte[0]) else {
                continue;
            };
            match answer {
                Answer::WifiGotIp => {
                    log!("modem: Wi-Fi joined");
                    self.joined = true;
                }
                // A modem that starts anew has joined nothing.
                Answer::WifiDisconnected | Answer::Ready => self.joined = false,
                _ => {}
            }
            return Ok(answer);
        }
    }
}
