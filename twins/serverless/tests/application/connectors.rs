//! Connectors: captured with faults, and really sending to servers of the test.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use twinbench_engine::{Instance, Status};
use twinbench_model::VirtualDuration;
use twinbench_serverless::{
    Options,
    connectors::{
        Connectors, SAVE_CAPTURE_DATA, TO_DEVICE, TO_MAIL, TO_TWILIO, TO_WEBHOOK,
        faults::{ConnectorFault, Trouble},
        net::{Blob, CsvFolder, Smtp, Twilio, Webhook},
    },
};

use crate::common::{Hub, epoch};

const TIMEOUT: Duration = Duration::from_secs(5);

fn down(connector: &str) -> ConnectorFault {
    ConnectorFault {
        connector: Some(connector.to_owned()),
        device: None,
        trouble: Trouble::Down,
    }
}

fn alarmed(hub: &mut Hub) {
    hub.configure(
        "kitchen",
        r#"{"temperatureHighThreshold":30,"notificationNumber":"+39 02 1234"}"#,
    );
    hub.at(10).reading("kitchen", 31.0, 50.0);
}

fn sent(hub: &Hub) -> Vec<(String, bool)> {
    let calls = hub.application.outbox().into_iter();
    calls
        .map(|call| (call.connector, call.error.is_none()))
        .collect()
}

#[test]
fn a_connector_that_is_down_is_tried_again_and_the_others_do_not_wait() {
    let mut hub = Hub::new();
    hub.application.begin_fault(1, down("c2d"));
    alarmed(&mut hub);
    let (device, sms) = (TO_DEVICE.to_owned(), TO_TWILIO.to_owned());
    assert_eq!(sent(&hub), [(device.clone(), false), (sms.clone(), true)]);
    assert!(
        hub.application.outbox()[0]
            .error
            .as_deref()
            .unwrap()
            .contains("down")
    );
    hub.application.end_fault(1);
    hub.run_at(19);
    assert_eq!(sent(&hub).len(), 2, "not before its time");
    hub.run_at(20);
    assert_eq!(sent(&hub)[2], (device, true));
    assert_eq!(
        hub.application.alerts(),
        1,
        "one alert, however often it is tried"
    );
    let instance = hub.engine.instances().next().unwrap();
    assert_eq!(instance.status(), Status::Completed);
}

#[test]
fn one_that_stays_down_fails_the_workflow_after_five_attempts() {
    let mut hub = Hub::new();
    hub.application.begin_fault(1, down(TO_TWILIO));
    alarmed(&mut hub);
    for secs in [20, 40, 80, 160, 1_000] {
        hub.run_at(secs);
    }
    assert_eq!(sent(&hub).len(), 6);
    let instance = hub.engine.instances().next().unwrap();
    assert_eq!(instance.status(), Status::Failed);
    let other = Trouble::Refuses("no credit".into());
    let fault = ConnectorFault {
        connector: Some("sms".into()),
        device: Some("cellar".into()),
        trouble: other,
    };
    hub.application.end_fault(1);
    hub.application.begin_fault(2, fault);
    hub.configure(
        "kitchen",
        r#"{"temperatureLowThreshold":30,"notificationNumber":"+39 02 1234"}"#,
    );
    hub.at(1_010).reading("kitchen", 3.0, 50.0);
    let last = hub.application.outbox().pop().unwrap();
    assert_eq!((last.connector.as_str(), last.error), (TO_TWILIO, None));
}

#[test]
fn a_slow_connector_answers_later_on_the_benchs_clock() {
    let mut hub = Hub::new();
    let slow = ConnectorFault {
        connector: None,
        device: None,
        trouble: Trouble::Slow(VirtualDuration::from_secs(30)),
    };
    hub.application.begin_fault(7, slow);
    alarmed(&mut hub);
    let status = |hub: &Hub| hub.engine.instances().next().unwrap().status();
    assert_eq!((sent(&hub).len(), status(&hub)), (2, Status::Running));
    hub.run_at(39);
    assert_eq!(status(&hub), Status::Running);
    hub.run_at(40);
    assert_eq!(status(&hub), Status::Completed);
}

#[test]
fn mail_and_webhook_are_captured_when_nobody_sends_them() {
    let connectors = Connectors {
        mail_to: Some("ops@example.com".into()),
        webhook: Some("https://example.com/alerts".into()),
        ..Connectors::captured()
    };
    let mut hub = Hub::with(Options {
        connectors,
        ..Options::new(epoch())
    });
    alarmed(&mut hub);
    let calls = hub.application.outbox();
    assert_eq!(
        (calls[2].connector.as_str(), calls[2].to.as_str()),
        (TO_MAIL, "ops@example.com")
    );
    assert_eq!(calls[2].properties["Subject"], "HighTemperature at kitchen");
    assert_eq!(calls[3].connector, TO_WEBHOOK);
    let told: Value = serde_json::from_str(&calls[3].text).unwrap();
    assert_eq!(told["CurrentValue"], 31.0);
}

