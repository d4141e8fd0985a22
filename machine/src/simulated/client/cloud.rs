//! What the cloud asks of the device: desired properties, direct methods, messages.

use bytes::Bytes;
use mqtt_proto::{QosPid, v3::Publish};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use twinbench_model::{VirtualDuration, VirtualTime};

use super::{Client, Effect, INTERVAL, SimulatedMethod, TWIN, note, publish};
use crate::Output;

impl Client {
    pub(super) fn published(
        &mut self,
        publish: &Publish,
        now: VirtualTime,
        out: &mut Vec<Output>,
        effects: &mut Vec<Effect>,
    ) {
        let topic: &str = &publish.topic_name;
        let json = || serde_json::from_slice::<Value>(&publish.payload);
        if let Some(rest) = topic.strip_prefix("$iothub/methods/POST/") {
            let Some((name, request)) = rest.split_once("/?$rid=") else {
                return;
            };
            let name = percent_decode_str(name).decode_utf8_lossy().into_owned();
            let given = json().unwrap_or(Value::Null);
            self.method(&name, request, given, now, out);
        } else if let Some(rest) = topic.strip_prefix("$iothub/twin/res/200/?$rid=") {
            let request = rest.split('&').next().unwrap_or_default();
            if request == TWIN.to_string()
                && let Ok(mut twin) = json()
                && let Value::Object(desired) = twin["desired"].take()
            {
                self.desired(desired, now, out, effects);
            }
        } else if topic.starts_with("$iothub/twin/PATCH/properties/desired/") {
            if let Ok(Value::Object(desired)) = json() {
                self.desired(desired, now, out, effects);
            }
        } else if topic.starts_with("devices/") {
            let text = String::from_utf8_lossy(&publish.payload);
            out.push(note(now, format!("message from the cloud: {text}")));
        }
    }

    fn method(
        &mut self,
        name: &str,
        request: &str,
        given: Value,
        now: VirtualTime,
        out: &mut Vec<Output>,
    ) {
        let unknown = SimulatedMethod {
            status: 501,
            payload: Some(json!({"error": format!("there is no method {name}")})),
            after: VirtualDuration::ZERO,
            answers: true,
        };
        let method = self.link.methods.get(name).unwrap_or(&unknown);
        if !method.answers {
            return out.push(note(now, format!("method {name}: not answered")));
        }
        let payload = method.payload.clone().unwrap_or(given);
        let topic = format!("$iothub/methods/res/{}/?$rid={request}", method.status);
        let after = method.after;
        let body = Bytes::from(payload.to_string());
        if after == VirtualDuration::ZERO {
            return self.say_on(&topic, body, now, out);
        }
        if let Some(answer) = publish(&topic, QosPid::Level0, body) {
            self.made += 1;
            let due = (now + after, self.made);
            self.later.insert(due, (self.connection, answer));
        }
    }

    /// Applies desired properties and reports each of them.
    fn desired(
        &mut self,
        mut desired: Map<String, Value>,
        now: VirtualTime,
        out: &mut Vec<Output>,
        effects: &mut Vec<Effect>,
    ) {
        let version = desired.remove("$version").and_then(|it| it.as_u64());
        desired.remove("$metadata");
        // A notice may come before or after the whole twin in which it is contained.
        if version.is_some() && version <= self.applied {
            return;
        }
        self.applied = version;
        let mut reported = Map::new();
        for (name, value) in desired {
            if value.is_null() {
                reported.insert(name, Value::Null);
                continue;
            }
            let seconds = value.as_u64().filter(|seconds| *seconds > 0);
            let (code, why) = match (name.as_str(), seconds) {
                (INTERVAL, Some(seconds)) => {
                    effects.push(Effect::Interval(VirtualDuration::from_secs(seconds)));
                    (200, None)
                }
                (INTERVAL, None) => (400, Some("a whole number of seconds from 1 on")),
                _ => (200, None),
            };
            let mut answer = json!({"value": value, "ac": code, "av": version});
            if let Some(why) = why {
                answer["ad"] = why.into();
            }
            reported.insert(name, answer);
        }
        if reported.is_empty() {
            return;
        }
        self.reported(&Value::Object(reported), now, out);
    }

    pub(super) fn reported(&mut self, properties: &Value, now: VirtualTime, out: &mut Vec<Output>) {
        self.requests += 1;
        let topic = format!(
            "$iothub/twin/PATCH/properties/reported/?$rid={}",
            self.requests
        );
        self.say_on(&topic, Bytes::from(properties.to_string()), now, out);
    }
}
