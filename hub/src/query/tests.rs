//! The languages, as the documentation's examples and every rule decided here have them.

use proptest::prelude::*;
use serde_json::{Value, json};
use twinbench_model::{Message, system};

use super::*;

fn twin(id: &str) -> Value {
    json!({
        "deviceId": id,
        "status": "enabled",
        "capabilities": {"iotEdge": false},
        "version": 3,
        "tags": {
            "location": {"region": "US", "plant-name": "Redmond43", "from": "x"},
            "floors": [10, {"n": 2}],
            "none": null,
        },
        "properties": {
            "desired": {"interval": 300, "$version": 4},
            "reported": {"interval": 60.5, "on": true, "$iotin:info": {"maker": "M"}, "$version": 7},
        },
    })
}

#[track_caller]
fn holds(condition: &str, expected: bool) {
    let query: Query = format!("SELECT * FROM devices WHERE {condition}")
        .parse()
        .unwrap();
    assert_eq!(query.selects(&twin("d1")), expected, "{condition}");
    let again: Query = query.to_string().parse().unwrap();
    assert_eq!(again, query, "{query}");
}

#[test]
fn conditions() {
    for condition in [
        "tags.location.region = 'US'",
        "devices.tags.location.region = \"US\"",
        "DeviceId = 'd1' AND STATUS = 'enabled'",
        "properties.reported.interval >= 60 AND properties.desired.interval <> 60",
        "properties.desired.$version = 4",
        "tags.location['plant-name'] = 'Redmond43'",
        "tags.location.[[plant-name]] = 'Redmond43'",
        "properties.reported.[[$iotin:info]].maker = 'M'",
        "tags.location.from = 'x'",
        "tags.floors[0] = 10 AND tags.floors[1].n = 2",
        "tags.location.region IN ['DE', 'US'] and deviceId nin ['d2']",
        "deviceId NOT IN ['d2']",
        "10 IN tags.floors",
        "is_defined(tags.none) AND is_null(tags.none) AND NOT is_defined(tags.nothing)",
        "capabilities.iotEdge = false",
        "not capabilities.iotEdge",
        "properties.reported.on",
        "properties.desired.interval / 2 - 50 = 2 * (20 + 30) % 1000",
        "-properties.desired.interval < -0x10",
        "is_bool(properties.reported.on) AND is_string(deviceId) AND is_number(version)",
        "is_object(tags) AND is_array(tags.floors) AND is_primitive(tags.none)",
        "startswith(deviceId, 'd') AND ends_with(deviceId, '1') AND contains('abc', 'b')",
        "length(concat(lower('AB'), upper('c'))) = 3 AND concat('a', 'b') = 'ab'",
        "substring('hello', 1, 3) = 'ell' AND substring('hello', 3) = 'lo'",
        "index_of('hello', 'l') = 2 AND index_of('hello', 'z') = -1",
        "abs(-2) = 2 AND power(2, 3) = 8 AND square(3) = 9 AND sqrt(16) = 4",
        "ceiling(1.2) = 2 AND floor(1.8) = 1 AND sign(-3) = -1 AND exp(0) = 1",
        "as_number('12.5') = 12.5 AND as_number(version) = 3",
        "'a' < 'b' AND null = null AND false < true",
        "1 = 1 OR tags.nothing = 1",
        "'1' <> 1",
    ] {
        holds(condition, true);
    }
}

#[test]
fn what_is_missing_or_of_another_type_selects_nothing() {
    for condition in [
        "tags.nothing = 1",
        "tags.nothing <> 1",
        "NOT tags.nothing = 1",
        "tags.nothing = tags.nothing",
        "tags.nothing NIN ['a']",
        "tags.nothing > 1 OR tags.nothing <= 1",
        "undefined = undefined",
        "'1' = 1",
        "NOT ('1' < 1)",
        "tags.location = tags.location",
        "deviceId",
        "NOT deviceId",
        "version",
        "tags.Location.region = 'US'",
        "tags.floors[7] = 1",
        "1 / 0 = 1",
        "as_number('many') = 1",
        "length(version) = 1",
        "tags.location.region IN 'US'",
        "null",
    ] {
        holds(condition, false);
    }
}

fn documents() -> Vec<(String, Value)> {
    let make = |n: usize| {
        let id = format!("d{n}");
        let mut twin = twin(&id);
        twin["version"] = json!(n);
        twin["tags"]["location"]["region"] = json!(["US", "DE"][n % 2]);
        if n == 3 {
            twin["properties"]["reported"] = json!({});
        }
        (id, twin)
    };
    (0..5).map(make).collect()
}

