//! JSON of the recording's most frequent event, written straight into a buffer. serde_json looks at
//! texts byte by byte; nearly none of them has anything to escape, which is seen in one pass.

/// Appends a text as a JSON string, the way serde_json writes it.
pub(crate) fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    if is_plain(text.as_bytes()) {
        out.extend_from_slice(text.as_bytes());
    } else {
        escaped(out, text);
    }
    out.push(b'"');
}

/// Appends a number.
pub(crate) fn number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut from = digits.len();
    loop {
        from -= 1;
        digits[from] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return out.extend_from_slice(&digits[from..]);
        }
    }
}

/// Appends an object of texts, in the order given.
pub(crate) fn pairs<'a>(out: &mut Vec<u8>, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
    out.push(b'{');
    for (n, (name, value)) in pairs.enumerate() {
        if n > 0 {
            out.push(b',');
        }
        text(out, name);
        out.push(b':');
        text(out, value);
    }
    out.push(b'}');
}

/// Whether nothing is to be escaped. Numbers and no early end: so the compiler looks at many bytes at
/// once.
fn is_plain(bytes: &[u8]) -> bool {
    let special =
        |byte: u8| u8::from(byte < 0x20) | u8::from(byte == b'"') | u8::from(byte == b'\\');
    bytes.iter().fold(0, |found, byte| found | special(*byte)) == 0
}

/// How many bytes are `[` or `{`.
pub(crate) fn openers(bytes: &[u8]) -> usize {
    // These two differ in one bit. Counts of a byte's size, for the same reason.
    let is_opener = |byte: u8| u8::from(byte | 0x20 == b'{');
    let few = |few: &[u8]| few.iter().fold(0, |count, byte| count + is_opener(*byte));
    bytes.chunks(255).map(few).map(usize::from).sum()
}

/// RFC 8259, section 7; the short forms where there are such.
fn escaped(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut rest = text.as_bytes();
    while let Some(at) = rest
        .iter()
        .position(|byte| matches!(byte, 0..0x20 | b'"' | b'\\'))
    {
        let byte = rest[at];
        out.extend_from_slice(&rest[..at]);
        out.push(b'\\');
        match byte {
            b'"' | b'\\' => out.push(byte),
            b'\n' => out.push(b'n'),
            b'\r' => out.push(b'r'),
            b'\t' => out.push(b't'),
            0x08 => out.push(b'b'),
            0x0c => out.push(b'f'),
            _ => {
                out.extend_from_slice(b"u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn texts_are_those_of_serde_json(given in prop_oneof![".{0,40}", "[\\x00-\\x7f]{0,40}"]) {
            prop_assert_eq!(written(|out| text(out, &given)), serde_json::to_string(&given).unwrap());
        }

        #[test]
        fn numbers_are_those_of_serde_json(given in any::<u64>()) {
            prop_assert_eq!(written(|out| number(out, given)), given.to_string());
        }
    }

    #[test]
    fn openers_are_counted_beyond_a_byte() {
        assert_eq!(openers("[{]};;".repeat(300).as_bytes()), 600);
        assert_eq!(openers(&[b'{'; 255]), 255);
        assert_eq!(openers(b""), 0);
    }

    #[test]
    fn objects_keep_their_order() {
        let made = written(|out| pairs(out, [("b", "1"), ("a", "\"")].into_iter()));
        assert_eq!(made, r#"{"b":"1","a":"\""}"#);
        assert_eq!(written(|out| pairs(out, [].into_iter())), "{}");
        assert_eq!(written(|out| number(out, 0)), "0");
    }
}
