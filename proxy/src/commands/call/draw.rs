//! The ledger as a picture: a bar, a table, the attempts.
//!
//! Enters: a ledger and the screen. Leaves: lines of text. Never: a bar that does not fill its
//! width; a phase that only a colour tells apart.

use toolgate_call::{Blame, Phase};

use super::ledger::{Attempt, Ledger, Source, blame, letter, reason};
use super::screen::{Screen, one_line};

/// How many columns there are at least between two marks of the scale.
const MARK: usize = 10;

/// The columns of one phase in the bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) phase: Phase,
    pub(super) columns: usize,
}

/// Scale, bar, table and attempts, each line ended.
pub(super) fn draw(ledger: &Ledger, screen: &Screen) -> String {
    let mut out = String::new();
    let bar = segments(&ledger.phases, screen.columns);
    if !bar.is_empty() {
        out.push_str(&scale(ledger.sum(), screen.columns));
        for Segment { phase, columns } in &bar {
            let letters = letter(*phase).to_string().repeat(*columns);
            out.push_str(&screen.blame(blame(*phase), &letters));
        }
        out.push_str(&legend(ledger, screen.columns));
    }
    table(&mut out, ledger, &bar, screen);
    attempts(&mut out, &ledger.attempts, screen);
    out
}

/// The columns of each phase by largest remainder: they fill the width. A phase that is due less
/// than half a column gets none.
pub(super) fn segments(phases: &[(Phase, f64)], width: usize) -> Vec<Segment> {
    let total: f64 = phases.iter().map(|(_, ms)| ms).sum();
    let columns = width as f64;
    let shown: Vec<(Phase, f64)> =
        phases.iter().copied().filter(|(_, ms)| ms / total * columns >= 0.5).collect();
    let shown_total: f64 = shown.iter().map(|(_, ms)| ms).sum();
    let quotas: Vec<f64> = shown.iter().map(|(_, ms)| ms / shown_total * columns).collect();
    let mut seats: Vec<usize> = quotas.iter().map(|quota| whole(*quota)).collect();
    let mut order: Vec<usize> = (0..quotas.len()).collect();
    let remainder = |at: &usize| quotas.get(*at).map_or(0.0, |quota| quota.fract());
    order.sort_by(|a, b| remainder(b).total_cmp(&remainder(a)));
    let left = width.saturating_sub(seats.iter().sum());
    for at in order.into_iter().take(left) {
        if let Some(seat) = seats.get_mut(at) {
            *seat += 1;
        }
    }
    let seated = shown.iter().zip(seats).filter(|(_, columns)| *columns > 0);
    seated.map(|((phase, _), columns)| Segment { phase: *phase, columns }).collect()
}

/// The marks above the bar: at 1, 2 or 5 times a power of ten.
fn scale(total: f64, width: usize) -> String {
    let step = step(total, width);
    let decimals = whole((-step.log10()).ceil().max(0.0));
    let mut line = String::from("0");
    let mut last = 0;
    for mark in 1_u32..=64 {
        let ms = step * f64::from(mark);
        let at = whole(ms / total * width as f64);
        if ms > total || at >= width {
            break;
        }
        let text = format!("{ms:.decimals$}");
        if at > line.len() {
            line.push_str(&" ".repeat(at - line.len()));
            line.push_str(&text);
            last = line.len();
        }
    }
    line.truncate(last.max(1));
    line.push_str(" ms\n");
    line
}

fn step(total: f64, width: usize) -> f64 {
    let least = total * MARK as f64 / width as f64;
    let power = 10_f64.powf(least.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    let factor = factors.into_iter().find(|factor| factor * power >= least);
    factor.unwrap_or(10.0) * power
}

/// What the bar's width means.
fn legend(ledger: &Ledger, width: usize) -> String {
    let column = ledger.sum() / width as f64;
    format!("   one column = {column:.*} ms\n", decimals(column))
}

fn table(out: &mut String, ledger: &Ledger, bar: &[Segment], screen: &Screen) {
    let sum = ledger.sum();
    let places = decimals(sum);
    for owner in [Blame::Caller, Blame::Gateway, Blame::Network, Blame::Target] {
        let mut name = owner.as_str();
        for (phase, ms) in ledger.phases.iter().filter(|(phase, _)| blame(*phase) == owner) {
            let in_bar = bar.iter().any(|segment| segment.phase == *phase);
            let mark = if in_bar { letter(*phase) } else { ' ' };
            let mark = screen.blame(owner, &mark.to_string());
            let who = screen.blame(owner, &format!("{name:<8}"));
            let share = share(*ms, sum);
            out.push_str(&format!(
                "{who} {:<12} {mark} {ms:>9.places$} {share:>6}\n",
                phase.as_str()
            ));
            name = "";
        }
    }
    out.push_str(&format!(
        "{:<23} {sum:>9.places$} {:>6}   {}\n",
        "total",
        "100%",
        told(ledger, sum)
    ));
}

/// How much of the call the phases cover.
fn told(ledger: &Ledger, sum: f64) -> String {
    match ledger.source {
        Source::StreamStart => "up to the start of the stream; the rest is not told".to_owned(),
        Source::Result | Source::Headers if (sum - ledger.total_ms).abs() <= 0.01 * sum + 0.001 => {
            "sum of phases = time in the gateway".to_owned()
        }
        Source::Result | Source::Headers => {
            format!("but the gateway says {:.3} ms", ledger.total_ms)
        }
    }
}

fn attempts(out: &mut String, attempts: &[Attempt], screen: &Screen) {
    for (number, attempt) in attempts.iter().enumerate() {
        let word = one_line(&attempt.reason);
        let ending = match reason(&attempt.reason) {
            Some(reason) => {
                screen.blame(reason.blame(), &format!("{} {word}", reason.blame().as_str()))
            }
            None => word,
        };
        let places = decimals(attempt.ms);
        out.push_str(&format!(
            "attempt {:<2} {:>9.places$} ms  {ending}\n",
            number + 1,
            attempt.ms
        ));
    }
}

/// Decimals for about three significant digits; the gateway measures microseconds.
pub(super) fn decimals(ms: f64) -> usize {
    match ms {
        _ if ms >= 100.0 => 1,
        _ if ms >= 10.0 => 2,
        _ => 3,
    }
}

fn share(ms: f64, total: f64) -> String {
    let percent = if total > 0.0 { ms / total * 100.0 } else { 0.0 };
    match percent {
        _ if percent == 0.0 => "0%".to_owned(),
        _ if percent < 0.05 => "<.1%".to_owned(),
        _ if percent < 0.95 => format!(".{:.0}%", percent * 10.0),
        _ if percent >= 99.95 => "100%".to_owned(),
        _ => format!("{percent:.1}%"),
    }
}

/// The whole part of a number that is small and not negative.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of columns and digits; `as` saturates"
)]
fn whole(number: f64) -> usize {
    number as usize
}
