//! Good files and what they become.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::{
    AccessLog, Config, EmfFile, EnvValue, Era, Own, Prefix, Profile, SearchEngine, TargetKind,
    Tools, schema,
};
#[cfg(feature = "aws")]
use super::super::{Kubernetes, TargetCredentials};
use super::{config, mistakes};

const LOCAL: &str = "auth: { anonymous: true }\ntargets:\n  clock: { builtin: clock }\n";

fn example(name: &str) -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
    config(&fs::read_to_string(path).unwrap())
}

#[test]
fn the_minimal_example_has_one_issuer_and_one_target() {
    let config = example("minimal.yaml");
    let [issuer] = config.auth.issuers.as_slice() else { panic!("{config:?}") };
    assert_eq!(issuer.profile, Profile::Cognito);
    assert_eq!(issuer.issuer, "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_AbCdEfGhI");
    assert_eq!(issuer.clients, ["1h57kf5cpq17m0eml12example"]);
    let [target] = config.targets.as_slice() else { panic!("{config:?}") };
    let TargetKind::Mcp { url, era, credentials } = &target.kind else { panic!("{target:?}") };
    assert_eq!((url.to_string().as_str(), *era), ("https://mcp.example.com/mcp", Era::Auto));
    let credentials = credentials.clone().unwrap().in_header().unwrap();
    assert_eq!(credentials.header, "authorization");
    assert_eq!(credentials.scheme.as_deref(), Some("Bearer"));
    assert_eq!(credentials.secret.expose(), "ghp_from_the_environment");
}

#[test]
fn the_laptop_example_is_anonymous_with_a_builtin_and_a_child() {
    let config = example("laptop.yaml");
    assert!(config.auth.anonymous && config.auth.issuers.is_empty());
    assert!(config.listen.ip().is_loopback());
    let kinds: Vec<&TargetKind> = config.targets.iter().map(|target| &target.kind).collect();
    assert!(matches!(
        kinds.as_slice(),
        [TargetKind::Builtin(Own::Clock), TargetKind::Stdio { .. }]
    ));
}

#[test]
fn the_full_example_writes_every_key_of_the_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/full.yaml");
    let text = fs::read_to_string(path).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
    let definitions = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    let keys = definitions.filter_map(|part| part["properties"].as_object()).flatten();
    for (key, _) in keys {
        assert!(text.contains(&format!("{key}:")), "full.yaml lacks `{key}`");
    }
}

#[test]
fn the_full_example_resolves_to_what_it_says() {
    let config = example("full.yaml");
    assert_eq!(config.resource, "https://gw.example.com/mcp");
    assert_eq!(config.sessions.key.as_ref().unwrap().expose().len(), 44);
    let names: Vec<&str> = config.targets.iter().map(|target| target.name.as_str()).collect();
    let own = ["clock", "prom", "search", "docs", "metrics", "cloud", "account"];
    let clusters = ["clusters", "shop", "lab"];
    let others = ["github", "orders", "mail", "notes", "agents", "inventory", "returns", "files"];
    assert_eq!(names, [own.as_slice(), &clusters, &others].concat());
    let [issue, search, changes @ ..] = config.tools.as_slice() else { panic!("{config:?}") };
    assert_eq!(changes.len(), 3, "each tool that changes the cluster has its scope");
    assert_eq!((issue.target.as_str(), issue.tool.as_str()), ("github", "create_issue"));
    assert_eq!((issue.read_only, search.read_only), (Some(false), Some(true)));
    assert_eq!((issue.timeout.as_secs(), search.timeout.as_secs()), (20, 60));
    assert_eq!((issue.concurrency, search.concurrency), (Some(5), None));
    let files = config.targets.iter().find(|target| target.name == "files").unwrap();
    let TargetKind::Stdio { env, .. } = &files.kind else { panic!("{config:?}") };
    let [(_, EnvValue::Plain(plain)), (_, EnvValue::Secret(secret))] = env.as_slice() else {
        panic!("{env:?}")
    };
    assert_eq!((plain.as_str(), secret.expose()), ("production", "token-from-a-file"));
}

