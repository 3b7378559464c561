//! The catalogue as a page for people.
//!
//! Enters: the catalogue. Leaves: Markdown, the same for the same catalogue. Never: I/O.

use std::fmt::Write;

use crate::{
    ALL, Dimension, Group, Key, Label, Metric, NAMESPACE, Program, Published, TOOL_ENDS, Values,
    agent_spans, audit_fields, fields, interaction_fields, metrics, published, records, spans,
};

const HEAD: &str = "# Metrics and access log\n\n\
    Made from the catalogue (`proxy/telemetry/catalog`); do not edit. To write it again:\n\
    `TOOLGATE_GEN=1 cargo nextest run -p toolgate-telemetry-catalog`.\n\n\
    An empty label value means the same as an absent label. A value outside its domain becomes \
    `_OTHER`. No label value is ever a caller's own string.\n";

/// The page `proxy/docs/metrics.md`.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(HEAD);
    for group in ALL {
        push(&mut page, format_args!("\n## {}\n", group.title));
        whose(&mut page, group);
        for metric in group.families {
            family(&mut page, metric);
        }
    }
    in_the_cloud(&mut page);
    reasons(&mut page);
    log_fields(&mut page);
    span_attributes(&mut page);
    page
}

/// Which program has them, unless it is the gateway alone.
fn whose(page: &mut String, group: &Group) {
    match group.of {
        [Program::Gateway] => {}
        [Program::Agent] => page.push_str("\nThe agent has these.\n"),
        _ => page.push_str("\nThe gateway and the agent have these, each for itself.\n"),
    }
}

fn family(page: &mut String, metric: &Metric) {
    push(page, format_args!("\n### `{}`\n\n{}\n\n", metric.name, metric.help));
    push(
        page,
        format_args!(
            "{}, unit {}, {}",
            metric.kind.as_str(),
            metric.unit.as_str(),
            metric.stability.as_str()
        ),
    );
    if let Some(otel) = metric.otel {
        push(page, format_args!("; OpenTelemetry name `{otel}`"));
    }
    page.push_str(".\n");
    if let Some(slo) = metric.slo {
        push(page, format_args!("Measures the objective `{}`.\n", slo.as_str()));
    }
    if let Some(bounds) = metric.buckets {
        let bounds: Vec<String> = bounds.iter().map(f64::to_string).collect();
        push(page, format_args!("Bounds: {}.\n", bounds.join(" ")));
    }
    if !metric.labels.is_empty() {
        page.push('\n');
    }
    for label in metric.labels {
        push(page, format_args!("- `{}`: {}\n", label.key.as_str(), domain(label)));
    }
    if !metric.cloudwatch.is_empty() {
        push(page, format_args!("\nIn CloudWatch:\n\n"));
    }
    for published in metric.cloudwatch {
        push(page, format_args!("- {}\n", in_cloudwatch(published)));
    }
}

/// `RequestCount` (Count; over all, by Target): what it says.
fn in_cloudwatch(published: &Published) -> String {
    let sets: Vec<String> = published.sets.iter().map(|set| dimensions(set)).collect();
    let words = |(key, words): &(Key, &[&str])| format!("{} {}", key.as_str(), words.join(", "));
    let only: Vec<String> = published.only.iter().map(words).collect();
    let only = if only.is_empty() { String::new() } else { format!("; only {}", only.join("; ")) };
    let (name, unit) = (published.name, published.unit.as_str());
    format!("`{name}` ({unit}; {}{only}): {}", sets.join(", "), published.help)
}

fn dimensions(set: &[Dimension]) -> String {
    if set.is_empty() {
        return "over all".to_owned();
    }
    let names: Vec<&str> = set.iter().map(|dimension| dimension.as_str()).collect();
    format!("by {}", names.join(" and "))
}

