//! The service's rules on the virtual clock, without sockets.

use proptest::prelude::*;
use serde_json::{Value, json};
use twinbench_hub::{
    ConnectionId,
    c2d::{Ack, SendC2d},
    registry::IdentityId,
    sas,
    service::{BlobAddress, Method, Reply, TransferWork},
};

use crate::{
    host::{DEVICE, Device, policy_key},
    rig::{EPOCH, Rig, at, code, epoch, read, request},
};

#[test]
fn tokens_must_fit() {
    let mut rig = Rig::new();
    rig.device("d");
    let status = |rig: &mut Rig, token: Option<&str>| {
        let request = request(Method::Get, "/devices/d", &Value::Null, token);
        let Reply::Now(response) = rig.raw(&request) else {
            panic!()
        };
        let answer = read(&response);
        if answer.0 == 401 {
            assert_eq!(code(&answer).1, "IotHubUnauthorizedAccess");
            assert_eq!(
                response.header("iothub-errorcode"),
                Some("IotHubUnauthorizedAccess")
            );
        }
        answer.0
    };
    let token = |resource: &str, key: &str, policy: Option<&str>, ttl: u64| {
        sas::generate(resource, &policy_key(key), EPOCH + ttl, policy)
    };
    let owner = Some("iothubowner");
    for (resource, key, policy, ttl, expected) in [
        ("localhost", "iothubowner", owner, 100, 200),
        ("LOCALHOST:8443", "iothubowner", owner, 100, 200),
        ("localhost/devices", "iothubowner", owner, 100, 200),
        ("localhost/devices/d", "iothubowner", owner, 100, 200),
        ("localhost", "registryRead", Some("registryRead"), 100, 200),
        (
            "localhost",
            "registryReadWrite",
            Some("registryReadWrite"),
            100,
            200,
        ),
        ("localhost", "service", Some("service"), 100, 401),
        ("localhost", "device", Some("device"), 100, 401),
        ("localhost/twins", "iothubowner", owner, 100, 401),
        ("localhost/devices/e", "iothubowner", owner, 100, 401),
        ("elsewhere", "iothubowner", owner, 100, 401),
        ("localhost", "service", owner, 100, 401),
        ("localhost", "iothubowner", Some("nobody"), 100, 401),
        ("localhost", "iothubowner", None, 100, 401),
    ] {
        let token = token(resource, key, policy, ttl);
        assert_eq!(
            status(&mut rig, Some(&token)),
            expected,
            "{resource} {policy:?}"
        );
    }
    for text in [
        None,
        Some("Bearer x"),
        Some("SharedAccessSignature sr=x"),
        Some(""),
    ] {
        assert_eq!(status(&mut rig, text), 401, "{text:?}");
    }
    // The bench's clock decides, five minutes of skew included.
    let short = token("localhost", "iothubowner", owner, 60);
    rig.now = at(359);
    assert_eq!(status(&mut rig, Some(&short)), 200);
    rig.now = at(360);
    assert_eq!(status(&mut rig, Some(&short)), 401);
}

#[test]
fn policies_open_what_they_should() {
    use Method::{Delete, Get, Post, Put};
    let mut rig = Rig::new();
    rig.device("d");
    let rows = [
        (
            Get,
            "/devices",
            "registryRead registryReadWrite iothubowner",
        ),
        (Put, "/devices/d", "registryReadWrite iothubowner"),
        (Delete, "/devices/x", "registryReadWrite iothubowner"),
        (Get, "/twins/d", "service iothubowner"),
        (Post, "/devices/query", "service iothubowner"),
        (Post, "/twins/d/methods", "service iothubowner"),
        (Delete, "/devices/d/commands", "service iothubowner"),
        (
            Get,
            "/statistics/devices",
            "registryRead registryReadWrite service iothubowner",
        ),
        (Get, "/jobs/v2/query", "service iothubowner"),
        (Get, "/jobs", "registryReadWrite iothubowner"),
        (
            Get,
            "/configurations",
            "registryRead registryReadWrite iothubowner",
        ),
        (
            Get,
            "/messages/serviceBound/feedback",
            "service iothubowner",
        ),
    ];
    for (method, target, open) in rows {
        for policy in [
            "iothubowner",
            "service",
            "device",
            "registryRead",
            "registryReadWrite",
        ] {
            let token = sas::generate("localhost", &policy_key(policy), EPOCH + 900, Some(policy));
            let Reply::Now(response) = rig.raw(&request(method, target, &json!({}), Some(&token)))
            else {
                panic!("{target} waits")
            };
            let opens = open.split(' ').any(|own| own == policy);
            assert_eq!(
                response.status != 401,
                opens,
                "{method:?} {target} with {policy}"
            );
        }
    }
}