#[test]
fn a_server_is_a_part_of_what_the_targets_offer() {
    let config = example("full.yaml");
    let [oncall] = config.servers.as_slice() else { panic!("{config:?}") };
    assert_eq!((oncall.name.as_str(), oncall.prefix), ("oncall", Prefix::WhenNeeded));
    assert_eq!(oncall.targets, ["clock", "github"]);
    assert_eq!(oncall.scopes, ["gateway/oncall"]);
    let passing =
        ["github___search_code", "github___delete_repo", "github___search_secrets_secret"];
    assert_eq!(passing.map(|name| oncall.tools.passes(name)), [true, false, false]);
    assert!(oncall.prompts.is_shut() && !oncall.resources.is_open());
    assert_eq!((config.warn_tokens, oncall.warn_tokens), (Some(20_000), Some(5_000)));
    let plain = self::config(
        "auth: { anonymous: true }\nprefix: never\ndefinitions: { warn_tokens: 7 }\ntargets:\n  b: { builtin: clock }\n  \
         a: { builtin: gateway }\nservers:\n  x: { targets: [a, b] }\n",
    );
    let [x] = plain.servers.as_slice() else { panic!("{plain:?}") };
    assert_eq!(x.prefix, Prefix::Never, "that of the gateway");
    assert_eq!(x.targets, ["b", "a"], "in the order of the targets");
    assert!(x.tools.is_open() && x.instructions.is_none());
    assert_eq!(x.warn_tokens, Some(7), "that of the gateway");
    assert!(plain.targets.iter().all(|target| target.max_tokens.is_none()));
    let allowed = |name: &str| {
        config
            .targets
            .iter()
            .find(|target| target.name == name)
            .and_then(|target| target.max_tokens)
    };
    assert_eq!((allowed("clock"), allowed("github")), (Some(40_000), Some(15_000)));
}

#[test]
fn a_tool_overrides_its_target_which_overrides_the_defaults() {
    let config = config(
        "auth: { anonymous: true }\n\
         defaults: { timeout: 10s, retry: { attempts: 3, base: 50ms } }\n\
         targets:\n  a: { builtin: clock, retry: { multiplier: 2 } }\n  b: { builtin: gateway, timeout: 4s }\n\
         tools:\n  a___x: { read_only: true, retry: { attempts: 5 } }\n",
    );
    let (a, b, x) = (&config.targets[0], &config.targets[1], &config.tools[0]);
    assert_eq!((a.timeout.as_secs(), b.timeout.as_secs()), (10, 4));
    assert_eq!((a.retry.attempts, a.retry.multiplier), (3, 2.0));
    assert_eq!((b.retry.attempts, b.retry.multiplier), (3, 1.5));
    assert_eq!((x.retry.attempts, x.retry.multiplier), (5, 2.0));
    assert_eq!(x.retry.base, Duration::from_millis(50));
}

#[test]
fn whoever_reads_of_everybodys_calls_needs_the_scope_for_it_whatever_is_written() {
    let config = config(
        "auth: { issuers: [{ name: a, profile: cognito, issuer: https://login.example.com, clients: [b] }] }\n\
         targets:\n  me: { builtin: gateway, timeout: 4s }\n  c: { builtin: clock }\n\
         tools:\n  me___top: { scopes: [oncall], timeout: 2s }\n",
    );
    let rules: Vec<_> =
        config.tools.iter().map(|rule| (rule.name.as_str(), rule.scopes.as_slice())).collect();
    let observe = || vec!["gateway/observe".to_owned()];
    let top = ["oncall".to_owned(), "gateway/observe".to_owned()];
    assert_eq!(
        rules,
        [
            ("me___top", &top[..]),
            ("me___find_calls", &observe()),
            ("me___explain", &observe()),
            ("me___slowest", &observe()),
            ("me___errors", &observe()),
        ]
    );
    assert_eq!(config.tools[0].timeout.as_secs(), 2);
    assert_eq!(config.tools[1].timeout.as_secs(), 4);
}

#[test]
fn a_secret_is_never_in_debug() {
    let shown = format!("{:?}", example("full.yaml"));
    for secret in ["ghp_from_the_environment", "token-from-a-file", "MDEyMzQ1"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("Secret(***)"));
}

#[test]
fn the_environment_is_put_into_values_of_any_type() {
    let config = config(&format!(
        "{LOCAL}listen: 127.0.0.1:${{PORT}}\nlimits: {{ connections: \"${{PORT}}\", depth: 7 }}\n"
    ));
    assert_eq!(config.listen.port(), 8123);
    assert_eq!(config.limits.connections, 8123);
    assert_eq!(config.public_url, "http://127.0.0.1:8123");
}

