//! The scenarios of the repository hold.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::{own, test, twinbench};

#[test]
fn every_scenario_of_the_repository_holds() {
    let folder = tempfile::tempdir().unwrap();
    let call = test(folder.path(), "", &["--no-fail-fast", "--format", "json"]);
    assert_eq!(call.exit, 0, "{}\n{}", call.out, call.errors);
    let report: Value = serde_json::from_str(&call.out).unwrap();
    let cases = report["report"]["cases"].as_array().unwrap();
    assert!(cases.len() >= 11, "{}", cases.len());
    for case in cases {
        assert_eq!(case["status"], "passed", "{case:#}");
        let out = folder.path().join(case["folder"].as_str().unwrap());
        for file in ["session.mcap", "repro.txt", "verdict.json"] {
            assert!(out.join(file).is_file(), "{file} of {case:#}");
        }
    }
    let coverage = &report["report"]["coverage"];
    assert!(coverage["operations"]["weatherdeviceentity.TelemetryReceived"].as_u64() > Some(0));
    assert!(coverage["workflowBranches"]["SendNotification → completed"].as_u64() > Some(0));
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test is about the wall clock"
)]
fn a_day_passes_in_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let begin = Instant::now();
    let call = test(folder.path(), "day.toml", &[]);
    assert_eq!(call.exit, 0, "{}", call.out);
    assert!(call.out.contains("86400 s in"), "{}", call.out);
    assert!(
        begin.elapsed() < Duration::from_secs(30),
        "{:?}",
        begin.elapsed()
    );
}

#[test]
fn the_repro_line_gives_the_same_run() {
    let folder = tempfile::tempdir().unwrap();
    let digest = |arguments: &[&str]| {
        let call = twinbench(folder.path(), arguments);
        assert_eq!(call.exit, 0, "{}{}", call.out, call.errors);
        let report: Value = serde_json::from_str(&call.out).unwrap();
        let case = report["report"]["cases"][0].clone();
        (
            case["digest"].as_str().unwrap().to_owned(),
            case["repro"].as_str().unwrap().to_owned(),
        )
    };
    let path = crate::command::fixtures().join("message-paths.toml");
    let path = path.to_str().unwrap();
    let (first, repro) = digest(&["--format", "json", "test", path, "--filter", "kind=reorder"]);
    let words: Vec<_> = repro.split('\'').collect();
    let [_, file, _, filter, seed] = words[..] else {
        panic!("{repro}")
    };
    let seed = seed.trim().trim_start_matches("--seed ");
    let again = digest(&[
        "--format", "json", "test", file, "--filter", filter, "--seed", seed,
    ]);
    assert_eq!(first, again.0);
    let other = digest(&[
        "--format", "json", "test", file, "--filter", filter, "--seed", "99",
    ]);
    assert_ne!(first, other.0, "another seed is another run");
}

#[test]
fn faults_do_what_they_say() {
    // A reading each second; how many of the first twenty does the hub take?
    let taken = |fault: &str, expected: &str| {
        let folder = own(&format!(
            "[[fault]]\nfrom = \"5s\"\nfor = \"10s\"\n{fault}\n\
             [[step]]\nat = \"20s\"\n[[step]]\nexpect.metric = {{ name = \"messages\", value = {expected} }}\n"
        ));
        let call = twinbench(folder.path(), &["test", "s.toml"]);
        assert_eq!(call.exit, 0, "{fault}: {}{}", call.out, call.errors);
    };
    taken("kind = \"drop\"", "10");
    taken("kind = \"duplicate\"", "30");
    taken("kind = \"delay\"\nby = \"8s\"", "{ near = 17, by = 1 }");
    taken(
        "kind = \"drop\"\nprobability = 0.5",
        "{ above = 10, below = 20 }",
    );
    taken(
        "kind = \"drop\"\ndevice = \"other-*\""
            .replace("other-*", "d*")
            .as_str(),
        "10",
    );
}

#[test]
fn after_a_crash_the_cloud_goes_on_from_its_commits() {
    let folder = own(
        "[[fault]]\nfrom = \"10s\"\nkind = \"crash\"\n[[step]]\nat = \"9s\"\n\
         [[step]]\nwithin = \"5s\"\nexpect.event = { kind = \"crash\" }\n\
         [[step]]\nat = \"20s\"\n[[step]]\nexpect.entity = { device = \"d\", state.historyData = { length = { at-least = 19 } } }\n",
    );
    let call = twinbench(folder.path(), &["test", "s.toml"]);
    assert_eq!(call.exit, 0, "{}{}", call.out, call.errors);
}
