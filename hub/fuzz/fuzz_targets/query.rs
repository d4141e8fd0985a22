//! Any text: a query of twins parses to what it prints as, or is refused; it never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use twinbench_hub::query::Query;

fuzz_target!(|text: &str| {
    if let Ok(query) = text.parse::<Query>() {
        let printed = query.to_string();
        match printed.parse::<Query>() {
            Ok(again) => assert_eq!(again, query, "{printed}"),
            // Numbers and escapes may print longer than they were read.
            Err(error) => assert!(error.reason.contains("longer"), "{printed}: {error}"),
        }
        let twin =
            json!({"deviceId": "d", "tags": {"a": [1, "b", null, {"c": true}]}, "version": 2});
        query.selects(&twin);
        query.page(10, None, |_| [("d".to_owned(), twin)]);
    }
});
