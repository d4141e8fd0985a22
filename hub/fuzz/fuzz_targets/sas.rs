//! Any text as a token, and any resource that is signed: only what is signed counts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twinbench_hub::{
    SymmetricKey,
    sas::{self, Token},
};

fuzz_target!(|input: (&str, &str, u32)| {
    let (text, resource, expiry) = input;
    let key = SymmetricKey::new(&[1; 32]).expect("a key");
    let other = SymmetricKey::new(&[2; 32]).expect("a key");
    if let Ok(token) = Token::parse(text) {
        token.is_signed_by(&key);
        let _ = (token.resource(), token.policy(), token.expiry());
    }
    let made = sas::generate(resource, &key, expiry.into(), None);
    let read = Token::parse(&made).expect("a token reads as it was made");
    assert!(read.is_signed_by(&key) && !read.is_signed_by(&other));
    assert_eq!(read.expiry(), u64::from(expiry));
});
