//! What a device sent in a recording, as the values of a generator.

use std::path::Path;

use twinbench_machine::generator::RecordedValues;
use twinbench_model::{DeviceId, VirtualTime};
use twinbench_recording::{Reader, diff::number_at};

/// Reads the values for a quantity of a device; `folder` is that of the bench file.
///
/// # Errors
/// When the recording cannot be read or has no such values, with what it has.
pub(super) fn read(
    wanted: &RecordedValues,
    device: &DeviceId,
    quantity: &str,
    folder: &Path,
) -> Result<Vec<(VirtualTime, f64)>, String> {
    let path = folder.join(wanted.file());
    let failed = |cause: twinbench_recording::Error| format!("{}: {cause}", path.display());
    let source = wanted.device().unwrap_or(device.as_str());
    let fields = fields(wanted.field(), quantity);
    let mut values = Vec::new();
    for entry in Reader::open(&path).map_err(failed)?.entries() {
        let entry = entry.map_err(failed)?;
        if entry.kind != "d2c" || *entry.source != *source {
            continue;
        }
        let mut found = fields.iter();
        if let Some(value) = found.find_map(|field| number_at(&entry.content, field)) {
            values.push((entry.time, value));
        }
    }
    if values.is_empty() {
        let sources = Reader::open(&path).and_then(|reader| reader.sources("d2c"));
        let sources = sources.map_err(failed)?;
        return Err(format!(
            "{} has no number {} in telemetry of {source}; it has telemetry of: {}",
            path.display(),
            wanted.field().unwrap_or(quantity),
            sources.join(", ")
        ));
    }
    Ok(values)
}

/// Where a message's value may be: in the body, in the shapes that devices here send.
fn fields(given: Option<&str>, quantity: &str) -> Vec<String> {
    if let Some(field) = given {
        return vec![format!("body.{field}")];
    }
    let mut pascal = quantity.to_owned();
    if let Some(first) = pascal.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    vec![
        format!("body.{quantity}"),
        format!("body.data.{quantity}"),
        format!("body.Data.{pascal}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str) -> RecordedValues {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_fixture_has_values_of_its_devices() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/recordings");
        let own = wanted("file = \"journey.mcap\"");
        let device = DeviceId::new("greenhouse-01").unwrap();
        let values = read(&own, &device, "temperature", &folder).unwrap();
        assert!(
            values.len() > 3 && values.is_sorted_by_key(|it| it.0),
            "{values:?}"
        );
        assert!(values.iter().all(|it| (-40.0..60.0).contains(&it.1)));
        let other = wanted("file = \"journey.mcap\"\ndevice = \"devkit-01\"");
        let others = read(&other, &device, "temperature", &folder).unwrap();
        assert_ne!(values, others);
        let error = read(&own, &device, "noise", &folder).unwrap_err();
        assert!(
            error.contains("noise") && error.contains("devkit-01"),
            "{error}"
        );
        let error = read(
            &wanted("file = \"x.mcap\""),
            &device,
            "temperature",
            &folder,
        );
        assert!(error.unwrap_err().contains("x.mcap"));
    }
}
