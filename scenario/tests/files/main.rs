//! Scenario files that are right: includes, variables, matrix, schema.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeMap, path::Path};

use proptest::prelude::*;
use twinbench_scenario::{Case, Suite, plan::What};

fn load(files: &[(&str, &str)]) -> Vec<Case> {
    let files: BTreeMap<_, _> = files.iter().copied().collect();
    let mut read = |path: &Path| {
        let text = files.get(path.to_str().unwrap());
        text.map(|it| (*it).to_owned())
            .ok_or_else(|| "not there".to_owned())
    };
    Suite::load(Path::new("main.toml"), &mut read)
        .unwrap_or_else(|error| panic!("{}", error.plain()))
        .cases
}

const HEAD: &str = "version = 1\nbench = \"bench.toml\"\n";

#[test]
fn variables_keep_their_type_and_can_be_part_of_a_text() {
    let text = format!(
        "{HEAD}[variables]\nid = \"d\"\nhot = 36.5\nn = 3\n\
         [[step]]\nname = \"${{id}}-${{n}} $${{kept}}\"\nset = {{ device = \"${{id}}\", sensor = \"t\", value = \"${{hot}}\" }}\n"
    );
    let case = load(&[("main.toml", &text)]).remove(0);
    assert_eq!(case.steps[0].name, "d-3 ${kept}");
    assert!(format!("{:?}", case.steps[0].what).contains("value: 36.5"));
}

#[test]
fn what_is_included_comes_first_and_gives_values() {
    let main = format!(
        "{HEAD}include = [\"parts/boot.toml\"]\n[variables]\nboard = \"mine\"\n[[step]]\nname = \"last\"\nat = \"9s\"\n"
    );
    let boot = "version = 1\n[variables]\nboard = \"theirs\"\n[[step]]\nname = \"first\"\nreset = { device = \"${board}\" }\n";
    let case = load(&[("main.toml", &main), ("parts/boot.toml", boot)]).remove(0);
    let names: Vec<_> = case.steps.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["first", "last"]);
    assert!(
        format!("{:?}", case.steps[0].what).contains("mine"),
        "the file's own value wins"
    );
    assert_eq!(case.steps[0].place.to_string(), "parts/boot.toml:4:1");
}

#[test]
fn a_matrix_makes_every_combination() {
    let text = format!(
        "{HEAD}name = \"m\"\nfails-in = [\"original\"]\n[variables]\nhot = 1\n\
         [[matrix]]\nprofile = [\"repaired\", \"original\"]\nseed = [1, 2]\n\
         [[matrix]]\nvariables.hot = [5, 6]\n\
         [[step]]\nset = {{ device = \"d\", sensor = \"t\", value = \"${{hot}}\" }}\n"
    );
    let cases = load(&[("main.toml", &text)]);
    let names: Vec<_> = cases.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "m [profile=repaired seed=1]",
            "m [profile=repaired seed=2]",
            "m [profile=original seed=1]",
            "m [profile=original seed=2]",
            "m [hot=5]",
            "m [hot=6]",
        ]
    );
    assert_eq!(cases.iter().filter(|it| it.must_fail).count(), 2);
    assert!(format!("{:?}", cases[5].steps[0].what).contains("value: 6.0"));
}

#[test]
fn stimuli_are_read_from_beside_the_file() {
    let text = format!("{HEAD}[[step]]\nstimuli = {{ device = \"d\", csv = \"w.csv\" }}\n");
    let csv = "# from the field\ntime, temperature, humidity\n0, 20.5, 40\n1m 30s, 21, \n";
    let case = load(&[("main.toml", &text), ("w.csv", csv)]).remove(0);
    let What::Do(action) = &case.steps[0].what else {
        panic!()
    };
    let text = format!("{action:?}");
    assert!(
        text.contains("\"temperature\", 20.5") && text.contains("\"humidity\", 40.0"),
        "{text}"
    );
    assert!(text.contains("90000000000"), "{text}");
}

#[test]
fn the_schema_says_what_the_types_take() {
    let schema = twinbench_scenario::schema();
    let properties = schema["properties"].as_object().unwrap();
    for key in [
        "version",
        "bench",
        "step",
        "fault",
        "always",
        "matrix",
        "variables",
        "fails-in",
    ] {
        assert!(properties.contains_key(key), "{key} is not in {schema:#}");
    }
    assert_eq!(schema["additionalProperties"], false);
    assert!(schema["$defs"]["Step"]["properties"]["within"]["description"].is_string());
}

proptest! {
    /// Whatever a file holds, reading it ends with cases or with an error that has its message.
    #[test]
    fn no_text_makes_it_panic(text in "(version|bench|step|\\[|\\]|\"|=|\\{|\\}|\\$|\n|[a-z0-9. ]){0,80}") {
        let mut read = |_: &Path| Ok(text.clone());
        if let Err(error) = Suite::load(Path::new("main.toml"), &mut read) {
            prop_assert!(!error.plain().is_empty());
        }
    }

    /// Bytes cut and doubled in a file that is right.
    #[test]
    fn no_damage_makes_it_panic(at in 0usize..400, length in 0usize..40) {
        let whole = include_str!("../../../fixtures/scenarios/journey.toml");
        let end = (at + length).min(whole.len());
        if let (Some(head), Some(tail)) = (whole.get(..at), whole.get(end..)) {
            let text = format!("{head}{tail}");
            let mut read = |_: &Path| Ok(text.clone());
            let _ = Suite::load(Path::new("main.toml"), &mut read).map_err(|error| error.plain());
        }
    }
}
