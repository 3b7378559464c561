//! Layers, problems and the typed configuration.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;

fn given(file: &str) -> Given {
    Given { file: Some(("agent.yaml".to_owned(), file.to_owned())), ..Given::default() }
}

fn read(given: &Given) -> Result<Config, Problems> {
    let none = |_: &str| Err(std::io::Error::from(std::io::ErrorKind::NotFound));
    Config::read(&given.merge()?, &none)
}

fn says(given: &Given) -> String {
    read(given).unwrap_err().to_string()
}

#[test]
fn without_anything_the_defaults_make_a_configuration() {
    let config = read(&Given::default()).unwrap();
    assert!((config.turn.temperature - 0.3).abs() < 1e-6);
    assert_eq!(config.memory.retention, Duration::from_hours(90 * 24));
    assert_eq!(config.memory.max_events, 1000);
    assert_eq!(config.turn.limits, crate::turn::Limits::default());
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert!(config.gateway.is_none());
}

#[test]
fn a_later_layer_wins_and_says_where_it_is_from() {
    let mut given = given("model:\n  temperature: 0.1\nmemory:\n  top_k: 3\n  history_turns: 4\n");
    let parameters = [("model/temperature", "0.2"), ("memory/top_k", "7")];
    let parameters = parameters.map(|(path, value)| (path.to_owned(), value.to_owned()));
    given.parameters = Some((prefix("shop", "prod"), BTreeMap::from(parameters)));
    given.variables = vec![
        ("TOOLGATE_AGENT_MODEL_TEMPERATURE".to_owned(), "0.5".to_owned()),
        ("HOME".to_owned(), "/root".to_owned()),
    ];
    given.flags = vec![("model/max_tokens".to_owned(), "9".to_owned())];
    let merged = given.merge().unwrap();
    let from = |path| merged.get(path).map(|(text, source)| format!("{text} {source}")).unwrap();
    assert_eq!(from("model/temperature"), "0.5 variable TOOLGATE_AGENT_MODEL_TEMPERATURE");
    assert_eq!(from("memory/top_k"), "7 parameter /app/shop/prod/memory/top_k");
    assert_eq!(from("memory/history_turns"), "4 agent.yaml:5");
    assert_eq!(from("model/max_tokens"), "9 --set");
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_its_place() {
    let mut given =
        given("model:\n  temprature: 0.1\n  max_tokens: many\nmemory: { backend: cloud }\n");
    given.variables = vec![("TOOLGATE_AGENT_LIMITS_STEPS".to_owned(), "0".to_owned())];
    given.flags = vec![("weather".to_owned(), "good".to_owned())];
    let says = says(&given);
    for line in [
        "agent.yaml:2: `model/temprature`: there is no such key",
        "help: is `model/temperature` meant?",
        "agent.yaml:3: `model/max_tokens`: wanted is: whole number from 1 to 200000",
        "`memory/backend`: wanted is: `off`, `local`, `agentcore`",
        "variable TOOLGATE_AGENT_LIMITS_STEPS: `limits/steps`: wanted is",
        "--set: `weather`: there is no such key",
    ] {
        assert!(says.contains(line), "{line} is not in\n{says}");
    }
}

#[test]
fn what_client_credentials_lack_is_told_at_once() {
    let says = says(&given("gateway:\n  url: http://127.0.0.1:8800/mcp\n  client_id: me\n"));
    assert!(says.contains("`gateway/client_secret`: it is missing"), "{says}");
    assert!(says.contains("`gateway/token_url`: it is missing (or `gateway/issuer`)"), "{says}");
    assert!(!says.contains("`gateway/client_id`"), "{says}");
}

#[test]
fn the_names_of_the_article_are_taken_too() {
    let mut given = given("gateway: { url: 'https://gateway.example/mcp' }");
    let parameters = [
        ("agentcore/machine_client_id", "id"),
        ("cognito/client_secret", "s3cret"),
        ("agentcore/cognito_token_url", "https://issuer.example/oauth2/token"),
        ("agentcore/memory_id", "mem-1"),
    ];
    let parameters = parameters.map(|(path, value)| (path.to_owned(), value.to_owned()));
    given.parameters = Some((prefix("devopsagent", "prod"), BTreeMap::from(parameters)));
    let config = read(&given).unwrap();
    let client = config.gateway.unwrap().client.unwrap();
    assert_eq!((client.id.as_str(), client.secret.as_str()), ("id", "s3cret"));
    let merged = given.merge().unwrap();
    assert!(!format!("{merged:?}").contains("s3cret"));
    assert!(merged.shown().all(|(_, text, _)| text != "s3cret"));
}

#[test]
fn an_agent_beyond_loopback_asks_for_tokens() {
    let open = says(&given("server: { listen: '0.0.0.0:80' }"));
    assert!(open.contains("`server/access`: it has to be `token`"), "{open}");
    let text = "server: { listen: '0.0.0.0:80', access: token }";
    assert!(says(&given(text)).contains("`gateway/url`"));
    let text = format!("{text}\ngateway: {{ url: 'http://127.0.0.1:8800/mcp' }}");
    assert_eq!(read(&given(&text)).unwrap().server.access, Access::Token);
}

#[test]
fn the_catalogue_is_checked_whole() {
    let text =
        "model:\n  default: fast\n  catalogue:\n    - { key: big, provider: openai, id: m }\n";
    let says = says(&given(text));
    assert!(says.contains("`model/openai_url`: it is missing"), "{says}");
    assert!(says.contains("the catalogue has no model `fast`"), "{says}");
    let odd = super::tests::says(&given(
        "model: { catalogue: [{ key: a, provider: bedrock, size: 1 }] }",
    ));
    assert!(odd.contains("unknown field `size`"), "{odd}");
    let twice =
        "model: { catalogue: [{ key: a, provider: bedrock }, { key: a, provider: rules }] }";
    assert!(super::tests::says(&given(twice)).contains("two models have the same key"));
}

#[test]
fn times_have_units() {
    for (text, time) in [("300ms", 300), ("2s", 2000), ("5m", 300_000), ("1d", 86_400_000)] {
        assert_eq!(value::time(text), Some(Duration::from_millis(time)));
    }
    for text in ["", "5", "s", "-1s", "1 s", "99999999999999999999d"] {
        assert_eq!(value::time(text), None, "{text}");
    }
}

#[test]
fn the_committed_reference_is_that_of_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/settings.md");
    if std::env::var_os("TOOLGATE_GEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, document()).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), document(), "TOOLGATE_GEN=1 makes it anew");
}

fn stored(parameters: &[(&str, &str)]) -> Given {
    let own = |(path, value): &(&str, &str)| ((*path).to_owned(), (*value).to_owned());
    let parameters = parameters.iter().map(own).collect();
    Given { parameters: Some((prefix("a", "b"), parameters)), ..Given::default() }
}

#[test]
fn what_has_changed_is_told_apart_by_whether_it_can_be_applied() {
    let old = stored(&[("memory/top_k", "3"), ("limits/turns", "4"), ("gateway/scopes", "x")]);
    let new = stored(&[("memory/top_k", "9"), ("limits/turns", "5"), ("model/max_tokens", "4096")]);
    let (old, new) = (old.merge().unwrap(), new.merge().unwrap());
    let changes = Changes::between(&old, &new);
    let (live, later) = (["gateway/scopes", "memory/top_k"], ["limits/turns"]);
    assert_eq!((&changes.live[..], &changes.later[..]), (&live[..], &later[..]));
    let mixed = old.with(&changes.live, &new);
    assert_eq!(Changes::between(&mixed, &new).live, [""; 0]);
    assert_eq!(Changes::between(&old, &mixed), Changes { later: Vec::new(), ..changes });
    assert!(Changes::between(&old, &old).is_empty());
    // The way to a token belongs to its gateway.
    let elsewhere = stored(&[("gateway/url", "http://x/"), ("gateway/token", "t")]);
    let elsewhere = Changes::between(&stored(&[]).merge().unwrap(), &elsewhere.merge().unwrap());
    assert!(elsewhere.live.is_empty() && elsewhere.later == ["gateway/url", "gateway/token"]);
}

#[test]
fn how_often_the_store_is_read_is_checked_and_needs_a_store() {
    let every = |text| read(&stored(&[("settings/refresh", text)])).map(|config| config.refresh);
    assert_eq!(every("30s").unwrap(), Some(Duration::from_secs(30)));
    assert_eq!(every("0s").unwrap(), None);
    for text in ["500ms", "2d"] {
        assert!(every(text).unwrap_err().to_string().contains("from `1s` to `1d`"), "{text}");
    }
    assert_eq!(read(&stored(&[])).unwrap().refresh, Some(Duration::from_mins(5)));
    let says = says(&given("settings: { refresh: 30s }"));
    assert!(says.contains("`settings/refresh`: has no effect: settings are read from"), "{says}");
}

#[test]
fn recalling_from_a_service_may_take_longer_than_from_a_file_unless_it_is_said() {
    let time = |text: &str| read(&given(text)).unwrap().turn.limits.recall_time.as_millis();
    assert_eq!(time("memory: { backend: local }"), 300);
    assert_eq!(time("memory: { backend: agentcore }"), 1000);
    assert_eq!(time("memory: { backend: agentcore, recall_time: 200ms }"), 200);
    assert_eq!(time("memory: { backend: local, recall_time: 2s }"), 2000);
}

#[test]
fn what_secrets_are_sealed_with_is_checked_and_needs_a_secret() {
    let of = |key: &str, more: &str| given(&format!("aws: {{ kms_key: '{key}' }}{more}"));
    let secret = "\ngateway: { url: 'http://x/', token: t }";
    for key in [
        "alias/agent",
        "1234abcd-12ab-34cd-56ef-1234567890ab",
        "mrk-1234abcd12ab34cd56ef1234567890ab",
        "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "arn:aws-cn:kms:cn-north-1:111122223333:alias/agent",
    ] {
        assert!(read(&of(key, secret)).is_ok(), "{key}");
    }
    for key in ["agent", "alias/", "alias/a b", "arn:aws:s3:::bucket", "1234abcd"] {
        assert!(says(&of(key, secret)).contains("`aws/kms_key`: wanted is: the id"), "{key}");
    }
    let vain = says(&of("alias/agent", ""));
    assert!(vain.contains("`aws/kms_key`: has no effect: no secret is set"), "{vain}");
}

#[test]
fn what_is_put_into_cloudwatch_is_off_until_it_is_asked_for() {
    let of = |text: &str| read(&given(text)).map(|config| config.telemetry.cloudwatch);
    assert_eq!(of("").unwrap(), None);
    let default = toolgate_telemetry::catalog::NAMESPACE;
    assert_eq!(of("telemetry: { cloudwatch: true }").unwrap().unwrap(), default);
    let other = "telemetry: { cloudwatch: true, cloudwatch_namespace: Team/Agent }";
    assert_eq!(of(other).unwrap().unwrap(), "Team/Agent");
    let vain = of("telemetry: { cloudwatch_namespace: Team/Agent }").unwrap_err().to_string();
    assert!(vain.contains("has no effect: `telemetry/cloudwatch` is `false`"), "{vain}");
    for odd in ["AWS/Agent", "a b", "a:b"] {
        let text = format!("telemetry: {{ cloudwatch: true, cloudwatch_namespace: '{odd}' }}");
        assert!(of(&text).unwrap_err().to_string().contains("not `AWS/"), "{odd}");
    }
}

#[test]
fn what_is_set_in_vain_is_told() {
    let mut given = given(
        "memory:\n  backend: agentcore\n  max_events: 99\ngateway:\n  scopes: [a]\nmodel:\n  \
         script_file: x.json\n",
    );
    given.flags = vec![("server/access".to_owned(), "token".to_owned())];
    given.variables = vec![("TOOLGATE_AGENT_SERVER_ACTOR".to_owned(), "me".to_owned())];
    let says = says(&given);
    for line in [
        "agent.yaml:3: `memory/max_events`: has no effect: `memory/backend` is `agentcore`",
        "agent.yaml:5: `gateway/scopes`: has no effect: `gateway/url` is not set",
        "agent.yaml:7: `model/script_file`: has no effect: no model",
        "variable TOOLGATE_AGENT_SERVER_ACTOR: `server/actor`: has no effect",
    ] {
        assert!(says.contains(line), "{line} is not in\n{says}");
    }
    // What a store shares and what a gateway lends are nobody's mistake.
    let mut lent = Given::default();
    let stored = ("agentcore/memory_id".to_owned(), "m-1".to_owned());
    lent.parameters = Some((prefix("a", "b"), BTreeMap::from([stored])));
    lent.borrowed = vec![("gateway/scopes".to_owned(), "a".to_owned())];
    assert!(read(&lent).is_ok());
}
