//! An engine with a few functions, asked as an HTTP client asks it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use twinbench_engine::{
    Engine, Entity, EntityContext, Failure, Json, OrchestrationContext,
    http::{self, Answer, Config, Request, Response, Waiting},
};
use twinbench_model::{EntityId, Epoch, VirtualDuration, VirtualTime};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Counter {
    value: i64,
    note: Option<String>,
}

impl Entity for Counter {
    fn dispatch(
        &mut self,
        cx: &mut EntityContext<'_>,
        operation: &str,
        input: &Json,
    ) -> Result<Option<Json>, Failure> {
        match operation {
            "add" => self.value += input.read::<i64>()?,
            "note" => self.note = Some(input.read()?),
            "" => self.note = Some("the empty operation".to_owned()),
            "delete" => cx.delete(),
            other => return Err(Failure::unknown_operation(other)),
        }
        Ok(None)
    }
}

pub(crate) fn engine() -> Engine {
    let epoch = Epoch::new("2026-01-01T00:00:00Z".parse().unwrap());
    Engine::builder()
        .epoch(epoch)
        .entity::<Counter>("Counter")
        .entity::<Counter>("Other")
        .orchestration("Echo", |_, input: Json| async move { Ok(input) })
        .orchestration("Wait", |cx: OrchestrationContext, _: Json| async move {
            cx.set_custom_status(json!({"waits": "for Go"}));
            cx.external_event::<Value>("Go").await
        })
        .orchestration("Sleep", |cx: OrchestrationContext, secs: u64| async move {
            cx.timer(VirtualDuration::from_secs(secs)).await?;
            Ok(secs)
        })
        .orchestration("Fail", |cx: OrchestrationContext, _: Json| async move {
            cx.activity::<Value>("Fail", &json!("x")).await
        })
        .orchestration(
            "Mixed",
            |cx: OrchestrationContext, name: String| async move {
                let said: String = cx.activity("Say", &name).await?;
                let echoed: Value = cx.sub_orchestration("Echo", &json!([said])).await?;
                let counter =
                    EntityId::new("Counter", "a").map_err(|e| Failure::new("Id", e.to_string()))?;
                cx.signal(&counter, "add", json!(1))?;
                cx.timer(VirtualDuration::from_millis(1500)).await?;
                let go: Value = cx.external_event("Go").await?;
                Ok(json!({"echoed": echoed, "go": go}))
            },
        )
        .activity("Say", |_, name: String| Ok(format!("Hello {name}!")))
        .activity("Fail", |_, _: Value| {
            Err::<Value, _>(Failure::new("Planned", "as asked"))
        })
        .build()
}

/// A bench at some time.
pub(crate) struct Bench {
    pub(crate) engine: Engine,
    pub(crate) config: Config,
    pub(crate) now: VirtualTime,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            engine: engine(),
            config: Config {
                task_hub: "journey".to_owned(),
                code: Some("the-key".to_owned()),
                ..Config::default()
            },
            now: VirtualTime::from_millis(10_250),
        }
    }

    /// Later, everything done that was to be done on the way.
    pub(crate) fn at(&mut self, millis: u64) -> &mut Self {
        let end = VirtualTime::from_millis(millis);
        while let Some(due) = self.engine.next_timer().filter(|due| *due <= end) {
            self.engine.run(due);
        }
        self.now = end;
        self
    }

    /// A request with headers as it is; what it asks for is not yet done.
    pub(crate) fn raw(&mut self, request: &Request) -> Answer {
        http::handle(&mut self.engine, request, &self.config, self.now)
    }

    /// The answer to a request that need not wait, after what it asked for was done.
    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &str) -> Response {
        self.ask_with(method, path, &[("content-type", "application/json")], body)
    }

    pub(crate) fn ask_with(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        match self.raw(&request(method, path, headers, body)) {
            Answer::Now(response) => {
                self.engine.run(self.now);
                response
            }
            Answer::Later(waiting) => panic!("{method} {path} waits: {waiting:?}"),
        }
    }

    /// What a request waits for, after what it asked for was done.
    pub(crate) fn wait(&mut self, method: &str, path: &str, body: &str) -> Waiting {
        let headers = [("content-type", "application/json")];
        match self.raw(&request(method, path, &headers, body)) {
            Answer::Later(waiting) => {
                self.engine.run(self.now);
                waiting
            }
            Answer::Now(response) => panic!("{method} {path} does not wait: {response:?}"),
        }
    }

    /// The JSON of an answer of this status.
    pub(crate) fn json(&mut self, status: u16, method: &str, path: &str, body: &str) -> Value {
        let response = self.ask(method, path, body);
        assert_eq!(response.status, status, "{method} {path}: {response:?}");
        json_of(&response)
    }

    pub(crate) fn status(&mut self, method: &str, path: &str, body: &str) -> u16 {
        self.ask(method, path, body).status
    }
}

pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: body.as_bytes().to_vec(),
    }
}

pub(crate) fn json_of(response: &Response) -> Value {
    serde_json::from_str(&response.body).unwrap_or_else(|_| panic!("no JSON: {response:?}"))
}

/// The values of a member of every row.
pub(crate) fn all<'a>(rows: &'a Value, pointer: &str) -> Vec<&'a str> {
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row.pointer(pointer).unwrap().as_str().unwrap())
        .collect()
}
