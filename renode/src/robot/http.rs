//! One request and one answer of HTTP 1.1, as Renode's robot server speaks it.

/// The most that an answer's head may take.
const LONGEST_HEAD: usize = 16 * 1024;
/// The most that an answer may take: a report of a terminal tester grows with what was printed.
const LONGEST_BODY: usize = 64 << 20;

/// A request with a body of XML; one connection is for one call.
pub(super) fn request(body: &str) -> Vec<u8> {
    format!(
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Why bytes are no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an answer of renode's robot server: {0}")]
pub struct NotHttp(String);

/// Gathers an answer from pieces, wherever they are cut.
#[derive(Debug, Default)]
pub(super) struct Response {
    bytes: Vec<u8>,
}

/// Where the body is.
enum Framing {
    Length(usize),
    Chunks,
    UntilEnd,
}

impl Response {
    /// Takes more bytes. Gives the body when it is whole.
    ///
    /// # Errors
    /// When this is no answer, or the server says that it failed.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, NotHttp> {
        self.bytes.extend_from_slice(bytes);
        self.body(false)
    }

    /// The server has closed: gives the body.
    ///
    /// # Errors
    /// When it is not whole.
    pub(super) fn end(&mut self) -> Result<Vec<u8>, NotHttp> {
        self.body(true)?.ok_or_else(|| {
            NotHttp(format!(
                "the connection closed after {} bytes of it",
                self.bytes.len()
            ))
        })
    }

    fn body(&self, ended: bool) -> Result<Option<Vec<u8>>, NotHttp> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut head = httparse::Response::new(&mut headers);
        let at = match head.parse(&self.bytes) {
            Ok(httparse::Status::Complete(at)) => at,
            Ok(httparse::Status::Partial) if self.bytes.len() > LONGEST_HEAD => {
                return Err(NotHttp("its head does not end".to_owned()));
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(cause) => return Err(NotHttp(cause.to_string())),
        };
        let status = head.code.unwrap_or_default();
        if status != 200 {
            return Err(NotHttp(format!("status {status}")));
        }
        let mut framing = Framing::UntilEnd;
        for header in head.headers.iter() {
            let value = String::from_utf8_lossy(header.value);
            if header.name.eq_ignore_ascii_case("content-length") {
                let length = value
                    .trim()
                    .parse()
                    .ok()
                    .filter(|length| *length <= LONGEST_BODY)
                    .ok_or_else(|| NotHttp(format!("a length of {value:?}")))?;
                framing = Framing::Length(length);
            } else if header.name.eq_ignore_ascii_case("transfer-encoding")
                && value.to_ascii_lowercase().contains("chunked")
            {
                framing = Framing::Chunks;
            }
        }
        let rest = &self.bytes[at..];
        match framing {
            Framing::Length(length) => Ok(rest.get(..length).map(<[u8]>::to_vec)),
            Framing::Chunks => chunks(rest),
            Framing::UntilEnd if rest.len() > LONGEST_BODY => {
                Err(NotHttp("it does not end".to_owned()))
            }
            Framing::UntilEnd => Ok(ended.then(|| rest.to_vec())),
        }
    }
}

/// A body in chunks; none while the last is not there.
fn chunks(mut rest: &[u8]) -> Result<Option<Vec<u8>>, NotHttp> {
    let mut body = Vec::new();
    loop {
        match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete((_, 0))) => return Ok(Some(body)),
            Ok(httparse::Status::Complete((at, size))) => {
                let size = usize::try_from(size)
                    .ok()
                    .filter(|size| body.len() + size <= LONGEST_BODY)
                    .ok_or_else(|| NotHttp("a chunk is too long".to_owned()))?;
                let Some(chunk) = rest.get(at..at + size + 2) else {
                    return Ok(None);
                };
                body.extend_from_slice(&chunk[..size]);
                rest = &rest[at + size + 2..];
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(NotHttp("a chunk has no size".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LENGTH: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    const CHUNKED: &str =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
    const ENDLESS: &str = "HTTP/1.0 200 OK\r\n\r\nhello";

    proptest! {
        #[test]
        fn the_borders_of_reads_leave_no_trace(cuts in prop::collection::vec(0usize..90, 0..6)) {
            for whole in [LENGTH, CHUNKED, ENDLESS] {
                let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (whole.len() + 1)).collect();
                cuts.extend([0, whole.len()]);
                cuts.sort_unstable();
                let mut response = Response::default();
                let mut body = None;
                for piece in cuts.windows(2) {
                    body = response.push(&whole.as_bytes()[piece[0]..piece[1]]).unwrap();
                    // Only the last piece makes it whole.
                    prop_assert!(body.is_none() || piece[1] + 5 > whole.len());
                }
                let body = match body { Some(body) => body, None => response.end().unwrap() };
                prop_assert_eq!(&body, b"hello");
            }
        }

        #[test]
        fn garbage_is_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut response = Response::default();
            let _ = response.push(&bytes);
            let _ = response.end();
        }
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        for cut in 0..LENGTH.len() {
            let mut response = Response::default();
            assert_eq!(response.push(&LENGTH.as_bytes()[..cut]), Ok(None));
            assert!(response.end().is_err(), "{cut}");
        }
        let mut response = Response::default();
        assert!(response.push(b"HTTP/1.1 500 Oops\r\n\r\n").is_err());
        assert!(Response::default().push(b"SSH-2.0-x\r\n").is_err());
    }
}
