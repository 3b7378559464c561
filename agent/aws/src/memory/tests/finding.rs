//! Which memory it is.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use toolgate_agent_memory::{Memory as _, MemoryError, Namespace, Why};

use super::{ID, actor, hasty, memory, options, turn};
use crate::memory::find::Finder;
use crate::memory::{AgentCoreMemory, FoundMemory, MemoryOptions, ensure};
use crate::tests::stub::{self, Asked, Stub};

const NAME: &str = "DevOpsAgentMemory";

async fn by(answer: impl FnMut(&Asked) -> Vec<u8> + Send + 'static) -> Stub {
    Stub::by(Box::new(answer)).await
}

async fn found(stub: &Stub, options: MemoryOptions) -> Result<FoundMemory, MemoryError> {
    let control = stub.cloud().await.agentcore_control();
    ensure(Finder { control, options, tempo: hasty() }).await
}

fn lines(stub: &Stub) -> Vec<String> {
    stub.asked().into_iter().map(|asked| asked.line).collect()
}

fn listed(memories: &[(&str, &str)], next: Option<&str>) -> Vec<u8> {
    let each = memories.iter().map(|(id, status)| {
        json!({ "id": id, "status": status, "createdAt": 1.7e9, "updatedAt": 1.7e9 })
    });
    let mut body = json!({ "memories": each.collect::<Vec<_>>() });
    if let Some(next) = next {
        body["nextToken"] = json!(next);
    }
    stub::json(200, &body)
}

fn none() -> Vec<u8> {
    stub::error(404, "ResourceNotFoundException", "Memory not found")
}

#[tokio::test]
async fn an_id_that_is_there_is_taken() {
    let stub = Stub::answers(vec![stub::json(200, &memory(ID, "Other", "ACTIVE"))]).await;
    let found = found(&stub, options(Some(ID))).await.unwrap();
    assert_eq!((found.id.as_str(), found.name.as_str(), found.created), (ID, "Other", false));
    assert_eq!(lines(&stub), [format!("GET /memories/{ID}/details")]);
}

#[tokio::test]
async fn an_old_id_is_replaced_by_the_memory_of_the_name_on_any_page() {
    for stale in [none(), stub::json(200, &memory("Old-0123456789", NAME, "DELETING"))] {
        let stub = by(move |asked| match asked.line.as_str() {
            "GET /memories/Old-0123456789/details" => stale.clone(),
            "POST /memories" | "POST /memories/" => match asked.json()["nextToken"].as_str() {
                None => listed(
                    &[
                        ("Unrelated-0123456789", "ACTIVE"),
                        ("DevOpsAgentMemory-deleting00", "DELETING"),
                        ("DevOpsAgentMemory-failed0000", "FAILED"),
                    ],
                    Some("more"),
                ),
                Some("more") => listed(&[], Some("last")),
                Some(_) => {
                    listed(&[("DevOpsAgentMemory-2-aaaaaaaaaa", "ACTIVE"), (ID, "ACTIVE")], None)
                }
            },
            "GET /memories/DevOpsAgentMemory-2-aaaaaaaaaa/details" => stub::json(
                200,
                &memory("DevOpsAgentMemory-2-aaaaaaaaaa", "DevOpsAgentMemory-2", "ACTIVE"),
            ),
            _ => stub::json(200, &memory(ID, NAME, "ACTIVE")),
        })
        .await;
        let found = found(&stub, options(Some("Old-0123456789"))).await.unwrap();
        assert_eq!((found.id.as_str(), found.created), (ID, false));
        let bodies: Vec<Value> = stub.asked().iter().map(Asked::json).collect();
        assert_eq!(bodies[1], json!({ "maxResults": 50 }));
        assert_eq!(bodies[3], json!({ "maxResults": 50, "nextToken": "last" }));
    }
}