fn domain(label: &Label) -> String {
    match label.values {
        Values::Words(words) => {
            words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
        }
        Values::Methods => "the MCP methods of both eras".to_owned(),
        Values::Targets => "the configured targets; empty for what the gateway answers".to_owned(),
        Values::Tools => "the tools that the targets list".to_owned(),
        Values::Reasons if label.key == Key::ErrorType => {
            "empty, or a reason of the table below".to_owned()
        }
        Values::Reasons => "a reason of the table below".to_owned(),
        Values::ToolEnds => {
            let more: Vec<String> = TOOL_ENDS.iter().map(|word| format!("`{word}`")).collect();
            format!("empty, a reason of the table below, {}", more.join(" or "))
        }
        Values::Models => "the configured models".to_owned(),
        Values::Revisions => "the protocol revisions spoken here".to_owned(),
        Values::Issuers => "the configured issuers; empty when none was named".to_owned(),
        Values::Constant => "one value".to_owned(),
    }
}

fn span_attributes(page: &mut String) {
    page.push_str(
        "\n## Attributes of spans\n\nA call is one SERVER span with an event for each phase; each \
         attempt at a target is a CLIENT span below it.\n\n| attribute | meaning |\n|---|---|\n",
    );
    for (name, help) in spans::ALL {
        push(page, format_args!("| `{name}` | {help} |\n"));
    }
    page.push_str(
        "\n## Attributes of the agent's spans\n\nA turn is one SERVER span `invoke_agent NAME`. Below it, \
         each request to a model is a CLIENT span `chat MODEL`, each call of a tool an INTERNAL span \
         `execute_tool TOOL`, which the gateway's span hangs below, and what memory is asked to do an \
         INTERNAL span `search_memory` or `create_memory`.\n\n| attribute | meaning |\n|---|---|\n",
    );
    for (name, help) in agent_spans::ALL {
        push(page, format_args!("| `{name}` | {help} |\n"));
    }
}

fn in_the_cloud(page: &mut String) {
    push(page, format_args!("\n## CloudWatch\n\nNamespace `{NAMESPACE}`.\n\n"));
    page.push_str("| metric | unit | dimensions | from |\n|---|---|---|---|\n");
    for (metric, published) in published() {
        let sets: Vec<String> = published.sets.iter().map(|set| dimensions(set)).collect();
        let (name, unit) = (published.name, published.unit.as_str());
        push(
            page,
            format_args!("| `{name}` | {unit} | {} | `{}` |\n", sets.join(", "), metric.name),
        );
    }
}

fn reasons(page: &mut String) {
    page.push_str("\n## Reasons, and whom each counts against\n\n| reason | blame |\n|---|---|\n");
    for reason in toolgate_call::Reason::ALL {
        push(page, format_args!("| `{}` | {} |\n", reason.as_str(), reason.blame().as_str()));
    }
}

fn log_fields(page: &mut String) {
    page.push_str("\n## Access log\n\nOne JSON object a line, one line a call.\n\n");
    page.push_str("| field | meaning |\n|---|---|\n");
    for (name, help) in fields::ALL {
        push(page, format_args!("| `{name}` | {help} |\n"));
    }
    page.push_str(
        "\n## Interaction log of the agent\n\nOne JSON object a line, one line a turn, whether it went well or \
         not.\n\n| field | meaning |\n|---|---|\n",
    );
    for (name, help) in interaction_fields::ALL {
        push(page, format_args!("| `{name}` | {help} |\n"));
    }
    page.push_str(
        "\n## Flight recorder\n\n`/debug/calls`, `/debug/calls/<request_id>` and the file that \
         SIGUSR1 writes: the fields of the access log, and these.\n\n| field | meaning |\n\
         |---|---|\n",
    );
    for (name, help) in records::ALL {
        push(page, format_args!("| `{name}` | {help} |\n"));
    }
    page.push_str(
        "\n## Audit log\n\nOne JSON object a line, append-only, each with the hash of the one before. \
         Absent fields do not apply.\n\n| field | meaning |\n|---|---|\n",
    );
    for (name, help) in audit_fields::ALL {
        push(page, format_args!("| `{name}` | {help} |\n"));
    }
    push(page, format_args!("\n{} families in all.\n", metrics().count()));
}

/// Writing to a `String` cannot fail.
fn push(page: &mut String, text: std::fmt::Arguments<'_>) {
    let written = page.write_fmt(text);
    debug_assert!(written.is_ok(), "a string takes any text");
}