fn pages(text: &str, size: usize) -> Vec<Vec<Value>> {
    let query: Query = text.parse().unwrap();
    let mut pages = Vec::new();
    let mut from: Option<Continuation> = None;
    loop {
        let page = query.page(size, from.as_ref(), |after| {
            let after = after.map(ToOwned::to_owned);
            let later = move |(key, _): &(String, Value)| after.as_ref().is_none_or(|a| key > a);
            documents().into_iter().filter(later)
        });
        pages.push(page.rows);
        let Some(next) = page.next else { return pages };
        let token = next.token(&query);
        from = Some(Continuation::read(&token, &query).unwrap());
        let other: Query = "SELECT TOP 7 * FROM devices".parse().unwrap();
        assert_eq!(Continuation::read(&token, &other), Err(ContinuationError));
    }
}

#[test]
fn pages_hold_every_row_once() {
    let ids = |text, size| -> Vec<Vec<String>> {
        let pages = pages(text, size);
        let id = |row: Value| row["deviceId"].as_str().unwrap().to_owned();
        pages
            .into_iter()
            .map(|page| page.into_iter().map(id).collect())
            .collect()
    };
    assert_eq!(
        ids("SELECT * FROM devices", 2),
        [vec!["d0", "d1"], vec!["d2", "d3"], vec!["d4"]]
    );
    assert_eq!(
        ids("SELECT TOP 3 * FROM devices", 2),
        [vec!["d0", "d1"], vec!["d2"]]
    );
    assert_eq!(ids("SELECT TOP 2 * FROM devices", 2), [vec!["d0", "d1"]]);
    let some = "SELECT deviceId FROM devices WHERE tags.location.region = 'US'";
    assert_eq!(ids(some, 2), [vec!["d0", "d2"], vec!["d4"]]);
    assert_eq!(
        ids("SELECT * FROM devices WHERE false", 2),
        [Vec::<String>::new()]
    );
}

#[test]
fn columns_have_names_and_missing_ones_are_left_out() {
    let rows = pages(
        "SELECT DEVICEID, tags.location.region, properties.reported.interval AS i, tags.floors[0] FROM devices WHERE version IN [2, 3]",
        10,
    );
    let expected = json!([[
        {"deviceId": "d2", "region": "US", "i": 60.5, "floors": 10},
        {"deviceId": "d3", "region": "DE", "floors": 10},
    ]]);
    assert_eq!(json!(rows), expected);
}

#[test]
fn groups_and_aggregates() {
    let check =
        |text, expected: Value| assert_eq!(json!(pages(text, 10)), json!([expected]), "{text}");
    check(
        "SELECT tags.location.region AS region, COUNT() AS n, SUM(version), AVG(version) AS mean, MIN(version) AS least, MAX(devices.version) AS most FROM devices GROUP BY tags.location.region",
        json!([
            {"region": "US", "n": 3, "$1": 6, "mean": 2, "least": 0, "most": 4},
            {"region": "DE", "n": 2, "$1": 4, "mean": 2, "least": 1, "most": 3},
        ]),
    );
    check("SELECT COUNT() FROM devices", json!([{"$1": 5}]));
    check(
        "SELECT COUNT(properties.reported.on) AS n FROM devices",
        json!([{"n": 4}]),
    );
    check(
        "SELECT COUNT() AS n, AVG(version) AS mean, SUM(version) AS sum FROM devices WHERE false",
        json!([{"n": 0, "sum": 0}]),
    );
    check(
        "SELECT properties.reported.on, COUNT() AS n FROM devices GROUP BY properties.reported.on",
        json!([{"on": true, "n": 4}, {"n": 1}]),
    );
    assert_eq!(
        json!(pages(
            "SELECT version, COUNT() AS n FROM devices GROUP BY version",
            3
        )),
        json!([
            [{"version": 0, "n": 1}, {"version": 1, "n": 1}, {"version": 2, "n": 1}],
            [{"version": 3, "n": 1}, {"version": 4, "n": 1}],
        ])
    );
}

#[test]
fn jobs_by_their_long_name() {
    let query: Query =
        "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'j' AND status = 'completed'"
            .parse()
            .unwrap();
    assert_eq!(query.collection(), Collection::Jobs);
    assert!(query.selects(&json!({"jobId": "j", "status": "completed"})));
    assert!(!query.selects(&json!({"jobId": "k", "status": "completed"})));
}

