//! Serving: HTTP API, the hub's ports and the door for workers in front of a session that one thread steps.
//!
//! **Invariant:** only the thread that steps touches the session. Requests and packets come to it
//! through one channel and are answered between two steps, so one place orders all events.

mod api;
mod durable;
mod hub;
pub mod key;
mod metrics;
mod pace;
mod past;
mod routes;
mod running;
mod search;
mod view;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};
use twinbench_durabletask::{EngineJobs, Listening, ServerOptions, engine_handle};
use twinbench_engine::http;
use twinbench_hub::{
    handle::HubJobs,
    methods::{InvocationId, MethodCall, MethodResult},
    net::NetEvent,
};
use twinbench_model::{
    DeviceId, Epoch, Event, VirtualTime,
    api::page::{Status as PageStatus, TimeRequest},
};
use twinbench_serverless::rest;

use crate::session::{self, FrontEnd, Session, Stats};
pub use hub::{HubAddresses, HubDoors, certificates_folder};
pub use pace::Pace;
pub use running::{Running, StartError, start};

/// What reaches the stepping thread from outside.
pub(crate) enum Command {
    /// A request of the front-end layer.
    FrontEnd(rest::Request, oneshot::Sender<rest::Response>),
    /// A request of the Durable Functions HTTP API.
    Durable(http::Request, oneshot::Sender<http::Response>),
    /// Where the bench stands.
    Status(oneshot::Sender<(twinbench_model::api::BenchStatus, Stats)>),
    /// News from a socket of the hub.
    Net(NetEvent),
    /// Something to do between two steps.
    Ask(Ask),
    /// Plays, pauses, steps; answers with where the bench then stands.
    Time(Option<TimeRequest>, oneshot::Sender<PageStatus>),
    /// Runs until an event is such as asked for, at most to a time, and stands; answers with the
    /// event and where the bench then stands. Others are served meanwhile; it ends without the event
    /// when somebody plays, pauses or steps, or whoever asked has gone.
    RunTo(
        Wanted,
        VirtualTime,
        oneshot::Sender<(Option<Event>, PageStatus)>,
    ),
    /// Calls a direct method and waits for the device.
    Method(DeviceId, MethodCall, oneshot::Sender<MethodResult>),
}

/// Whether an event is the one that is waited for.
pub(crate) type Wanted = Box<dyn FnMut(&Event) -> bool + Send>;

/// What is done between two steps.
pub(crate) type Ask = Box<dyn FnOnce(&mut Session) + Send>;

/// Requests and packets that may wait for the stepping thread before their senders wait.
const WAITING: usize = 1_024;

/// How long answers may take to leave at the end.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
/// How long one wait for a worker is.
const SILENCE: Duration = Duration::from_secs(1);
/// Waits without a word after which work that nobody does ends a run.
const MOST_SILENCES: u32 = 60;

/// Who wants something of the session.
enum Next {
    Command(Command),
    /// Workers, or service clients of the hub.
    Jobs,
    Nothing,
}

/// Which ports to open.
#[derive(Debug, Clone, Copy)]
pub struct Doors<'a> {
    /// The API's port; `None`: no API; 0: any free one.
    pub api: Option<u16>,
    /// The hub's ports; `None`: none.
    pub hub: Option<HubDoors<'a>>,
    /// The port for Durable Task clients and workers; `None`: none; 0: any free one.
    pub durable_task: Option<u16>,
    /// The UTC instant of virtual time zero.
    pub epoch: Epoch,
    /// The data folder, which holds the key.
    pub data: &'a Path,
    /// The folder of the built page; when it is missing the API serves without a page.
    pub page: &'a Path,
}