#[test]
fn addresses_and_bodies_that_make_no_sense() {
    use Method::{Delete, Get, Other, Patch, Post, Put};
    let mut rig = Rig::new();
    rig.device("d");
    let null = Value::Null;
    for (method, target, body, expected) in [
        (Get, "/", null.clone(), 404),
        (Get, "/nothing", null.clone(), 404),
        (Other, "/devices", null.clone(), 405),
        (Delete, "/twins/d", null.clone(), 405),
        (Put, "/devices/e", null.clone(), 400),
        (Put, "/devices/e", json!([]), 400),
        (Put, "/devices/e", json!({"deviceId": "f"}), 400),
        (Put, "/devices/a%20b", json!({"deviceId": "a b"}), 400),
        (Put, "/devices/%ff", json!({}), 400),
        (Get, "/devices/nobody", null.clone(), 404),
        (Get, "/devices?top=0", null.clone(), 400),
        (Get, "/devices?top=x", null.clone(), 400),
        (Post, "/devices", json!([]), 400),
        (Post, "/devices", json!({}), 400),
        (Post, "/devices/query", json!({}), 400),
        (Post, "/devices/query", json!({"query": "SELECT"}), 400),
        (Patch, "/twins/d", json!({"tags": 1}), 400),
        (Patch, "/twins/d", json!({"tags": {"a.b": 1}}), 400),
        (
            Patch,
            "/twins/d",
            json!({"properties": {"desired": {"x": "y".repeat(5000)}}}),
            400,
        ),
        (Post, "/twins/d/methods", json!({}), 400),
        (
            Post,
            "/twins/d/methods",
            json!({"methodName": "m", "responseTimeoutInSeconds": 4}),
            400,
        ),
        (
            Post,
            "/twins/d/methods",
            json!({"methodName": "m", "connectTimeoutInSeconds": 301}),
            400,
        ),
        (Put, "/jobs/v2/j", json!({"type": "export"}), 400),
        (
            Put,
            "/jobs/v2/j",
            json!({"type": "scheduleUpdateTwin", "updateTwin": {}, "queryCondition": "a ="}),
            400,
        ),
        (Post, "/jobs/create", json!({"type": "import"}), 400),
        (Post, "/devices/d/applyConfigurationContent", json!({}), 501),
    ] {
        let (status, answer) = rig.call(method, target, &body);
        assert_eq!(status, expected, "{method:?} {target} {body}: {answer}");
        assert!(
            answer["Message"].is_string() && answer["ExceptionMessage"].is_string(),
            "{answer}"
        );
    }
    let mut deep = json!(1);
    for _ in 0..80 {
        deep = json!([deep]);
    }
    assert_eq!(
        rig.call(Patch, "/twins/d", &json!({"tags": {"a": deep}})).0,
        400
    );
}

