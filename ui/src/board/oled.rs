//! The display's pixels.

/// Pixels of a display as runs of lit ones: left, top and length of each. `rows` are pages of eight
/// rows as the controller keeps them: each byte eight pixels, the top one lowest (SSD1306 data
/// sheet, 8.7 "Graphic Display Data RAM").
pub(crate) fn runs(pages: &[u8], width: usize, height: usize) -> Vec<(usize, usize, usize)> {
    let lit = |x: usize, y: usize| {
        let byte = pages.get(y / 8 * width + x).copied().unwrap_or(0);
        byte >> (y % 8) & 1 == 1
    };
    let mut runs = Vec::new();
    for y in 0..height {
        let mut x = 0;
        while x < width {
            if !lit(x, y) {
                x += 1;
                continue;
            }
            let begin = x;
            while x < width && lit(x, y) {
                x += 1;
            }
            runs.push((begin, y, x - begin));
        }
    }
    runs
}

/// The runs as the path of an SVG.
pub(crate) fn path(pages: &[u8], width: usize, height: usize) -> String {
    let runs = runs(pages, width, height);
    let piece = |(x, y, length): (usize, usize, usize)| format!("M{x} {y}h{length}v1h-{length}z");
    runs.into_iter().map(piece).collect()
}

/// Reads base64 (RFC 4648, section 4); what is no letter of it is left out.
pub(crate) fn base64(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut have) = (0_u32, 0_u32);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        bits = bits << 6 | u32::from(value);
        have += 6;
        if have >= 8 {
            have -= 8;
            out.push((bits >> have & 0xff) as u8);
        }
    }
    out
}

/// Writes base64 (RFC 4648, section 4).
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for part in bytes.chunks(3) {
        let at = |n: usize| u32::from(part.get(n).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for n in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * n) & 63) as usize];
            out.push(if n > part.len() {
                '='
            } else {
                char::from(letter)
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_bit_is_the_top_pixel() {
        let mut pages = vec![0; 16];
        pages[0] = 0b0000_0001;
        pages[1] = 0b0000_0001;
        pages[8 + 7] = 0b1000_0000;
        assert_eq!(runs(&pages, 8, 16), [(0, 0, 2), (7, 15, 1)]);
        assert_eq!(path(&pages, 8, 16), "M0 0h2v1h-2zM7 15h1v1h-1z");
        assert!(runs(&[], 128, 64).is_empty());
    }

    #[test]
    fn base64_as_the_rfc_has_it() {
        for (text, plain) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(base64(text), plain.as_bytes());
            assert_eq!(to_base64(plain.as_bytes()), text);
        }
        assert_eq!(base64("/+8="), [0xff, 0xef]);
    }
}
