//! What a suite reached: operations of entities, properties of twins, methods, branches of
//! workflows, connectors. Counted from the canonical event stream alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde::Serialize;
use serde_json::Value;
use twinbench_model::{Event, Payload};

/// What was reached, and how often. Names that are listed as known but were never reached have 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    /// `entity.operation`, and ` (failed)` when it threw.
    pub operations: BTreeMap<String, u64>,
    /// `desired.name` and `reported.name`.
    pub twin_properties: BTreeMap<String, u64>,
    /// Methods by name, with the status they were answered with.
    pub methods: BTreeMap<String, u64>,
    /// `workflow → what happened in it`.
    pub workflow_branches: BTreeMap<String, u64>,
    /// Connectors by name.
    pub connectors: BTreeMap<String, u64>,
    /// The workflow of each instance that is under way.
    #[serde(skip)]
    names: BTreeMap<String, String>,
}

impl Coverage {
    /// Lists what could be reached, so that a table shows what was not.
    pub fn know<'a>(
        &mut self,
        operations: impl IntoIterator<Item = &'a str>,
        branches: impl IntoIterator<Item = &'a str>,
        connectors: impl IntoIterator<Item = &'a str>,
    ) {
        let add = |map: &mut BTreeMap<String, u64>, name: &str| {
            map.entry(name.to_owned()).or_insert(0);
        };
        operations
            .into_iter()
            .for_each(|it| add(&mut self.operations, it));
        branches
            .into_iter()
            .for_each(|it| add(&mut self.workflow_branches, it));
        connectors
            .into_iter()
            .for_each(|it| add(&mut self.connectors, it));
    }

    /// Takes an event.
    pub fn observe(&mut self, event: &Event) {
        let Payload::Json(text) = &event.payload else {
            return;
        };
        if !matches!(
            event.kind,
            "entity" | "workflow" | "twin" | "method" | "connector"
        ) {
            return;
        }
        let Ok(facts) = serde_json::from_str::<Value>(text) else {
            return;
        };
        let word = |name: &str| facts.get(name).and_then(Value::as_str);
        match event.kind {
            "entity" => {
                let entity = event.source.trim_start_matches('@').split('@').next();
                let failed = if facts.get("error").is_some_and(|it| !it.is_null()) {
                    " (failed)"
                } else {
                    ""
                };
                if let (Some(entity), Some(operation)) = (entity, word("operation")) {
                    bump(
                        &mut self.operations,
                        format!("{entity}.{operation}{failed}"),
                    );
                }
            }
            "workflow" => self.workflow(&event.source, &facts),
            "twin" => {
                for part in ["desired", "reported"] {
                    let names = facts.get(part).and_then(Value::as_object);
                    for name in names.into_iter().flat_map(|it| it.keys()) {
                        if !name.starts_with('$') {
                            bump(&mut self.twin_properties, format!("{part}.{name}"));
                        }
                    }
                }
            }
            "method" => {
                if let Some(name) = word("name").or(word("method")) {
                    let status = facts.get("status").and_then(Value::as_u64);
                    let status = status.map_or_else(String::new, |it| format!(" → {it}"));
                    bump(&mut self.methods, format!("{name}{status}"));
                }
            }
            _ => {
                if let Some(name) = word("connector") {
                    bump(&mut self.connectors, name.to_owned());
                }
            }
        }
    }

    fn workflow(&mut self, instance: &str, facts: &Value) {
        let Some(event) = facts.get("event").and_then(Value::as_str) else {
            return;
        };
        let name = facts.get("name").and_then(Value::as_str);
        if event == "started"
            && let Some(name) = name
        {
            self.names.insert(instance.to_owned(), name.to_owned());
        }
        let workflow = self.names.get(instance).map_or("?", String::as_str);
        let branch = match (event, name) {
            ("activityScheduled" | "eventRaised", Some(name)) => format!("{event} {name}"),
            ("signalSent", _) => {
                let operation = facts
                    .get("operation")
                    .and_then(Value::as_str)
                    .unwrap_or("?");
                format!("{event} {operation}")
            }
            _ => event.to_owned(),
        };
        bump(
            &mut self.workflow_branches,
            format!("{workflow} → {branch}"),
        );
    }

    /// Adds what another run reached.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.operations, &other.operations),
            (&mut self.twin_properties, &other.twin_properties),
            (&mut self.methods, &other.methods),
            (&mut self.workflow_branches, &other.workflow_branches),
            (&mut self.connectors, &other.connectors),
        ] {
            for (name, count) in theirs {
                *mine.entry(name.clone()).or_insert(0) += count;
            }
        }
    }

    /// The tables for a person.
    pub fn table(&self) -> String {
        let mut out = String::new();
        for (title, map) in [
            ("entity operations", &self.operations),
            ("twin properties", &self.twin_properties),
            ("methods", &self.methods),
            ("workflow branches", &self.workflow_branches),
            ("connectors", &self.connectors),
        ] {
            let reached: BTreeSet<_> = map.iter().filter(|(_, count)| **count > 0).collect();
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{title}: {} of {}", reached.len(), map.len());
            for (name, count) in map {
                let count = if *count == 0 {
                    "never".into()
                } else {
                    count.to_string()
                };
                let _ = writeln!(out, "  {count:>8}  {name}");
            }
        }
        out
    }
}

fn bump(map: &mut BTreeMap<String, u64>, name: String) {
    *map.entry(name).or_insert(0) += 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use twinbench_model::{Room, VirtualTime};

    #[test]
    fn counts_by_name_and_shows_what_was_not_reached() {
        let mut coverage = Coverage::default();
        coverage.know(
            ["counter.add", "counter.reset"],
            ["W → completed"],
            ["Mail"],
        );
        let mut see = |room, kind, source: &str, facts: Value| {
            let event = Event::json(VirtualTime::ZERO, room, kind, source.into(), &facts);
            coverage.observe(&event);
        };
        let entity = "@counter@a";
        see(
            Room::Entities,
            "entity",
            entity,
            json!({"operation": "add", "result": "done"}),
        );
        see(
            Room::Entities,
            "entity",
            entity,
            json!({"operation": "add", "error": {"m": 1}}),
        );
        see(
            Room::Workflows,
            "workflow",
            "i1",
            json!({"event": "started", "name": "W"}),
        );
        let scheduled = json!({"event": "activityScheduled", "name": "Mail"});
        see(Room::Workflows, "workflow", "i1", scheduled);
        see(
            Room::Hub,
            "twin",
            "d",
            json!({"desired": {"interval": 5, "$version": 2}}),
        );
        see(
            Room::Hub,
            "method",
            "d",
            json!({"name": "led", "status": 200}),
        );
        let table = coverage.table();
        for line in [
            "entity operations: 2 of 3",
            "       1  counter.add\n",
            "       1  counter.add (failed)",
            "   never  counter.reset",
            "   never  W → completed",
            "       1  W → activityScheduled Mail",
            "       1  desired.interval",
            "       1  led → 200",
            "connectors: 0 of 1",
        ] {
            assert!(table.contains(line), "{line:?} is not in\n{table}");
        }
        let mut sum = Coverage::default();
        sum.merge(&coverage);
        sum.merge(&coverage);
        assert_eq!(sum.operations["counter.add"], 2);
    }
}
