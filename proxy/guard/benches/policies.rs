//! What a decision by policies costs.
#![expect(clippy::unwrap_used, reason = "a benchmark")]

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use divan::{Bencher, black_box};
use toolgate_call::{
    Asked, Claim, ClaimKind, Hint, Kind, Plan, Principal, RetryPlan, Rules, Scopes, Verdict,
};
use toolgate_guard::cedar::{Cedar, CedarConfig, Source};
use toolgate_telemetry::Telemetry;

fn main() {
    divan::main();
}

/// Where the other policies look.
#[derive(Clone, Copy, Debug)]
enum About {
    /// Each at a target of its own.
    Targets,
    /// All of them at every call.
    Everything,
    /// All of them at every call, and a tenth at its arguments.
    Arguments,
}

fn cedar(count: usize, about: About) -> Arc<Cedar> {
    let mut text = String::new();
    for n in 0..count {
        let head = match about {
            About::Targets => format!(r#"resource is Tool in Target::"t{n}""#),
            About::Everything | About::Arguments => "resource".to_owned(),
        };
        let more = if matches!(about, About::Arguments) && n % 10 == 0 {
            r#" && context.arguments.texts.hasTag("/namespace")"#
        } else {
            ""
        };
        let written = write!(
            text,
            r#"permit(principal, action, {head}) when {{
                principal.claims has department && principal.claims.department == "d{n}"{more} }};"#
        );
        written.unwrap();
    }
    text.push_str(r#"permit(principal, action, resource == Tool::"k8s___get") when { resource has read_only && resource.read_only };"#);
    let sources = vec![Source { name: "bench".to_owned(), text }];
    let claims = vec![("department".to_owned(), ClaimKind::Text)];
    Arc::new(Cedar::load(&CedarConfig { sources, claims, allow: false }).unwrap())
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

fn decide(bencher: Bencher<'_, '_>, rules: &dyn Rules, json: &[u8]) {
    let (principal, plan) = (principal(), plan());
    let asked = Asked { principal: &principal, plan: &plan, arguments: Some(json) };
    bencher.bench_local(|| assert_eq!(black_box(rules.judge(&asked, None)), Verdict::Allow));
}

/// The same caller calls the same tool, as agents do.
#[divan::bench(args = [1, 100, 1000])]
fn again(bencher: Bencher<'_, '_>, policies: usize) {
    let rules = cedar(policies - 1, About::Everything).counted(Telemetry::for_tests());
    decide(bencher, &*rules, b"{}");
}

/// At first sight, where policies are about targets.
#[divan::bench(args = [1, 100, 1000])]
fn first_by_target(bencher: Bencher<'_, '_>, policies: usize) {
    decide(bencher, &*cedar(policies - 1, About::Targets), b"{}");
}

/// At first sight, where every policy is about everything.
#[divan::bench(args = [1, 100, 1000])]
fn first_of_all(bencher: Bencher<'_, '_>, policies: usize) {
    decide(bencher, &*cedar(policies - 1, About::Everything), b"{}");
}

/// Again, where a tenth of the policies looks at the arguments, which are never the same.
#[divan::bench(args = [100])]
fn again_by_arguments(bencher: Bencher<'_, '_>, policies: usize) {
    let rules = cedar(policies - 1, About::Arguments).counted(Telemetry::for_tests());
    let json = br#"{"namespace":"default","name":"web","replicas":3,"labels":["a","b"]}"#;
    decide(bencher, &*rules, json);
}
