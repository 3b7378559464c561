//! What preferences are about that exclude each other.
//!
//! In: a sentence. Out: a topic, with what it is for. Never: a topic of two: the first that is
//! named counts.

use super::phrase::Phrase;

/// Words of which one goes at a time, by what they are about.
const TOPICS: &[(&str, &[&str])] = &[
    (
        "length",
        &[
            "short", "brief", "concise", "long", "detailed", "verbose", "terse", "thorough",
            "detail", "length", "shorter", "longer", "depth", "briefly", "succinct", "wordy",
            "lengthy", "crisp",
        ],
    ),
    (
        "layout",
        &[
            "bullets",
            "bullet",
            "table",
            "tables",
            "prose",
            "paragraphs",
            "lists",
            "markdown",
            "plain",
            "numbered",
            "bulleted",
            "tabular",
        ],
    ),
    (
        "language",
        &[
            "english",
            "german",
            "french",
            "spanish",
            "italian",
            "portuguese",
            "dutch",
            "polish",
            "swedish",
            "turkish",
            "japanese",
            "chinese",
            "korean",
            "hindi",
            "russian",
            "ukrainian",
        ],
    ),
    (
        "times",
        &[
            "utc",
            "cet",
            "cest",
            "est",
            "pst",
            "gmt",
            "timezone",
            "12-hour",
            "24-hour",
            "pdt",
            "edt",
            "timestamps",
        ],
    ),
    (
        "units",
        &[
            "metric",
            "imperial",
            "celsius",
            "fahrenheit",
            "kilometers",
            "miles",
            "mebibytes",
            "megabytes",
        ],
    ),
    ("theme", &["dark", "light"]),
    (
        "editor",
        &["vim", "neovim", "emacs", "vscode", "vs", "nano", "helix", "intellij", "zed", "sublime"],
    ),
    ("shell", &["bash", "zsh", "fish", "powershell"]),
    (
        "infrastructure",
        &["terraform", "pulumi", "cloudformation", "cdk", "opentofu", "ansible", "crossplane"],
    ),
    (
        "notices",
        &["slack", "email", "teams", "sms", "pagerduty", "discord", "telegram", "phone", "mail"],
    ),
    ("rollout", &["canary", "canaries", "blue-green", "rolling", "blue/green", "recreate"]),
    ("data", &["json", "yaml", "toml", "xml", "csv"]),
    (
        "code",
        &[
            "python",
            "go",
            "golang",
            "rust",
            "typescript",
            "javascript",
            "java",
            "ruby",
            "kotlin",
            "perl",
        ],
    ),
    ("charts", &["grafana", "kibana", "datadog", "cloudwatch", "kiali"]),
    ("drink", &["tea", "coffee", "espresso", "mate"]),
    (
        "days",
        &[
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
            "mondays",
            "tuesdays",
            "wednesdays",
            "thursdays",
            "fridays",
            "weekends",
        ],
    ),
    (
        "hours",
        &[
            "morning",
            "mornings",
            "afternoon",
            "afternoons",
            "evening",
            "evenings",
            "night",
            "nights",
        ],
    ),
    ("emoji", &["emoji", "emojis", "smileys"]),
    ("tone", &["formal", "casual", "informal", "humor", "jokes", "polite", "friendly", "blunt"]),
    ("clusters", &["kubectl", "k9s", "lens", "helm", "kustomize"]),
    ("version control", &["rebase", "squash", "merge"]),
];

/// What a preference is about, with what it is for: "email for alerts" leaves "slack for reviews"
/// as it is.
pub(super) fn topic(phrase: &Phrase) -> Option<String> {
    let (topic, _) = TOPICS.iter().find(|(_, words)| phrase.holds(words))?;
    let purpose = ["for", "when", "about", "during"];
    let purpose = purpose.iter().find_map(|word| phrase.find(word));
    let purpose = purpose.map(|(_, end)| phrase.named(end).join(" ")).unwrap_or_default();
    Some(if purpose.is_empty() {
        format!("topic {topic}")
    } else {
        format!("topic {topic} for {purpose}")
    })
}