/// Why a bench could not be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A port cannot be taken.
    #[error("port {port} for {what} cannot be taken: {cause}")]
    Port {
        /// What it was for.
        what: &'static str,
        /// The port.
        port: u16,
        /// Why.
        cause: String,
    },
    /// The key cannot be made or read.
    #[error("API key in the data folder: {0}")]
    Key(#[source] std::io::Error),
    /// The hub's certificates cannot be made or read.
    #[error("the hub's certificates: {0}")]
    Certificates(#[from] twinbench_hub::net::CertificateError),
    /// Something of the hub cannot be as the bench file has it.
    #[error("hub: {0}")]
    Hub(String),
    /// The server's own threads could not start.
    #[error("server: {0}")]
    Start(#[source] std::io::Error),
    /// Work for Durable Task workers is not done.
    #[error(
        "no worker came, or did the waiting work, within a minute: start one for task hub \"default\" at the Durable Task address, or set [durable_task] listen = false"
    )]
    NoWorker,
    /// The session failed.
    #[error(transparent)]
    Session(#[from] session::Error),
}

/// Open ports, waiting for a session to serve.
pub struct Server {
    /// The API's address.
    pub api: Option<SocketAddr>,
    /// The address for Durable Task clients and workers.
    pub durable_task: Option<SocketAddr>,
    /// The key that the API asks for.
    pub key: String,
    commands: mpsc::Receiver<Command>,
    waits: durable::Waits,
    /// Requests of the front-end layer that wait for a device.
    methods: Vec<(InvocationId, oneshot::Sender<rest::Response>)>,
    /// Direct methods that the page called.
    calls: Vec<(InvocationId, oneshot::Sender<MethodResult>)>,
    watcher: view::Watcher,
    clock: pace::Clock,
    /// The event that is run to.
    search: Option<search::Search>,
    workers: Option<EngineJobs>,
    /// Ends the Durable Task server, which lets its last answers go first.
    closing: Option<(oneshot::Sender<()>, tokio::task::JoinHandle<()>)>,
    hub: Option<hub::HubServer>,
    // Dropped last: ends the tasks that serve.
    runtime: tokio::runtime::Runtime,
}

/// Opens the ports on loopback and starts to accept; requests wait until the session is run.
///
/// # Errors
/// When a port is taken, or the key cannot be kept.
pub fn open(doors: Doors<'_>) -> Result<Server, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("serve")
        .enable_all()
        .build()
        .map_err(Error::Start)?;
    let (to, commands) = mpsc::channel(WAITING);
    let key = key::read_or_make(doors.data).map_err(Error::Key)?;
    let watcher = view::Watcher::start().map_err(Error::Start)?;
    let api = doors.api.map(|port| {
        let port_error = |cause: std::io::Error| Error::Port {
            what: "the API",
            port,
            cause: cause.to_string(),
        };
        let socket = runtime
            .block_on(tokio::net::TcpListener::bind(SocketAddr::from((
                Ipv4Addr::LOCALHOST,
                port,
            ))))
            .map_err(port_error)?;
        let address = socket.local_addr().map_err(port_error)?;
        let view = Arc::clone(&watcher.view);
        let router = routes::router(to.clone(), key.clone(), doors.page, view, address);
        runtime.spawn(async move {
            if let Err(cause) = axum::serve(socket, router).await {
                tracing::error!(%cause, "the API server ended");
            }
        });
        Ok::<_, Error>(address)
    });
    let api = api.transpose()?;
    let hub = doors
        .hub
        .map(|it| hub::HubServer::open(&runtime, it, doors.data, to))
        .transpose()?;
    let workers = doors
        .durable_task
        .map(|port| open_to_workers(&runtime, port, doors.epoch))
        .transpose()?;
    let (durable_task, workers, closing) = match workers {
        Some((address, jobs, closing)) => (Some(address), Some(jobs), Some(closing)),
        None => (None, None, None),
    };
    Ok(Server {
        api,
        durable_task,
        key,
        commands,
        waits: durable::Waits::default(),
        methods: Vec::new(),
        calls: Vec::new(),
        watcher,
        clock: pace::Clock::default(),
        search: None,
        workers,
        closing,
        hub,
        runtime,
    })
}

/// Takes the port for Durable Task clients and workers and begins to serve it.
fn open_to_workers(
    runtime: &tokio::runtime::Runtime,
    port: u16,
    epoch: Epoch,
) -> Result<Workers, Error> {
    let options = ServerOptions {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        ..ServerOptions::default()
    };
    let listening = runtime
        .block_on(Listening::open(options))
        .map_err(|cause| Error::Port {
            what: "Durable Task",
            port,
            cause: cause.to_string(),
        })?;
    let address = listening.address();
    let (handle, jobs) = engine_handle(epoch);
    let (close, closed) = oneshot::channel();
    let serving = runtime.spawn(async move {
        // Told to, or because nobody can tell it any more.
        let closed = async move { drop(closed.await) };
        if let Err(cause) = listening.serve(handle, closed).await {
            tracing::error!(%cause, "the Durable Task server ended");
        }
    });
    Ok((address, jobs, (close, serving)))
}

/// Address, jobs and end of the Durable Task server.
type Workers = (
    SocketAddr,
    EngineJobs,
    (oneshot::Sender<()>, tokio::task::JoinHandle<()>),
);

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((close, serving)) = self.closing.take() {
            // It may have ended by itself; whoever still waits for an end that will not come is cut
            // off after a while.
            let _ = close.send(());
            let _ = self
                .runtime
                .block_on(async { tokio::time::timeout(LAST_ANSWERS, serving).await });
        }
    }
}

