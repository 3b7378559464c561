//! What must hold of every family, whoever adds the next one.

use std::collections::BTreeSet;
use std::path::Path;

use toolgate_call::{Outcome, Reason, Version};

use crate::{
    Direction, Key, Kind, MemoryEnd, OUTCOMES, Program, PublishedUnit, Shows, Slo, StreamEnd,
    TokenFetch, TurnEnd, Unit, Values, Word, agent_spans, fields, interaction_fields, markdown,
    metrics, metrics_of, of_word, outcome_index, published, records,
};

#[test]
fn no_two_families_share_a_name() {
    let names: BTreeSet<_> = metrics().map(|metric| metric.name).collect();
    assert_eq!(names.len(), metrics().count());
}

#[test]
fn names_are_legal_and_of_our_own_or_of_a_convention() {
    for metric in metrics() {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(metric.name.chars().all(legal), "{}", metric.name);
        let ours = metric.name.starts_with("toolgate_") || metric.name.starts_with("process_");
        assert_eq!(ours, metric.otel.is_none(), "{}", metric.name);
    }
}

#[test]
fn an_otel_name_gives_the_prometheus_name() {
    for metric in metrics() {
        if let Some(otel) = metric.otel {
            assert_eq!(otel.replace('.', "_") + metric.unit.suffix(), metric.name);
        }
    }
}

#[test]
fn the_suffix_fits_kind_and_unit() {
    for metric in metrics() {
        let (name, total) = (metric.name, metric.name.ends_with("_total"));
        assert_eq!(total, metric.kind == Kind::Counter, "{name}");
        let stem = name.strip_suffix("_total").unwrap_or(name);
        // The usual name of this one predates the rule.
        if name == "process_start_time_seconds" {
            continue;
        }
        assert!(stem.ends_with(metric.unit.suffix()), "{name}: {:?}", metric.unit);
        if metric.unit == Unit::One {
            for unit in ["_seconds", "_bytes", "_ratio", "_usd"] {
                assert!(!stem.ends_with(unit), "{name} has a unit that is not declared");
            }
        }
        for reserved in ["_bucket", "_sum", "_count", "_created", "_info_total"] {
            assert!(!name.ends_with(reserved), "{name} ends as only a sample may");
        }
    }
}

#[test]
fn histograms_and_only_histograms_have_ascending_buckets() {
    for metric in metrics() {
        assert_eq!(metric.buckets.is_some(), metric.kind == Kind::Histogram, "{}", metric.name);
        let bounds = metric.buckets.unwrap_or(&[]);
        assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]), "{}", metric.name);
        assert!(bounds.iter().all(|bound| bound.is_finite() && *bound > 0.0), "{}", metric.name);
        assert!(bounds.len() <= 20, "{} costs too many lines", metric.name);
    }
}