#[test]
fn substituted_variables_of_a_child_are_held_as_secrets_and_escapes_stay_plain() {
    let config = config(
        "auth: { anonymous: true }\ntargets:\n  a:\n    stdio:\n      command: [run, 8080, true, \"$HOME\"]\n\
         \x20     env: { A: \"${GH_TOKEN}\", B: \"$${GH_TOKEN}\", C: 8080, D: file:///data, E: \"${NOTHING}\" }\n",
    );
    let TargetKind::Stdio { command, env, .. } = &config.targets[0].kind else { panic!() };
    assert_eq!(command, &["run", "8080", "true", "$HOME"]);
    let shown: Vec<String> = env.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    assert_eq!(
        shown,
        [
            "A=Secret(Secret(***))",
            "B=Secret(Secret(***))",
            "C=Plain(\"8080\")",
            "D=Plain(\"file:///data\")",
            "E=Secret(Secret(***))",
        ]
    );
    let EnvValue::Secret(escaped) = &env[1].1 else { panic!() };
    assert_eq!(escaped.expose(), "${GH_TOKEN}");
}

#[test]
fn an_empty_substitution_is_text_and_not_an_absent_value() {
    let found = mistakes(&format!("{LOCAL}public_url: ${{NOTHING}}\n"));
    assert_eq!(found, ["TG1008 4:13 `${NOTHING}` is not a URL"]);
}

#[test]
fn the_audience_of_an_oidc_issuer_defaults_to_the_resource() {
    let config = config(
        "public_url: https://gw.example.com/\n\
         auth: { issuers: [{ name: a, profile: oidc, issuer: https://login.example.com }] }\n\
         targets: { clock: { builtin: clock } }\n",
    );
    assert_eq!(config.public_url, "https://gw.example.com");
    assert_eq!(config.auth.issuers[0].audiences, ["https://gw.example.com/mcp"]);
}

#[test]
fn host_values_hold_local_names_public_host_and_written_hosts() {
    let config = config(&format!("{LOCAL}public_url: https://gw.example.com\nhosts: [other:1]\n"));
    let hosts = config.host_values("127.0.0.1:9000".parse().unwrap());
    let expected = ["127.0.0.1:9000", "[::1]:9000", "gw.example.com", "localhost:9000", "other:1"];
    assert_eq!(hosts, expected);
}

#[test]
fn words_of_the_file_become_their_variants() {
    let config = config(&format!(
        "{LOCAL}  web: {{ mcp: {{ url: http://127.0.0.1:1/mcp, era: legacy }} }}\n\
         admin: off\nprefix: when_needed\nlog: {{ access: file:/tmp/a.log, level: debug }}\n"
    ));
    assert_eq!(config.admin, None);
    assert_eq!(config.prefix, Prefix::WhenNeeded);
    assert_eq!(config.log.access, AccessLog::File(PathBuf::from("/tmp/a.log")));
    assert!(matches!(config.targets[1].kind, TargetKind::Mcp { era: Era::Legacy, .. }));
}

#[test]
fn every_relative_path_starts_beside_the_file() {
    let config = config(&format!(
        "{LOCAL}  files:\n    stdio: {{ command: [./bin/serve, data], cwd: work, env: {{ TOKEN: \
         file:secrets/files }} }}\nlog: {{ access: file:logs/access.jsonl }}\n"
    ));
    let log = AccessLog::File(PathBuf::from("/etc/toolgate/logs/access.jsonl"));
    assert_eq!(config.log.access, log);
    let TargetKind::Stdio { command, cwd, env } = &config.targets[1].kind else { panic!() };
    assert_eq!(command, &["/etc/toolgate/./bin/serve", "data"]);
    assert_eq!(cwd.as_deref(), Some(Path::new("/etc/toolgate/work")));
    let [(_, EnvValue::Secret(secret))] = env.as_slice() else { panic!("{env:?}") };
    assert_eq!(secret.expose(), "token-from-a-file");
}

#[test]
fn a_built_in_target_is_believed_unless_the_file_says_otherwise() {
    let config = config(&format!(
        "{LOCAL}  gateway: {{ builtin: gateway, trust_annotations: false }}\n  \
         files: {{ stdio: {{ command: [cat] }} }}\n"
    ));
    let trusted: Vec<bool> = config.targets.iter().map(|target| target.trust_annotations).collect();
    assert_eq!(trusted, [true, false, false]);
}

