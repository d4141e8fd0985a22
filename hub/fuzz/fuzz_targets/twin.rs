//! Any two patches of a twin: laid on one after the other or refused; laid on again, the second
//! changes nothing but versions.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use twinbench_hub::service::Method;
use twinbench_hub_fuzz::{ask, hub};

fn bare(twin: &Value) -> (Value, Value) {
    let mut desired = twin["properties"]["desired"].clone();
    for name in ["$metadata", "$version"] {
        desired.as_object_mut().expect("an object").remove(name);
    }
    (twin["tags"].clone(), desired)
}

fuzz_target!(|input: (&str, &str, bool)| {
    let (first, second, replace) = input;
    let mut hub = hub();
    let method = if replace { Method::Put } else { Method::Patch };
    for text in [first, second] {
        let body = match serde_json::from_str::<Value>(text) {
            Ok(value) => json!({"tags": value.clone(), "properties": {"desired": value}}),
            Err(_) => Value::String(text.to_owned()),
        };
        let (status, once) = ask(&mut hub, method, "/twins/d", &body.to_string());
        if status == 200 {
            let (again, twice) = ask(&mut hub, method, "/twins/d", &body.to_string());
            assert_eq!((again, bare(&twice)), (200, bare(&once)), "{text}");
        }
    }
});
