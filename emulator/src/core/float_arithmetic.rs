//! Single-precision arithmetic, bit for bit with its flags, in every rounding mode.
//!
//! Sums, products, quotients and roots of single-precision numbers are made in double precision.
//! What does not fit there is rounded to odd: its last bit tells that something was cut off. One
//! rounding to single precision, in whichever mode, is then right, because double precision has
//! more than two bits to spare (Boldo and Melquiond, "When double rounding is odd").

/// Invalid operation.
const IOC: u32 = 1;
/// Division by zero.
const DZC: u32 = 1 << 1;
/// Overflow.
const OFC: u32 = 1 << 2;
/// Underflow.
const UFC: u32 = 1 << 3;
/// Inexact.
const IXC: u32 = 1 << 4;
/// Denormal operand flushed.
const IDC: u32 = 1 << 7;
const MODE: u32 = 3 << 22;
const TO_PLUS: u32 = 1 << 22;
const TO_MINUS: u32 = 2 << 22;
const FLUSH: u32 = 1 << 24;
const DEFAULT_NAN: u32 = 1 << 25;
const ALTERNATIVE_HALF: u32 = 1 << 26;
/// Bits of FPSCR that exist.
pub(crate) const STATUS_BITS: u32 = 0xF7C0_009F;

const SIGN: u32 = 1 << 31;
const INFINITY: u32 = 0x7F80_0000;
const QUIET: u32 = 1 << 22;
const NAN: u32 = 0x7FC0_0000;

const fn is_nan(value: u32) -> bool {
    value & !SIGN > INFINITY
}

const fn is_signalling(value: u32) -> bool {
    is_nan(value) && value & QUIET == 0
}

const fn is_infinite(value: u32) -> bool {
    value & !SIGN == INFINITY
}

const fn is_zero(value: u32) -> bool {
    value & !SIGN == 0
}

const fn is_ordinary(value: u32) -> bool {
    let exponent = value >> 23 & 0xFF;
    exponent != 0 && exponent != 0xFF
}

/// Whether host arithmetic gives the very result when the result is ordinary: nearest, no
/// flushing, default NaN off, and "inexact" already noted.
#[inline(always)]
const fn plain(status: u32) -> bool {
    status & (MODE | FLUSH | IXC) == IXC
}

/// An operand, flushed to zero when it is denormal and flushing is on.
fn operand(value: u32, status: &mut u32) -> u32 {
    if *status & FLUSH != 0 && value & INFINITY == 0 && !is_zero(value) {
        *status |= IDC;
        return value & SIGN;
    }
    value
}

fn invalid(status: &mut u32) -> u32 {
    *status |= IOC;
    NAN
}

/// The NaN that results when an operand is one: the first signalling, else the first quiet one.
fn propagate(operands: &[u32], status: &mut u32) -> Option<u32> {
    let signalling = operands.iter().find(|value| is_signalling(**value));
    if signalling.is_some() {
        *status |= IOC;
    }
    let nan = signalling.or_else(|| operands.iter().find(|value| is_nan(**value)))?;
    Some(if *status & DEFAULT_NAN != 0 {
        NAN
    } else {
        nan | QUIET
    })
}

fn wide(value: u32) -> f64 {
    f64::from(f32::from_bits(value))
}

/// A binary format: bits of fraction and of exponent.
#[derive(Clone, Copy)]
struct Format {
    fraction: u32,
    exponent: u32,
}

const SINGLE: Format = Format {
    fraction: 23,
    exponent: 8,
};
const HALF: Format = Format {
    fraction: 10,
    exponent: 5,
};

