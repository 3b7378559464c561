//! What an alert asks for.
//!
//! In: its question, as Prometheus prints it. Out: the same without thresholds and without looking
//! back a day, and the series that it names. It knows as much of PromQL as the rules use.

/// Alerts that have no answer without their thresholds while all is as it should be, and why. The
/// series that they name are there all the same.
pub(super) const CANNOT: [(&str, &str); 2] = [
    ("ToolgateGatewayAbsent", "asks whether the series is absent"),
    ("ToolgateAuthDenySpike", "leaves out what is not more than yesterday, and yesterday is today"),
];

/// What never happens in the mix of calls, in alphabetical order, and why.
pub(super) const NEVER: [(&str, &str); 8] = [
    ("toolgate_agent_memory_lost_total", "takes a memory that takes nothing: `agent::agentcore`"),
    (
        "toolgate_agent_memory_operations_total{error_type=~\"unavailable|throttled|denied|timed_out|corrupt|full|not_supported|other\"}",
        "takes a memory that fails: `agent::agentcore`",
    ),
    (
        "toolgate_agent_settings_refreshes_total{outcome=~\"failed|invalid\"}",
        "takes a store of parameters that fails: `agent::refresh`",
    ),
    (
        "toolgate_agent_token_renewals_total{outcome=~\"refused|revoked|failed|timeout|unreachable|malformed|forbidden\"}",
        "takes an issuer that is gone: the agent's own tests",
    ),
    ("toolgate_audit_records_lost_total", "takes a full disk: module `audit`"),
    (
        "toolgate_connections_rejected_total{reason=\"limit\"}",
        "the mix itself would be turned away: module `bounds`",
    ),
    (
        "toolgate_retry_suppressed_total{reason=\"budget\"}",
        "takes fifty failures at once: module `recover`",
    ),
    ("toolgate_series_overflow_total", "takes thousands of tools: module `flood`"),
];

/// Words that are neither functions nor series.
const WORDS: [&str; 11] =
    ["and", "or", "unless", "by", "on", "ignoring", "without", "sum", "max", "min", "avg"];
/// Words before a list of labels.
const BEFORE_LABELS: [&str; 4] = ["by", "on", "ignoring", "without"];
const COMPARISONS: [&str; 6] = [">=", "<=", "==", "!=", ">", "<"];

/// A question taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) without_thresholds: String,
    pub(super) selectors: Vec<String>,
}

impl Asked {
    pub(super) fn of(query: &str) -> Self {
        let mut asked = Self::default();
        let (mut rest, mut labels) = (query, false);
        while let Some(first) = rest.chars().next() {
            if let Some(after) = threshold(rest).or_else(|| offset(rest)) {
                rest = after;
                continue;
            }
            let word = rest.find(|letter| !of_name(letter)).unwrap_or(rest.len());
            let (taken, after) = rest.split_at(word.max(first.len_utf8()));
            let called = after.trim_start().starts_with('(');
            let is_name = first.is_ascii_alphabetic() && !labels;
            if is_name && !called && !WORDS.contains(&taken) {
                rest = asked.selector(taken, after);
                continue;
            }
            labels = match first {
                ')' => false,
                '(' => labels,
                _ => labels || BEFORE_LABELS.contains(&taken),
            };
            if first == '[' {
                let (range, after) = until_after(rest, ']');
                asked.without_thresholds.push_str(range);
                rest = after;
                continue;
            }
            asked.without_thresholds.push_str(taken);
            rest = after;
        }
        asked
    }

    /// A name with its matchers; gives what follows.
    fn selector<'a>(&mut self, name: &str, after: &'a str) -> &'a str {
        let (matchers, after) =
            if after.starts_with('{') { until_after(after, '}') } else { ("", after) };
        let selector = format!("{name}{matchers}");
        self.without_thresholds.push_str(&selector);
        if !self.selectors.contains(&selector) {
            self.selectors.push(selector);
        }
        after
    }
}

fn of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == ':'
}

/// ` > 0.1`: what follows it.
fn threshold(text: &str) -> Option<&str> {
    let text = text.strip_prefix(' ')?;
    let text = COMPARISONS.iter().find_map(|sign| text.strip_prefix(sign))?.strip_prefix(' ')?;
    let number = |letter: char| letter.is_ascii_digit() || ".-".contains(letter);
    let after = text.trim_start_matches(number);
    (after.len() < text.len()).then_some(after)
}

/// ` offset 1d`: what follows it.
fn offset(text: &str) -> Option<&str> {
    let text = text.strip_prefix(" offset ")?;
    Some(text.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric()))
}

/// Up to and with that letter, outside quotes, and the rest.
fn until_after(text: &str, letter: char) -> (&str, &str) {
    let mut quoted = false;
    for (at, one) in text.char_indices() {
        quoted ^= one == '"';
        if one == letter && !quoted {
            return text.split_at(at + one.len_utf8());
        }
    }
    (text, "")
}

#[test]
fn a_question_is_taken_apart() {
    let query = "sum by (le, x) (rate(a_total{b=~\"c}|d > 1\",job=\"e\"}[5m] offset 1d)) / max(up) > -0.1 \
                 unless on (x) toolgate:a:b_1h == 0 or a_total{b=~\"c}|d > 1\",job=\"e\"} < 3";
    let asked = Asked::of(query);
    let plain = "sum by (le, x) (rate(a_total{b=~\"c}|d > 1\",job=\"e\"}[5m])) / max(up) \
                 unless on (x) toolgate:a:b_1h or a_total{b=~\"c}|d > 1\",job=\"e\"}";
    assert_eq!(asked.without_thresholds, plain);
    let series = ["a_total{b=~\"c}|d > 1\",job=\"e\"}", "up", "toolgate:a:b_1h"];
    assert_eq!(asked.selectors, series);
}
