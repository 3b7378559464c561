//! The time between two points of a metric.
//!
//! Enters: two times and what was asked for. Leaves: a period that CloudWatch takes and has data for.
//! Never: one that gives more points than are passed on, or that CloudWatch would answer with nothing.

use std::time::Duration;

use crate::error::ToolError;
use crate::when;

/// Points that are passed on.
pub(super) const MOST_POINTS: f64 = 1440.0;
const DAY: f64 = 86_400.0;
/// Periods that are easy to think about, in seconds; CloudWatch takes multiples of a minute.
const LADDER: [f64; 9] =
    [60.0, 300.0, 900.0, 1800.0, 3600.0, 10_800.0, 21_600.0, 43_200.0, 86_400.0];
/// Shorter ones, for metrics of high resolution.
const SHORT: [f64; 5] = [1.0, 5.0, 10.0, 20.0, 30.0];
/// From which age on, in seconds, the shortest period there is data for (CloudWatch, "Metrics
/// retention").
const KEPT: [(f64, f64); 3] = [(63.0 * DAY, 3600.0), (15.0 * DAY, 300.0), (DAY / 8.0, 60.0)];

/// The period in seconds, for about so many points.
///
/// # Errors
/// The one that was asked for gives too many, or CloudWatch has none.
pub(super) fn period(
    (start, end): (f64, f64),
    now: f64,
    asked: Option<&str>,
    points: u32,
) -> Result<f64, ToolError> {
    let range = end - start;
    let kept = KEPT.into_iter().find(|(age, _)| now - start >= *age).map_or(1.0, |(_, kept)| kept);
    let Some(asked) = asked else {
        return Ok(rung((range / f64::from(points)).max(kept)));
    };
    let period = when::duration("period", asked)?.as_secs_f64();
    let problem = if period % 60.0 != 0.0 && !SHORT.contains(&period) {
        "is none of 1, 5, 10, 20 or 30 s, nor a whole number of minutes".to_owned()
    } else if range / period > MOST_POINTS {
        format!("gives {:.0} points, and {MOST_POINTS:.0} are passed on at most", range / period)
    } else if period < kept {
        "is shorter than what CloudWatch keeps of that age".to_owned()
    } else {
        return Ok(period);
    };
    let better = rung((range / MOST_POINTS).max(kept));
    let better = when::written(Duration::from_secs_f64(better));
    Err(ToolError::argument("period", &format!("{problem}; take `{better}`, or leave it out")))
}

/// The first easy period that is not below `least`.
fn rung(least: f64) -> f64 {
    let easy = LADDER.into_iter().find(|period| *period >= least);
    easy.unwrap_or_else(|| (least / DAY).ceil() * DAY)
}

#[cfg(test)]
mod tests {
    //! The ladder.

    use proptest::prelude::*;

    use super::{DAY, MOST_POINTS, period};

    const NOW: f64 = 1.8e9;

    fn ago(seconds: f64, asked: Option<&str>) -> Result<f64, String> {
        period((NOW - seconds, NOW), NOW, asked, 60).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_period_fits_the_time_and_what_is_kept() {
        for (seconds, wanted) in [
            (60.0, 60.0),
            (3600.0, 60.0),
            (3700.0, 300.0),
            (DAY, 1800.0),
            (16.0 * DAY, 43_200.0),
            (400.0 * DAY, 7.0 * DAY),
        ] {
            assert_eq!(ago(seconds, None), Ok(wanted), "{seconds}");
        }
        // An hour, but one of long ago.
        for (days, wanted) in [(1.0, 60.0), (20.0, 300.0), (70.0, 3600.0)] {
            let start = NOW - days * DAY;
            assert_eq!(period((start, start + 3600.0), NOW, None, 60), Ok(wanted), "{days}");
        }
    }

    #[test]
    fn a_period_that_cannot_be_is_refused_with_one_that_can() {
        assert_eq!(ago(3600.0, Some("10s")), Ok(10.0));
        assert_eq!(ago(3600.0, Some("7m")), Ok(420.0));
        for (seconds, asked, told) in [
            (3600.0, "45s", "whole number of minutes; take `1m`"),
            (3600.0, "1s", "3600 points"),
            (3.0 * DAY, "1m", "take `5m`"),
            (4.0 * 3600.0, "30s", "what CloudWatch keeps of that age; take `1m`"),
            (20.0 * DAY, "1h30m", ""),
            (16.0 * DAY, "4m", "5760 points"),
            (3600.0, "soon", "must be a duration"),
        ] {
            match ago(seconds, Some(asked)) {
                Ok(_) => assert!(told.is_empty(), "{asked}"),
                Err(said) => assert!(said.contains(told) && !told.is_empty(), "{asked}: {said}"),
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_is_chosen_cloudwatch_takes(
            age in 60.0_f64..5e7, part in 0.001_f64..1.0, points in 1_u32..1440,
        ) {
            let start = NOW - age;
            let chosen = period((start, start + age * part), NOW, None, points).unwrap();
            prop_assert!(chosen % 60.0 == 0.0 && age * part / chosen <= MOST_POINTS);
        }
    }
}