/// Rounds a finite non-zero value, exact or rounded to odd, to a format.
fn round(value: f64, format: Format, status: &mut u32) -> u32 {
    let bits = value.to_bits();
    let negative = bits >> 63 != 0;
    let sign = u32::from(negative) << (format.fraction + format.exponent);
    let exponent = (bits >> 52 & 0x7FF) as i32 - 1023;
    let mantissa = bits & ((1 << 52) - 1) | 1 << 52;
    let bias = (1 << (format.exponent - 1)) - 1;
    let least = 1 - bias;
    let tiny = exponent < least;
    if tiny && *status & FLUSH != 0 && format.exponent == SINGLE.exponent {
        *status |= UFC;
        return sign;
    }
    let spare = 52 - format.fraction;
    let shift = if tiny {
        spare.saturating_add((least - exponent) as u32).min(60)
    } else {
        spare
    };
    let (kept, cut) = (mantissa >> shift, mantissa & ((1 << shift) - 1));
    let half = 1 << (shift - 1);
    let up = match *status & MODE {
        0 => cut > half || (cut == half && kept & 1 != 0),
        TO_PLUS => cut != 0 && !negative,
        TO_MINUS => cut != 0 && negative,
        _ => false,
    };
    let kept = kept as u32 + u32::from(up);
    // The leading 1 of a normal number adds to the exponent field.
    let field = if tiny {
        0
    } else {
        (exponent + bias - 1) as u32
    };
    let magnitude = (u64::from(field) << format.fraction) + u64::from(kept);
    let alternative = format.exponent == HALF.exponent && *status & ALTERNATIVE_HALF != 0;
    let top = (1u64 << format.exponent) - 1 + u64::from(alternative);
    if magnitude >> format.fraction >= top {
        if alternative {
            *status |= IOC;
            return sign | 0x7FFF;
        }
        *status |= OFC | IXC;
        let away = match *status & MODE {
            0 => true,
            TO_PLUS => !negative,
            TO_MINUS => negative,
            _ => false,
        };
        let infinity = ((1 << format.exponent) - 1) << format.fraction;
        return sign | if away { infinity } else { infinity - 1 };
    }
    if cut != 0 {
        *status |= IXC;
        if tiny {
            *status |= UFC;
        }
    }
    sign | magnitude as u32
}

/// A result that may be zero.
pub(crate) fn from_exact(value: f64, status: &mut u32) -> u32 {
    if value == 0.0 {
        return u32::from(value.is_sign_negative()) << 31;
    }
    round(value, SINGLE, status)
}

/// Moves a value that was rounded to nearest to the odd neighbour on the side of the exact one;
/// `error` is the exact value less this one, or has its sign.
fn to_odd(value: f64, error: f64) -> f64 {
    let bits = value.to_bits();
    if error == 0.0 || bits & 1 != 0 {
        return value;
    }
    let outwards = (error > 0.0) == (value > 0.0);
    f64::from_bits(if outwards { bits | 1 } else { bits - 1 })
}

/// Sum in double precision, rounded to odd.
fn sum_to_odd(a: f64, b: f64) -> f64 {
    let sum = a + b;
    let b_part = sum - a;
    let error = (a - (sum - b_part)) + (b - b_part);
    to_odd(sum, error)
}

/// Sum of finite values with the sign that an exact zero takes.
fn finish_sum(a: f64, b: f64, status: &mut u32) -> u32 {
    let sum = sum_to_odd(a, b);
    if sum == 0.0 {
        let same = a.is_sign_negative() == b.is_sign_negative();
        let negative = if same {
            a.is_sign_negative()
        } else {
            *status & MODE == TO_MINUS
        };
        return u32::from(negative) << 31;
    }
    round(sum, SINGLE, status)
}

/// `a + b`.
#[inline]
pub(crate) fn add(a: u32, b: u32, status: &mut u32) -> u32 {
    if plain(*status) {
        let result = (f32::from_bits(a) + f32::from_bits(b)).to_bits();
        if is_ordinary(result) {
            return result;
        }
    }
    add_exactly(a, b, status)
}

/// `a - b`.
#[inline]
pub(crate) fn subtract(a: u32, b: u32, status: &mut u32) -> u32 {
    // The sign of a NaN operand is kept, so this is no sum with a negated one.
    if is_nan(b) {
        return add_exactly(a, b, status);
    }
    add(a, b ^ SIGN, status)
}

