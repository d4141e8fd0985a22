//! A hub in memory that is asked as a service client asks, with what it stored.

use bytes::Bytes;
use serde_json::{Value, json};
use twinbench_hub::{
    Hub,
    limits::Profile,
    sas,
    service::{Method, Reply, Request, Response, Ticket, handle},
};
use twinbench_model::{Epoch, Record, VirtualTime};

use crate::host::{options, policy_key};

pub(crate) const EPOCH: u64 = 1_767_225_600;

pub(crate) fn epoch() -> Epoch {
    Epoch::new("2026-01-01T00:00:00Z".parse().unwrap())
}

pub(crate) fn at(seconds: u64) -> VirtualTime {
    VirtualTime::from_secs(seconds)
}

/// A hub with what it stored.
pub(crate) struct Rig {
    pub(crate) hub: Hub,
    store: std::collections::BTreeMap<(twinbench_model::Table, Vec<u8>), Vec<u8>>,
    pub(crate) now: VirtualTime,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self {
            hub: Hub::new(options(epoch())).unwrap(),
            store: std::collections::BTreeMap::new(),
            now: at(10),
        }
    }

    /// With quotas and throttles.
    pub(crate) fn limited(profile: Profile) -> Self {
        let mut options = options(epoch());
        options.profile = profile;
        Self {
            hub: Hub::new(options).unwrap(),
            ..Self::new()
        }
    }

    pub(crate) fn commit(&mut self) {
        let mut records = Vec::new();
        self.hub.drain_records(&mut records);
        for Record { table, key, value } in records {
            match value {
                Some(value) => self.store.insert((table, key), value),
                None => self.store.remove(&(table, key)),
            };
        }
    }

    /// The hub as its store gives it back.
    pub(crate) fn restart(&mut self) {
        self.commit();
        let put = |((table, key), value): (&(twinbench_model::Table, Vec<u8>), &Vec<u8>)| {
            Record::put(*table, key.clone(), value.clone())
        };
        self.hub = Hub::restore(options(epoch()), self.store.iter().map(put)).unwrap();
    }

    pub(crate) fn to(&mut self, seconds: u64) {
        self.now = at(seconds);
        self.hub.tick(self.now);
        self.commit();
    }

    pub(crate) fn raw(&mut self, request: &Request) -> Reply {
        let reply = handle(&mut self.hub, request, self.now);
        self.commit();
        reply
    }

    pub(crate) fn with(
        &mut self,
        method: Method,
        target: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Reply {
        let token = sas::generate(
            "localhost",
            &policy_key("iothubowner"),
            EPOCH + 1_000_000,
            Some("iothubowner"),
        );
        let mut request = request(method, target, body, Some(&token));
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        request.headers.extend(headers.iter().map(own));
        self.raw(&request)
    }

    #[track_caller]
    pub(crate) fn call(&mut self, method: Method, target: &str, body: &Value) -> (u16, Value) {
        match self.with(method, target, body, &[]) {
            Reply::Now(response) => read(&response),
            Reply::Later(_) => panic!("{target} waits"),
        }
    }

    #[track_caller]
    pub(crate) fn waits(&mut self, target: &str, body: &Value) -> Ticket {
        match self.with(Method::Post, target, body, &[]) {
            Reply::Later(ticket) => ticket,
            Reply::Now(response) => panic!("{target} is answered: {:?}", read(&response)),
        }
    }

    #[track_caller]
    pub(crate) fn ok(&mut self, method: Method, target: &str, body: &Value) -> Value {
        let (status, answer) = self.call(method, target, body);
        assert!(status < 300, "{target}: {status} {answer}");
        answer
    }

    pub(crate) fn device(&mut self, id: &str) {
        self.ok(
            Method::Put,
            &format!("/devices/{id}"),
            &json!({"deviceId": id}),
        );
    }
}

pub(crate) fn request(method: Method, target: &str, body: &Value, token: Option<&str>) -> Request {
    let body = if body.is_null() {
        Bytes::new()
    } else {
        body.to_string().into()
    };
    let token = token.map(|token| ("Authorization".to_owned(), token.to_owned()));
    Request {
        method,
        target: format!(
            "{target}{}api-version=2021-04-12",
            if target.contains('?') { '&' } else { '?' }
        ),
        headers: token.into_iter().collect(),
        body,
    }
}

pub(crate) fn read(response: &Response) -> (u16, Value) {
    let body = if response.body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&response.body).unwrap()
    };
    (response.status, body)
}

pub(crate) fn code(answer: &(u16, Value)) -> (u16, String) {
    let message = answer.1["Message"].as_str().unwrap_or_default();
    let text = match serde_json::from_str::<Value>(message) {
        Ok(nested) => nested["errorCode"].to_string(),
        Err(_) => message
            .split([':', ';'])
            .nth(1)
            .unwrap_or_default()
            .to_owned(),
    };
    (answer.0, text)
}
