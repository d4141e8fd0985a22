//! `DELETE /instances` and `DELETE /instances/{id}`.

use serde_json::json;

use crate::common::Bench;

#[test]
fn one_that_has_ended_is_removed_with_its_history() {
    let mut bench = Bench::new();
    bench.ask("POST", "orchestrators/Echo/e", "1");
    let response = bench.ask("DELETE", "instances/e", "");
    assert_eq!(
        (response.status, response.body.as_str()),
        (200, r#"{"instancesDeleted":1}"#)
    );
    assert_eq!(bench.status("GET", "instances/e", ""), 404);
    assert_eq!(bench.status("DELETE", "instances/e", ""), 404);
}

#[test]
fn one_at_work_stays() {
    let mut bench = Bench::new();
    bench.ask("POST", "orchestrators/Wait/w", "");
    let answer = bench.json(200, "DELETE", "instances/w", "");
    assert_eq!(answer, json!({"instancesDeleted": 0}));
    assert_eq!(bench.status("GET", "instances/w", ""), 202);
}

#[test]
fn an_entity_is_removed_by_its_instance_id() {
    let mut bench = Bench::new();
    bench.ask("POST", "entities/Counter/a?op=add", "1");
    let answer = bench.json(200, "DELETE", "instances/@counter@a", "");
    assert_eq!(answer, json!({"instancesDeleted": 1}));
    assert_eq!(bench.status("GET", "entities/Counter/a", ""), 404);
    assert_eq!(bench.status("DELETE", "instances/@counter@a", ""), 404);
}

fn bench() -> Bench {
    let mut bench = Bench::new();
    for (n, name) in ["Echo", "Fail", "Wait", "Echo"].into_iter().enumerate() {
        bench.at(11_000 + 1000 * n as u64);
        bench.ask("POST", &format!("orchestrators/{name}/i{n}"), "1");
    }
    bench.at(60_000);
    bench
}

fn left(bench: &Bench) -> Vec<&str> {
    bench
        .engine
        .instances()
        .map(twinbench_engine::Instance::id)
        .collect()
}

#[test]
fn many_need_the_time_from_which_they_were_created() {
    let mut bench = bench();
    for query in ["", "?createdTimeTo=2027-01-01", "?createdTimeFrom=then"] {
        assert_eq!(
            bench.status("DELETE", &format!("instances{query}"), ""),
            400,
            "{query}"
        );
    }
    assert_eq!(left(&bench).len(), 4);
}

#[test]
fn many_are_removed_when_they_have_ended() {
    let mut bench = bench();
    let from = "instances?createdTimeFrom=2026-01-01T00:00:12Z";
    let answer = bench.json(200, "DELETE", from, "");
    assert_eq!(answer, json!({"instancesDeleted": 2}));
    assert_eq!(left(&bench), ["i0", "i2"]);
    assert_eq!(bench.status("DELETE", from, ""), 404);
}

#[test]
fn many_may_be_chosen_by_state_and_end_of_time() {
    let mut bench = bench();
    let all = "instances?createdTimeFrom=2020-01-01";
    let answer = bench.json(200, "DELETE", &format!("{all}&runtimeStatus=Failed"), "");
    assert_eq!(answer, json!({"instancesDeleted": 1}));
    let until = format!("{all}&createdTimeTo=2026-01-01T00:00:11Z");
    let answer = bench.json(200, "DELETE", &until, "");
    assert_eq!(answer, json!({"instancesDeleted": 1}));
    assert_eq!(left(&bench), ["i2", "i3"]);
    assert_eq!(
        bench.status("DELETE", &format!("{all}&createdTimeTo=2025-01-01"), ""),
        404
    );
    assert_eq!(
        bench.status("DELETE", &format!("{all}&runtimeStatus=Terminated"), ""),
        404
    );
}