impl Server {
    /// Waits until a worker has come, so that a fast run does not end before: clients are served
    /// meanwhile, at the time at which the run begins.
    ///
    /// # Errors
    /// When the session fails, or no worker comes.
    pub fn wait_for_a_worker(
        &mut self,
        session: &mut Session,
        stop: &AtomicBool,
    ) -> Result<(), Error> {
        let mut silent = 0;
        while silent < MOST_SILENCES * 10 {
            let Some(workers) = &mut self.workers else {
                return Ok(());
            };
            session.serve_workers(workers)?;
            if workers.workers() > 0 || stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let ready = workers.ready();
            let heard = self
                .runtime
                .block_on(async { tokio::time::timeout(SILENCE / 10, ready).await.is_ok() });
            silent += u32::from(!heard);
        }
        Err(Error::NoWorker)
    }

    /// While workers have work, or could have it, time stands: does what they answer, and waits
    /// for it. Gives up after a time on the wall clock in which nobody said anything.
    ///
    /// # Errors
    /// When the session fails, or no worker does the work.
    pub fn wait_for_workers(
        &mut self,
        session: &mut Session,
        stop: &AtomicBool,
    ) -> Result<(), Error> {
        let mut silent = 0;
        while session.work_is_out() && !stop.load(Ordering::Relaxed) {
            let Some(workers) = &mut self.workers else {
                return Ok(());
            };
            let ready = workers.ready();
            let heard = workers.is_waiting()
                || self
                    .runtime
                    .block_on(async { tokio::time::timeout(SILENCE, ready).await.is_ok() });
            session.serve_workers(workers)?;
            silent = if heard { 0 } else { silent + 1 };
            if silent == MOST_SILENCES {
                return Err(Error::NoWorker);
            }
        }
        Ok(())
    }

    /// Answers what is waiting, at the session's current time, without waiting for more.
    ///
    /// # Errors
    /// When the session fails.
    pub fn serve_waiting(&mut self, session: &mut Session) -> Result<(), Error> {
        while let Ok(command) = self.commands.try_recv() {
            self.answer(session, command)?;
        }
        if let Some(workers) = &mut self.workers {
            session.serve_workers(workers)?;
        }
        if let Some(hub) = &mut self.hub {
            session.serve_hub(&mut hub.jobs)?;
        }
        self.tell_methods(session);
        self.waits.look(session, session.now())?;
        self.answer_sockets(session)?;
        self.look(session);
        Ok(())
    }

    /// Hands what is new to those who look.
    fn look(&mut self, session: &mut Session) {
        if let Some(search) = &mut self.search {
            search.look(session, &mut self.watcher);
        }
        if self.api.is_some() {
            let (paused, speed) = (self.clock.is_paused(), self.clock.speed());
            self.watcher.look(session, paused, speed);
        }
    }

    /// Where the hub listens.
    pub fn hub(&self) -> Option<&HubAddresses> {
        self.hub.as_ref().map(|hub| &hub.addresses)
    }

    /// Runs the session at a pace until `stop`, answering in between.
    ///
    /// # Errors
    /// When the session fails.
    pub fn run(
        &mut self,
        session: &mut Session,
        pace: Pace,
        stop: &Arc<AtomicBool>,
        mut watch: impl FnMut(Stats),
    ) -> Result<(), Error> {
        self.clock.begin(pace);
        session.let_time_go_on();
        while !stop.load(Ordering::Relaxed) {
            let target = self.clock.now(session.now());
            // Whole steps only: a quantum that is cut short would make answers depend on the wall clock.
            loop {
                let end = session.next_step(VirtualTime::MAX);
                if end > target {
                    break;
                }
                session.step(end)?;
                self.answer_sockets(session)?;
            }
            self.search_on(session)?;
            match &mut self.workers {
                Some(workers) => session.serve_workers(workers)?,
                None => session.commit()?,
            }
            if let Some(hub) = &mut self.hub {
                session.serve_hub(&mut hub.jobs)?;
            }
            self.answer_sockets(session)?;
            session.deliver()?;
            self.tell_methods(session);
            self.waits.look(session, target.max(session.now()))?;
            self.look(session);
            let wait = match &self.search {
                Some(_) => Duration::ZERO,
                None => self
                    .clock
                    .wall_until(session.next_step(VirtualTime::MAX))
                    .min(Duration::from_millis(50)),
            };
            let next = self.next(wait);
            if !matches!(next, Next::Nothing) {
                session.run_until(self.clock.now(session.now()))?;
            }
            match next {
                Next::Nothing => {}
                Next::Jobs => self.serve_waiting(session)?,
                Next::Command(command) => {
                    self.answer(session, command)?;
                    self.serve_waiting(session)?;
                }
            }
            watch(session.stats());
        }
        Ok(())
    }

