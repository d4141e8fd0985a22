//! What the hub sends to this device, by topic.

use twinbench_devkit_core::incoming::{Incoming, classify};
use twinbench_devkit_core::method::{self, Call};
use twinbench_devkit_core::twin::{Body, Outcome, Topic, Twin};

use crate::log;
use crate::panel::Panel;

/// The answer to a method, to be published.
pub(super) struct Answer {
    pub(super) topic: Topic,
    pub(super) body: Body,
}

/// Takes one message; gives what is to be answered.
pub(super) fn message(
    device_id: &str,
    topic: &str,
    payload: &[u8],
    twin: &mut Twin,
    panel: &mut Panel,
) -> Option<Answer> {
    match classify(device_id, topic) {
        Incoming::TwinResponse { status, request } => {
            match twin.answer(request, status, payload) {
                Outcome::Taken => log!("twin: telemetry every {} s", twin.interval_secs()),
                Outcome::Reported => log!("twin: reported"),
                Outcome::Refused(status) => log!("twin: refused with {status}, again later"),
                Outcome::Stray => {}
            }
            None
        }
        Incoming::DesiredProperties { version } => {
            if twin.desired(payload) {
                let secs = twin.interval_secs();
                log!("twin: desired version {version}, telemetry every {secs} s");
            } else {
                log!("twin: desired version {version}");
            }
            None
        }
        Incoming::Method { name, request } => call(name, request, payload, twin, panel),
        Incoming::CloudToDevice { .. } => {
            match method::message(payload) {
                Some(text) => {
                    log!("message: {text}");
                    panel.text(&text);
                }
                None => log!("message: {} bytes, no text", payload.len()),
            }
            None
        }
        Incoming::Unknown => {
            log!("hub: unknown topic {topic}");
            None
        }
    }
}

/// Does what a method asks for.
fn call(
    name: &str,
    request: &str,
    payload: &[u8],
    twin: &mut Twin,
    panel: &mut Panel,
) -> Option<Answer> {
    let mut body = Body::new();
    let mut says = |text: &str| {
        // Each of them is shorter than a body may be.
        let _ = body.push_str(text);
    };
    let status = match method::call(name, payload) {
        Call::SetLed(on) => {
            panel.user_led(on);
            twin.set_led(on);
            says("{}");
            method::DONE
        }
        Call::SetText(text) => {
            panel.text(&text);
            says("{}");
            method::DONE
        }
        Call::Invalid(expected) => {
            says("{\"error\":\"the payload must be ");
            says(expected);
            says("\"}");
            method::INVALID
        }
        Call::Unknown => {
            says("{}");
            method::UNKNOWN
        }
    };
    log!("method: {name}, answered with {status}");
    let topic = method::answer_topic(status, request)?;
    Some(Answer { topic, body })
}
