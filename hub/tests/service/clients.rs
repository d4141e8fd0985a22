//! The cloud's own service clients against a served hub: Python azure-iot-hub, npm azure-iothub.

use std::{io::Write, net::SocketAddr, path::PathBuf, process::Stdio};

use serde_json::{Value, json};

use twinbench_hub::sas;

use crate::host::{self, DEVICE, Served, connection_string, policy_key};

/// A program or folder of the set-up; a lack skips loudly, and fails in CI.
fn needed(test: &str, variable: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.exists());
    if found.is_none() {
        let lack = format!("set {variable}, as cargo xtask test does");
        assert!(std::env::var_os("CI").is_none(), "{test}: {lack}");
        eprintln!("SKIPPED {test}: {lack}");
    }
    found
}

/// Serves a hub on port 443 of a loopback address of the test's own, which clients need that
/// cannot name a port.
async fn served(test: &str, address: &str) -> Option<Served> {
    let address: SocketAddr = format!("{address}:443").parse().unwrap();
    let handle = host::start(&address.ip().to_string());
    match host::serve(handle, address).await {
        Ok(served) => Some(served),
        Err(error) => {
            let lack = format!("{address} cannot be had ({error}): allow low ports to this user");
            assert!(std::env::var_os("CI").is_none(), "{test}: {lack}");
            eprintln!("SKIPPED {test}: {lack}");
            None
        }
    }
}

/// Runs a program with a JSON request on its standard input, and gives the JSON it prints last.
async fn run(program: PathBuf, arguments: Vec<String>, request: Value, ca: PathBuf) -> Value {
    let work = move || {
        let mut child = std::process::Command::new(program)
            .args(arguments)
            .env("REQUESTS_CA_BUNDLE", &ca)
            .env("NODE_EXTRA_CA_CERTS", &ca)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(request.to_string().as_bytes()).unwrap();
        drop(input);
        child.wait_with_output().unwrap()
    };
    let output = tokio::task::spawn_blocking(work).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "the client failed: {out}\n{err}");
    let last = out.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {out}\n{err}"))
}

/// The address of a container of blobs, as one with a SAS.
fn blobs(host: &str) -> String {
    let expiry = u64::try_from(jiff::Timestamp::now().as_second()).unwrap() + 3_600;
    let key = policy_key("iothubowner");
    let token = sas::generate("localhost", &key, expiry, Some("iothubowner"));
    let query = token.strip_prefix("SharedAccessSignature ").unwrap();
    format!("https://{host}/blobs/registry?{query}")
}