    /// Waits for whoever wants something next, at most so long.
    fn next(&mut self, wait: Duration) -> Next {
        let commands = &mut self.commands;
        let workers = self.workers.as_ref().map(EngineJobs::ready);
        let clients = self.hub.as_ref().map(|hub| HubJobs::ready(&hub.jobs));
        self.runtime.block_on(async {
            let workers = async {
                match workers {
                    Some(ready) => ready.await,
                    None => std::future::pending().await,
                }
            };
            let clients = async {
                match clients {
                    Some(ready) => ready.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                command = commands.recv() => command.map_or(Next::Nothing, Next::Command),
                () = workers => Next::Jobs,
                () = clients => Next::Jobs,
                () = tokio::time::sleep(wait) => Next::Nothing,
            }
        })
    }

    fn answer_sockets(&self, session: &mut Session) -> Result<(), Error> {
        let mut out = Vec::new();
        session.answer_sockets(&mut out)?;
        if let Some(hub) = &self.hub {
            hub.apply(&out);
        }
        Ok(())
    }

    /// Answers requests whose device has answered. The hub commits nothing of a method.
    fn tell_methods(&mut self, session: &mut Session) {
        let mut ended = Vec::new();
        session.method_results(&mut ended);
        for (number, result) in ended {
            if let Some(place) = self.calls.iter().position(|(waits, _)| *waits == number) {
                let (_, reply) = self.calls.swap_remove(place);
                let _ = reply.send(result);
                continue;
            }
            if let Some(place) = self.methods.iter().position(|(waits, _)| *waits == number) {
                let (_, reply) = self.methods.swap_remove(place);
                let _ = reply.send(session.method_told(&result));
            }
        }
    }

    /// Where the bench stands.
    fn status(&self, session: &Session) -> PageStatus {
        PageStatus {
            bench: session.status(),
            paused: self.clock.is_paused(),
            speed: self.clock.speed(),
            recording: true,
        }
    }

    /// Goes on for a slice with the search for an event, if there is one; at its end the bench
    /// stands at the end of the step in which the event happened.
    fn search_on(&mut self, session: &mut Session) -> Result<(), Error> {
        let Some(mut search) = self.search.take() else {
            return Ok(());
        };
        let mut sockets = Vec::new();
        let hub = &self.hub;
        search.go_on(session, &mut self.watcher, |session| {
            sockets.clear();
            session.answer_sockets(&mut sockets)?;
            if let Some(hub) = hub {
                hub.apply(&sockets);
            }
            Ok(())
        })?;
        if search.is_over(session) {
            session.answer_now()?;
            search.tell(self.status(session));
        } else {
            self.search = Some(search);
        }
        Ok(())
    }

    /// Ends the search for an event where it stands.
    fn let_it_be(&mut self, session: &mut Session) -> Result<(), Error> {
        if let Some(search) = self.search.take() {
            session.answer_now()?;
            search.tell(self.status(session));
        }
        Ok(())
    }

    /// Answers a command at the session's current time.
    fn answer(&mut self, session: &mut Session, command: Command) -> Result<(), Error> {
        match command {
            Command::FrontEnd(request, reply) => {
                // A client that has gone needs no answer.
                match session.front_end(&request)? {
                    FrontEnd::Answered(response) => {
                        let _ = reply.send(response);
                    }
                    FrontEnd::Waits(number) => self.methods.push((number, reply)),
                }
            }
            Command::Durable(request, reply) => {
                self.waits.ask(session, &self.key, &request, reply)?;
            }
            Command::Status(reply) => {
                let _ = reply.send((session.status(), session.stats()));
            }
            Command::Net(event) => session.socket(event),
            Command::Ask(what) => what(session),
            Command::Time(request, reply) => {
                if let Some(request) = request {
                    self.let_it_be(session)?;
                    self.clock.turn(&request, session)?;
                }
                let _ = reply.send(self.status(session));
            }
            Command::RunTo(wanted, limit, reply) => {
                self.let_it_be(session)?;
                self.clock.stand();
                let search =
                    search::Search::begin(wanted, limit, reply, session, &mut self.watcher);
                self.search = Some(search);
            }
            Command::Method(device, call, reply) => match session.call_method(&device, call) {
                Ok(number) => {
                    self.calls.push((number, reply));
                    session.answer_now()?;
                }
                Err(error) => {
                    let _ = reply.send(Err(error));
                }
            },
        }
        Ok(())
    }
}