#[test]
fn errors_say_where_and_what() {
    let check = |text: &str, position: usize, part: &str| {
        let error = text.parse::<Query>().unwrap_err();
        assert_eq!(error.position, position, "{text}: {error}");
        assert!(error.reason.contains(part), "{text}: {error}");
    };
    check("", 1, "expected SELECT, found the end");
    check("SELECT * FROM things", 15, "devices.modules");
    check("SELECT * FROM devices WHERE", 28, "expected a value");
    check(
        "SELECT * FROM devices WHERE a = = 1",
        33,
        "expected a value",
    );
    check(
        "SELECT * FROM devices WHERE a = 1 = 2",
        35,
        "expected the end",
    );
    check("SELECT * FROM devices ORDER BY a", 23, "no ORDER BY");
    check(
        "SELECT * FROM devices WHERE upper(a, b) = 'X'",
        29,
        "one argument, not 2",
    );
    check(
        "SELECT * FROM devices WHERE shout(a)",
        29,
        "no function \"shout\"",
    );
    check(
        "SELECT * FROM devices WHERE a IN [b]",
        35,
        "expected a constant",
    );
    check("SELECT a, COUNT() FROM devices", 8, "GROUP BY");
    check("SELECT * FROM devices GROUP BY a", 8, "needs columns");
    check("SELECT jobId FROM devices.jobs", 8, "SELECT * only");
    check("SELECT TOP 0 * FROM devices", 12, "whole number");
    check("SELECT SUM() FROM devices", 12, "expected a property");
    let deep = format!("SELECT * FROM devices WHERE {}1", "(".repeat(200));
    check(&deep, 129, "deeper than 100");
    let long = format!("SELECT * FROM devices WHERE 1{}", "+1".repeat(501));
    check(&long, 1030, "500 calculations");
    let wide = format!("SELECT * FROM devices WHERE a{}", " OR a".repeat(1_500));
    assert!(wide.parse::<Query>().is_ok());
}

fn message() -> Message {
    let texts = |pairs: &[(&str, &str)]| {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(own).collect()
    };
    Message {
        body: r#"{"Weather":{"Temperature":50,"IsEnabled":true,"History":[{"Month":"Feb"}]}}"#
            .into(),
        system: texts(&[
            (system::CONTENT_TYPE, "application/json"),
            (system::CONTENT_ENCODING, "utf-8"),
            (system::DEVICE_ID, "d1"),
            (system::SUBJECT, "thermostat"),
        ]),
        properties: texts(&[("processingPath", "hot"), ("severity", "3"), ("$own", "x")]),
    }
}

#[track_caller]
fn routed(condition: &str, message: &Message) -> bool {
    let query: RouteQuery = condition.parse().unwrap();
    assert_eq!(
        query.to_string().parse::<RouteQuery>().unwrap(),
        query,
        "{query}"
    );
    let twin = json!({"tags": {"floor": 1}, "properties": {"desired": {"every": "5m"}}});
    query.selects(&RouteMessage::new(message, Some(&twin)))
}

#[test]
fn routes_ask_properties_body_and_twin() {
    for condition in [
        "true",
        "processingPath = 'hot'",
        "PROCESSINGPATH = 'hot' AND as_number(severity) >= 3",
        "$contentType = 'application/json' AND $connectionDeviceId = 'd1'",
        "$content-type = 'application/json' AND $iothub-connection-device-id = 'd1'",
        "$dt-subject = 'thermostat'",
        "$own = 'x'",
        "$body.Weather.Temperature = 50 AND $body.weather.isenabled",
        "$body.Weather.History[0].Month = 'Feb'",
        "is_defined($body.Weather.Temperature) AND NOT is_defined($body.Nothing)",
        "$twin.tags.floor = 1 AND $twin.properties.desired.every = '5m'",
    ] {
        assert!(routed(condition, &message()), "{condition}");
    }
    for condition in [
        "false",
        "severity > 2",
        "missing = 'x'",
        "NOT missing = 'x'",
        "$body = 'x'",
        "is_defined($body)",
        "is_defined($body[0])",
        "$twin.tags.nothing = 1",
        "'text'",
    ] {
        assert!(!routed(condition, &message()), "{condition}");
    }
}

#[test]
fn bodies_count_only_when_their_encoding_is_named() {
    let condition = "$body.a = 'ü'";
    let text = r#"{"a":"ü"}"#;
    let check = |kind: &str, encoding: &str, body: Vec<u8>, expected: bool| {
        let mut message = message();
        message.body = body.into();
        message
            .system
            .insert(system::CONTENT_TYPE.into(), kind.into());
        message
            .system
            .insert(system::CONTENT_ENCODING.into(), encoding.into());
        assert_eq!(routed(condition, &message), expected, "{kind} {encoding}");
    };
    let utf16 =
        |convert: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(convert).collect::<Vec<_>>();
    let utf32 = || {
        text.chars()
            .flat_map(|c| u32::from(c).to_le_bytes())
            .collect::<Vec<_>>()
    };
    let json = "application/json";
    check(json, "UTF-8", text.into(), true);
    check(
        "Application/JSON; charset=utf-8",
        "utf-8",
        text.into(),
        true,
    );
    check(json, "utf-16", utf16(u16::to_le_bytes), true);
    let marked = [&b"\xFE\xFF"[..], &utf16(u16::to_be_bytes)].concat();
    check(json, "utf-16", marked, true);
    check(json, "utf-32", utf32(), true);
    check(json, "", text.into(), false);
    check("text/plain", "utf-8", text.into(), false);
    check(json, "utf-8", b"{".to_vec(), false);
    check(json, "utf-16", b"{\"a".to_vec(), false);
}

