//! What keys do.

use crate::{route::Route, words};

/// What a person can ask for with a key or from the palette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// Let time run, or stop it.
    PlayPause,
    /// One quantum forward.
    Step,
    /// To the next event.
    StepEvent,
    /// One second back in what is looked at.
    StepBack,
    /// To the next alert, or the one before.
    Alert {
        /// Forward in time.
        next: bool,
    },
    /// Shows a view.
    Go(Route),
    /// Into the view's filter.
    Filter,
    /// Opens the palette.
    Palette,
    /// Shows the keys.
    Help,
    /// Exports what is shown.
    Export,
    /// Measures between two points.
    Measure,
    /// Records, or stops recording.
    Record,
    /// Changes between light and dark.
    Theme,
    /// Shows times as virtual, wall or relative.
    Times,
    /// Back to the present.
    Live,
}

impl Command {
    /// The command of a word, as the desktop window's menu and tray say it.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        if let Some(view) = word.strip_prefix("go:") {
            return Some(Self::Go(Route::of_hash(view)));
        }
        Some(match word {
            "play-pause" => Self::PlayPause,
            "step" => Self::Step,
            "step-event" => Self::StepEvent,
            "alert-before" => Self::Alert { next: false },
            "alert-next" => Self::Alert { next: true },
            "palette" => Self::Palette,
            "help" => Self::Help,
            "theme" => Self::Theme,
            _ => return None,
        })
    }
}

/// The keys as they are listed, with what they do.
pub(crate) const LIST: [(&str, &str); 13] = [
    ("Space", words::KEY_PLAY),
    (".", words::KEY_STEP),
    (",", words::KEY_STEP_BACK),
    ("[ ]", words::KEY_ALERTS),
    ("g then f c j t w s r m", words::KEY_GO),
    ("g then h", words::KEY_HOME),
    ("/", words::KEY_FILTER),
    ("Ctrl-K", words::KEY_PALETTE),
    ("e", words::KEY_EXPORT),
    ("m", words::KEY_MEASURE),
    ("r", words::KEY_RECORD),
    ("\u{2191} \u{2193} Enter", words::KEY_LISTS),
    ("?", words::KEY_HELP),
];

/// Keys that were pressed and are not yet a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Keys {
    /// `g` waits for the view's letter.
    going: bool,
}

impl Keys {
    /// Takes a key, named as browsers do. While somebody types into a field only keys with
    /// Ctrl (or the Mac's command key) count.
    pub(crate) fn press(&mut self, key: &str, ctrl: bool, typing: bool) -> Option<Command> {
        if ctrl {
            self.going = false;
            return (key == "k" || key == "K").then_some(Command::Palette);
        }
        if typing {
            self.going = false;
            return None;
        }
        if std::mem::take(&mut self.going) {
            return Some(Command::Go(match key {
                "h" => Route::Start,
                "f" => Route::Fleet,
                "c" => Route::Charts,
                "j" => Route::Journey,
                "t" => Route::Twins(None),
                "w" => Route::Workflows(None),
                "s" => Route::Scenarios(None),
                "r" => Route::Recordings,
                "m" => Route::Machines,
                _ => return None,
            }));
        }
        match key {
            "g" => {
                self.going = true;
                None
            }
            " " => Some(Command::PlayPause),
            "." => Some(Command::Step),
            "," => Some(Command::StepBack),
            "[" => Some(Command::Alert { next: false }),
            "]" => Some(Command::Alert { next: true }),
            "/" => Some(Command::Filter),
            "?" => Some(Command::Help),
            "e" => Some(Command::Export),
            "m" => Some(Command::Measure),
            "r" => Some(Command::Record),
            _ => None,
        }
    }
}

/// How well a text answers to what was typed: all letters in their order, the fewer between them
/// the better. `None` when it does not.
pub(crate) fn match_score(typed: &str, text: &str) -> Option<usize> {
    let text = text.to_lowercase();
    let mut letters = text.char_indices();
    let mut last = None;
    let mut score = 0;
    for wanted in typed.to_lowercase().chars().filter(|c| !c.is_whitespace()) {
        let (at, _) = letters.find(|(_, letter)| *letter == wanted)?;
        score += last.map_or(at, |last: usize| (at - last - 1) * 3);
        last = Some(at);
    }
    Some(score)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_menus_words_are_commands() {
        let of = Command::of_word;
        assert_eq!(of("go:fleet"), Some(Command::Go(Route::Fleet)));
        assert_eq!(of("go:"), Some(Command::Go(Route::Start)));
        assert_eq!(of("play-pause"), Some(Command::PlayPause));
        assert_eq!(of("format-disk"), None);
    }

    fn pressed(keys: &[&str]) -> Option<Command> {
        let mut state = Keys::default();
        let last = keys.iter().map(|key| state.press(key, false, false)).last();
        last.flatten()
    }

    #[test]
    fn keys_do_what_the_list_says() {
        assert_eq!(pressed(&[" "]), Some(Command::PlayPause));
        assert_eq!(pressed(&["g", "f"]), Some(Command::Go(Route::Fleet)));
        assert_eq!(pressed(&["g", "r"]), Some(Command::Go(Route::Recordings)));
        assert_eq!(pressed(&["r"]), Some(Command::Record));
        assert_eq!(pressed(&["g", "x", "m"]), Some(Command::Measure));
        assert_eq!(pressed(&["]"]), Some(Command::Alert { next: true }));
    }

    #[test]
    fn a_field_keeps_its_letters() {
        let mut keys = Keys::default();
        assert_eq!(keys.press("g", false, true), None);
        assert_eq!(keys.press("f", false, false), None);
        assert_eq!(keys.press("k", true, true), Some(Command::Palette));
        assert_eq!(keys.press("c", true, false), None);
    }

    #[test]
    fn near_letters_come_first() {
        assert!(match_score("flt", "Fleet").is_some());
        assert_eq!(match_score("xyz", "Fleet"), None);
        assert!(match_score("fle", "Fleet") < match_score("fle", "Find all elements"));
        assert_eq!(match_score("", "anything"), Some(0));
    }
}
