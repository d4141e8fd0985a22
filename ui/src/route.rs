//! Which view is shown: the part of the address behind `#`.
//!
//! Routes are kept in the fragment, so that the page works from any server of plain files and in the
//! desktop window, and no route can be mistaken for a path of the API.

/// A view of the page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Route {
    /// Where everybody begins.
    #[default]
    Start,
    /// All devices.
    Fleet,
    /// One device.
    Device(String),
    /// Panes of charts.
    Charts,
    /// The causal timeline.
    Journey,
    /// Entities; the one that is open, by name and key.
    Twins(Option<(String, String)>),
    /// Orchestrations; the one that is open.
    Workflows(Option<String>),
    /// Scenarios; the run that is open.
    Scenarios(Option<String>),
    /// Recordings.
    Recordings,
    /// One recording, and the moment of it that is looked at first, in nanoseconds.
    Recording(String, Option<u64>),
    /// Machines and settings.
    Machines,
}

impl Route {
    /// The views of the rail, in its order.
    pub(crate) fn rail() -> [Self; 9] {
        [
            Self::Start,
            Self::Fleet,
            Self::Charts,
            Self::Journey,
            Self::Twins(None),
            Self::Workflows(None),
            Self::Scenarios(None),
            Self::Recordings,
            Self::Machines,
        ]
    }

    /// The fragment that leads here.
    pub(crate) fn hash(&self) -> String {
        let parts: Vec<String> = match self {
            Self::Start => vec![],
            Self::Fleet => vec!["fleet".into()],
            Self::Device(id) => vec!["device".into(), encode(id)],
            Self::Charts => vec!["charts".into()],
            Self::Journey => vec!["journey".into()],
            Self::Twins(None) => vec!["twins".into()],
            Self::Twins(Some((name, key))) => vec!["twins".into(), encode(name), encode(key)],
            Self::Workflows(None) => vec!["workflows".into()],
            Self::Workflows(Some(id)) => vec!["workflows".into(), encode(id)],
            Self::Scenarios(None) => vec!["scenarios".into()],
            Self::Scenarios(Some(run)) => vec!["scenarios".into(), encode(run)],
            Self::Recordings => vec!["recordings".into()],
            Self::Recording(name, None) => vec!["recordings".into(), encode(name)],
            Self::Recording(name, Some(at)) => {
                vec!["recordings".into(), encode(name), at.to_string()]
            }
            Self::Machines => vec!["machines".into()],
        };
        format!("#/{}", parts.join("/"))
    }

    /// The view that a fragment leads to; what is not known leads to the start.
    pub(crate) fn of_hash(hash: &str) -> Self {
        let path = hash.trim_start_matches('#').trim_start_matches('/');
        let parts: Vec<String> = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(decode)
            .collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["fleet"] => Self::Fleet,
            ["device", id] => Self::Device((*id).to_owned()),
            ["charts"] => Self::Charts,
            ["journey"] => Self::Journey,
            ["twins"] => Self::Twins(None),
            ["twins", name, key] => Self::Twins(Some(((*name).to_owned(), (*key).to_owned()))),
            ["workflows"] => Self::Workflows(None),
            ["workflows", id] => Self::Workflows(Some((*id).to_owned())),
            ["scenarios"] => Self::Scenarios(None),
            ["scenarios", run] => Self::Scenarios(Some((*run).to_owned())),
            ["recordings"] => Self::Recordings,
            ["recordings", name] => Self::Recording((*name).to_owned(), None),
            ["recordings", name, at] => Self::Recording((*name).to_owned(), at.parse().ok()),
            ["machines"] => Self::Machines,
            _ => Self::Start,
        }
    }

    /// Whether this view belongs to an entry of the rail.
    pub(crate) fn belongs_to(&self, entry: &Self) -> bool {
        match self {
            Self::Device(_) => *entry == Self::Fleet,
            Self::Recording(..) => *entry == Self::Recordings,
            _ => std::mem::discriminant(self) == std::mem::discriminant(entry),
        }
    }
}

/// Percent-encodes all but letters, digits and `-_.~` (RFC 3986, unreserved).
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for half in [byte >> 4, byte & 15] {
                out.push(
                    char::from_digit(half.into(), 16)
                        .unwrap_or('0')
                        .to_ascii_uppercase(),
                );
            }
        }
    }
    out
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = (*byte == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(hex.unwrap_or(*byte));
        at += if hex.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_entry_of_the_rail_leads_back_to_itself() {
        for route in Route::rail() {
            assert_eq!(Route::of_hash(&route.hash()), route);
            assert!(route.belongs_to(&route));
        }
        assert_eq!(Route::of_hash(""), Route::Start);
        assert_eq!(Route::of_hash("#/no/such"), Route::Start);
        assert!(Route::Device("x".into()).belongs_to(&Route::Fleet));
        assert!(Route::Workflows(Some("a".into())).belongs_to(&Route::Workflows(None)));
    }

    proptest! {
        #[test]
        fn ids_survive_the_address(id in "\\PC{1,40}", key in "\\PC{1,20}", at: u64) {
            let device = Route::Device(id.clone());
            prop_assert_eq!(Route::of_hash(&device.hash()), device);
            let twin = Route::Twins(Some((id, key)));
            prop_assert_eq!(Route::of_hash(&twin.hash()), twin);
            let moment = Route::Recording("b/1/session.mcap".into(), Some(at));
            prop_assert_eq!(Route::of_hash(&moment.hash()), moment);
        }

        #[test]
        fn any_address_leads_somewhere(hash in "\\PC{0,40}") {
            let _ = Route::of_hash(&hash);
        }
    }
}
