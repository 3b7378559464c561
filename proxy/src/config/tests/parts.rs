//! The small parts: units, names, distances, placeholders, substitution.

use std::time::Duration;

use proptest::prelude::{Strategy, any, proptest};
use proptest::string::string_regex;

use super::super::address::{Address, Host, HttpUrl, Origin, is_loopback};
use super::super::expand::{Fault, expand};
use super::super::near::nearest;
use super::super::placeholder::{holds_placeholder, is_placeholder};
use super::super::text::{FromText, format_named};
use super::super::units::Size;
use super::{env, try_load};

#[test]
fn durations_have_a_unit_and_mean_what_it_says() {
    let good = [
        ("250ms", Duration::from_millis(250)),
        ("30s", Duration::from_secs(30)),
        ("5m", Duration::from_secs(300)),
        ("1h", Duration::from_secs(3600)),
        ("0s", Duration::ZERO),
        ("999999999h", Duration::from_secs(999_999_999 * 3600)),
    ];
    for (text, expected) in good {
        assert_eq!(Duration::from_text(text), Ok(expected), "{text}");
    }
    for text in ["", "30", "s", "1.5s", "-1s", "30 s", "30sec", "1d", "1h30m", "1000000000s", "٣s"]
    {
        assert!(Duration::from_text(text).is_err(), "{text}");
    }
}

#[test]
fn sizes_have_a_unit_and_thousands_differ_from_1024s() {
    let good = [
        ("512B", 512),
        ("1KB", 1000),
        ("64KiB", 65_536),
        ("1MB", 1_000_000),
        ("4MiB", 4_194_304),
        ("2GB", 2_000_000_000),
        ("1GiB", 1 << 30),
    ];
    for (text, expected) in good {
        assert_eq!(Size::from_text(text), Ok(Size(expected)), "{text}");
    }
    for text in ["", "4", "4M", "4mib", "4 MiB", "0.5MiB", "MiB", "-1B", "1TiB"] {
        assert!(Size::from_text(text).is_err(), "{text}");
    }
}

#[test]
fn a_number_without_unit_is_told_which_to_write() {
    let help = |wrong: super::super::text::Wrong| wrong.help.unwrap();
    assert!(Duration::from_text("30").map_err(help).unwrap_err().starts_with("write `30s`"));
    assert!(Size::from_text("64").map_err(help).unwrap_err().starts_with("write `64KiB`"));
}

#[test]
fn addresses_urls_origins_and_hosts_take_only_their_own_form() {
    for text in ["127.0.0.1:8800", "[::1]:0", "0.0.0.0:65535"] {
        assert!(Address::from_text(text).is_ok(), "{text}");
    }
    for text in ["8800", ":8800", "localhost:8800", "127.0.0.1", "1.2.3.4:65536"] {
        assert!(Address::from_text(text).is_err(), "{text}");
    }
    for text in ["http://a", "https://a.example:8443/mcp?x=1", "http://[::1]:8080/mcp"] {
        assert!(HttpUrl::from_text(text).is_ok(), "{text}");
    }
    for text in
        ["a.example", "https://", "ftp://a", "https://u:p@a", "https://a/#x", "http://a:0", "/mcp"]
    {
        assert!(HttpUrl::from_text(text).is_err(), "{text}");
    }
    assert!(Origin::from_text("https://a.example:8443").is_ok());
    for text in ["*", "null", "https://a.example/", "https://A.example", "a.example"] {
        assert!(Origin::from_text(text).is_err(), "{text}");
    }
    for text in ["a.example", "a:80", "[::1]:80"] {
        assert!(Host::from_text(text).is_ok(), "{text}");
    }
    for text in ["", "https://a", "*.a", "a:", "a/b", "a b"] {
        assert!(Host::from_text(text).is_err(), "{text}");
    }
}

