//! What the hub's threads have used of the processors: unlike the rates, this does not depend on
//! what else the machine does.

use std::collections::BTreeMap;

/// Clock ticks of `/proc/*/stat` a second (Linux, USER_HZ).
const TICKS: f64 = 100.0;

/// Seconds of processor time by the names of this process's threads, its first excepted, which is
/// the clients; empty where the system does not tell.
pub(crate) fn seconds() -> BTreeMap<String, f64> {
    let mut used = BTreeMap::new();
    let first = std::process::id().to_string();
    for task in std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten()
    {
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        // The name stands in brackets and may hold spaces.
        let parts = stat
            .split_once(" (")
            .and_then(|(id, rest)| Some((id, rest.rsplit_once(") ")?)));
        let Some((id, (name, numbers))) = parts else {
            continue;
        };
        let numbers = numbers.split(' ').skip(11).take(2);
        let ticks: f64 = numbers
            .filter_map(|number| number.parse::<f64>().ok())
            .sum();
        if id != first {
            *used.entry(name.to_owned()).or_default() += ticks / TICKS;
        }
    }
    used
}

/// What was used since, in microseconds a message: altogether, and by thread.
pub(crate) fn since(before: &BTreeMap<String, f64>, messages: usize) -> String {
    let each = |seconds: f64| seconds * 1e6 / messages as f64;
    let used: Vec<(String, f64)> = seconds()
        .into_iter()
        .map(|(name, now)| {
            let before = before.get(&name).copied().unwrap_or_default();
            (name, each(now - before))
        })
        .collect();
    let all: f64 = used.iter().map(|(_, used)| used).sum();
    let parts: Vec<String> = used
        .iter()
        .map(|(name, used)| format!("{name} {used:.1}"))
        .collect();
    format!(
        "{all:.1} us of processor time a message ({})",
        parts.join(", ")
    )
}
