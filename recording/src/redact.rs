//! Taking signatures out of what people read and pass on.

use std::borrow::Cow;

/// What stands in the place of a signature.
const MASK: &[u8] = b"***";

/// Replaces the value of every `sig=…` by `***`, as in
/// `SharedAccessSignature sr=…&sig=***&se=…`.
///
/// Upper or lower case, also where the `=` is percent-encoded. The value ends at `&` (also as
/// `%26` or `\u0026`), a quote, `;`, `,`, `<`, `>`, white space or a control character.
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut out = Vec::new();
    let mut redactor = Redactor::new();
    redactor.push(text.as_bytes(), &mut out);
    redactor.finish(&mut out);
    if out == text.as_bytes() {
        return Cow::Borrowed(text);
    }
    // Cut only before or after ASCII characters, it is still UTF-8.
    Cow::Owned(
        String::from_utf8(out)
            .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()),
    )
}

/// [`redact`] for a stream that comes in pieces, such as the output of a UART.
///
/// A signature is found wherever the pieces are cut; the result is that of the whole text.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    /// Bytes that may be the start of `sig=` or of the end of a value; at most 6.
    held: Vec<u8>,
    inside: bool,
}

/// What the held bytes are so far.
enum Match {
    /// The start of something looked for.
    Partial,
    /// All of it.
    Whole,
    /// Nothing.
    No,
}

impl Redactor {
    /// A redactor at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and appends what may be shown of them.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            self.held.push(byte);
            self.settle(out);
        }
    }

    /// Ends the stream: what was held back is shown unless it belongs to a signature.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.inside {
            out.append(&mut self.held);
        }
        self.held.clear();
        self.inside = false;
    }

    /// Decides on the held bytes as far as they allow.
    fn settle(&mut self, out: &mut Vec<u8>) {
        while !self.held.is_empty() {
            let found = if self.inside {
                value_end(&self.held)
            } else {
                marker(&self.held)
            };
            match found {
                Match::Partial => return,
                Match::Whole => {
                    out.append(&mut self.held);
                    if !self.inside {
                        out.extend(MASK);
                    }
                    self.inside = !self.inside;
                }
                Match::No => {
                    let first = self.held.remove(0);
                    if !self.inside {
                        out.push(first);
                    }
                }
            }
        }
    }
}

/// Compares with one of several lower-case texts, ignoring case.
fn one_of(held: &[u8], texts: &[&[u8]]) -> Match {
    let starts = |text: &&&[u8]| {
        text.get(..held.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(held))
    };
    match texts.iter().find(starts) {
        Some(text) if text.len() == held.len() => Match::Whole,
        Some(_) => Match::Partial,
        None => Match::No,
    }
}

fn marker(held: &[u8]) -> Match {
    one_of(held, &[b"sig=", b"sig%3d"])
}

fn value_end(held: &[u8]) -> Match {
    match held {
        [b'&' | b'"' | b'\'' | b';' | b',' | b'<' | b'>' | 0..=b' ' | 0x7f] => Match::Whole,
        // In JSON a signature may hold \/ or \u002B; a quote, a line end or an ampersand ends it.
        _ => one_of(held, &[b"%26", b"\\u0026", b"\\\"", b"\\n", b"\\r", b"\\t"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(redact(text), expected);
    }

    #[test]
    fn takes_signatures_out() {
        check("plain text, sigma = 3", "plain text, sigma = 3");
        check(
            "SharedAccessSignature sr=h%2Fdevices%2Fd&sig=aB%2B9%3D&se=17",
            "SharedAccessSignature sr=h%2Fdevices%2Fd&sig=***&se=17",
        );
        check("sig=abc+/9=", "sig=***");
        check("SIG=abc\r\nnext", "SIG=***\r\nnext");
        check("q=a%26sig%3Dab%252B%26se%3D1", "q=a%26sig%3D***%26se%3D1");
        check(
            r#"{"p":"sr=x\u0026sig=ab\u002Bc\/d\u0026se=1"}"#,
            r#"{"p":"sr=x\u0026sig=***\u0026se=1"}"#,
        );
        check(r#""{\"t\":\"sig=abc\"}""#, r#""{\"t\":\"sig=***\"}""#);
        check("sisig=a sig=b", "sisig=*** sig=***");
        check("sig=", "sig=***");
        check("ends with si", "ends with si");
    }

    proptest! {
        /// Whatever stands around it, a signature does not survive, and the rest does.
        #[test]
        fn no_signature_survives(
            before in "[a-r &=;é]{0,12}",
            secret in "[A-Za-z0-9+/=]{0,2}ZZ[A-Za-z0-9+/=]{0,20}",
            after in "([& ;,\"'<>\n][a-r é]{0,12})?",
        ) {
            let text = format!("{before}sig={secret}{after}");
            prop_assert_eq!(redact(&text), format!("{before}sig=***{after}"));
        }

        /// Any text: done twice changes nothing more.
        #[test]
        fn is_idempotent(text in "(sig=|SIG%3d|%26|\\\\u0026|[ -~é\n]){0,20}") {
            let once = redact(&text).into_owned();
            prop_assert_eq!(redact(&once), once.as_str());
        }

        /// A stream cut into any pieces gives what the whole text gives.
        #[test]
        fn pieces_do_not_matter(
            text in "(sig=|SIG%3d|%26|\\\\u0026|[%\\\\ -~é]){0,20}",
            size in 1usize..9,
        ) {
            let (mut redactor, mut out) = (Redactor::new(), Vec::new());
            for piece in text.as_bytes().chunks(size) {
                redactor.push(piece, &mut out);
            }
            redactor.finish(&mut out);
            let whole = redact(&text);
            prop_assert_eq!(out, whole.as_bytes());
        }
    }
}
