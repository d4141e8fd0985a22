//! A new RSA key, which neither ring nor rcgen can make.
//!
//! The primes come from `crypto-primes`; here they are only put together (RFC 8017, sections 3
//! and A.1.2) and written as PKCS#8 (RFC 5208). ring, which signs with the key, checks all of it
//! when it reads it.

use crypto_bigint::{NonZero, U1024, U2048};
use crypto_primes::{
    Flavor,
    hazmat::{SetBits, SmallFactorsSieveFactory},
    is_prime, sieve_and_find,
};

/// Bits of a prime: two make a key of 2,048 bits, the least that clients take today.
const PRIME_BITS: u32 = 1_024;
/// The public exponent (RFC 8017, section 3.1: 65537 is what everybody takes).
const EXPONENT: u32 = 65_537;
/// `rsaEncryption` (1.2.840.113549.1.1.1) with its NULL (RFC 8017, section A.1).
const ALGORITHM: [u8; 15] = [
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// A new key of 2,048 bits as PKCS#8 in DER. Takes a tenth of a second to a second.
///
/// `None` should no primes be found, which does not happen.
pub(super) fn new_key() -> Option<Vec<u8>> {
    // One pair of primes in 30,000 does not fit the exponent.
    (0..8).find_map(|_| attempt())
}

fn attempt() -> Option<Vec<u8>> {
    let (one, other) = (prime()?, prime()?);
    // The greater one first, as ring wants it.
    let (p, q) = if one > other {
        (one, other)
    } else {
        (other, one)
    };
    let less = |prime: &U1024| prime.wrapping_sub(&U1024::ONE);
    let (p_less, q_less) = (less(&p), less(&q));
    let modulus: U2048 = p.concatenating_mul(&q);
    let order: U2048 = p_less.concatenating_mul(&q_less);
    let exponent = U2048::from_u32(EXPONENT);
    let private: Option<U2048> = exponent
        .invert_mod(&Option::from(NonZero::new(order))?)
        .into();
    let private = private?;
    let rest = |less: U1024| {
        let wide: U2048 = less.concat(&U1024::ZERO);
        let divisor: Option<NonZero<U2048>> = NonZero::new(wide).into();
        divisor.map(|divisor| private.rem(&divisor))
    };
    let (p_private, q_private) = (rest(p_less)?, rest(q_less)?);
    let coefficient: Option<U1024> = q.invert_mod(&Option::from(NonZero::new(p))?).into();
    let key = [
        integer(&[0]),
        integer(&modulus.to_be_bytes()),
        integer(&exponent.to_be_bytes()),
        integer(&private.to_be_bytes()),
        integer(&p.to_be_bytes()),
        integer(&q.to_be_bytes()),
        integer(&p_private.to_be_bytes()),
        integer(&q_private.to_be_bytes()),
        integer(&coefficient?.to_be_bytes()),
    ];
    let key = element(SEQUENCE, &key.concat());
    let parts = [integer(&[0]), ALGORITHM.to_vec(), element(OCTETS, &key)];
    Some(element(SEQUENCE, &parts.concat()))
}

/// A prime whose two highest bits are set, so that the product of two has every bit.
fn prime() -> Option<U1024> {
    let bits = SetBits::TwoMsb;
    let sieve = SmallFactorsSieveFactory::new(Flavor::Any, PRIME_BITS, bits).ok()?;
    let wanted = |_: &mut _, candidate: &U1024| is_prime(Flavor::Any, candidate);
    sieve_and_find(&mut rand::rng(), sieve, wanted).ok()?
}

/// A number that is not negative, written shortest (X.690, section 8.3).
fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    let digits = &bytes[zeros.min(bytes.len().saturating_sub(1))..];
    match digits.first() {
        Some(first) if first & 0x80 != 0 => element(INTEGER, &[&[0], digits].concat()),
        _ => element(INTEGER, digits),
    }
}

/// Tag, length and content (X.690, section 8.1).
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut bytes = vec![tag];
    if length > 0x7f {
        let digits = length.to_be_bytes();
        let zeros = digits.iter().take_while(|&&byte| byte == 0).count();
        bytes.push(0x80 | (digits.len() - zeros) as u8);
        bytes.extend_from_slice(&digits[zeros..]);
    } else {
        bytes.push(length as u8);
    }
    bytes.extend_from_slice(content);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::{rand::SystemRandom, signature};

    #[test]
    fn ring_signs_with_a_new_key() {
        let key = signature::RsaKeyPair::from_pkcs8(&new_key().unwrap()).unwrap();
        assert_eq!(key.public().modulus_len(), 256);
        let mut signed = vec![0; 256];
        let how = &signature::RSA_PKCS1_SHA256;
        key.sign(how, &SystemRandom::new(), b"text", &mut signed)
            .unwrap();
        let how = &signature::RSA_PKCS1_2048_8192_SHA256;
        let public = signature::UnparsedPublicKey::new(how, key.public());
        public.verify(b"text", &signed).unwrap();
        assert!(public.verify(b"texts", &signed).is_err());
    }

    #[test]
    fn der_is_written_shortest() {
        assert_eq!(integer(&[0, 0, 0]), [2, 1, 0]);
        assert_eq!(integer(&[0, 0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[0, 0x7f]), [2, 1, 0x7f]);
        assert_eq!(element(4, &[1; 0x80])[..3], [4, 0x81, 0x80]);
        assert_eq!(element(4, &[1; 0x100])[..4], [4, 0x82, 1, 0]);
    }
}
