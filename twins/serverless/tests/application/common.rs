//! A hub's side of the application: messages in, answers out, one commit when asked.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake},
};

use bytes::Bytes;
use serde_json::Value;
use twinbench_engine::{
    Engine,
    store::{MemoryStore, Store},
    work::{Work, WorkKind},
};
use twinbench_model::{
    DeviceId, EntityId, Epoch, Event, EventData, Message, Payload, Table, VirtualTime,
};
use twinbench_serverless::{
    Application, Options, entity_name,
    rest::{self, Request, Response},
};

pub(crate) struct Hub {
    pub(crate) engine: Engine,
    pub(crate) application: Application,
    pub(crate) now: VirtualTime,
    pub(crate) store: MemoryStore,
    options: Options,
    sequence: u64,
}

pub(crate) fn epoch() -> Epoch {
    Epoch::new("2026-01-01T00:00:00Z".parse().unwrap())
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self::with_adapter(true)
    }

    pub(crate) fn with_adapter(adapter: bool) -> Self {
        Self::with(Options {
            adapter,
            ..Options::new(epoch())
        })
    }

    /// The original, with its defects.
    pub(crate) fn original() -> Self {
        Self::with(Options::original(epoch()))
    }

    pub(crate) fn with(options: Options) -> Self {
        Self::open(options, MemoryStore::new())
    }

    fn open(options: Options, mut store: MemoryStore) -> Self {
        let mut application = Application::new(options.clone());
        let mut engine = application
            .register(Engine::builder().epoch(options.epoch))
            .build();
        engine.restore(store.load(Table::Engine).unwrap()).unwrap();
        application
            .restore(store.load(Table::Serverless).unwrap())
            .unwrap();
        Self {
            engine,
            application,
            now: VirtualTime::ZERO,
            store,
            options,
            sequence: 0,
        }
    }

    /// Goes to a time, in seconds.
    pub(crate) fn at(&mut self, secs: u64) -> &mut Self {
        self.now = VirtualTime::from_secs(secs);
        self
    }

    /// Goes to a time, in seconds, and does what is due.
    pub(crate) fn run_at(&mut self, secs: u64) {
        self.at(secs);
        self.engine.run(self.now);
    }

    /// Takes bodies of one device as one batch, as the stepping loop does.
    pub(crate) fn send_all(&mut self, device: &str, bodies: &[&[u8]]) {
        let batch: Vec<EventData> = bodies
            .iter()
            .map(|body| {
                self.sequence += 1;
                EventData {
                    device: DeviceId::new(device).unwrap(),
                    partition: 1,
                    sequence_number: self.sequence,
                    enqueued: self.now,
                    message: Message {
                        body: Bytes::copy_from_slice(body),
                        ..Message::default()
                    },
                }
            })
            .collect();
        let batch: Vec<&EventData> = batch.iter().collect();
        self.application
            .on_events(&mut self.engine, 1, &batch, self.now);
        self.engine.run(self.now);
    }

    pub(crate) fn send(&mut self, device: &str, body: &str) {
        self.send_all(device, &[body.as_bytes()]);
    }

    /// Telemetry in the application's own form, without a time of its own.
    pub(crate) fn reading(&mut self, device: &str, temperature: f64, humidity: f64) {
        let body = format!(r#"{{"data":{{"temperature":{temperature},"humidity":{humidity}}}}}"#);
        self.send(device, &body);
    }

    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &str) -> Response {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        let response = rest::handle(&mut self.engine, &mut self.application, &request, self.now);
        self.engine.run(self.now);
        response
    }

    /// Asks, checks the status, and reads the answer.
    pub(crate) fn json(&mut self, status: u16, method: &str, path: &str, body: &str) -> Value {
        let response = self.ask(method, path, body);
        assert_eq!(
            response.status, status,
            "{method} {path}: {}",
            response.body
        );
        serde_json::from_str(&response.body).unwrap()
    }

    pub(crate) fn configure(&mut self, device: &str, configuration: &str) {
        let id = entity(device);
        let input = twinbench_engine::Json::parse(configuration).unwrap();
        self.engine
            .signal(&id, "SetConfiguration", input, self.now)
            .unwrap();
        self.engine.run(self.now);
    }

    /// The state of a device's entity; null when there is none.
    pub(crate) fn state(&self, device: &str) -> Value {
        let state = self.engine.read(&entity(device));
        state.map_or(Value::Null, |state| state.read().unwrap())
    }

    /// Times and temperatures of a device's history.
    pub(crate) fn history(&self, device: &str) -> Vec<(String, f64)> {
        let state = self.state(device);
        let history = state["historyData"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        history
            .into_iter()
            .map(|(time, data)| (time, data["temperature"].as_f64().unwrap()))
            .collect()
    }

    pub(crate) fn events(&mut self, kind: &str) -> Vec<(Event, Value)> {
        let mut events = Vec::new();
        self.engine.drain_events(&mut events);
        self.application.drain_events(&mut events);
        events
            .into_iter()
            .filter(|event| event.kind == kind)
            .map(|event| {
                let Payload::Json(text) = &event.payload else {
                    panic!("{kind} events are JSON")
                };
                let facts = serde_json::from_str(text).unwrap();
                (event, facts)
            })
            .collect()
    }

    pub(crate) fn commit(&mut self) {
        let mut records = Vec::new();
        self.engine.drain_records(&mut records);
        self.application.drain_records(&mut records);
        self.store.commit(&records).unwrap();
    }

    /// Commits, and does the calls that really leave until there are none.
    pub(crate) fn deliver(&mut self) {
        let sending: Vec<String> = self
            .application
            .options()
            .connectors
            .sending()
            .map(str::to_owned)
            .collect();
        loop {
            self.commit();
            let mut wanted = |kind, name: &str, _: Option<&str>| {
                kind == WorkKind::Activity && sending.iter().any(|it| it == name)
            };
            let Some(Work::Activity(work)) = self.engine.take_work(&mut wanted, self.now) else {
                return;
            };
            let performing = self.engine.functions().perform(&work, self.now);
            let result = block_on(performing).map(Some);
            let done = self.engine.complete_activity(work.token, result, self.now);
            done.unwrap();
            self.engine.run(self.now);
        }
    }

    /// Crashes and comes back with what was committed.
    pub(crate) fn restart(self) -> Self {
        let Self {
            options,
            store,
            now,
            sequence,
            ..
        } = self;
        Self {
            now,
            sequence,
            ..Self::open(options, store)
        }
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        std::thread::park();
    }
}

pub(crate) fn entity(device: &str) -> EntityId {
    let device = DeviceId::new(device).unwrap();
    EntityId::new(entity_name(&device), device.as_str()).unwrap()
}