#[test]
fn labels_come_once_and_closed_ones_are_short_lists_of_plain_words() {
    for metric in metrics() {
        let keys: BTreeSet<_> = metric.labels.iter().map(|label| label.key.as_str()).collect();
        assert_eq!(keys.len(), metric.labels.len(), "{}", metric.name);
        for label in metric.labels {
            assert!(Key::ALL.contains(&label.key));
            let Some(values) = label.values.listed() else { continue };
            assert!((1..=40).contains(&values.len()), "{} {:?}", metric.name, label.key);
            let unique: BTreeSet<_> = values.iter().collect();
            assert_eq!(unique.len(), values.len(), "{} {:?}", metric.name, label.key);
            if let Values::Words(words) = label.values {
                assert!(
                    words
                        .iter()
                        .all(|w| { w.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_')) })
                );
            }
        }
    }
}

#[test]
fn every_key_is_used_and_no_two_are_spelled_alike() {
    let used: BTreeSet<_> = metrics().flat_map(|m| m.labels).map(|l| l.key.as_str()).collect();
    let all: BTreeSet<_> = Key::ALL.iter().map(|key| key.as_str()).collect();
    assert_eq!(used, all);
    assert_eq!(all.len(), Key::ALL.len());
}

#[test]
fn help_is_one_sentence_on_one_line() {
    for metric in metrics() {
        assert!(metric.help.ends_with('.'), "{}", metric.name);
        assert!(!metric.help.contains(['\n', '\\', '"']), "{}", metric.name);
    }
    let lists = [fields::ALL, records::ALL, interaction_fields::ALL, agent_spans::ALL];
    for (name, help) in lists.into_iter().flatten() {
        assert!(help.ends_with('.'), "{name}");
    }
}

#[test]
fn the_index_of_an_outcome_is_that_of_its_label() {
    assert_eq!(OUTCOMES[outcome_index(Outcome::OK)], Outcome::OK.label());
    for reason in Reason::ALL {
        let outcome = Outcome::failed(*reason, false);
        assert_eq!(OUTCOMES[outcome_index(outcome)], outcome.label());
    }
}

#[test]
fn a_word_stands_where_its_index_says() {
    for (n, end) in StreamEnd::ALL.iter().enumerate() {
        assert_eq!((end.index(), end.word()), (n, StreamEnd::WORDS[n]));
    }
    for (n, version) in Version::ALL.into_iter().enumerate() {
        assert_eq!((version.index(), version.word()), (n, version.as_str()));
    }
    assert_eq!(Direction::Target.word(), "target");
    assert_eq!(StreamEnd::MaxAge.word(), "max_age");
}

#[test]
fn the_page_of_metrics_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    if std::env::var_os("TOOLGATE_GEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, markdown()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let advice = "proxy/docs/metrics.md is not what the catalogue says; run \
                  TOOLGATE_GEN=1 cargo nextest run -p toolgate-telemetry-catalog";
    assert!(written == markdown(), "{advice}");
}

#[test]
fn what_goes_to_cloudwatch_has_its_own_name_and_labels_that_exist() {
    let names: BTreeSet<_> = published().map(|(_, published)| published.name).collect();
    assert_eq!(names.len(), published().count());
    for (metric, published) in published() {
        let name = published.name;
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "{name}");
        assert!(published.help.ends_with('.') && !published.help.contains('\n'), "{name}");
        assert!(!published.sets.is_empty(), "{name}");
        for (key, words) in published.only {
            let known = metric.label(*key).and_then(|label| label.values.listed());
            let known = known.unwrap_or_else(|| panic!("{name}: {key:?} has no closed domain"));
            assert!(words.iter().all(|word| known.contains(word)), "{name}: {words:?}");
        }
        for dimension in published.sets.iter().copied().flatten() {
            assert!(metric.label(dimension.key()).is_some(), "{name}: {dimension:?}");
        }
        let timed = published.shows == Shows::Values && metric.unit == Unit::Seconds;
        assert_eq!(published.unit == PublishedUnit::Milliseconds, timed, "{name}");
        if published.shows == Shows::Observations {
            assert_eq!(metric.kind, Kind::Histogram, "{name}");
        }
    }
}

#[test]
fn each_objective_is_measured_by_one_family() {
    for slo in Slo::ALL {
        assert_eq!(metrics().filter(|metric| metric.slo == Some(*slo)).count(), 1, "{slo:?}");
    }
}

#[test]
fn the_ends_that_are_failures_are_all_but_the_good_ones_and_what_the_user_did() {
    let failures = |all: &[&'static str], fine: &[&str]| -> Vec<&'static str> {
        all.iter().copied().filter(|word| !fine.contains(word)).collect()
    };
    let memory = failures(MemoryEnd::WORDS, &["", "client_cancelled"]);
    assert_eq!(memory, MemoryEnd::FAILED);
    assert_eq!(failures(TokenFetch::WORDS, &["ok"]), TokenFetch::FAILED);
    let turns: Vec<_> = TurnEnd::ALL.iter().filter(|end| end.is_failure()).collect();
    assert_eq!(turns.iter().map(|end| end.word()).collect::<Vec<_>>(), TurnEnd::FAILED);
    let errors: Vec<_> = TurnEnd::ALL.iter().map(|end| end.error()).collect();
    assert_eq!(errors, TurnEnd::ERRORS);
    assert_eq!(of_word::<MemoryEnd>("full"), Some(MemoryEnd::Full));
    assert_eq!(of_word::<MemoryEnd>("nothing of the kind"), None);
}

#[test]
fn a_program_has_its_own_families_and_those_that_both_have() {
    let of = |program| metrics_of(program).map(|metric| metric.name).collect::<BTreeSet<_>>();
    let (gateway, agent) = (of(Program::Gateway), of(Program::Agent));
    assert!(agent.contains("toolgate_agent_interactions_total"));
    assert!(!agent.contains("toolgate_requests_total"));
    assert!(!gateway.contains("toolgate_agent_interactions_total"));
    assert!(gateway.contains("process_threads") && agent.contains("process_threads"));
    assert_eq!(gateway.union(&agent).count(), metrics().count());
}
