//! Text exposition becomes OpenMetrics.
//!
//! Enters: the text of version 0.0.4, with exemplars already in it. Leaves: OpenMetrics 1.0.0: the
//! names of counter families without `_total`, no blank lines, and an end mark. Never: another
//! number.

/// The end of an exposition.
const END: &str = "# EOF\n";
/// What the samples of a counter end in, and its family does not.
const TOTAL: &str = "_total";

/// The same metrics in the other form.
pub(crate) fn converted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + END.len());
    let mut lines = text.lines().filter(|line| !line.is_empty()).peekable();
    while let Some(line) = lines.next() {
        let Some((keyword, name, rest)) = comment(line) else {
            push(&mut out, &[line]);
            continue;
        };
        // HELP comes before TYPE, which alone says whether the family is a counter.
        let counter = match keyword {
            "# TYPE " => rest == "counter",
            _ => lines.peek().and_then(|next| comment(next)).is_some_and(|(word, of, kind)| {
                word == "# TYPE " && of == name && kind == "counter"
            }),
        };
        let family = if counter { name.strip_suffix(TOTAL).unwrap_or(name) } else { name };
        push(&mut out, &[keyword, family, " ", rest]);
    }
    out.push_str(END);
    out
}

/// `# HELP name text` or `# TYPE name kind`.
fn comment(line: &str) -> Option<(&'static str, &str, &str)> {
    let (keyword, rest) = ["# HELP ", "# TYPE "]
        .into_iter()
        .find_map(|keyword| line.strip_prefix(keyword).map(|rest| (keyword, rest)))?;
    let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    Some((keyword, name, rest))
}

fn push(out: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| out.push_str(part));
    out.push('\n');
}

#[cfg(test)]
mod tests {
    //! The form.

    use super::converted;

    #[test]
    fn only_counters_lose_their_suffix_and_only_in_comments() {
        let text = "# HELP a_total All of them.\n# TYPE a_total counter\na_total{x=\"# HELP\"} 1\n\n\
                    # HELP b_total_bytes A gauge.\n# TYPE b_total_bytes gauge\nb_total_bytes 2\n";
        let wanted = "# HELP a All of them.\n# TYPE a counter\na_total{x=\"# HELP\"} 1\n\
                      # HELP b_total_bytes A gauge.\n# TYPE b_total_bytes gauge\nb_total_bytes 2\n# EOF\n";
        assert_eq!(converted(text), wanted);
        assert_eq!(converted(""), "# EOF\n");
    }
}