fn any_name() -> impl Strategy<Value = String> {
    let plain = "[a-zA-Z_$][a-zA-Z0-9_$]{0,6}";
    prop_oneof![4 => plain, 1 => "[ -Z^-~]{1,5}", 1 => Just("from".to_owned())]
}

fn any_path() -> impl Strategy<Value = Path> {
    let step = prop_oneof![
        3 => any_name().prop_map(Step::Name),
        1 => "[ -~\u{e4}\n]{0,4}".prop_map(Step::Name),
        1 => (0usize..1_000).prop_map(Step::Index),
    ];
    let steps = prop::collection::vec(step, 0..3);
    (any_name(), steps).prop_map(|(first, steps)| Path { first, steps })
}

fn any_literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        Just(Literal::Undefined),
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Bool),
        (0.0..1e12f64).prop_map(Literal::Number),
        (0u32..1_000).prop_map(|n| Literal::Number(f64::from(n))),
        "[ -~\u{e4}\u{1F600}\n\\\\']{0,6}".prop_map(Literal::Text),
    ]
}

fn any_expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        any_literal().prop_map(Expr::Literal),
        any_path().prop_map(Expr::Path),
        prop::collection::vec(any_literal(), 0..3).prop_map(Expr::Array),
    ];
    let operators = [
        Binary::Equal,
        Binary::NotEqual,
        Binary::Less,
        Binary::LessOrEqual,
        Binary::Greater,
        Binary::GreaterOrEqual,
        Binary::Add,
        Binary::Subtract,
        Binary::Multiply,
        Binary::Divide,
        Binary::Remainder,
    ];
    leaf.prop_recursive(5, 24, 3, move |inner| {
        let two = (inner.clone(), inner.clone());
        let boxed = |(left, right)| (Box::new(left), Box::new(right));
        prop_oneof![
            inner.clone().prop_map(|one| Expr::Not(Box::new(one))),
            inner.clone().prop_map(|one| Expr::Negative(Box::new(one))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::Or),
            (prop::sample::select(operators.to_vec()), two.clone()).prop_map(
                move |(operator, two)| {
                    let (left, right) = boxed(two);
                    Expr::Binary(operator, left, right)
                }
            ),
            (any::<bool>(), two).prop_map(move |(negated, two)| {
                let (value, list) = boxed(two);
                Expr::In {
                    value,
                    list,
                    negated,
                }
            }),
            inner
                .clone()
                .prop_map(|one| Expr::Call(Function::Upper, vec![one])),
            prop::collection::vec(inner, 2..4).prop_map(|all| Expr::Call(Function::Concat, all)),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_again(condition in any_expr()) {
        let query = RouteQuery { condition };
        let text = query.to_string();
        let again: RouteQuery = text.parse().map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        prop_assert_eq!(&again, &query, "{}", text);
    }

    #[test]
    fn evaluation_never_panics(condition in any_expr()) {
        let query = RouteQuery { condition };
        let _ = query.selects(&RouteMessage::new(&message(), None));
        let _ = query.condition.value(&Document(&twin("d")));
    }

    #[test]
    fn parsing_never_panics(text in "\\PC{0,60}") {
        let _ = text.parse::<Query>();
        let _ = text.parse::<RouteQuery>();
    }

    #[test]
    fn scrambled_queries_never_panic(words in prop::collection::vec(prop::sample::select(vec![
        "SELECT", "*", "FROM", "devices", ".", "modules", "WHERE", "(", ")", "[", "]", "[[", "]]", "a", "'b'", "1",
        "=", "<>", "-", "+", "NOT", "IN", "NIN", "AND", "OR", "GROUP", "BY", "COUNT", "AS", "TOP", ",", "is_defined",
    ]), 0..14)) {
        let text = words.join(" ");
        if let Ok(query) = text.parse::<Query>() {
            let again: Query = query.to_string().parse().unwrap();
            prop_assert_eq!(again, query);
        }
        let text = format!("SELECT * FROM devices WHERE {text}");
        if let Ok(query) = text.parse::<Query>() {
            let _ = query.selects(&twin("d"));
            let again: Query = query.to_string().parse().unwrap();
            prop_assert_eq!(again, query);
        }
    }
}