/// What a server was told, a text for each request or mail.
type Heard = Arc<Mutex<Vec<String>>>;

/// An HTTP server that answers with these statuses, one after the other, the last one for ever.
fn http_server(statuses: &'static [u16]) -> (String, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heard = Heard::default();
    let told = Arc::clone(&heard);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert_ne!(stream.read_line(&mut head).unwrap(), 0);
            }
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length:")
                        .map(str::to_owned)
                })
                .map_or(0, |text| text.trim().parse().unwrap());
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            told.lock()
                .unwrap()
                .push(head + &String::from_utf8(body).unwrap());
            let status = statuses[number.min(statuses.len() - 1)];
            let answer = format!(
                "HTTP/1.1 {status} Said\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"
            );
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    });
    (url, heard)
}

/// A mail server that takes everything.
fn smtp_server() -> (String, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let heard = Heard::default();
    let told = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let say = |stream: &mut BufReader<std::net::TcpStream>, text: &str| {
                stream
                    .get_mut()
                    .write_all(format!("{text}\r\n").as_bytes())
                    .unwrap();
            };
            say(&mut stream, "220 test");
            let (mut mail, mut in_data) = (String::new(), false);
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).unwrap_or(0) == 0 {
                    break;
                }
                mail.push_str(&line);
                if in_data {
                    if line == ".\r\n" {
                        in_data = false;
                        told.lock().unwrap().push(std::mem::take(&mut mail));
                        say(&mut stream, "250 taken");
                    }
                } else if line.starts_with("DATA") {
                    in_data = true;
                    say(&mut stream, "354 go on");
                } else {
                    say(&mut stream, "250 ok");
                }
            }
        }
    });
    (url, heard)
}

fn sending(connectors: Connectors) -> Hub {
    Hub::with(Options {
        connectors,
        ..Options::new(epoch())
    })
}

#[test]
fn an_sms_goes_out_as_twilio_has_it() {
    let (url, heard) = http_server(&[201]);
    let twilio = Twilio {
        url,
        account: "AC1".into(),
        token: "secret".into(),
        from: "+1 555".into(),
        timeout: TIMEOUT,
    };
    assert!(!format!("{twilio:?}").contains("secret"));
    let mut hub = sending(Connectors::captured().with(TO_TWILIO, Arc::new(twilio)));
    alarmed(&mut hub);
    assert!(
        heard.lock().unwrap().is_empty(),
        "nothing leaves before the commit"
    );
    hub.deliver();
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 1);
    let request = heard[0].to_ascii_lowercase();
    assert!(
        request.starts_with("post /2010-04-01/accounts/ac1/messages.json http/1.1\r\n"),
        "{request}"
    );
    // AC1:secret
    assert!(
        request.contains("authorization: basic qumxonnly3jlda=="),
        "{request}"
    );
    assert!(
        heard[0].contains("To=%2B39%2002%201234&From=%2B1%20555&Body=Temperature%2031%2E00"),
        "{}",
        heard[0]
    );
    let instance = hub.engine.instances().next().unwrap();
    assert_eq!(instance.status(), Status::Completed);
}

#[test]
fn a_webhook_is_called_again_until_it_takes_the_call() {
    let (url, heard) = http_server(&[503, 429, 200]);
    let connectors = Connectors {
        webhook: Some(format!("{url}/alerts")),
        ..Connectors::captured()
    };
    let webhook = Webhook { timeout: TIMEOUT };
    let mut hub = sending(connectors.with(TO_WEBHOOK, Arc::new(webhook)));
    alarmed(&mut hub);
    hub.deliver();
    for secs in [20, 40, 100] {
        hub.run_at(secs);
        hub.deliver();
    }
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 3);
    let body: Value = serde_json::from_str(heard[2].split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(body["DeviceId"], "kitchen");
    assert!(heard[0].to_ascii_lowercase().contains("idempotency-key: "));
    let outcome: Vec<_> = sent(&hub)
        .into_iter()
        .filter(|it| it.0 == TO_WEBHOOK)
        .map(|it| it.1)
        .collect();
    assert_eq!(outcome, [false, false, true]);
}

#[test]
fn what_a_webhook_refuses_for_good_is_not_tried_again() {
    let (url, heard) = http_server(&[400]);
    let connectors = Connectors {
        webhook: Some(url),
        ..Connectors::captured()
    };
    let webhook = Webhook { timeout: TIMEOUT };
    let mut hub = sending(connectors.with(TO_WEBHOOK, Arc::new(webhook)));
    alarmed(&mut hub);
    hub.deliver();
    hub.run_at(1_000);
    hub.deliver();
    assert_eq!(heard.lock().unwrap().len(), 1);
    let instance = hub.engine.instances().next().unwrap();
    assert_eq!(instance.status(), Status::Failed);
    assert!(instance.failure().unwrap().error_message.contains("400"));
}