fn add_exactly(a: u32, b: u32, status: &mut u32) -> u32 {
    let (a, b) = (operand(a, status), operand(b, status));
    if let Some(nan) = propagate(&[a, b], status) {
        return nan;
    }
    match (is_infinite(a), is_infinite(b)) {
        (true, true) if a != b => invalid(status),
        (true, _) => a,
        (_, true) => b,
        _ => finish_sum(wide(a), wide(b), status),
    }
}

/// `a * b`.
#[inline]
pub(crate) fn multiply(a: u32, b: u32, status: &mut u32) -> u32 {
    if plain(*status) {
        let result = (f32::from_bits(a) * f32::from_bits(b)).to_bits();
        if is_ordinary(result) && result & !SIGN != 0x0080_0000 {
            return result;
        }
    }
    multiply_exactly(a, b, status)
}

fn multiply_exactly(a: u32, b: u32, status: &mut u32) -> u32 {
    let (a, b) = (operand(a, status), operand(b, status));
    if let Some(nan) = propagate(&[a, b], status) {
        return nan;
    }
    if (is_infinite(a) && is_zero(b)) || (is_zero(a) && is_infinite(b)) {
        return invalid(status);
    }
    if is_infinite(a) || is_infinite(b) {
        return (a ^ b) & SIGN | INFINITY;
    }
    from_exact(wide(a) * wide(b), status)
}

/// `a / b`.
pub(crate) fn divide(a: u32, b: u32, status: &mut u32) -> u32 {
    let (a, b) = (operand(a, status), operand(b, status));
    if let Some(nan) = propagate(&[a, b], status) {
        return nan;
    }
    let sign = (a ^ b) & SIGN;
    if (is_infinite(a) && is_infinite(b)) || (is_zero(a) && is_zero(b)) {
        return invalid(status);
    }
    if is_infinite(a) {
        return sign | INFINITY;
    }
    if is_zero(b) {
        *status |= DZC;
        return sign | INFINITY;
    }
    if is_zero(a) || is_infinite(b) {
        return sign;
    }
    let (a, b) = (wide(a), wide(b));
    let quotient = a / b;
    from_exact(cut_to_odd(quotient, |q| (a - q * b) * b), status)
}

/// Square root.
pub(crate) fn square_root(a: u32, status: &mut u32) -> u32 {
    let a = operand(a, status);
    if let Some(nan) = propagate(&[a], status) {
        return nan;
    }
    if is_zero(a) || a == INFINITY {
        return a;
    }
    if a & SIGN != 0 {
        return invalid(status);
    }
    let a = wide(a);
    from_exact(cut_to_odd(a.sqrt(), |root| a - root * root), status)
}

/// A quotient or root that double precision rounded to nearest. An exact one has at most 24 bits;
/// only then can `error` (with the sign of the exact value less the rounded one) be computed
/// without rounding, and otherwise the value is inexact and lies on no border.
fn cut_to_odd(value: f64, error: impl Fn(f64) -> f64) -> f64 {
    if value.to_bits() & ((1 << 28) - 1) != 0 {
        return f64::from_bits(value.to_bits() | 1);
    }
    to_odd(value, error(value))
}

/// `addend + a * b` with one rounding.
pub(crate) fn fused(addend: u32, a: u32, b: u32, status: &mut u32) -> u32 {
    let addend = operand(addend, status);
    let (a, b) = (operand(a, status), operand(b, status));
    let no_product = (is_infinite(a) && is_zero(b)) || (is_zero(a) && is_infinite(b));
    if no_product && is_nan(addend) && !is_signalling(addend) {
        return invalid(status);
    }
    if let Some(nan) = propagate(&[addend, a, b], status) {
        return nan;
    }
    if no_product {
        return invalid(status);
    }
    if is_infinite(a) || is_infinite(b) {
        let product = (a ^ b) & SIGN | INFINITY;
        if is_infinite(addend) && addend != product {
            return invalid(status);
        }
        return product;
    }
    if is_infinite(addend) {
        return addend;
    }
    finish_sum(wide(addend), wide(a) * wide(b), status)
}

