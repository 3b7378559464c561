//! Ways not to remember.

use tokio::net::TcpListener;
use toolgate_agent_memory::{Memory as _, MemoryError, Question, Why};

use super::{ID, actor, answers, at, hasty, open, options, session, turn};
use crate::memory::AgentCoreMemory;
use crate::tests::stub;

async fn refused(answer: Vec<u8>) -> [MemoryError; 2] {
    let stub = answers(vec![answer]).await;
    let memory = open(&stub).await;
    let (bob, here) = (actor("bob"), session("s-1"));
    let question = Question {
        actor: &bob,
        session: &here,
        text: "canary question",
        most: 5,
        threshold: 0.3,
        now: at(super::AT),
    };
    [memory.remember(&turn()).await.unwrap_err(), memory.recall(&question).await.unwrap_err()]
}

#[tokio::test]
async fn each_way_has_its_reason_and_a_sentence_without_the_services_words() {
    let cases = [
        (429, "ThrottledException", Why::Throttled, "more requests"),
        (402, "ServiceQuotaExceededException", Why::Full, "Service Quotas"),
        (403, "AccessDeniedException", Why::Denied, ID),
        (403, "ExpiredTokenException", Why::Denied, "AWS_PROFILE"),
        (500, "ServiceException", Why::Unavailable, "failure of its own"),
        (409, "RetryableConflictException", Why::Unavailable, "changing the same thing"),
        (404, "ResourceNotFoundException", Why::Unavailable, "looked for again"),
        (400, "ValidationException", Why::NotSupported, "as it is"),
        (400, "InvalidInputException", Why::NotSupported, "as it is"),
    ];
    for (status, code, why, part) in cases {
        for error in refused(stub::error(status, code, "canary-4711")).await {
            assert_eq!(error.why, why, "{code}");
            assert!(error.message.contains(part), "{error}");
            assert!(error.message.contains(code), "{error}");
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        }
    }
    let [write, recall] = refused(stub::error(403, "AccessDeniedException", "")).await;
    assert!(write.message.contains("bedrock-agentcore:CreateEvent"), "{write}");
    assert!(recall.message.contains("bedrock-agentcore:RetrieveMemoryRecords"), "{recall}");
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_told() {
    let page = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>".to_vec();
    for error in refused(page).await {
        assert_eq!(error.why, Why::Corrupt);
    }
}

#[tokio::test]
async fn nobody_there_is_no_memory_and_no_panic() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let cloud = stub::cloud(&format!("http://{gone}"), 1).await;
    let memory = AgentCoreMemory::with(&cloud, options(Some(ID)), hasty());
    let error = memory.remember(&turn()).await.unwrap_err();
    assert_eq!(error.why, Why::Unavailable);
    let health = memory.health();
    assert_eq!((health.ok, health.lost), (false, 1));
    assert!(health.detail.contains("is not reached"), "{}", health.detail);
}