#[test]
fn a_mail_goes_out_by_smtp() {
    let (url, heard) = smtp_server();
    let connectors = Connectors {
        mail_to: Some("Ops <ops@example.com>".into()),
        ..Connectors::captured()
    };
    let smtp = Smtp::new(&url, "bench@example.com", TIMEOUT).unwrap();
    let mut hub = sending(connectors.with(TO_MAIL, Arc::new(smtp)));
    alarmed(&mut hub);
    hub.deliver();
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 1);
    for part in [
        "MAIL FROM:<bench@example.com>",
        "RCPT TO:<ops@example.com>",
        "Subject: HighTemperature at kitchen",
        "Temperature 31.00 greater then 30.00 from kitchen",
        "@twinbench>",
    ] {
        assert!(heard[0].contains(part), "{part} in {}", heard[0]);
    }
    assert!(Smtp::new("nonsense", "bench@example.com", TIMEOUT).is_err());
    assert!(Smtp::new(&url, "nobody", TIMEOUT).is_err());
}

#[test]
fn a_server_that_is_not_there_is_unreachable() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let connectors = Connectors {
        mail_to: Some("ops@example.com".into()),
        webhook: Some(format!("http://{gone}/")),
        ..Connectors::captured()
    };
    let smtp = Smtp::new(&format!("smtp://{gone}"), "b@example.com", TIMEOUT).unwrap();
    let webhook = Webhook { timeout: TIMEOUT };
    let connectors = connectors
        .with(TO_MAIL, Arc::new(smtp))
        .with(TO_WEBHOOK, Arc::new(webhook));
    let mut hub = sending(connectors);
    alarmed(&mut hub);
    hub.deliver();
    let failed: Vec<_> = sent(&hub)
        .into_iter()
        .filter(|it| !it.1)
        .map(|it| it.0)
        .collect();
    assert_eq!(failed, [TO_MAIL, TO_WEBHOOK]);
    assert!(hub.engine.next_timer().is_some(), "they are tried again");
}

const CAPTURING: &str = r#"{"storageCapture":{"enabled":true,"timeWindowInMinutes":0}}"#;

#[test]
fn captures_are_files_in_a_folder_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let files = CsvFolder(folder.path().to_owned());
    let mut hub = sending(Connectors::captured().with(SAVE_CAPTURE_DATA, Arc::new(files)));
    hub.configure("kitchen", CAPTURING);
    for (n, value) in [21.0, 22.0].into_iter().enumerate() {
        hub.now = epoch_plus(10_000 + 100 * n as u64);
        hub.reading("kitchen", value, 50.0);
        hub.deliver();
    }
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let head = "Timestamp,Temperature,Humidity\r\n1/1/2026 12:00:10 AM +00:00,";
    assert_eq!(
        read("kitchen/20260101-000010.csv"),
        format!("{head}21,50\r\n")
    );
    assert_eq!(
        read("kitchen/20260101-000010-2.csv"),
        format!("{head}22,50\r\n")
    );
}

#[test]
fn captures_are_blobs_of_a_container() {
    let (url, heard) = http_server(&[500, 201]);
    let blob = Blob {
        url: format!("{url}/account/captures?sv=1&sig=secret"),
        timeout: TIMEOUT,
    };
    assert!(!format!("{blob:?}").contains("secret"));
    let mut hub = sending(Connectors::captured().with(SAVE_CAPTURE_DATA, Arc::new(blob)));
    hub.configure("kitchen", CAPTURING);
    hub.at(10).reading("kitchen", 21.0, 50.0);
    hub.deliver();
    hub.run_at(20);
    hub.deliver();
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 2);
    let head = "PUT /account/captures/kitchen/20260101-000020.csv?sv=1&sig=secret HTTP/1.1";
    assert!(heard[1].starts_with(head), "{}", heard[1]);
    let lower = heard[1].to_ascii_lowercase();
    assert!(lower.contains("x-ms-blob-type: blockblob") && lower.contains("if-none-match: *"));
    let workflows: Vec<_> = hub.engine.instances().map(Instance::status).collect();
    assert_eq!(workflows, [Status::Completed]);
}

fn epoch_plus(millis: u64) -> twinbench_model::VirtualTime {
    twinbench_model::VirtualTime::from_nanos(millis * 1_000_000)
}

#[test]
fn what_was_sent_is_not_sent_again_after_a_crash() {
    let (url, heard) = http_server(&[200]);
    let connectors = Connectors {
        webhook: Some(url),
        ..Connectors::captured()
    };
    let webhook = Webhook { timeout: TIMEOUT };
    let mut hub = sending(connectors.with(TO_WEBHOOK, Arc::new(webhook)));
    alarmed(&mut hub);
    hub.deliver();
    hub.commit();
    let mut hub = hub.restart();
    hub.engine.run(hub.now);
    hub.deliver();
    assert_eq!(heard.lock().unwrap().len(), 1);
    let instance = hub.engine.instances().next().unwrap();
    assert_eq!(instance.status(), Status::Completed);
    assert_eq!(json!(sent(&hub).len()), json!(3));
}
