//! A corpus of wrong files: the whole report of each is a snapshot.
//!
//! After a change on purpose: `INSTA_UPDATE=always cargo nextest run -p toolgate
//! config::tests::wrong`, then read the difference.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::{Report, code, load};
use super::{mistakes, outside, try_load};

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/testdata")
}

/// The corpus: name and report of each file, in order.
fn corpus() -> Vec<(String, Report)> {
    let mut reports: Vec<(String, Report)> = fs::read_dir(testdata())
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let file = path.file_name().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let report = load(&text, &file, outside()).expect_err(&file);
            (file.trim_end_matches(".yaml").to_owned(), report)
        })
        .collect();
    reports.sort_by(|a, b| a.0.cmp(&b.0));
    reports
}

#[test]
fn every_wrong_file_is_reported_with_line_caret_and_remedy() {
    let corpus = corpus();
    assert!(corpus.len() >= 20, "the corpus is gone");
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("../snapshots");
    settings.bind(|| {
        for (name, report) in corpus {
            insta::assert_snapshot!(name, report.render());
        }
    });
}

#[test]
fn every_mistake_of_the_corpus_proposes_a_remedy() {
    for (name, report) in corpus() {
        for mistake in report.mistakes() {
            assert!(!mistake.help.is_empty(), "{name}: {mistake:?}");
        }
    }
}

#[test]
fn every_code_has_a_wrong_file_and_every_mistake_a_known_code() {
    let known: BTreeSet<&str> = code::ALL.iter().map(|(code, _)| *code).collect();
    assert_eq!(known.len(), code::ALL.len(), "a code is used twice");
    let seen: BTreeSet<&str> = corpus()
        .iter()
        .flat_map(|(_, report)| report.mistakes())
        .map(|mistake| mistake.code)
        .collect();
    let expected: BTreeSet<&str> = known
        .into_iter()
        .filter(|code| ![code::INTERNAL, code::NOT_BUILT, code::SECRET_SOURCE].contains(code))
        .collect();
    assert_eq!(seen, expected);
}

#[test]
fn no_report_shows_a_secret() {
    for (name, report) in corpus() {
        for shown in [report.render(), report.to_json(), format!("{report:?}")] {
            for secret in ["ghp_", "hunter2", "s3cr3t", "secret-looking-text", "too short"] {
                assert!(!shown.contains(secret), "{name} shows {secret}: {shown}");
            }
        }
    }
}

#[test]
fn a_report_is_json_too() {
    let report = try_load("lissten: 1\ntargets: {}\nauth: { anonymous: true }\n").unwrap_err();
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    assert_eq!(
        json["errors"][0],
        serde_json::json!({
            "code": "TG1004",
            "message": "unknown key `lissten`",
            "file": "toolgate.yaml",
            "line": 1,
            "column": 1,
            "help": "did you mean `listen`?",
        })
    );
    assert_eq!(json["errors"].as_array().unwrap().len(), 2);
}

#[test]
fn a_file_over_one_mebibyte_is_refused_unread() {
    let text = format!("# {}\n", "x".repeat(super::super::MAX_FILE));
    assert_eq!(mistakes(&text), ["TG1002 0:0 the file has 1048579 bytes, more than 1 MiB"]);
}

#[test]
fn one_refused_value_does_not_cause_a_second_mistake() {
    let issuer = "auth: { issuers: [{ name: a, profile: nope, issuer: https://a.example }] }\n\
                  targets: { clock: { builtin: clock } }\n";
    assert_eq!(mistakes(issuer), ["TG1007 1:39 `nope` is not a value of `profile`"]);
    let target = "auth: { anonymous: true }\ntargets: { clock: { builtin: clok } }\n\
                  tools: { clock___now: { timeout: 1s } }\n";
    assert_eq!(mistakes(target), ["TG1007 2:30 `clok` is not a value of `builtin`"]);
    let misspelt = "auht: { anonymous: true }\ntargets: { clock: { builtin: clock } }\n";
    assert_eq!(mistakes(misspelt), ["TG1004 1:1 unknown key `auht`"]);
}

#[test]
fn long_lines_are_cut_around_the_caret_and_control_characters_removed() {
    let pad = "a".repeat(500);
    let text = format!(
        "auth: {{ anonymous: true }}\ntargets: {{ clock: {{ builtin: clock, scopes: [{pad}], \
         \"tim\u{1b}[31meuot\": 1s, concurrency: 0, scopez: [{pad}] }} }}\n"
    );
    let shown = try_load(&text).unwrap_err().render();
    assert!(shown.lines().all(|line| line.chars().count() < 400), "{shown}");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    let mut carets = 0;
    for (line, under) in shown.lines().zip(shown.lines().skip(1)) {
        let is_one = line.starts_with("2 |") && under.matches('^').count() == 1;
        if let Some(caret) = under.find('^').filter(|_| is_one) {
            carets += 1;
            let pointed: String = line.chars().skip(caret).take(1).collect();
            assert_eq!(pointed, "0", "{shown}");
        }
    }
    assert_eq!(carets, 1, "{shown}");
}

#[test]
fn at_most_a_hundred_mistakes_are_quoted_and_the_rest_counted() {
    let mut text =
        String::from("auth: { anonymous: true }\ntargets: { clock: { builtin: clock } }\n");
    for n in 0..150 {
        text.push_str(&format!("zzzzzzzzzzzz{n}: 1\n"));
    }
    let shown = try_load(&text).unwrap_err().render();
    assert_eq!(shown.matches("error[TG1004]").count(), 100);
    assert!(shown.ends_with("… and 50 more\n150 errors in toolgate.yaml, nothing was started\n"));
}

#[cfg(not(feature = "aws"))]
#[test]
fn a_build_without_aws_says_so_where_it_is_asked_for() {
    let text = "auth: { anonymous: true }\ntargets: { c: { builtin: clock } }\n\
                traces: { xray: { mode: segments } }\naws: { region: us-east-1 }\n";
    let report = load(text, "f.yaml", outside()).unwrap_err();
    let [mistake] = report.mistakes() else { panic!("{report:?}") };
    assert_eq!(mistake.code, code::NOT_BUILT);
    assert!(report.render().contains("f.yaml:3:11"), "{}", report.render());
}

#[cfg(not(feature = "aws"))]
#[test]
fn a_build_without_aws_has_no_tools_of_it() {
    let text = "auth: { anonymous: true }\ntargets:\n  d: { builtin: aws_docs }\n  c: { builtin: cloudwatch }\n";
    let report = load(text, "f.yaml", outside()).unwrap_err();
    let [mistake] = report.mistakes() else { panic!("{report:?}") };
    assert_eq!(mistake.code, code::NOT_BUILT);
    assert!(report.render().contains("f.yaml:4:8"), "{}", report.render());
}