#[tokio::test]
async fn a_memory_is_made_with_its_strategies_and_waited_for() {
    let mut looks = 0;
    let stub = by(move |asked| match asked.line.as_str() {
        "POST /memories" | "POST /memories/" => listed(&[], None),
        "POST /memories/create" => stub::json(202, &memory(ID, NAME, "CREATING")),
        _ => {
            looks += 1;
            stub::json(200, &memory(ID, NAME, if looks == 1 { "CREATING" } else { "ACTIVE" }))
        }
    })
    .await;
    let tags = BTreeMap::from([("Environment".to_owned(), "prod".to_owned())]);
    let options = MemoryOptions {
        create: true,
        retention: Duration::from_secs(90 * 86_400),
        tags,
        ..options(None)
    };
    let found = found(&stub, options).await.unwrap();
    assert_eq!((found.id.as_str(), found.created), (ID, true));
    let mut body = stub.asked()[1].json();
    assert!(body.as_object_mut().unwrap().remove("clientToken").is_some());
    let strategy = |name: &str, kind: &str| {
        json!({
            "name": name,
            "namespaceTemplates": [format!("/agent/devops/{{actorId}}/{kind}/")],
            "recordExpirySpecification": { "recordExpiryDurationDays": 90 },
        })
    };
    let wanted = json!({
        "name": NAME,
        "description": "What a DevOps agent was asked, what it answered, and what follows.",
        "eventExpiryDuration": 90,
        "memoryStrategies": [
            { "userPreferenceMemoryStrategy": strategy("DevOpsPreferences", "preferences") },
            { "semanticMemoryStrategy": strategy("DevOpsAgentSemantic", "semantic") },
        ],
        "tags": { "Environment": "prod" },
    });
    assert_eq!(body, wanted);
    assert_eq!(lines(&stub)[2..], vec![format!("GET /memories/{ID}/details"); 2]);
}

#[tokio::test]
async fn days_are_what_the_service_takes() {
    for (seconds, days, record_days) in
        [(1, 3, 31), (3 * 86_400 + 1, 4, 31), (90 * 86_400, 90, 90), (u64::MAX, 365, 365)]
    {
        let stub = by(|asked| match asked.line.as_str() {
            "POST /memories/create" => stub::json(202, &memory(ID, NAME, "ACTIVE")),
            _ => listed(&[], None),
        })
        .await;
        let retention = Duration::from_secs(seconds);
        found(&stub, MemoryOptions { create: true, retention, ..options(None) }).await.unwrap();
        let body = stub.asked()[1].json();
        assert_eq!(body["eventExpiryDuration"], days);
        let strategy = &body["memoryStrategies"][1]["semanticMemoryStrategy"];
        let expiry = &strategy["recordExpirySpecification"]["recordExpiryDurationDays"];
        assert_eq!(*expiry, record_days);
    }
}

#[tokio::test]
async fn nothing_is_made_unless_it_is_allowed_or_if_somebody_was_faster() {
    let stub = by(|_| listed(&[], None)).await;
    let error = found(&stub, options(None)).await.unwrap_err();
    assert!(error.message.contains("none may be made"), "{error}");
    assert_eq!(stub.asked().len(), 1);

    let mut lists = 0;
    let stub = by(move |asked| match asked.line.as_str() {
        "POST /memories/create" => stub::error(409, "ConflictException", "canary"),
        "POST /memories" | "POST /memories/" => {
            lists += 1;
            if lists == 1 { listed(&[], None) } else { listed(&[(ID, "CREATING")], None) }
        }
        _ => stub::json(200, &memory(ID, NAME, "ACTIVE")),
    })
    .await;
    let found = found(&stub, MemoryOptions { create: true, ..options(None) }).await.unwrap();
    assert_eq!((found.id.as_str(), found.created), (ID, false));
}

#[tokio::test]
async fn a_name_that_no_memory_can_have_is_not_made() {
    let long = "a".repeat(49);
    for name in ["devopsagent-memory-prod", "", "1a", "ü", long.as_str()] {
        let stub = by(|_| listed(&[], None)).await;
        let options = MemoryOptions { create: true, name: name.to_owned(), ..options(None) };
        let error = found(&stub, options).await.unwrap_err();
        assert!(error.message.contains("`agentcore/memory_name`"), "{error}");
        assert_eq!(stub.asked().len(), 1);
    }
}

#[tokio::test]
async fn waiting_has_an_end() {
    for (status, part, times) in [("CREATING", "being made", 4), ("FAILED", "could not be made", 2)]
    {
        let mut first = true;
        let stub = by(move |_| {
            let status = if std::mem::take(&mut first) { "CREATING" } else { status };
            stub::json(200, &memory(ID, NAME, status))
        })
        .await;
        let error = found(&stub, options(Some(ID))).await.unwrap_err();
        assert_eq!(error.why, Why::Unavailable);
        assert!(error.message.contains(part), "{error}");
        assert_eq!(stub.asked().len(), times, "{status}");
    }
}