/// N, Z, C, V in bits 3 to 0 (ARMv7-M ARM, FPCompare).
pub(crate) fn compare(a: u32, b: u32, signal_quiet: bool, status: &mut u32) -> u32 {
    let (a, b) = (operand(a, status), operand(b, status));
    if is_nan(a) || is_nan(b) {
        if signal_quiet || is_signalling(a) || is_signalling(b) {
            *status |= IOC;
        }
        return 0b0011;
    }
    let (a, b) = (f32::from_bits(a), f32::from_bits(b));
    if a < b {
        0b1000
    } else if a > b {
        0b0010
    } else {
        0b0110
    }
}

/// A fixed-point format.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fixed {
    /// 16 or 32.
    pub(crate) bits: u32,
    /// How many of them are fraction.
    pub(crate) fraction: u32,
    /// Whether the first of them is a sign.
    pub(crate) signed: bool,
}

impl Fixed {
    fn scale(self) -> f64 {
        (1u64 << self.fraction) as f64
    }
}

/// To fixed point, saturating; 32 bits wide.
pub(crate) fn to_fixed(value: u32, format: Fixed, towards_zero: bool, status: &mut u32) -> u32 {
    let value = operand(value, status);
    if is_nan(value) {
        *status |= IOC;
        return 0;
    }
    let exact = wide(value) * format.scale();
    let mode = if towards_zero { MODE } else { *status & MODE };
    let rounded = match mode {
        0 => exact.round_ties_even(),
        TO_PLUS => exact.ceil(),
        TO_MINUS => exact.floor(),
        _ => exact.trunc(),
    };
    let (least, most) = if format.signed {
        (
            -(1i64 << (format.bits - 1)),
            (1i64 << (format.bits - 1)) - 1,
        )
    } else {
        (0, (1i64 << format.bits) - 1)
    };
    if rounded < least as f64 {
        *status |= IOC;
        least as u32
    } else if rounded > most as f64 {
        *status |= IOC;
        most as u32
    } else {
        // Both are the same number or they are not; nothing here is nearly equal.
        if rounded.to_bits() != exact.to_bits() {
            *status |= IXC;
        }
        rounded as i64 as u32
    }
}

/// From fixed point, to nearest.
pub(crate) fn from_fixed(raw: u32, format: Fixed, status: &mut u32) -> u32 {
    let value = match (format.bits, format.signed) {
        (16, true) => f64::from(raw as i16),
        (16, false) => f64::from(raw as u16),
        (_, true) => f64::from(raw as i32),
        (_, false) => f64::from(raw),
    };
    let mut nearest = *status & !MODE;
    let result = from_exact(value / format.scale(), &mut nearest);
    *status |= nearest & IXC;
    result
}

/// From half precision.
pub(crate) fn from_half(half: u16, status: &mut u32) -> u32 {
    let half = u32::from(half);
    let sign = (half & 0x8000) << 16;
    let (exponent, fraction) = (half >> 10 & 31, half & 0x3FF);
    if exponent == 31 && *status & ALTERNATIVE_HALF == 0 {
        if fraction == 0 {
            return sign | INFINITY;
        }
        let nan = sign | INFINITY | fraction << 13;
        return propagate(&[nan], status).unwrap_or(NAN);
    }
    let magnitude = if exponent == 0 {
        f64::from(fraction) / f64::from(1 << 24)
    } else {
        f64::from(fraction | 0x400) * f64::from(1u32 << exponent) / f64::from(1 << 25)
    };
    // Every half-precision number is a single-precision one.
    sign | (magnitude as f32).to_bits()
}