#[test]
fn plain_http_leaves_the_machine_unless_the_host_is_loopback() {
    let exposed = |text| HttpUrl::from_text(text).unwrap().is_exposed();
    assert!(
        exposed("http://a.example") && exposed("http://10.0.0.1") && exposed("http://localhost.a")
    );
    assert!(!exposed("https://a.example") && !exposed("http://127.8.0.1:1"));
    assert!(!exposed("http://LOCALHOST:1") && !exposed("http://[::1]/x"));
    assert!(is_loopback("::1") && !is_loopback("0.0.0.0"));
}

#[test]
fn the_nearest_word_is_proposed_only_when_it_is_near() {
    let keys = ["timeout", "connect_timeout", "retry", "max_response"];
    assert_eq!(nearest("timeuot", keys), Some("timeout"));
    assert_eq!(nearest("Connect-Timeout", keys), Some("connect_timeout"));
    assert_eq!(nearest("maxResponse", keys), Some("max_response"));
    assert_eq!(nearest("rety", keys), Some("retry"));
    assert_eq!(nearest("jitter", keys), None);
    assert_eq!(nearest("", keys), None);
    assert_eq!(nearest(&"t".repeat(10_000), keys), None);
}

#[test]
fn placeholders_are_told_from_values() {
    for text in
        ["<your-client-id>", "changeme", "ChangeMe", "xxx", "XXXXXX", "4f1q…", "your-token", "TODO"]
    {
        assert!(is_placeholder(text), "{text}");
    }
    for text in ["", "xx", "x-api-key", "cat <in >out", "a<b", "yours", "./...", "toolbox"] {
        assert!(!is_placeholder(text) && !holds_placeholder(text), "{text}");
    }
    assert!(holds_placeholder("https://a.example/<pool-id>/x"));
}

#[test]
fn substitution_names_every_variable_it_cannot_find() {
    assert_eq!(expand("a ${PORT} b", &env), Ok("a 8123 b".to_owned()));
    assert_eq!(expand("$PORT $ $$ {PORT}", &env), Ok("$PORT $ $$ {PORT}".to_owned()));
    assert_eq!(expand("$${PORT} ${PORT}", &env), Ok("${PORT} 8123".to_owned()));
    let unset =
        |name: &str| Fault { written: format!("${{{name}}}"), unset: Some(name.to_owned()) };
    assert_eq!(expand("${A}${PORT}${B}", &env), Err(vec![unset("A"), unset("B")]));
    let malformed = |written: &str| Fault { written: written.to_owned(), unset: None };
    assert_eq!(expand("${}", &env), Err(vec![malformed("${}")]));
    assert_eq!(expand("x ${PORT", &env), Err(vec![malformed("${PORT")]));
}

proptest! {
    #[test]
    fn what_the_schema_calls_a_duration_is_one(text in matching("Duration")) {
        assert!(Duration::from_text(&text).is_ok(), "{text}");
    }

    #[test]
    fn what_the_schema_calls_a_size_is_one(text in matching("Size")) {
        assert!(Size::from_text(&text).is_ok(), "{text}");
    }

    #[test]
    fn no_text_makes_the_reader_panic_and_every_report_counts_its_errors(text in "[ -~\n\u{e9}]{0,200}") {
        if let Err(report) = try_load(&text) {
            let count = report.mistakes().len();
            let starts = report.render().lines().filter(|line| line.starts_with("error[TG")).count();
            assert!(count > 0 && starts == count, "{report}");
        }
    }

    #[test]
    fn text_without_a_dollar_is_never_changed(text in any::<String>()) {
        let text = text.replace('$', "");
        assert_eq!(expand(&text, &env), Ok(text.clone()));
    }
}

/// Texts that match the pattern of a definition, without the branch for `${NAME}`.
fn matching(definition: &str) -> impl Strategy<Value = String> + use<> {
    assert!(format_named(definition).is_some());
    let schema = super::super::schema::schema_value();
    let pattern = schema["$defs"][definition]["pattern"].as_str().unwrap().to_owned();
    let own = pattern.strip_suffix(r"|\$\{").unwrap();
    string_regex(own.trim_start_matches('^').trim_end_matches('$')).unwrap()
}