#[tokio::test]
async fn a_permission_that_is_missing_is_named() {
    let cases =
        [(Some(ID), "bedrock-agentcore:GetMemory"), (None, "bedrock-agentcore:ListMemories")];
    for (id, part) in cases {
        let stub = by(|_| stub::error(403, "AccessDeniedException", "canary-4711")).await;
        let error = found(&stub, options(id)).await.unwrap_err();
        assert_eq!(error.why, Why::Denied);
        assert!(error.message.contains(part), "{error}");
        assert!(!error.message.contains("canary"), "{error}");
    }
    let stub = by(|asked| match asked.line.as_str() {
        "POST /memories/create" => stub::error(403, "AccessDeniedException", ""),
        _ => listed(&[], None),
    })
    .await;
    let error = found(&stub, MemoryOptions { create: true, ..options(None) }).await.unwrap_err();
    assert!(error.message.contains("bedrock-agentcore:CreateMemory"), "{error}");
}

#[tokio::test]
async fn paths_are_those_of_the_memory_and_none_that_actors_share() {
    let mut body = memory(ID, NAME, "ACTIVE");
    let strategies = body["memory"]["strategies"].as_array_mut().unwrap();
    strategies[0]["namespaceTemplates"] = json!([]);
    strategies[0]["namespaces"] = json!(["old/{memoryStrategyId}/{actorId}"]);
    strategies[1]["namespaceTemplates"] = json!(["/everybody/"]);
    strategies[1]["namespaces"] = json!(["/everybody/"]);
    let empty = stub::json(200, &json!({ "memoryRecordSummaries": [] }));
    let stub = by(move |asked| match asked.line.starts_with("GET") {
        true => stub::json(200, &body),
        false => empty.clone(),
    })
    .await;
    let memory = AgentCoreMemory::with(&stub.cloud().await, options(Some(ID)), hasty());
    for namespace in [Namespace::Preferences, Namespace::Semantic] {
        let page = memory.records(&actor("bob"), namespace, None).await.unwrap();
        assert!(page.entries.is_empty());
    }
    let asked = stub.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1].json()["namespace"], "old/DevOpsPreferences-0123456789/bob");
    let health = memory.health();
    assert!(health.ok && health.detail.contains("no strategy for facts"), "{}", health.detail);
}

#[tokio::test]
async fn a_memory_that_goes_is_looked_for_again() {
    let mut gone = false;
    let stub = by(move |asked| match asked.line.as_str() {
        line if line.ends_with("/events") && line.contains(ID) => {
            gone = true;
            none()
        }
        line if line.ends_with("/events") => stub::json(201, &json!({})),
        line if line.contains(ID) && gone => none(),
        line if line.contains(ID) => stub::json(200, &memory(ID, NAME, "ACTIVE")),
        "POST /memories" | "POST /memories/" => {
            listed(&[("DevOpsAgentMemory-next000000", "ACTIVE")], None)
        }
        _ => stub::json(200, &memory("DevOpsAgentMemory-next000000", NAME, "ACTIVE")),
    })
    .await;
    let memory = AgentCoreMemory::with(&stub.cloud().await, options(Some(ID)), hasty());
    let error = memory.remember(&turn()).await.unwrap_err();
    assert!(error.message.contains("looked for again"), "{error}");
    let mut tries = 0;
    while memory.remember(&turn()).await.is_err() {
        tries += 1;
        assert!(tries < 1_000, "it is not found");
        tokio::task::yield_now().await;
    }
    assert!(memory.health().detail.contains("DevOpsAgentMemory-next000000"));
}

#[tokio::test]
async fn while_a_memory_is_made_nothing_waits_for_it() {
    let stub = by(|_| stub::json(200, &memory(ID, NAME, "CREATING"))).await;
    let memory = AgentCoreMemory::with(&stub.cloud().await, options(Some(ID)), hasty());
    let error = memory.remember(&turn()).await.unwrap_err();
    assert!(error.message.contains("being made"), "{error}");
    assert!(!memory.health().ok);
}
