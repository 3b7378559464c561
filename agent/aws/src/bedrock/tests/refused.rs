//! Ways to get no reply.

use std::time::Duration;

use tokio::net::TcpListener;
use toolgate_agent_model::{Ask, Fault, Model as _, ModelError};

use super::frames::{answer, stop, text};
use super::{Ear, WHOLE, ask, question, said};
use crate::bedrock::{Bedrock, ModelOptions};
use crate::tests::stub::{self, Stub};

async fn refused(answer: Vec<u8>) -> ModelError {
    let (streamed, _) = said(answer.clone(), ModelOptions::default()).await;
    let (whole, _) = said(answer, WHOLE).await;
    let (streamed, whole) = (streamed.unwrap_err(), whole.unwrap_err());
    assert_eq!(streamed.fault, whole.fault);
    streamed
}

#[tokio::test]
async fn each_way_to_fail_has_its_fault_and_a_sentence_without_bedrocks_words() {
    let cases = [
        (429, "ThrottlingException", "Too many tokens", Fault::Throttled),
        (403, "AccessDeniedException", "is not authorized to perform", Fault::Denied),
        (403, "AccessDeniedException", "You don't have access to the model", Fault::Denied),
        (403, "ExpiredTokenException", "expired", Fault::Denied),
        (400, "ValidationException", "Input is too long for requested model.", Fault::TooLong),
        (400, "ValidationException", "roles must alternate", Fault::Rejected),
        (429, "ModelNotReadyException", "warming", Fault::Unavailable),
        (503, "ServiceUnavailableException", "", Fault::Unavailable),
        (500, "InternalServerException", "", Fault::Unavailable),
        (424, "ModelErrorException", "", Fault::Unavailable),
        (408, "ModelTimeoutException", "", Fault::TimedOut),
        (404, "ResourceNotFoundException", "", Fault::NotFound),
    ];
    for (status, code, message, fault) in cases {
        let error = refused(stub::error(status, code, &format!("{message} canary-4711"))).await;
        assert_eq!(error.fault, fault, "{code} {message}");
        assert_eq!(error.request_id.as_deref(), Some("req-4711"), "{code}");
        assert_eq!(error.retry_after, Some(Duration::from_secs(7)), "{code}");
        let whole = format!("{error} {error:?}");
        assert!(!whole.contains("canary"), "{whole}");
        assert!(whole.contains(code), "{whole}");
    }
}

#[tokio::test]
async fn a_sentence_says_what_to_do() {
    let cases = [
        (
            403,
            "AccessDeniedException",
            "is not authorized",
            "bedrock:InvokeModelWithResponseStream",
        ),
        (403, "AccessDeniedException", "You don't have access to the model", "Model access"),
        (404, "ResourceNotFoundException", "", "in us-east-1"),
        (400, "ValidationException", "on-demand throughput isn't supported", "inference profile"),
        (
            400,
            "ValidationException",
            "This model doesn't support tool use in streaming mode.",
            "streaming: false",
        ),
        (400, "ValidationException", "cachePoint is not supported", "caching: false"),
        (403, "UnrecognizedClientException", "", "AWS_PROFILE"),
    ];
    for (status, code, message, part) in cases {
        let (thought, _) = said(stub::error(status, code, message), ModelOptions::default()).await;
        let error = thought.unwrap_err();
        assert!(error.message.contains(part), "{error}");
    }
}

#[tokio::test]
async fn nobody_there_a_proxy_in_between_and_silence_are_told_apart() {
    let (messages, mut ear) = (question(), Ear::default());
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let bedrock = Bedrock::new(&stub::cloud(&format!("http://{gone}"), 1).await);
    let error = bedrock.think(&ask(&messages, &[]), &mut ear).await.unwrap_err();
    assert_eq!(error.fault, Fault::Unreachable, "{error:?}");

    let page = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 6\r\n\r\n<html>".to_vec();
    assert_eq!(refused(page).await.fault, Fault::Unavailable);

    // A listener that never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let bedrock = Bedrock::new(&stub::cloud(&url, 1).await);
    let hasty = Ask { patience: Duration::from_millis(50), ..ask(&messages, &[]) };
    let error = bedrock.think(&hasty, &mut ear).await.unwrap_err();
    assert_eq!(error.fault, Fault::TimedOut);
}

#[tokio::test]
async fn what_was_throttled_is_asked_again_until_something_was_heard() {
    let good = answer(&[text(0, "x"), stop("end_turn")], 1000);
    let throttled = stub::error(429, "ThrottlingException", "slow down");
    // The server asks for seven seconds; this test has a client that is told nothing of it.
    let throttled = String::from_utf8(throttled).unwrap().replace("retry-after: 7\r\n", "");
    let stub = Stub::answers(vec![throttled.into_bytes(), good]).await;
    let bedrock = Bedrock::new(&stub::cloud(&stub.url, 2).await);
    let (messages, mut ear) = (question(), Ear::default());
    let thought = bedrock.think(&ask(&messages, &[]), &mut ear).await;
    assert_eq!(thought.unwrap().text, "x");
    assert_eq!(stub.asked().len(), 2);
    assert_eq!(ear.1, [Fault::Throttled]);

    // A stream that fails in the middle is not begun again.
    let events = [text(0, "x"), super::frames::exception("throttlingException", "")];
    let stub = Stub::answers(vec![answer(&events, 1000)]).await;
    let bedrock = Bedrock::new(&stub::cloud(&stub.url, 3).await);
    assert!(bedrock.think(&ask(&messages, &[]), &mut ear).await.is_err());
    assert_eq!(stub.asked().len(), 1);
    assert_eq!(ear.1, [Fault::Throttled], "that of before");
}

#[tokio::test]
async fn what_was_asked_again_in_vain_is_told_whatever_came_of_it() {
    let down = stub::error(503, "ServiceUnavailableException", "").into_iter().collect::<Vec<_>>();
    let down = String::from_utf8(down).unwrap().replace("retry-after: 7\r\n", "").into_bytes();
    let stub = Stub::answers(vec![down]).await;
    let bedrock = Bedrock::new(&stub::cloud(&stub.url, 2).await);
    let (messages, mut ear) = (question(), Ear::default());
    let error = bedrock.think(&ask(&messages, &[]), &mut ear).await.unwrap_err();
    assert_eq!((error.fault, ear.1.as_slice()), (Fault::Unavailable, &[Fault::Unavailable][..]));

    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let bedrock = Bedrock::new(&stub::cloud(&format!("http://{gone}"), 2).await);
    let mut ear = Ear::default();
    bedrock.think(&ask(&messages, &[]), &mut ear).await.unwrap_err();
    assert_eq!(ear.1, [Fault::Unreachable]);
}