#[test]
fn every_address_is_fine_once_one_name_is_known() {
    let file = "listen: 0.0.0.0:8800\nauth: { issuers: [{ name: a, profile: cognito, issuer: \
                https://login.example.com, clients: [b] }] }\n\
                targets: { clock: { builtin: clock } }\n";
    config(&format!("{file}public_url: https://gw.example.com\n"));
    config(&format!("{file}hosts: [gw.internal:8800]\n"));
    assert_eq!(
        mistakes(file),
        ["TG1005 1:9 callers elsewhere would be refused: no name of this gateway is configured"]
    );
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_taken() {
    let text = format!("\u{feff}{LOCAL}lissten: 1\n").replace('\n', "\r\n");
    assert_eq!(mistakes(&text), ["TG1004 4:1 unknown key `lissten`"]);
}

#[test]
fn the_committed_schema_is_the_current_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/config.schema.json");
    if std::env::var_os("TOOLGATE_GEN").is_some() {
        fs::write(&path, schema()).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == schema(),
        "proxy/docs/config.schema.json is out of date, write it with:\n  TOOLGATE_GEN=1 cargo \
         nextest run -p toolgate the_committed_schema_is_the_current_one"
    );
}

#[test]
fn cloudwatch_is_off_unless_a_mode_is_written_and_has_all_dimensions_then() {
    assert_eq!(config(LOCAL).cloudwatch, None);
    assert_eq!(config(&format!("{LOCAL}cloudwatch: {{ mode: off }}\n")).cloudwatch, None);
    let on = config(&format!("{LOCAL}cloudwatch: {{ mode: emf, to: \"file:m.log\" }}\n"));
    let on = on.cloudwatch.unwrap();
    assert_eq!((on.namespace.as_str(), on.tools, on.dimensions.len()), ("DevOpsAgent", 50, 3));
    assert_eq!(on.to, EmfFile::File(PathBuf::from("/etc/toolgate/m.log")));
}

#[test]
fn put_takes_no_place_for_lines_and_needs_a_build_with_aws() {
    let found = mistakes(&format!("{LOCAL}cloudwatch: {{ mode: put, to: stdout }}\n"));
    let idle = "TG1019 4:26 `to` has no effect with `mode: put`";
    if cfg!(feature = "aws") {
        assert_eq!(found, [idle]);
    } else {
        assert_eq!(found, ["TG1007 4:21 this build cannot send to AWS", idle]);
    }
}

#[test]
fn a_builtin_is_told_whom_it_asks_and_shows_them_what_they_expect() {
    let config = super::config(
        "auth: { anonymous: true }\ntargets:\n  prom: { builtin: prometheus, url: \"http://127.0.0.1:9090/p\" }\n  \
         search: { builtin: web_search }\n  \
         brave: { builtin: web_search, engine: brave, credentials: { secret: env:GH_TOKEN } }\n  \
         own: { builtin: web_search, engine: searxng, url: \"https://s.example\", credentials: { secret: env:GH_TOKEN } }\n",
    );
    let tools = config.targets.iter().map(|target| {
        let TargetKind::Tools(tools) = &target.kind else { panic!("{target:?}") };
        tools
    });
    let tools: Vec<&Tools> = tools.collect();
    let [Tools::Prometheus { url, credentials: None }, free, brave, own] = tools.as_slice() else {
        panic!("{tools:?}")
    };
    assert_eq!(url, "http://127.0.0.1:9090/p");
    let Tools::WebSearch { engine: SearchEngine::Duckduckgo, url: None, credentials: None } = free
    else {
        panic!("{free:?}")
    };
    let Tools::WebSearch { credentials: Some(shown), .. } = brave else { panic!("{brave:?}") };
    assert_eq!((shown.header.as_str(), &shown.scheme), ("x-subscription-token", &None));
    let Tools::WebSearch { url: Some(_), credentials: Some(shown), .. } = own else {
        panic!("{own:?}")
    };
    assert_eq!(shown.header, "authorization");
}

#[cfg(feature = "aws")]
#[test]
fn a_function_is_in_the_region_that_is_named_first() {
    for (lambda, aws, region, endpoint) in [
        (
            "function: \"arn:aws:lambda:eu-west-1:1:function:f\"",
            "region: us-east-2",
            "eu-west-1",
            "https://lambda.eu-west-1.amazonaws.com/",
        ),
        (
            "function: f, region: cn-north-1",
            "region: us-east-2",
            "cn-north-1",
            "https://lambda.cn-north-1.amazonaws.com.cn/",
        ),
        (
            "function: f",
            "region: us-east-2",
            "us-east-2",
            "https://lambda.us-east-2.amazonaws.com/",
        ),
        (
            "function: f",
            "region: us-east-2, endpoint: \"http://127.0.0.1:4566\"",
            "us-east-2",
            "http://127.0.0.1:4566/",
        ),
        (
            "function: f, endpoint: \"https://vpce.example.com\"",
            "region: us-east-2, endpoint: \"http://127.0.0.1:4566\"",
            "us-east-2",
            "https://vpce.example.com/",
        ),
    ] {
        let config = config(&format!(
            "auth: {{ anonymous: true }}\naws: {{ {aws} }}\ntargets:\n  \
             f: {{ lambda: {{ {lambda}, tools: \"ssm:/toolgate/orders\" }} }}\n"
        ));
        let [target] = config.targets.as_slice() else { panic!("{config:?}") };
        let TargetKind::Lambda(lambda) = &target.kind else { panic!("{target:?}") };
        assert_eq!(lambda.endpoint.to_string(), endpoint);
        let TargetCredentials::SigV4 { service, region: signed } = &lambda.credentials else {
            panic!("{lambda:?}")
        };
        assert_eq!((service.as_str(), signed.as_deref()), ("lambda", Some(region)));
        assert_eq!(lambda.tools.names().collect::<Vec<_>>(), ["find_order", "cancel_order"]);
        assert!(!target.trust_annotations, "what a function says of itself is not believed");
    }
}