#[test]
fn etags_guard_changes() {
    let mut rig = Rig::new();
    rig.device("d");
    let etag = |rig: &mut Rig| {
        rig.ok(Method::Get, "/twins/d", &Value::Null)["etag"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let first = etag(&mut rig);
    let patch = |rig: &mut Rig, condition: &str| {
        let Reply::Now(response) = rig.with(
            Method::Patch,
            "/twins/d",
            &json!({"tags": {"a": 1}}),
            &[("If-Match", condition)],
        ) else {
            panic!()
        };
        response.status
    };
    assert_eq!(patch(&mut rig, &format!("\"{first}\"")), 200);
    assert_eq!(patch(&mut rig, &format!("\"{first}\"")), 412);
    assert_eq!(patch(&mut rig, "*"), 200);
    let now = etag(&mut rig);
    assert_eq!(patch(&mut rig, &now), 200);
    // Identities have ETags of their own.
    let device = rig.ok(Method::Get, "/devices/d", &Value::Null);
    let tag = device["etag"].as_str().unwrap().to_owned();
    let put = |rig: &mut Rig, condition: &str| {
        let body = json!({"deviceId": "d", "status": "disabled"});
        let Reply::Now(response) =
            rig.with(Method::Put, "/devices/d", &body, &[("If-Match", condition)])
        else {
            panic!()
        };
        response.status
    };
    assert_eq!(put(&mut rig, &tag), 200);
    assert_eq!(put(&mut rig, &tag), 412);
    let body = json!({"deviceId": "e"});
    let Reply::Now(response) = rig.with(Method::Put, "/devices/e", &body, &[("If-Match", "*")])
    else {
        panic!()
    };
    assert_eq!(response.status, 404);
}

#[test]
fn what_was_made_is_there_after_a_restart() {
    let mut rig = Rig::new();
    rig.device("d");
    rig.ok(
        Method::Put,
        "/devices/d/modules/m",
        &json!({"deviceId": "d", "moduleId": "m", "managedBy": "x"}),
    );
    rig.ok(
        Method::Patch,
        "/twins/d",
        &json!({"tags": {"a": 1}, "properties": {"desired": {"b": 2}}}),
    );
    rig.ok(Method::Put, "/configurations/c", &json!({"priority": 3}));
    rig.ok(
        Method::Put,
        "/jobs/v2/j",
        &json!({"type": "scheduleUpdateTwin", "updateTwin": {"tags": {"job": 1}},
        "queryCondition": "tags.a = 1", "startTime": "2026-01-01T00:01:40Z"}),
    );
    let all = [
        "/devices/d",
        "/devices/d/modules/m",
        "/twins/d",
        "/twins/d/modules/m",
        "/configurations/c",
        "/jobs/v2/j",
    ];
    let before = all.map(|target| rig.ok(Method::Get, target, &Value::Null));
    rig.restart();
    assert_eq!(
        all.map(|target| rig.ok(Method::Get, target, &Value::Null)),
        before
    );
    // The job that was scheduled runs when its time comes, and not before.
    assert_eq!(rig.hub.next_timer(), Some(at(100)));
    rig.to(99);
    assert_eq!(
        rig.ok(Method::Get, "/jobs/v2/j", &Value::Null)["status"],
        "scheduled"
    );
    rig.to(100);
    let job = rig.ok(Method::Get, "/jobs/v2/j", &Value::Null);
    assert_eq!(
        (&job["status"], &job["endTime"]),
        (&json!("completed"), &json!("2026-01-01T00:01:40.000Z"))
    );
    assert_eq!(
        rig.ok(Method::Get, "/twins/d", &Value::Null)["tags"],
        json!({"a": 1, "job": 1})
    );
    rig.restart();
    let rows = rig.ok(
        Method::Post,
        "/devices/query",
        &json!({"query": "SELECT * FROM devices.jobs"}),
    );
    assert_eq!(
        (&rows[0]["deviceId"], &rows[0]["status"]),
        (&json!("d"), &json!("completed"))
    );
}

#[test]
fn methods_wait_for_their_device() {
    let mut rig = Rig::new();
    rig.device("away");
    let path = format!("/twins/{DEVICE}/methods");
    let body = |name: &str, connect: u64| json!({"methodName": name, "payload": [1], "responseTimeoutInSeconds": 5, "connectTimeoutInSeconds": connect});
    let take = |rig: &mut Rig, ticket| {
        rig.hub
            .take_response(ticket)
            .map(|response| read(&response))
    };

    // No such device, and one that is not there.
    assert_eq!(
        code(&rig.call(Method::Post, "/twins/nobody/methods", &body("echo", 0))),
        (404, "DeviceNotFound".into())
    );
    let (status, answer) = rig.call(Method::Post, "/twins/away/methods", &body("echo", 0));
    assert_eq!(code(&(status, answer)), (404, "404103".into()));

    // One that is waited for in vain.
    let ticket = rig.waits("/twins/away/methods", &body("echo", 20));
    rig.to(29);
    assert_eq!(take(&mut rig, ticket), None);
    rig.to(30);
    assert_eq!(
        code(&take(&mut rig, ticket).unwrap()),
        (404, "404103".into())
    );

    // One that answers.
    let mut device = Device::connect(&mut rig.hub, epoch(), rig.now);
    let ticket = rig.waits(&path, &body("echo", 0));
    device.answer(&mut rig.hub, rig.now);
    assert_eq!(
        take(&mut rig, ticket),
        Some((200, json!({"status": 200, "payload": [1]})))
    );
    assert_eq!(take(&mut rig, ticket), None);

    // One that does not, and one whose connection breaks.
    let ticket = rig.waits(&path, &body("silent", 0));
    device.answer(&mut rig.hub, rig.now);
    rig.to(34);
    assert_eq!(take(&mut rig, ticket), None);
    rig.to(35);
    assert_eq!(
        code(&take(&mut rig, ticket).unwrap()),
        (504, "504101".into())
    );
    let ticket = rig.waits(&path, &body("silent", 0));
    rig.hub.disconnected(ConnectionId(1), rig.now);
    assert_eq!(
        code(&take(&mut rig, ticket).unwrap()),
        (404, "404104".into())
    );
}

#[test]
fn jobs_call_methods_and_run_out_of_time() {
    let mut rig = Rig::new();
    let mut device = Device::connect(&mut rig.hub, epoch(), rig.now);
    rig.device("away");
    let job = |name: &str| {
        json!({"type": "scheduleDeviceMethod", "queryCondition": "*", "maxExecutionTimeInSeconds": 3,
            "cloudToDeviceMethod": {"methodName": name, "payload": 7}})
    };
    rig.ok(Method::Put, "/jobs/v2/a", &job("echo"));
    rig.to(10);
    device.answer(&mut rig.hub, rig.now);
    let done = rig.ok(Method::Get, "/jobs/v2/a", &Value::Null);
    assert_eq!(done["status"], "completed");
    assert_eq!(
        done["deviceJobStatistics"],
        json!({"deviceCount": 2, "failedCount": 1, "succeededCount": 1, "runningCount": 0, "pendingCount": 0})
    );
    let rows = rig.ok(
        Method::Post,
        "/devices/query",
        &json!({"query": "SELECT * FROM devices.jobs WHERE jobId = 'a' AND status = 'failed'"}),
    );
    assert_eq!(
        (&rows[0]["deviceId"], &rows[0]["error"]["code"]),
        (&json!("away"), &json!("404103"))
    );

    rig.ok(Method::Put, "/jobs/v2/b", &job("silent"));
    rig.to(10);
    assert_eq!(
        rig.ok(Method::Get, "/jobs/v2/b", &Value::Null)["status"],
        "running"
    );
    rig.to(13);
    let failed = rig.ok(Method::Get, "/jobs/v2/b", &Value::Null);
    assert_eq!(failed["status"], "failed");
    assert!(
        failed["failureReason"]
            .as_str()
            .unwrap()
            .contains("maxExecutionTime")
    );
    assert_eq!(
        rig.call(Method::Post, "/jobs/v2/b/cancel", &Value::Null).0,
        400
    );
}

#[test]
fn imports_and_exports_run_one_by_one_and_survive_a_restart() {
    let mut rig = Rig::new();
    rig.device("d");
    let create = "/jobs/create?api-version=2021-04-12";
    let container = "https://localhost:8443/blobs/registry";
    let export = json!({"type": "export", "outputBlobContainerUri": format!("{container}?sig=x")});
    for wrong in [
        json!({"type": "move", "outputBlobContainerUri": container}),
        json!({"type": "export"}),
        json!({"type": "import", "outputBlobContainerUri": container}),
        json!({"type": "export", "outputBlobContainerUri": "https://elsewhere/blobs/registry"}),
        json!({"type": "export", "outputBlobContainerUri": "https://localhost/blobs/../x"}),
        json!({"type": "export", "outputBlobContainerUri": "https://localhost/registry"}),
        json!({"type": "export", "outputBlobContainerUri": container, "outputBlobName": "../x"}),
        json!({"type": "export", "outputBlobContainerUri": container, "outputBlobName": ".x"}),
    ] {
        assert_eq!(rig.call(Method::Post, create, &wrong).0, 400, "{wrong}");
    }
    let (status, made) = rig.call(Method::Post, create, &export);
    assert_eq!((status, &made["status"]), (200, &json!("enqueued")));
    assert_eq!(made["outputBlobContainerUri"], container);
    let job = format!("/jobs/{}", made["jobId"].as_str().unwrap());
    let second = rig.call(Method::Post, create, &export);
    assert_eq!(code(&second), (403, "JobQuotaExceeded".to_owned()));
    let begin = |rig: &mut Rig| {
        let work = rig.hub.next_transfer(rig.now);
        rig.commit();
        work
    };
    let Some(TransferWork::Export { id, to, text }) = begin(&mut rig) else {
        panic!("there is work")
    };
    assert_eq!(to, BlobAddress::new("registry", "devices.txt").unwrap());
    let line: Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(
        (&line["id"], &line["status"]),
        (&json!("d"), &json!("enabled"))
    );
    assert_eq!(begin(&mut rig), None);
    // What was not finished is begun again, and nobody else's news count meanwhile.
    rig.restart();
    rig.hub.finish_transfer(&id, Ok(()), rig.now);
    assert_eq!(
        rig.call(Method::Get, &job, &Value::Null).1["status"],
        "enqueued"
    );
    assert!(begin(&mut rig).is_some());
    rig.hub
        .finish_transfer(&id, Err("the disk is full".to_owned()), rig.now);
    let (_, ended) = rig.call(Method::Get, &job, &Value::Null);
    assert_eq!(
        (&ended["status"], &ended["failureReason"]),
        (&json!("failed"), &json!("the disk is full"))
    );

    let import = json!({"type": "import", "inputBlobContainerUri": container, "outputBlobContainerUri": container});
    let (_, made) = rig.call(Method::Post, create, &import);
    let id = made["jobId"].as_str().unwrap().to_owned();
    assert!(matches!(begin(&mut rig), Some(TransferWork::Import { .. })));
    let lines = [
        r#"{"id":"e","tags":{"a":1}}"#,
        "[]",
        r#"{"id":"d","importMode":"delete"}"#,
    ];
    let lines = lines.map(str::to_owned);
    let refused = rig.hub.import_lines(&id, &lines, rig.now).unwrap();
    assert_eq!(refused.len(), 1, "{refused:?}");
    let (_, all) = rig.call(Method::Get, "/devices", &Value::Null);
    assert_eq!(all.as_array().unwrap().len(), 1);
    assert_eq!(all[0]["deviceId"], "e");
    let (_, cancelled) = rig.call(Method::Delete, &format!("/jobs/{id}"), &Value::Null);
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(rig.hub.import_lines(&id, &lines, rig.now), None);
    assert_eq!(
        rig.call(Method::Get, "/jobs", &Value::Null)
            .1
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(rig.call(Method::Delete, "/jobs/none", &Value::Null).0, 404);
}

#[test]
fn feedback_is_received_under_a_lock() {
    let mut rig = Rig::new();
    rig.device("d");
    let id = IdentityId::parse("d").unwrap();
    for n in 0..2 {
        let mut send = SendC2d {
            ack: Ack::Full,
            ..SendC2d::default()
        };
        let number = ("message-id".to_owned(), format!("m{n}"));
        send.message.system.extend([number]);
        rig.hub.send_c2d(&id, send, rig.now).unwrap();
    }
    let queued = |rig: &mut Rig| {
        rig.ok(Method::Get, "/devices/d", &Value::Null)["cloudToDeviceMessageCount"].clone()
    };
    assert_eq!(queued(&mut rig), 2);
    let purged = rig.ok(Method::Delete, "/devices/d/commands", &Value::Null);
    assert_eq!(purged["totalMessagesPurged"], 2);
    assert_eq!(queued(&mut rig), 0);

    let feedback = "/messages/serviceBound/feedback";
    let receive = |rig: &mut Rig| match rig.with(Method::Get, feedback, &Value::Null, &[]) {
        Reply::Now(response) => {
            let lock = response
                .header("etag")
                .map(|lock| lock.trim_matches('"').to_owned());
            (read(&response), lock)
        }
        Reply::Later(_) => panic!("feedback waits"),
    };
    let ((status, records), lock) = receive(&mut rig);
    let ids: Vec<_> = records
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["originalMessageId"].clone())
        .collect();
    assert_eq!((status, ids), (200, vec![json!("m0"), json!("m1")]));
    assert_eq!(records[0]["statusCode"], "Purged");
    // What is locked is not given twice; given back, it is.
    assert_eq!(receive(&mut rig).0.0, 204);
    let lock = lock.unwrap();
    assert_eq!(
        rig.call(
            Method::Post,
            &format!("{feedback}/{lock}/abandon"),
            &Value::Null
        )
        .0,
        204
    );
    let (_, again) = receive(&mut rig);
    assert_eq!(
        rig.call(Method::Delete, &format!("{feedback}/{lock}"), &Value::Null)
            .0,
        412
    );
    let again = again.unwrap();
    assert_eq!(
        rig.call(Method::Delete, &format!("{feedback}/{again}"), &Value::Null)
            .0,
        204
    );
    assert_eq!(receive(&mut rig).0.0, 204);
}

#[test]
fn pages_follow_their_query() {
    let mut rig = Rig::new();
    for n in 0..5 {
        rig.device(&format!("d{n}"));
    }
    let page = |rig: &mut Rig, query: &str, token: &str| {
        let headers = [("x-ms-max-item-count", "2"), ("x-ms-continuation", token)];
        match rig.with(
            Method::Post,
            "/devices/query",
            &json!({"query": query}),
            &headers,
        ) {
            Reply::Now(response) => {
                let next = response.header("x-ms-continuation").map(ToOwned::to_owned);
                (
                    read(&response).1,
                    next,
                    response.header("x-ms-item-type").map(ToOwned::to_owned),
                )
            }
            Reply::Later(_) => panic!(),
        }
    };
    let (rows, next, kind) = page(&mut rig, "SELECT * FROM devices", "");
    assert_eq!(
        (rows[1]["deviceId"].as_str(), kind.as_deref()),
        (Some("d1"), Some("Twin"))
    );
    let next = next.unwrap();
    let (rows, _, kind) = page(&mut rig, "SELECT deviceId FROM devices", "");
    assert_eq!(
        (rows, kind.as_deref()),
        (json!([{"deviceId": "d0"}, {"deviceId": "d1"}]), Some("Raw"))
    );
    let (rows, _, _) = page(&mut rig, "SELECT * FROM devices", &next);
    assert_eq!(rows[0]["deviceId"], "d2");
    let (refused, _, _) = page(&mut rig, "SELECT * FROM devices.modules", &next);
    assert!(
        refused["Message"]
            .as_str()
            .unwrap()
            .contains("continuation"),
        "{refused}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_request_makes_it_panic(
        method in prop::sample::select(vec![Method::Get, Method::Put, Method::Post, Method::Patch, Method::Delete]),
        parts in prop::collection::vec(prop::sample::select(vec![
            "devices", "twins", "d", "modules", "m", "query", "methods", "jobs", "v2", "cancel", "commands",
            "configurations", "digitaltwins", "statistics", "messages", "serviceBound", "feedback", "%", "%zz", "?top=1",
        ]), 0..6),
        body in "\\PC{0,40}",
    ) {
        let mut rig = Rig::new();
        rig.device("d");
        let token = sas::generate("localhost", &policy_key("iothubowner"), EPOCH + 900, Some("iothubowner"));
        let mut request = request(method, &format!("/{}", parts.join("/")), &Value::Null, Some(&token));
        request.body = body.into();
        if let Reply::Now(response) = rig.raw(&request) {
            prop_assert!((200..600).contains(&response.status));
            read(&response);
        }
    }
}

#[test]
fn above_its_rate_a_request_is_refused_and_told_when_to_come_again() {
    use twinbench_hub::limits::{Profile, Tier};
    let mut rig = Rig::limited(Profile::of(Tier::S1));
    rig.device("d");
    let query = json!({"query": "SELECT * FROM devices"});
    let mut refused = None;
    for _ in 0..20 {
        let Reply::Now(response) = rig.with(Method::Post, "/devices/query", &query, &[]) else {
            panic!("a query does not wait");
        };
        if response.status != 200 {
            refused = Some(response);
            break;
        }
    }
    let refused = refused.unwrap();
    assert_eq!(code(&read(&refused)), (429, "ThrottlingException".into()));
    assert_eq!(refused.header("retry-after"), Some("2"));
    // Other operations have rates of their own; and it was told rightly.
    rig.ok(Method::Get, "/twins/d", &Value::Null);
    rig.ok(Method::Get, "/devices/d", &Value::Null);
    rig.to(12);
    rig.ok(Method::Post, "/devices/query", &query);
}
