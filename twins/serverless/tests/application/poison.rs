//! Messages that cannot be used: each goes to the dead letters, none takes others with it.

use twinbench_serverless::DeadLetters;

use crate::common::Hub;

const GOOD: &[u8] = br#"{"data":{"temperature":20,"humidity":50}}"#;

/// Sends a bad message between two good ones and checks what became of all three.
fn check(device: &str, bad: &[u8], word: &str) {
    let mut hub = Hub::new();
    hub.at(10).send_all(device, &[GOOD, bad]);
    hub.at(20).send_all(device, &[GOOD]);
    assert_eq!(hub.history(device).len(), 2, "{word}");
    let letter = hub.application.dead_letters().iter().next().expect(word);
    assert!(
        letter.reason.contains(word),
        "{word:?} is not in {:?}",
        letter.reason
    );
    assert_eq!(
        (letter.device.as_str(), letter.sequence_number),
        (device, 2)
    );
    let told = hub.events("dead-letter");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1["reason"], letter_reason(&hub));
}

fn letter_reason(hub: &Hub) -> String {
    hub.application
        .dead_letters()
        .iter()
        .next()
        .unwrap()
        .reason
        .clone()
}

#[test]
fn one_bad_message_does_not_lose_the_batch() {
    check("kitchen", b"not json", "expected");
    check("kitchen", b"", "EOF");
    check("kitchen", b"\xff\xfe", "UTF-8");
    check("kitchen", b"[1,2]", "JSON object");
    check(
        "kitchen",
        br#"{"data":{"temperature":"hot"}}"#,
        "expected f64",
    );
    check(
        "kitchen",
        br#"{"timestamp":"yesterday","data":{}}"#,
        "yesterday",
    );
    check("kitchen", br#"{"hello":"world"}"#, "no reading");
}

#[test]
fn telemetry_in_another_name_is_refused() {
    let mut hub = Hub::new();
    hub.at(10).reading("victim", 20.0, 50.0);
    hub.at(20).send(
        "attacker",
        r#"{"deviceId":"victim","data":{"temperature":99,"humidity":1}}"#,
    );
    assert_eq!(hub.history("victim").len(), 1);
    assert!(hub.history("attacker").is_empty());
    assert!(
        letter_reason(&hub).contains("\"victim\""),
        "{}",
        letter_reason(&hub)
    );
    hub.send(
        "victim",
        r#"{"deviceId":"victim","data":{"temperature":21,"humidity":1}}"#,
    );
    assert_eq!(hub.history("victim").len(), 2, "its own name is its own");
}

#[test]
fn a_device_whose_id_is_no_entity_key_is_refused() {
    for device in ["a#b", "a?b"] {
        let mut hub = Hub::new();
        hub.send_all(device, &[GOOD]);
        assert!(
            letter_reason(&hub).contains("must not have"),
            "{}",
            letter_reason(&hub)
        );
        assert_eq!(hub.application.counts().signalled, 0);
    }
}

#[test]
fn bodies_are_kept_as_they_are() {
    let mut hub = Hub::new();
    hub.send_all("kitchen", &[b"not json", b"\xff\xfe"]);
    let letters: Vec<_> = hub.application.dead_letters().iter().collect();
    assert_eq!(letters[0].body.as_deref(), Some("not json"));
    assert_eq!(letters[1].body_base64.as_deref(), Some("//4="));
}

#[test]
fn the_oldest_dead_letters_give_way() {
    let mut hub = Hub::new();
    for _ in 0..=DeadLetters::KEPT / 1000 {
        hub.send_all("kitchen", &[b"x".as_slice(); 1000]);
    }
    let letters = hub.application.dead_letters();
    assert_eq!(letters.len(), DeadLetters::KEPT);
    assert_eq!(letters.iter().next().unwrap().sequence_number, 1001);
    assert_eq!(hub.application.counts().dead_letters, 11_000);
    hub.commit();
    let hub = hub.restart();
    let letters = hub.application.dead_letters();
    assert_eq!(letters.len(), DeadLetters::KEPT);
    assert_eq!(letters.iter().next().unwrap().sequence_number, 1001);
}
