//! How long to wait before the next try, as the board's stock application does
//! (specification of the getting-started application, "reconnect").

/// Seconds before try 0, 1, 2, …; the last one is kept.
const SECONDS: [u64; 5] = [0, 12, 48, 192, 600];

/// Milliseconds to wait before try `attempt` (from 0), stretched by 1 to 1.6 with `random`, so
/// that many boards do not come back at once.
pub fn millis(attempt: usize, random: u32) -> u64 {
    let seconds = SECONDS[attempt.min(SECONDS.len() - 1)];
    seconds * 1000 + seconds * 600 * u64::from(random) / u64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stock_applications_steps() {
        let seen: [u64; 7] = core::array::from_fn(|attempt| millis(attempt, 0));
        assert_eq!(
            seen,
            [0, 12_000, 48_000, 192_000, 600_000, 600_000, 600_000]
        );
    }

    #[test]
    fn the_jitter_is_between_1_and_1_6() {
        assert_eq!(millis(1, u32::MAX), 19_200);
        assert_eq!(millis(9, u32::MAX / 2), 779_999);
    }
}