/// Compares what a client saw, name by name, so that a failure names all that differ.
#[track_caller]
fn check(seen: &Value, expected: &Value) {
    let expected = expected.as_object().unwrap();
    let different: Vec<String> = expected
        .iter()
        .filter(|(name, value)| seen.get(name.as_str()) != Some(value))
        .map(|(name, value)| format!("{name}: {} instead of {value}", seen[name.as_str()]))
        .collect();
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_azure_iot_hub() {
    let test = "python_azure_iot_hub";
    let Some(python) = needed(test, "TWINBENCH_PYTHON") else {
        return;
    };
    // This client can name a port.
    let handle = host::start("localhost");
    let served = host::serve(handle, "127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let host = format!("localhost:{}", served.address.port());
    let wrong = connection_string(&host, "iothubowner").replacen(
        "SharedAccessKey=AQEB",
        "SharedAccessKey=AAEB",
        1,
    );
    let request = json!({
        "connectionString": connection_string(&host, "iothubowner"),
        "reader": connection_string(&host, "registryRead"),
        "blobs": blobs(&host),
        "wrong": wrong,
        "device": DEVICE,
    });
    let script = include_str!("clients/registry.py").to_owned();
    let seen = run(
        python,
        vec!["-c".into(), script],
        request,
        served.ca.clone(),
    )
    .await;
    check(
        &seen,
        &json!({
            "made": ["py-1", "enabled", "new", "Disconnected", "sas", true, true, true],
            "generated": [true, "disabled"],
            "x509": ["selfSigned", true],
            "ca": "certificateAuthority",
            "exists": [409, "DeviceAlreadyExists"],
            "bad_id": [400, "ArgumentInvalid"],
            "bad_key": [400, "ArgumentInvalid"],
            "updated": ["changed", true, true],
            "stale": [412, "PreconditionFailed"],
            "x509_disabled": "disabled",
            "listed": ["py-1", "py-2", "py-ca", "py-x509"],
            "top": 2,
            "missing": [404, "DeviceNotFound"],
            "deleted": [404, "DeviceNotFound"],
            "delete_again": [404, "DeviceNotFound"],
            "statistics": [4, 2, 2],
            "connected": 1,
            "module": ["py-1", "m1", "me", "sas"],
            "module_exists": [409, "ModuleAlreadyExistsOnDevice"],
            "module_updated": "you",
            "modules": ["m1", "m2", "m3"],
            "module_deleted": [404, "ModuleNotFound"],
            "module_of_nobody": [404, "DeviceNotFound"],
            "bulk": [true, 0],
        }),
    );
    check(
        &seen,
        &json!({
            "bulk_errors": [false, [["bulk-0", "DeviceAlreadyExists"], ["nobody", "DeviceNotFound"]]],
            "bulk_mixed": [true, {"floor": 1}],
            "twin": ["py-1", {}, 1, 1, "Disconnected", "sas", 2],
            "patched": [{"floor": 2, "room": "a"}, 30, 2, true, true],
            "twin_stale": [412, "PreconditionFailed"],
            "merged": {"floor": 2},
            "replaced": [{"only": true}, false, [1, {"b": 2}]],
            "bad_patch": [400, "ArgumentInvalid"],
            "twin_missing": [404, "DeviceNotFound"],
            "module_twin": ["py-1", "m1", {"m": 1}, 1],
            "module_twin_replaced": [false, 2],
            "pages": [["bulk-0", "bulk-1", "bulk-2"], ["bulk-3", "bulk-4"], null],
            "grouped": [{"f": 1, "n": 1}],
            "module_query": [["py-1", "m1"]],
            "bad_query": [400, "InvalidQuery"],
            "method": [200, {"n": 1}],
            "method_unknown": [501, {"unknown": true}],
            "method_offline": [404, "DeviceNotOnline"],
            "method_nobody": [404, "DeviceNotFound"],
            "method_late": [504, "GatewayTimeout"],
            "module_method_offline": [404, "DeviceNotOnline"],
        }),
    );
    check(
        &seen,
        &json!({
            "job_twin": ["scheduleUpdateTwin", "completed", 2, 2, "red", false],
            "job_method": ["completed", 1, 1],
            "job_rows": 2,
            "job_cancelled": ["scheduled", "cancelled"],
            "job_exists": [409, "JobAlreadyExists"],
            "job_missing": [404, "JobNotFound"],
            "job_query": [null, "DeserializationError"],
            "export_elsewhere": [400, "ArgumentInvalid"],
            "exported": ["export", "completed", 100, true, "red", ["py-1"]],
            "exported_without_keys": null,
            "imported": [
                "devices.txt",
                "completed",
                [["py-1", 409_001], ["nobody", 404_001], ["", 400_004]],
                "red",
                true,
            ],
            "imported_from_nothing": "failed",
            "transfers": 4,
            "blob_without_token": 403,
            "configuration": ["conf", 5, "tags.floor = 1", true],
            "configuration_updated": 6,
            "configurations": ["conf"],
            "configuration_tested": [true, {}],
            "configuration_deleted": [404, "ConfigurationNotFound"],
            "applied": [501, "NotImplemented"],
            "digital": "py-1",
            "digital_patched": 21,
            "digital_command": {"c": 1},
            "digital_component": {"c": 2},
            "feedback": null,
            "feedback_lock": [412, "DeviceMessageLockLost"],
            "purged": 0,
            "reader": ["py-1", [401, "IotHubUnauthorizedAccess"], [401, "IotHubUnauthorizedAccess"]],
            "wrong_key": [401, "IotHubUnauthorizedAccess"],
        }),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn npm_azure_iothub() {
    let test = "npm_azure_iothub";
    let Some(modules) = needed(test, "TWINBENCH_NODE_MODULES") else {
        return;
    };
    let Some(served) = served(test, "127.0.0.44").await else {
        return;
    };
    let host = served.address.ip().to_string();
    let request = json!({
        "connectionString": connection_string(&host, "iothubowner"),
        "modules": modules,
        "blobs": blobs(&host),
        "device": DEVICE,
    });
    let script = include_str!("clients/registry.js").to_owned();
    let seen = run(
        "node".into(),
        vec!["-e".into(), script],
        request,
        served.ca.clone(),
    )
    .await;
    check(
        &seen,
        &json!({
            "made": ["js-1", "enabled", true],
            "exists": [409, "DeviceAlreadyExistsError"],
            "updated": ["disabled", "test"],
            "got": "js-1",
            "missing": [404, "DeviceNotFoundError"],
            "listed": ["js-1"],
            "added": true,
            "addedAgain": [400, "ArgumentError"],
            "bulkUpdated": true,
            "bulkStatus": "disabled",
            "removed": true,
            "gone": [404, "DeviceNotFoundError"],
            "statistics": true,
            "module": ["js-1", "m1", "me"],
            "modules": ["you"],
            "twin": [{"floor": 1}, "red", true],
            "twinStale": [412, "InvalidEtagError"],
            "moduleTwin": ["m1", 1],
            "pages": [["js-1"], ["js-2"]],
            "raw": [{"n": 1}],
            "method": [200, {"n": 1}],
            "methodOffline": [404, "Error"],
            "moduleMethodOffline": [404, "Error"],
            "jobTwin": ["completed", 2, true],
            "jobMethod": 1,
            "jobRow": [[DEVICE, "completed", {"status": 200, "payload": {"j": 1}}]],
            "jobCancelled": "cancelled",
            "jobList": ["js-twin"],
            "configurations": ["js-conf"],
            "exportElsewhere": [400, "ArgumentError"],
            "transfers": ["export", "completed", "import", "completed"],
            "imported": true,
            "deleted": [404, "DeviceNotFoundError"],
        }),
    );
}
