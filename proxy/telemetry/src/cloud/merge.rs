//! As many values as CloudWatch takes.
//!
//! Enters: values with their counts, ascending. Leaves: the same, or fewer: neighbours became their
//! mean. Never: a count or a sum changed; a group wider than it must be.

/// A value, and how often it occurred.
pub(super) type Point = (f64, u64);

/// How often the width of the groups is halved in the search for the least one.
const HALVINGS: usize = 40;

/// At most so many values: groups of neighbours of the same relative width, the least that does.
pub(super) fn merged(points: Vec<Point>, most: usize) -> Vec<Point> {
    if points.len() <= most {
        return points;
    }
    let (low, high) = (points.iter().map(|point| point.0).find(|v| *v > 0.0), points.last());
    let span = low.zip(high).map_or(1.0, |(low, high)| (high.0 / low).max(1.0));
    let (mut short, mut enough) = (0.0, span.ln() * (1.0 + 1e-9));
    for _ in 0..HALVINGS {
        let width = f64::midpoint(short, enough);
        let fits = grouped(&points, width.exp()).count() <= most;
        (short, enough) = if fits { (short, width) } else { (width, enough) };
    }
    let found: Vec<Point> = grouped(&points, enough.exp()).collect();
    // Only values below 0, of which there are none, could be left apart.
    if found.len() <= most { found } else { in_chunks(&points, most) }
}

/// Groups whose last value is at most `width` times the first.
fn grouped(points: &[Point], width: f64) -> impl Iterator<Item = Point> {
    let together = move |group: &[Point], point: &Point| {
        group.first().is_some_and(|first| point.0 <= first.0 * width)
    };
    let mut rest = points;
    std::iter::from_fn(move || {
        let (first, _) = rest.split_first()?;
        let first = std::slice::from_ref(first);
        let many = rest.iter().take_while(|point| together(first, point)).count().max(1);
        let (group, later) = rest.split_at_checked(many)?;
        rest = later;
        Some(mean(group))
    })
}

fn in_chunks(points: &[Point], most: usize) -> Vec<Point> {
    points.chunks(points.len().div_ceil(most.max(1))).map(mean).collect()
}

fn mean(group: &[Point]) -> Point {
    if let [only] = group {
        return *only;
    }
    let count: u64 = group.iter().map(|point| point.1).sum();
    let sum: f64 = group.iter().map(|point| point.0 * amount(point.1)).sum();
    (sum / amount(count), count)
}

/// A count as CloudWatch takes it.
#[expect(clippy::cast_precision_loss, reason = "no minute has 2^53 calls")]
pub(super) fn amount(count: u64) -> f64 {
    count as f64
}