/// To half precision.
pub(crate) fn to_half(value: u32, status: &mut u32) -> u16 {
    let value = operand(value, status);
    let sign = (value >> 16 & 0x8000) as u16;
    let alternative = *status & ALTERNATIVE_HALF != 0;
    if is_nan(value) {
        if alternative {
            *status |= IOC;
            return sign;
        }
        let nan = propagate(&[value], status).unwrap_or(NAN);
        return (nan >> 16 & 0x8000 | 0x7E00 | nan >> 13 & 0x1FF) as u16;
    }
    if is_infinite(value) {
        if alternative {
            *status |= IOC;
            return sign | 0x7FFF;
        }
        return sign | 0x7C00;
    }
    if is_zero(value) {
        return sign;
    }
    round(wide(value), HALF, status) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(value: f32) -> u32 {
        value.to_bits()
    }

    #[test]
    fn rounds_in_every_mode() {
        let third = |mode: u32| {
            let mut status = mode << 22;
            let result = divide(bits(1.0), bits(3.0), &mut status);
            assert_eq!(status & 0x9F, IXC);
            result
        };
        assert_eq!(
            [third(0), third(1), third(2), third(3)],
            [0x3EAA_AAAB, 0x3EAA_AAAB, 0x3EAA_AAAA, 0x3EAA_AAAA]
        );
        let tiny = |mode: u32, sign: u32| {
            let mut status = mode << 22;
            add(bits(1.0), 1 | sign, &mut status)
        };
        assert_eq!(tiny(0, 0), 0x3F80_0000);
        assert_eq!(tiny(1, 0), 0x3F80_0001);
        assert_eq!(tiny(3, 0), 0x3F80_0000);
        assert_eq!(tiny(2, SIGN), 0x3F7F_FFFF);
        assert_eq!(tiny(3, SIGN), 0x3F7F_FFFF);
        assert_eq!(tiny(1, SIGN), 0x3F80_0000);
    }

    #[test]
    fn zero_signs_follow_the_mode() {
        let mut nearest = 0;
        assert_eq!(add(bits(1.0), bits(-1.0), &mut nearest), 0);
        let mut down = TO_MINUS;
        assert_eq!(add(bits(1.0), bits(-1.0), &mut down), SIGN);
        assert_eq!(add(SIGN, SIGN, &mut nearest), SIGN);
        assert_eq!(square_root(SIGN, &mut nearest), SIGN);
        assert_eq!(nearest, 0);
    }

    #[test]
    fn overflow_and_underflow() {
        let max = 0x7F7F_FFFF;
        let mut status = 0;
        assert_eq!(add(max, max, &mut status), INFINITY);
        assert_eq!(status, OFC | IXC);
        let mut zero = MODE;
        assert_eq!(add(max, max, &mut zero), max);
        let mut status = 0;
        assert_eq!(multiply(0x0080_0000, bits(0.5), &mut status), 0x0040_0000);
        assert_eq!(status, 0);
        assert_eq!(multiply(1, bits(0.5), &mut status), 0);
        assert_eq!(status, UFC | IXC);
        let mut flush = FLUSH;
        assert_eq!(multiply(0x0080_0000, bits(0.5), &mut flush), 0);
        assert_eq!(flush & 0x9F, UFC);
        let mut flush = FLUSH;
        assert_eq!(add(0x8000_0001, 0, &mut flush), 0);
        assert_eq!(flush & 0x9F, IDC);
    }

    #[test]
    fn nans_by_priority() {
        let (signalling, quiet) = (0x7F80_0001, 0xFFC0_1234);
        let mut status = 0;
        assert_eq!(add(quiet, signalling, &mut status), 0x7FC0_0001);
        assert_eq!(status, IOC);
        let mut status = 0;
        assert_eq!(subtract(bits(1.0), quiet, &mut status), quiet);
        assert_eq!(status, 0);
        let mut status = DEFAULT_NAN;
        assert_eq!(multiply(quiet, quiet, &mut status), NAN);
        let mut status = 0;
        assert_eq!(divide(0, 0, &mut status), NAN);
        assert_eq!(divide(bits(-1.0), 0, &mut status), SIGN | INFINITY);
        assert_eq!(status, IOC | DZC);
        assert_eq!(square_root(bits(-4.0), &mut status), NAN);
        let mut status = 0;
        assert_eq!(fused(quiet, INFINITY, 0, &mut status), NAN);
        assert_eq!(status, IOC);
    }

    #[test]
    fn conversions_saturate_and_round() {
        let word = Fixed {
            bits: 32,
            fraction: 0,
            signed: true,
        };
        let check = |value: f32, zero, mode: u32, expected: i32, flags| {
            let mut status = mode << 22;
            assert_eq!(
                to_fixed(bits(value), word, zero, &mut status) as i32,
                expected,
                "{value}"
            );
            assert_eq!(status & 0x9F, flags, "{value}");
        };
        check(2.5, true, 0, 2, IXC);
        check(2.5, false, 0, 2, IXC);
        check(3.5, false, 0, 4, IXC);
        check(-2.5, false, 1, -2, IXC);
        check(-2.5, false, 2, -3, IXC);
        check(3e9, true, 0, i32::MAX, IOC);
        check(-3e9, true, 0, i32::MIN, IOC);
        check(f32::NAN, true, 0, 0, IOC);
        let mut status = 0;
        let unsigned = Fixed {
            signed: false,
            ..word
        };
        assert_eq!(to_fixed(bits(-0.5), unsigned, true, &mut status), 0);
        assert_eq!(status, IXC);
        let q15 = Fixed {
            bits: 16,
            fraction: 15,
            signed: true,
        };
        assert_eq!(from_fixed(0x4000, q15, &mut status), bits(0.5));
        assert_eq!(
            to_fixed(bits(-0.25), q15, true, &mut status) as i32,
            -0x2000
        );
    }

    #[test]
    fn from_fixed_point_is_to_nearest_in_every_mode() {
        // 0xBF7FFFFF has 31 bits, one of them lies below the last place (ARMv7-M ARM, A7.7.228).
        let word = Fixed {
            bits: 32,
            fraction: 13,
            signed: true,
        };
        for mode in 0..4 {
            let mut status = mode << 22;
            assert_eq!(from_fixed(0xBF7F_FFFF, word, &mut status), 0xC801_0000);
            assert_eq!(status & 0x9F, IXC);
        }
    }

    #[test]
    fn halves_there_and_back() {
        for half in 0..=u16::MAX {
            let mut status = 0;
            let single = from_half(half, &mut status);
            if half & 0x7FFF > 0x7C00 {
                assert!(is_nan(single));
            } else {
                assert_eq!(to_half(single, &mut status), half);
                assert_eq!(status, 0);
            }
        }
        let mut status = 0;
        assert_eq!(to_half(bits(65520.0), &mut status), 0x7C00);
        assert_eq!(status, OFC | IXC);
    }

    #[test]
    fn agrees_with_the_host_in_its_mode() {
        let mut seed = 0x1234_5678u32;
        let mut next = || {
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;
            seed
        };
        for _ in 0..200_000 {
            let (a, b, c) = (next(), next(), next());
            let (x, y, z) = (f32::from_bits(a), f32::from_bits(b), f32::from_bits(c));
            let same = |ours: u32, host: f32| ours == bits(host) || (is_nan(ours) && host.is_nan());
            let mut status = 0;
            assert!(same(add(a, b, &mut status), x + y), "{a:x} + {b:x}");
            assert!(same(multiply(a, b, &mut status), x * y), "{a:x} * {b:x}");
            assert!(same(divide(a, b, &mut status), x / y), "{a:x} / {b:x}");
            assert!(same(square_root(a, &mut status), x.sqrt()), "sqrt {a:x}");
            assert!(
                same(fused(c, a, b, &mut status), x.mul_add(y, z)),
                "{a:x} * {b:x} + {c:x}"
            );
        }
    }
}
