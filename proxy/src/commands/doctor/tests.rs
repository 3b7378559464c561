//! What is found, what is said of it, and what is never said.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::finding::{Finding, Probe, Said, State, all};
use super::issuers::compared;
use super::places::{ends, file_of};
use super::report::Report;
use super::{chosen, load};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn folder(name: &str) -> PathBuf {
    let folder =
        std::env::temp_dir().join(format!("toolgate-doctor-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_certificate_is_told_of_before_it_ends() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    for (left, state, says) in [
        (100 * DAY, State::Ok, "good for"),
        (13 * DAY + DAY / 2, State::Warn, "ends in 13 days"),
        (Duration::ZERO, State::Fail, "has ended"),
    ] {
        let said = ends((now + left).as_secs(), "renew it");
        assert_eq!(said.state, state, "{said:?}");
        assert!(said.found.contains(says), "{said:?}");
        assert_eq!(said.fix == "renew it", state != State::Ok, "{said:?}");
    }
}

#[test]
fn clocks_may_differ_by_what_is_forgiven_and_no_more() {
    let (now, leeway) = (SystemTime::now(), Duration::from_secs(30));
    for (theirs, state, says) in [
        (now - Duration::from_secs(2), State::Ok, "agree"),
        (now - Duration::from_secs(12), State::Warn, "12 s ahead of"),
        (now + Duration::from_secs(95), State::Fail, "95 s behind the issuer's; 30 s are forgiven"),
    ] {
        let said = compared(theirs, now, leeway);
        assert_eq!(said.state, state, "{said:?}");
        assert!(said.found.contains(says), "{said:?}");
        assert_eq!(said.fix.contains("NTP"), state != State::Ok, "{said:?}");
    }
}

#[test]
fn a_file_is_tried_without_a_byte_in_it() {
    let folder = folder("files");
    let (there, absent) = (folder.join("there.log"), folder.join("absent.log"));
    std::fs::write(&there, "before").unwrap();
    assert_eq!(file_of("audit.file", &there).state, State::Ok);
    assert_eq!(std::fs::read_to_string(&there).unwrap(), "before");
    assert_eq!(file_of("audit.file", &absent).state, State::Ok);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing is left behind");
    for wrong in [folder.clone(), folder.join("no/such.log"), PathBuf::from("/proc/audit.log")] {
        let said = file_of("audit.file", &wrong);
        assert_eq!(said.state, State::Fail, "{said:?}");
        assert!(said.fix.contains("`audit.file`"), "{said:?}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_hangs_keeps_no_other_and_ends_with_the_deadline() {
    let (before, after) = tokio::sync::oneshot::channel();
    let probes = vec![
        Probe::new("target", "hangs", std::future::pending()),
        // Ends only if the one behind it is tried meanwhile.
        Probe::new("target", "waits", async { after.await.map_or(Said::untried(""), Said::ok) }),
        Probe::new("target", "answers", async {
            before.send("3 tools").map_or(Said::untried(""), |()| Said::ok("3 tools"))
        }),
    ];
    let began = Instant::now();
    let found = all(probes, began + Duration::from_secs(5)).await;
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    let states = found.iter().map(|one| one.said.state).collect::<Vec<_>>();
    assert_eq!(states, [State::Fail, State::Ok, State::Ok]);
    assert!(found[0].said.found.contains("within 5 s") && !found[0].said.fix.is_empty());
    assert_eq!(found[1].took, Duration::ZERO);
}

#[test]
fn what_is_tried_can_be_chosen_by_kind_and_by_name() {
    let probes = || {
        vec![
            Probe::done("target", "prom", Said::ok("")),
            Probe::done("credentials", "prom", Said::ok("")),
            Probe::done("issuer", "main", Said::ok("")),
        ]
    };
    for (names, left) in [(vec![], 3), (vec!["prom"], 2), (vec!["issuer", "target"], 2)] {
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let mut all = probes();
        chosen(&mut all, &names).unwrap();
        assert_eq!(all.len(), left, "{names:?}");
    }
    let error = chosen(&mut probes(), &["porm".to_owned()]).unwrap_err();
    assert!(error.contains("`porm`") && error.contains("target, credentials, issuer"), "{error}");
}

#[test]
fn the_report_has_the_remedy_below_what_failed_and_no_token() {
    let token = format!("eyJ{}.e.f", "a".repeat(20));
    let findings = vec![
        Finding::of(
            "target",
            "prom",
            Said::ok("9 tools").sent("lists"),
            Duration::from_micros(412_300),
        ),
        Finding::of(
            "issuer",
            "main",
            Said::fail(format!("it said Bearer {token}\nand more"), "look at `issuer`"),
            Duration::from_millis(2),
        ),
        Finding::of("exporter", "cloudwatch", Said::untried("no dry run"), Duration::ZERO),
    ];
    let report = Report { file: "t.yaml".to_owned(), took: Duration::from_millis(415), findings };
    assert_eq!(
        report.text(),
        "toolgate doctor: t.yaml\n\n\
         ok      target    prom           412.3 ms  9 tools\n\
         FAIL    issuer    main             2.0 ms  it said Bearer [redacted] and more\n        \
         fix: look at `issuer`\n\
         untried exporter  cloudwatch       0.0 ms  no dry run\n\n\
         1 ok, 0 warnings, 1 failed, 1 not tried, in 415 ms\n"
    );
    let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
    assert_eq!((&json["failed"], &json["ok"], &json["untried"]), (&1.into(), &1.into(), &1.into()));
    assert_eq!(json["checks"][0]["sent"], "lists");
    assert_eq!(json["checks"][0].get("fix"), None);
    assert_eq!(json["checks"][1]["fix"], "look at `issuer`");
    assert!(!report.json().contains("eyJ"), "{}", report.json());
}

#[test]
fn each_mistake_of_the_configuration_is_a_finding_and_the_rest_is_said_to_be_untried() {
    let folder = folder("config");
    let file = folder.join("t.yaml");
    std::fs::write(
        &file,
        "auth: { anonymous: true }\nlissten: 1\ntargets: { a: { builtin: clok } }\n",
    )
    .unwrap();
    let findings = load(&file).unwrap_err();
    let [first, .., last] = findings.as_slice() else { panic!("{findings:?}") };
    assert_eq!((first.name.as_str(), first.said.state), ("TG1004 2:1", State::Fail));
    assert!(first.said.fix.contains("listen"), "{first:?}");
    assert_eq!((last.name.as_str(), last.said.state), ("all else", State::Untried));
    std::fs::remove_dir_all(folder).unwrap();
}
