//! Which divergence led to which: the way of the first one through the journey.

use super::Divergence;

/// Where in the journey a kind stands.
fn stage(kind: &str) -> u8 {
    match kind {
        // What is done to the bench from outside comes before what it does.
        "stimulus" | "fault" | "decision" | "crash" => 0,
        "pin" | "display" | "note" | "network" => 1,
        "uart" => 2,
        "d2c" => 4,
        "function" | "dead-letter" => 5,
        "entity" => 6,
        "workflow" => 7,
        "connector" => 8,
        // A clock differs because something else did.
        "clock" => 9,
        // Connections, twins, methods, messages to devices: the hub's.
        _ => 3,
    }
}

fn stage_of(divergence: &Divergence) -> u8 {
    stage(divergence.channel.split('/').next().unwrap_or_default())
}

/// Sorts divergences by (time, stage, channel) and finds those that follow from the first.
pub(super) fn chain(mut divergences: Vec<Divergence>) -> (Vec<Divergence>, Vec<usize>) {
    divergences.sort_by(|a, b| {
        (a.time, stage_of(a))
            .cmp(&(b.time, stage_of(b)))
            .then_with(|| a.channel.cmp(&b.channel))
    });
    let Some(first) = divergences.first() else {
        return (divergences, Vec::new());
    };
    let (subject, from) = (first.subject.clone(), stage_of(first));
    let mut chain = vec![0];
    for stage in 0..=8 {
        if stage <= from {
            continue;
        }
        let next = divergences
            .iter()
            .position(|it| stage_of(it) == stage && about(it, &subject));
        chain.extend(next);
    }
    chain.sort_unstable();
    (divergences, chain)
}

/// Whether a divergence is about a device: by its channel, or because an entry names it.
fn about(divergence: &Divergence, subject: &str) -> bool {
    divergence.subject == subject
        || [&divergence.left, &divergence.right]
            .into_iter()
            .flatten()
            .any(|entry| names(&entry.text, subject))
}

/// Whether a text has a name as a whole word.
fn names(text: &str, name: &str) -> bool {
    let part =
        |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        !part(before.chars().next_back()) && !part(after.chars().next())
    })
}
