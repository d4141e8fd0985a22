//! What a storage client's PUT of a blob is: the blob, a block of it, or the list of its blocks.

use percent_encoding::percent_decode_str;
use quick_xml::{Reader, events::Event};

/// Blocks of a blob, as in the cloud ("Understanding block blobs").
const MOST_BLOCKS: usize = 50_000;
/// Characters of a block's name in base64: 64 bytes.
const LONGEST_NAME: usize = 88;

/// Why a PUT cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlobPutError {
    /// Another operation of the Blob service, such as a lease.
    #[error("`{0}` is not known of blobs here: blobs are put whole or in blocks")]
    Unknown(String),
    /// A block's name cannot be.
    #[error("the block's name must be base64 of up to 64 bytes")]
    BlockName,
    /// The list of blocks cannot be read.
    #[error("the list of blocks is not as it should be: {0}")]
    List(String),
}

/// What a PUT is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobPut {
    /// The body is the blob (Put Blob).
    Whole,
    /// The body is a block of this name (Put Block).
    Block(String),
    /// The blob is these blocks, in this order (Put Block List).
    Blocks(Vec<String>),
}

impl BlobPut {
    /// Reads a request's query and, for a list, its body.
    ///
    /// # Errors
    /// When it is something else, or is not as it should be.
    pub fn read(query: &str, body: &[u8]) -> Result<Self, BlobPutError> {
        let field = |wanted: &str| {
            let mut fields = query.split('&').filter_map(|field| field.split_once('='));
            let (_, value) = fields.find(|(name, _)| *name == wanted)?;
            Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
        };
        match field("comp").as_deref() {
            None => Ok(Self::Whole),
            Some("block") => field("blockid")
                .filter(|name| is_block_name(name))
                .map(Self::Block)
                .ok_or(BlobPutError::BlockName),
            Some("blocklist") => blocks(body).map(Self::Blocks),
            Some(other) => Err(BlobPutError::Unknown(format!("comp={other}"))),
        }
    }
}

fn is_block_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '-' | '_');
    (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(fits)
}

/// The names in `<BlockList><Latest>…</Latest>…</BlockList>`.
fn blocks(body: &[u8]) -> Result<Vec<String>, BlobPutError> {
    let bad = |error: &dyn std::fmt::Display| BlobPutError::List(error.to_string());
    let text = std::str::from_utf8(body).map_err(|error| bad(&error))?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let (mut depth, mut named, mut all) = (0_u32, false, Vec::new());
    loop {
        match reader.read_event().map_err(|error| bad(&error))? {
            Event::Start(start) => {
                depth += 1;
                named = match (depth, start.name().as_ref()) {
                    (1, b"BlockList") => false,
                    (2, b"Latest" | b"Uncommitted") => true,
                    (2, b"Committed") => {
                        let message = "blocks of an earlier list are not kept";
                        return Err(BlobPutError::List(message.to_owned()));
                    }
                    _ => return Err(bad(&"it holds something else than names of blocks")),
                };
            }
            Event::Text(text) if named => {
                let name = text.decode().map_err(|error| bad(&error))?;
                let name = name.trim();
                if !is_block_name(name) {
                    return Err(BlobPutError::BlockName);
                }
                if all.len() == MOST_BLOCKS {
                    return Err(bad(&format!("it names more than {MOST_BLOCKS} blocks")));
                }
                all.push(name.to_owned());
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                named = false;
            }
            Event::Empty(start) if depth == 0 && start.name().as_ref() == b"BlockList" => {}
            Event::Text(text) if text.iter().all(u8::is_ascii_whitespace) => {}
            Event::Decl(_) | Event::Comment(_) => {}
            Event::Eof if depth == 0 => return Ok(all),
            Event::Eof => return Err(bad(&"it ends too early")),
            _ => return Err(bad(&"it holds something else than names of blocks")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_names_its_blocks() {
        let text = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<BlockList>\n <Latest>QUE=</Latest>\
                    <Uncommitted>QkI=</Uncommitted></BlockList>";
        let names = blocks(text.as_bytes()).unwrap();
        assert_eq!(names, ["QUE=", "QkI="]);
        assert!(blocks(b"<BlockList/>").unwrap().is_empty());
        for bad in [
            "<BlockList><Latest>QUE=</Latest>",
            "<BlockList><Committed>QUE=</Committed></BlockList>",
            "<BlockList><Latest>../x</Latest></BlockList>",
            "<Other/>",
            "<BlockList>QUE=</BlockList>",
            "<BlockList><Latest><Latest>QUE=</Latest></Latest></BlockList>",
        ] {
            assert!(blocks(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_put_says_what_it_is() {
        let of = |query: &str| BlobPut::read(query, b"").ok();
        assert_eq!(of("sv=1&sig=a"), Some(BlobPut::Whole));
        let block = BlobPut::Block("QUE=".to_owned());
        assert_eq!(of("sv=1&comp=block&blockid=QUE%3D"), Some(block));
        assert_eq!(of("comp=block"), None);
        assert_eq!(of("comp=block&blockid=..%5Cx"), None);
        assert_eq!(of("comp=lease"), None);
    }

    proptest! {
        #[test]
        fn no_list_makes_it_panic(text in "[<>/A-Za-z=&;! \\-]{0,80}") {
            let _ = blocks(text.as_bytes());
        }
    }
}