#[test]
fn an_api_has_the_operations_that_are_chosen() {
    let config = example("full.yaml");
    let api = config.targets.iter().find(|target| target.name == "inventory").unwrap();
    let TargetKind::OpenApi { url, api: document, credentials: Some(_) } = &api.kind else {
        panic!("{api:?}")
    };
    assert_eq!(url, "https://inventory.example.com/v1");
    let names: Vec<&str> =
        document.definitions().filter_map(|tool| tool["name"].as_str()).collect();
    assert_eq!(names, ["getItem", "putItem"]);
    assert!(api.trust_annotations, "what methods mean is a standard");
}

#[cfg(feature = "aws")]
#[test]
fn tools_of_aws_ask_the_region_of_the_file_unless_they_name_one() {
    let config = super::config(
        "auth: { anonymous: true }\naws: { region: us-east-1, endpoint: \"http://127.0.0.1:1\" }\n\
         targets:\n  docs: { builtin: aws_docs, hosts: [docs.example] }\n  \
         amp: { builtin: amp, workspace: shop, region: eu-west-1 }\n  \
         cloud: { builtin: cloudwatch }\n  core: { builtin: aws_core }\n",
    );
    let tools = config.targets.iter().map(|target| {
        let TargetKind::Tools(tools) = &target.kind else { panic!("{target:?}") };
        tools
    });
    let tools: Vec<&Tools> = tools.collect();
    let [
        Tools::AwsDocs { url: None, hosts },
        Tools::Amp { aws: there, workspace },
        Tools::CloudWatch { aws: here },
        Tools::AwsCore { aws: also_here },
    ] = tools.as_slice()
    else {
        panic!("{tools:?}")
    };
    assert_eq!(
        (hosts.as_slice(), workspace.as_deref()),
        (&["docs.example".into()][..], Some("shop"))
    );
    assert_eq!((here.region.as_deref(), here), (Some("us-east-1"), also_here));
    assert_eq!((there.region.as_deref(), &there.endpoint), (Some("eu-west-1"), &here.endpoint));
}

#[cfg(feature = "aws")]
#[test]
fn tools_that_change_a_cluster_need_a_scope_unless_a_rule_names_another() {
    let config = super::config(
        "auth: { keys: { file: keys.json, pepper: env:SESSION_KEY } }\naws: { region: us-east-1 }\n\
         targets:\n  shop: { builtin: k8s, cluster: shop, allow_mutations: true }\n  \
         lab: { builtin: k8s, kubeconfig: lab.kubeconfig.yaml }\n\
         tools:\n  shop___scale: { scopes: [ops] }\n  shop___delete_pod: { timeout: 5s }\n  \
         lab___top: { timeout: 5s }\n",
    );
    let scopes = |name: &str| {
        let rule = config.tools.iter().find(|rule| rule.name == name);
        rule.map(|rule| rule.scopes.join(" "))
    };
    for (name, wanted) in [
        ("shop___scale", Some("ops")),
        ("shop___delete_pod", Some("k8s/write")),
        ("shop___restart_rollout", Some("k8s/write")),
        ("shop___list_pods", None),
        ("lab___top", Some("")),
        ("lab___scale", None),
    ] {
        assert_eq!(scopes(name).as_deref(), wanted, "{name}");
    }
    let TargetKind::Tools(Tools::K8s { cluster, .. }) = &config.targets[1].kind else { panic!() };
    let file = "/etc/toolgate/lab.kubeconfig.yaml";
    assert!(
        matches!(cluster, Kubernetes::Kubeconfig { file: found, .. } if found == Path::new(file))
    );
}
