//! Rules in order, under a clock that is told.

use std::collections::HashMap;

use aws_sdk_xray::primitives::DateTime;
use aws_sdk_xray::types::{SamplingRule, SamplingTargetDocument};
use toolgate_call::Method;
use toolgate_telemetry::{Beginning, Decided, SampleSource};

use super::Rules;

/// A rule that matches everything, with a share.
pub(crate) fn rule(name: &str, priority: i32, rate: f64) -> SamplingRule {
    SamplingRule::builder()
        .rule_name(name)
        .priority(priority)
        .fixed_rate(rate)
        .reservoir_size(0)
        .resource_arn("*")
        .service_name("*")
        .service_type("*")
        .host("*")
        .http_method("*")
        .url_path("*")
        .version(1)
        .build()
        .unwrap()
}

/// A rule of its own name that records everything that it matches.
fn ruled(name: &str, priority: i32, change: impl FnOnce(&mut SamplingRule)) -> SamplingRule {
    let mut rule = rule(name, priority, 1.0);
    change(&mut rule);
    rule
}

fn pairs(attributes: &[(&str, &str)]) -> Option<HashMap<String, String>> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Some(attributes.iter().map(owned).collect())
}

fn tool(name: &str) -> Beginning<'_> {
    Beginning { method: Method::ToolsCall, name: Some(name), host: "gw.example.com" }
}

/// The rule that a call spends on.
fn chosen(rules: &Rules, call: &Beginning<'_>) -> String {
    rules.spent();
    rules.decide_at(call, (100, 0.5));
    rules.spent().first().map(|(name, _)| name.to_string()).unwrap_or_default()
}

#[test]
fn the_first_rule_in_order_that_matches_decides() {
    let rules = Rules::new("shop-gateway");
    rules.learn(&[
        rule("Default", 10_000, 0.0),
        ruled("pods", 20, |rule| {
            rule.attributes = pairs(&[("gen_ai.tool.name", "get_*"), ("toolgate.target", "k8?")]);
        }),
        ruled("lists", 10, |rule| rule.attributes = pairs(&[("mcp.method.name", "*/list")])),
        ruled("host", 30, |rule| rule.host = "*.org".into()),
        ruled("stream", 25, |rule| {
            rule.http_method = "get".into();
            rule.url_path = "/m?p".into();
            rule.service_name = "shop-*".into();
        }),
        // These match no call of this gateway.
        ruled("a", 1, |rule| rule.service_name = "other".into()),
        ruled("b", 1, |rule| rule.service_type = "AWS::EC2::*".into()),
        ruled("c", 1, |rule| rule.resource_arn = "arn:*".into()),
        ruled("d", 1, |rule| rule.url_path = "/api".into()),
        ruled("e", 1, |rule| rule.attributes = pairs(&[("user.id", "*")])),
    ]);
    assert_eq!(chosen(&rules, &tool("k8s___get_pods")), "pods");
    assert_eq!(chosen(&rules, &tool("git___get_pods")), "Default");
    assert_eq!(chosen(&rules, &tool("get_pods")), "Default");
    let list = Beginning { method: Method::ToolsList, name: None, host: "gw.example.org" };
    assert_eq!(chosen(&rules, &list), "lists");
    assert_eq!(chosen(&rules, &Beginning { method: Method::Ping, ..list }), "host");
    let stream = Beginning { method: Method::OpenStream, name: None, host: "" };
    assert_eq!(chosen(&rules, &stream), "stream");
}

#[test]
fn rules_of_one_priority_go_by_name_and_where_none_matches_the_ratio_decides() {
    let rules = Rules::new("s");
    rules.learn(&[rule("b", 5, 0.0), rule("a", 5, 1.0)]);
    assert_eq!(chosen(&rules, &tool("t")), "a");
    rules.learn(&[ruled("a", 5, |rule| rule.host = "elsewhere".into())]);
    assert_eq!(rules.decide_at(&tool("t"), (1, 0.0)), None);
}

#[test]
fn until_rules_are_known_one_a_second_and_one_in_twenty_are_recorded() {
    let rules = Rules::new("s");
    let at = |now, position| rules.decide_at(&tool("t"), (now, position)).unwrap();
    let by = SampleSource::Fallback;
    assert_eq!(at(7, 0.9), Decided { by, sampled: true });
    assert_eq!(at(7, 0.9), Decided { by, sampled: false });
    assert_eq!(at(7, 0.04), Decided { by, sampled: true });
    assert_eq!(at(8, 0.9), Decided { by, sampled: true });
    rules.learn(&[rule("Default", 10_000, 0.0)]);
    assert_eq!(at(9, 0.9), Decided { by: SampleSource::Rule, sampled: false });
    rules.forget();
    assert_eq!(at(9, 0.9), Decided { by, sampled: true });
}

#[test]
fn quotas_and_what_was_spent_outlive_new_rules() {
    let rules = Rules::new("s");
    let lending = || {
        ruled("r", 1, |rule| {
            rule.fixed_rate = 0.0;
            rule.reservoir_size = 50;
        })
    };
    rules.learn(&[lending()]);
    let recorded = |now| {
        let call = tool("t");
        (0..50).filter(|_| rules.decide_at(&call, (now, 1.0)).unwrap().sampled).count()
    };
    assert_eq!(recorded(100), 1);
    let target = SamplingTargetDocument::builder()
        .rule_name("r")
        .fixed_rate(0.0)
        .reservoir_quota(3)
        .reservoir_quota_ttl(DateTime::from_secs(110))
        .build();
    rules.target(&target, 100);
    rules.learn(&[lending(), rule("Default", 10_000, 0.0)]);
    assert_eq!((recorded(101), recorded(102), recorded(110)), (3, 3, 1));
    let spent = rules.spent();
    let [(name, spent)] = &spent[..] else { panic!("{spent:?}") };
    assert_eq!((&**name, spent.asked, spent.sampled, spent.borrowed), ("r", 200, 8, 2));
}

#[test]
fn a_gateway_tells_itself_apart_in_24_hex_digits() {
    let rules = Rules::new("s");
    assert_eq!(rules.client().len(), 24);
    assert!(rules.client().bytes().all(|digit| digit.is_ascii_hexdigit()));
    assert_ne!(rules.client(), Rules::new("s").client());
}
