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

/// Whether a line goes up and down so much that dashes along it would fill its columns anyway, and
/// be thousands.
pub(crate) fn is_dense(line: &[(f64, f64)]) -> bool {
    let length: f64 = line
        .windows(2)
        .map(|pair| (pair[1].0 - pair[0].0).hypot(pair[1].1 - pair[0].1))
        .sum();
    let wide = match (line.first(), line.last()) {
        (Some(first), Some(last)) => (last.0 - first.0).abs(),
        _ => 0.0,
    };
    length > 3.0 * wide.max(1.0)
}

/// The parts of a line that lie in every other group of columns: `dash` pixels wide, and `space`
/// between. The groups lie on a fixed grid.
pub(crate) fn columns(line: &[(f64, f64)], dash: f64, space: f64) -> Vec<Vec<(f64, f64)>> {
    let mut parts: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut group = None;
    for point in line {
        let (number, at) = (
            (point.0 / (dash + space)).floor(),
            point.0.rem_euclid(dash + space),
        );
        if at >= dash {
            group = None;
            continue;
        }
        match parts.last_mut() {
            Some(part) if group == Some(number) => part.push(*point),
            _ => parts.push(vec![*point]),
        }
        group = Some(number);
    }
    parts.retain(|part| part.len() > 1);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_dense_line_is_cut_in_columns() {
        let line: Vec<_> = (0..240)
            .map(|n| (f64::from(n) / 2.0, f64::from(n % 2) * 40.0))
            .collect();
        assert!(is_dense(&line) && !is_dense(&[(0.0, 0.0), (100.0, 30.0)]));
        let parts = columns(&line, 8.0, 4.0);
        assert_eq!(parts.len(), 10);
        assert!(parts.iter().all(|part| part.len() == 16));
    }
}
