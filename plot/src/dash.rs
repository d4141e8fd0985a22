//! Broken lines.

/// Cuts a line into dashes of `on` with `off` between them, measured along the line.
pub(crate) fn dashes(line: &[(f64, f64)], on: f64, off: f64) -> Vec<Vec<(f64, f64)>> {
    let (on, off) = (on.max(0.5), off.max(0.5));
    let mut out: Vec<Vec<(f64, f64)>> = Vec::new();
    let (mut drawing, mut left) = (true, on);
    out.extend(line.first().map(|start| vec![*start]));
    for pair in line.windows(2) {
        let [mut from, to] = *pair else { continue };
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            if length <= left {
                left -= length;
                if drawing && let Some(dash) = out.last_mut() {
                    dash.push(to);
                }
                break;
            }
            let share = left / length;
            from = (
                from.0 + (to.0 - from.0) * share,
                from.1 + (to.1 - from.1) * share,
            );
            if drawing {
                if let Some(dash) = out.last_mut() {
                    dash.push(from);
                }
            } else {
                out.push(vec![from]);
            }
            drawing = !drawing;
            left = if drawing { on } else { off };
        }
    }
    out.retain(|dash| dash.len() > 1);
    out
}

#[cfg(test)]
mod tests {
    use super::dashes;

    #[test]
    fn goes_round_corners() {
        let line = [(0.0, 0.0), (6.0, 0.0), (6.0, 6.0)];
        let found = dashes(&line, 4.0, 1.0);
        let expected = vec![
            vec![(0.0, 0.0), (4.0, 0.0)],
            vec![(5.0, 0.0), (6.0, 0.0), (6.0, 3.0)],
            vec![(6.0, 4.0), (6.0, 6.0)],
        ];
        assert_eq!(found, expected);
        assert!(dashes(&[], 1.0, 1.0).is_empty());
    }
}
