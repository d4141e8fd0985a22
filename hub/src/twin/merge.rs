//! Laying a patch over a section.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use twinbench_model::VirtualTime;

/// When a property was written, and in desired properties by which version; mirrors the tree of
/// values, arrays being leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// `$lastUpdated`
    pub updated: VirtualTime,
    /// `$lastUpdatedVersion`, in desired properties only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Those of an object's members.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub members: BTreeMap<String, Metadata>,
}

impl Metadata {
    pub(super) fn new(updated: VirtualTime, version: Option<u64>) -> Self {
        Self {
            updated,
            version,
            members: BTreeMap::new(),
        }
    }
}

/// Objects merge, `null` deletes, everything else replaces. Written again, an equal value still
/// counts as written.
pub(super) fn merge(
    values: &mut Map<String, Value>,
    metadata: &mut Metadata,
    patch: &Map<String, Value>,
    (now, version): (VirtualTime, Option<u64>),
) {
    (metadata.updated, metadata.version) = (now, version);
    for (name, change) in patch {
        match change {
            Value::Null => {
                values.remove(name);
                metadata.members.remove(name);
            }
            Value::Object(inner) => {
                let value = values.entry(name.as_str()).or_insert(Value::Null);
                let fresh = || Metadata::new(now, version);
                let below = metadata.members.entry(name.clone()).or_insert_with(fresh);
                if !value.is_object() {
                    *value = Value::Object(Map::new());
                    below.members.clear();
                }
                if let Value::Object(members) = value {
                    merge(members, below, inner, (now, version));
                }
            }
            leaf => {
                values.insert(name.clone(), leaf.clone());
                let fresh = Metadata::new(now, version);
                metadata.members.insert(name.clone(), fresh);
            }
        }
    }
}

/// As [`merge`], for tags, which have no metadata.
pub(super) fn merge_plain(values: &mut Map<String, Value>, patch: &Map<String, Value>) {
    let mut unused = Metadata::new(VirtualTime::ZERO, None);
    merge(values, &mut unused, patch, (VirtualTime::ZERO, None));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(members) => members,
            other => panic!("not an object: {other}"),
        }
    }

    fn merged(values: Value, patch: Value) -> Value {
        let mut values = object(values);
        merge_plain(&mut values, &object(patch));
        Value::Object(values)
    }

    #[test]
    fn objects_merge_nulls_delete_the_rest_replaces() {
        let check = |values, patch, expected| assert_eq!(merged(values, patch), expected);
        check(
            json!({"a": {"x": 1, "y": 2}, "b": 1, "c": [1]}),
            json!({"a": {"y": null, "z": 3}, "b": {"n": null, "m": 1}, "c": [2, 3]}),
            json!({"a": {"x": 1, "z": 3}, "b": {"m": 1}, "c": [2, 3]}),
        );
        check(json!({"a": {"x": 1}}), json!({"a": 7}), json!({"a": 7}));
        check(json!({}), json!({"a": null}), json!({}));
        check(json!({"a": 1}), json!({"a": {}}), json!({"a": {}}));
    }

    #[test]
    fn metadata_says_when_and_by_which_version() {
        let mut values = Map::new();
        let mut metadata = Metadata::new(VirtualTime::ZERO, Some(1));
        let write = |second, version, patch| (VirtualTime::from_secs(second), version, patch);
        for (time, version, patch) in [
            write(1, 2, json!({"a": {"x": 1, "y": 1}, "b": [1, {"in": 1}]})),
            write(2, 3, json!({"a": {"x": 2, "y": null}})),
        ] {
            merge(
                &mut values,
                &mut metadata,
                &object(patch),
                (time, Some(version)),
            );
        }
        let of = |path: &[&str]| {
            let down = |at: &Metadata, name: &&str| at.members[*name].clone();
            let found = path
                .iter()
                .fold(metadata.clone(), |at, name| down(&at, name));
            (found.version.unwrap(), found.members.len())
        };
        assert_eq!(of(&[]), (3, 2));
        assert_eq!(of(&["a"]), (3, 1));
        assert_eq!(of(&["a", "x"]), (3, 0));
        assert_eq!(of(&["b"]), (2, 0));
    }

    fn tree() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-9i64..9).prop_map(Value::from),
            prop::collection::vec(0..3, 0..3).prop_map(|items| json!(items)),
        ];
        let node = leaf.prop_recursive(4, 24, 4, |inner| {
            prop::collection::btree_map("[a-d]", inner, 0..4).prop_map(|members| json!(members))
        });
        prop::collection::btree_map("[a-d]", node, 0..4).prop_map(|members| json!(members))
    }

    /// RFC 7396, section 2, word by word.
    fn reference(target: &Value, patch: &Value) -> Value {
        let Value::Object(patch) = patch else {
            return patch.clone();
        };
        let mut made = match target {
            Value::Object(members) => members.clone(),
            _ => Map::new(),
        };
        for (name, value) in patch {
            if value.is_null() {
                made.remove(name);
            } else {
                let old = made.get(name).cloned().unwrap_or(Value::Null);
                made.insert(name.clone(), reference(&old, value));
            }
        }
        Value::Object(made)
    }

    fn same_shape(values: &Map<String, Value>, metadata: &Metadata) -> bool {
        values.len() == metadata.members.len()
            && values.iter().all(|(name, value)| {
                metadata.members.get(name).is_some_and(|below| match value {
                    Value::Object(members) => same_shape(members, below),
                    _ => below.members.is_empty(),
                })
            })
    }

    proptest! {
        #[test]
        fn is_json_merge_patch(patches in prop::collection::vec(tree(), 1..5)) {
            let mut values = Map::new();
            let mut metadata = Metadata::new(VirtualTime::ZERO, Some(1));
            let mut expected = json!({});
            for (number, patch) in patches.iter().enumerate() {
                let stamp = (VirtualTime::from_secs(number as u64), Some(number as u64));
                merge(&mut values, &mut metadata, &object(patch.clone()), stamp);
                expected = reference(&expected, patch);
            }
            prop_assert_eq!(Value::Object(values.clone()), expected);
            prop_assert!(same_shape(&values, &metadata));
        }
    }
}
