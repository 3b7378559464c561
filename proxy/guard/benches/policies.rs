//! What a decision by policies costs.
#![expect(clippy::unwrap_used, reason = "a benchmark")]

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use divan::{Bencher, black_box};
use toolgate_call::{
    Asked, Claim, ClaimKind, Hint, Kind, Plan, Principal, RetryPlan, Rules as _, Scopes, Verdict,
};
use toolgate_guard::cedar::{Cedar, CedarConfig, Source};

fn main() {
    divan::main();
}

fn cedar(count: usize, arguments: bool) -> Cedar {
    let mut text = String::new();
    for n in 0..count {
        let more = if arguments && n % 10 == 0 {
            r#" && context.arguments.texts.hasTag("/namespace")"#
        } else {
            ""
        };
        let written = write!(
            text,
            r#"permit(principal, action, resource is Tool in Target::"t{n}") when {{
                principal.claims has department && principal.claims.department == "d{n}"{more} }};"#
        );
        written.unwrap();
    }
    text.push_str(r#"permit(principal, action, resource == Tool::"k8s___get") when { resource has read_only && resource.read_only };"#);
    let sources = vec![Source { name: "bench".to_owned(), text }];
    let claims = vec![("department".to_owned(), ClaimKind::Text)];
    Cedar::load(&CedarConfig { sources, claims, allow: false }).unwrap()
}

fn principal() -> Principal {
    Principal {
        issuer: Arc::from("corp"),
        subject: Arc::from("alice"),
        client: Some(Arc::from("agent")),
        scopes: ["gateway/invoke", "k8s/read", "k8s/write"].into_iter().collect(),
        claims: [(Box::from("department"), Claim::Text(Box::from("platform")))]
            .into_iter()
            .collect(),
        expires: None,
    }
}

fn plan() -> Plan {
    Plan {
        kind: Kind::Tool,
        target: Arc::from("k8s"),
        name: Arc::from("get"),
        full: Arc::from("k8s___get"),
        server: None,
        scopes: Scopes::default(),
        read_only: Hint::Yes,
        idempotent: Hint::Yes,
        timeout: Duration::from_secs(1),
        retry: RetryPlan {
            attempts: 1,
            base: Duration::ZERO,
            multiplier: 1.0,
            max: Duration::ZERO,
        },
        concurrency: None,
        quarantined: false,
        definition: None,
    }
}

#[divan::bench(args = [1, 100, 1000])]
fn decide(bencher: Bencher<'_, '_>, policies: usize) {
    let (cedar, principal, plan) = (cedar(policies - 1, false), principal(), plan());
    bencher.bench_local(|| {
        let asked = Asked { principal: &principal, plan: &plan, arguments: Some(b"{}") };
        assert_eq!(black_box(cedar.judge(&asked, None)), Verdict::Allow);
    });
}

#[divan::bench(args = [100])]
fn decide_by_arguments(bencher: Bencher<'_, '_>, policies: usize) {
    let (cedar, principal, plan) = (cedar(policies - 1, true), principal(), plan());
    let json = br#"{"namespace":"default","name":"web","replicas":3,"labels":["a","b"]}"#;
    bencher.bench_local(|| {
        let asked = Asked { principal: &principal, plan: &plan, arguments: Some(json) };
        assert_eq!(black_box(cedar.judge(&asked, None)), Verdict::Allow);
    });
}
