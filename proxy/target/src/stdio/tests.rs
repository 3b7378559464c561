//! Children of several kinds, driven over real pipes.

mod parts;
mod patience;
mod peer;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::{UnixListener, UnixStream};
use toolgate_call::{Answer, Body, Case, Era, Event, Op, Outbound, Phase, Reason, Refusal, Reply};
use tower::Service;

use self::peer::{Peer, call, list, next_event, outbound, shell};
use super::house::State;
use super::{EraChoice, StdioTarget, TargetNotice};

async fn ask(target: &StdioTarget, outbound: Outbound) -> Result<Reply, Refusal> {
    target.clone().call(outbound).await
}

/// The `structuredContent` of a call's result.
async fn data(target: &StdioTarget, tool: &str, arguments: Value) -> Value {
    let reply = ask(target, call(tool, &arguments)).await.unwrap();
    let Body::One(Answer::Result { raw, .. }) = reply.body else { panic!("{reply:?}") };
    raw.parse::<Value>().unwrap()["structuredContent"].take()
}

async fn is_down(target: &StdioTarget) -> (String, bool) {
    let mut state = target.house.state.subscribe();
    let state = state.wait_for(|state| matches!(state, State::Down { .. })).await.unwrap();
    let State::Down { why, looping, .. } = &*state else { unreachable!() };
    (why.to_string(), *looping)
}

#[tokio::test]
async fn a_modern_child_is_recognised_and_gets_what_the_modern_era_demands() {
    let peer = Peer::start("modern");
    let reply = ask(&peer.target, call("echo", &json!({}))).await.unwrap();
    assert_eq!(reply.era, Era::Modern);
    let sent = data(&peer.target, "echo", json!({"a": [1, 2.50]})).await;
    let meta = &sent["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], json!({}));
    assert_eq!(sent["params"]["arguments"], json!({"a": [1, 2.50]}));
    assert_eq!(sent["params"]["name"], "echo");
}

#[tokio::test]
async fn what_a_modern_caller_says_of_itself_reaches_only_a_modern_child() {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
        "com.example/own": 1.50,
    });
    for mode in ["modern", "legacy"] {
        let peer = Peer::start(mode);
        let reply = ask(&peer.target, peer::modern_call("echo", &meta.to_string())).await.unwrap();
        let Body::One(Answer::Result { raw, .. }) = reply.body else { panic!("no result") };
        let sent: Value = raw.parse().unwrap();
        let wanted = if mode == "modern" { &meta } else { &json!({ "com.example/own": 1.50 }) };
        assert_eq!(&sent["structuredContent"]["params"]["_meta"], wanted, "{mode}");
        assert!(sent["structuredContent"]["id"].is_u64());
    }
}

#[tokio::test]
async fn a_child_of_the_older_era_is_greeted_in_its_own_way() {
    let peer = Peer::start("legacy");
    let reply = ask(&peer.target, call("echo", &json!({}))).await.unwrap();
    assert_eq!(reply.era, Era::Legacy);
    let sent = data(&peer.target, "echo", json!({})).await;
    assert!(sent["params"].get("_meta").is_none(), "{sent}");
    let seen = data(&peer.target, "methods", json!({})).await;
    let seen: Vec<&str> = seen.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(seen[..3], ["server/discover", "initialize", "notifications/initialized"]);
}

#[tokio::test]
async fn a_child_that_ends_at_the_first_question_is_asked_the_other_one_at_once() {
    let peer = Peer::start("startled");
    let seen = data(&peer.target, "methods", json!({})).await;
    assert_eq!(seen[0], "initialize");
    assert_eq!(peer.target.status().restarts, 0);
}

#[tokio::test]
async fn a_child_that_ignores_the_first_question_gets_the_other_one_in_time() {
    let peer = Peer::with("deaf", |config| config.start_timeout = Duration::from_secs(8));
    let reply = ask(&peer.target, call("echo", &json!({}))).await.unwrap();
    assert_eq!(reply.era, Era::Legacy);
}

#[tokio::test]
async fn a_configured_era_is_not_asked_about() {
    let peer = Peer::with("legacy", |config| config.era = EraChoice::Legacy);
    let seen = data(&peer.target, "methods", json!({})).await;
    assert_eq!(seen[0], "initialize");
    let peer = Peer::with("legacy", |config| config.era = EraChoice::Modern);
    let (why, _) = is_down(&peer.target).await;
    assert!(why.contains("does not speak 2026-07-28"), "{why}");
}

#[tokio::test]
async fn a_hundred_calls_in_flight_each_get_their_own_answer_in_any_order() {
    let peer = Peer::start("modern");
    let calls = (0..100).map(|n| data(&peer.target, "reverse", json!({"n": n, "of": 100})));
    let answers = join_all(calls).await;
    let wanted: Vec<Value> = (0..100).map(Value::from).collect();
    assert_eq!(answers, wanted);
    assert_eq!(peer.in_flight(), 0);
}

#[tokio::test]
async fn the_list_and_the_probe_speak_the_era_of_the_child() {
    for (mode, question) in [("modern", "server/discover"), ("legacy", "ping")] {
        let peer = Peer::start(mode);
        let reply = ask(&peer.target, list(Some(r#""page 2""#))).await.unwrap();
        let Body::One(Answer::Result { raw, .. }) = reply.body else { panic!("no list") };
        let list: Value = raw.parse().unwrap();
        assert_eq!(list["asked"]["cursor"], "page 2");
        assert_eq!(list["asked"].get("_meta").is_some(), mode == "modern");
        let reply = ask(&peer.target, outbound(Op::Probe)).await.unwrap();
        assert!(matches!(reply.body, Body::One(Answer::Result { .. })));
        let seen = data(&peer.target, "methods", json!({})).await;
        assert!(seen.as_array().unwrap().contains(&question.into()), "{seen}");
    }
}

#[tokio::test]
async fn a_request_that_was_printed_prettily_is_one_line_on_the_pipe() {
    let peer = Peer::start("modern");
    let reply = ask(&peer.target, peer::pretty_call("echo", &json!({"text": "a\nb"}))).await;
    let Body::One(Answer::Result { raw, .. }) = reply.unwrap().body else { panic!("no result") };
    let sent: Value = raw.parse().unwrap();
    assert_eq!(sent["structuredContent"]["params"]["arguments"]["text"], "a\nb");
}

#[tokio::test]
async fn the_ledger_ends_in_receive_and_the_error_of_a_child_is_kept() {
    let peer = Peer::start("modern");
    let outbound = call("no-such-tool", &json!({}));
    let ledger = Arc::clone(&outbound.ledger);
    let reply = ask(&peer.target, outbound).await.unwrap();
    let Body::One(Answer::Error { raw, code }) = reply.body else { panic!("no error") };
    assert_eq!(code, -32602);
    assert_eq!(raw.parse::<Value>().unwrap()["data"]["hint"], "kept");
    assert_eq!(ledger.phase(), Phase::Receive);
    let phases = ledger.phases_at(std::time::Instant::now());
    assert!(phases.get(Phase::Wait) > Duration::ZERO);
}

#[tokio::test]
async fn progress_comes_first_and_under_the_callers_own_token() {
    let peer = Peer::start("modern");
    let (one, other) =
        (peer::call_with_token("progress", "7"), peer::call_with_token("progress", r#""7""#));
    let (one, other) = tokio::join!(ask(&peer.target, one), ask(&peer.target, other));
    for (reply, token) in [(one, json!(7)), (other, json!("7"))] {
        let Body::Stream(mut events) = reply.unwrap().body else { panic!("no stream") };
        for step in 1..=3 {
            let Some(Event::Notice(raw)) = next_event(&mut events).await else {
                panic!("no notice")
            };
            let notice: Value = raw.parse().unwrap();
            assert_eq!(notice["params"]["progressToken"], token);
            assert_eq!(notice["params"]["progress"], step);
        }
        let Some(Event::Done(Ok(_))) = next_event(&mut events).await else { panic!("no end") };
        assert!(next_event(&mut events).await.is_none());
    }
}

#[tokio::test]
async fn progress_that_nobody_asked_for_is_not_passed_on() {
    let peer = Peer::start("modern");
    let reply = ask(&peer.target, call("progress", &json!({}))).await.unwrap();
    assert!(matches!(reply.body, Body::One(_)));
}

#[tokio::test]
async fn a_call_that_is_dropped_is_cancelled_at_the_child() {
    for mode in ["modern", "legacy"] {
        let peer = Peer::start(mode);
        // The child answers `watch` when it has read the cancellation of `never`.
        let watch = data(&peer.target, "watch", json!({}));
        let cancelled = async {
            let target = peer.target.clone();
            let never = tokio::spawn(async move { ask(&target, call("never", &json!({}))).await });
            // Answered after `never` was read, as one pipe keeps its order.
            data(&peer.target, "held", json!({})).await;
            never.abort();
        };
        let (seen, ()) = tokio::join!(watch, cancelled);
        assert_eq!(seen["cancelled"], seen["never"], "{mode}");
        assert_eq!(peer.in_flight(), 0);
    }
}

#[tokio::test]
async fn a_stream_that_is_dropped_is_cancelled_at_the_child() {
    let peer = Peer::start("modern");
    let watch = data(&peer.target, "watch", json!({}));
    let dropped = async {
        let reply = ask(&peer.target, peer::call_with_token("never", "1")).await.unwrap();
        assert!(matches!(reply.body, Body::Stream(_)));
        drop(reply);
    };
    let (seen, ()) = tokio::join!(watch, dropped);
    assert_eq!(seen["cancelled"], seen["never"]);
}

#[tokio::test]
async fn a_child_that_dies_fails_its_calls_and_comes_back() {
    let mut peer = Peer::start("modern");
    data(&peer.target, "echo", json!({})).await;
    let refusal = ask(&peer.target, call("die", &json!({}))).await.unwrap_err();
    assert_eq!(refusal.reason(), Reason::Reset);
    assert!(refusal.was_sent());
    let detail = refusal.operator_detail().unwrap();
    assert!(detail.contains("status 3") && detail.contains("goodbye"), "{detail}");
    assert!(!refusal.message().contains("goodbye"));
    peer.told(TargetNotice::Restarted).await;
    data(&peer.target, "echo", json!({})).await;
    assert_eq!(peer.target.status().restarts, 1);
}

#[tokio::test]
async fn what_a_child_said_before_it_ended_still_counts() {
    let peer = Peer::start("modern");
    assert_eq!(data(&peer.target, "answer_and_die", json!({})).await, "done");
}

#[tokio::test]
async fn a_child_that_closes_its_stdout_is_replaced() {
    let mut peer = Peer::start("modern");
    let refusal = ask(&peer.target, call("hang_up", &json!({}))).await.unwrap_err();
    assert_eq!(refusal.reason(), Reason::Reset);
    peer.told(TargetNotice::Restarted).await;
    data(&peer.target, "echo", json!({})).await;
}

#[tokio::test]
async fn a_crash_loop_is_seen_and_said() {
    let peer = shell("echo out of cheese >&2; exit 3");
    let mut state = peer.target.house.state.subscribe();
    let looping = |state: &State| matches!(state, State::Down { looping: true, .. });
    drop(state.wait_for(looping).await.unwrap());
    let refusal = ask(&peer.target, call("echo", &json!({}))).await.unwrap_err();
    assert_eq!(refusal.reason(), Reason::ConnectRefused);
    assert!(!refusal.was_sent() && refusal.is_retry_safe());
    assert!(refusal.message().contains("5 times in a row"), "{refusal}");
    assert!(refusal.wait().unwrap() > Duration::from_secs(25));
    let detail = peer.target.status().detail;
    assert!(detail.contains("status 3") && detail.contains("out of cheese"), "{detail}");
}

#[tokio::test]
async fn a_command_that_is_not_there_is_named_to_the_operator_only() {
    let peer = Peer::with("modern", |config| config.command = vec!["no-such-program-x".into()]);
    let (why, _) = is_down(&peer.target).await;
    assert!(why.contains("`no-such-program-x` was not found"), "{why}");
    let mut hurried = call("echo", &json!({}));
    hurried.deadline = toolgate_call::Deadline::at(std::time::Instant::now());
    let refusal = ask(&peer.target, hurried).await.unwrap_err();
    assert!(!refusal.message().contains("no-such-program-x"), "{refusal}");
    let peer = Peer::with("modern", |config| config.cwd = Some("/no/such/folder".into()));
    let (why, _) = is_down(&peer.target).await;
    assert!(why.contains("/no/such/folder"), "{why}");
}

#[tokio::test]
async fn stray_lines_on_stdout_do_no_harm() {
    let peer = Peer::start("modern");
    assert_eq!(data(&peer.target, "garbage", json!({})).await, "fine");
    assert_eq!(peer.target.status().dropped_lines, 3);
}

#[tokio::test]
async fn an_answer_that_is_not_mcp_fails_its_call_at_once() {
    let peer = Peer::start("modern");
    let refusal = ask(&peer.target, call("broken", &json!({}))).await.unwrap_err();
    assert_eq!(refusal.reason(), Reason::UpstreamProtocol);
    assert!(refusal.was_sent());
    assert!(refusal.operator_detail().unwrap().contains("result is not an object"));
}

#[tokio::test]
async fn an_answer_that_is_too_long_fails_its_call_and_no_other() {
    let peer = Peer::with("modern", |config| config.max_line = 50_000);
    let refusal = ask(&peer.target, call("big", &json!({}))).await.unwrap_err();
    assert_eq!(refusal.reason(), Reason::UpstreamProtocol);
    assert!(refusal.message().contains("50000 bytes"), "{refusal}");
    data(&peer.target, "echo", json!({})).await;
    assert_eq!(peer.target.status().dropped_lines, 1);
}

#[tokio::test]
async fn an_answer_that_is_too_long_or_broken_fails_its_call_even_if_its_id_comes_last() {
    let peer = Peer::with("modern", |config| config.max_line = 50_000);
    for tool in ["big_first", "broken_first"] {
        let refusal = ask(&peer.target, call(tool, &json!({}))).await.unwrap_err();
        assert_eq!(refusal.reason(), Reason::UpstreamProtocol, "{tool}");
    }
    data(&peer.target, "echo", json!({})).await;
}

#[tokio::test]
async fn a_child_that_does_not_answer_any_more_is_replaced() {
    let mut peer = Peer::with("modern", |config| config.hang_patience = Duration::from_millis(300));
    data(&peer.target, "echo", json!({})).await;
    let before = peer.target.status().pid;
    let wedged = ask(&peer.target, call("wedge", &json!({})));
    assert!(tokio::time::timeout(Duration::from_millis(300), wedged).await.is_err());
    peer.told(TargetNotice::Restarted).await;
    data(&peer.target, "echo", json!({})).await;
    let after = peer.target.status();
    assert!(after.pid != before && after.restarts == 1, "{after:?}");
}

#[tokio::test]
async fn a_first_start_that_was_waited_for_in_vain_is_told_of() {
    let mut peer = Peer::with("modern", |config| {
        let python = std::mem::take(&mut config.command).join(" ");
        // Beside the script, which is the second word.
        let line = format!("while ! [ -e ${{0%/*}}/go ]; do sleep 0.02; done; exec {python}");
        let script = python.split(' ').nth(1).unwrap().to_owned();
        config.command = vec!["sh".into(), "-c".into(), line, script];
    });
    let mut hurried = list(None);
    hurried.deadline = toolgate_call::Deadline::at(std::time::Instant::now());
    let refusal = ask(&peer.target, hurried).await.unwrap_err();
    assert!(refusal.is_retry_safe() && !refusal.was_sent(), "{refusal}");
    std::fs::write(peer.folder.join("go"), "").unwrap();
    peer.told(TargetNotice::Restarted).await;
    assert_eq!(peer.target.status().restarts, 0);
}

#[tokio::test]
async fn what_is_killed_with_a_child_leaves_no_zombie_to_the_first_process_of_a_container() {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
    let peer = Peer::start("modern");
    let mut life = grandchild(&peer).await;
    peer.target.shutdown().await;
    assert_eq!(life.read(&mut [0]).await.unwrap(), 0);
    let any = rustix::process::wait(rustix::process::WaitOptions::NOHANG);
    assert_eq!(any.unwrap_err(), rustix::io::Errno::CHILD, "a zombie, or a process, is left");
}

#[tokio::test]
async fn questions_of_a_child_are_answered_without_a_caller() {
    let peer = Peer::start("legacy");
    let answers = data(&peer.target, "ask_back", json!({})).await;
    assert_eq!(answers["ping"]["result"], json!({}));
    assert_eq!(answers["roots"]["error"]["code"], -32601);
}

#[tokio::test]
async fn changes_of_the_list_are_told_in_both_eras() {
    for mode in ["legacy", "modern"] {
        let mut peer = Peer::start(mode);
        data(&peer.target, "echo", json!({})).await;
        if mode == "legacy" {
            data(&peer.target, "change", json!({})).await;
        }
        // A modern child of ours tells of a change as soon as it is listened to.
        peer.told(TargetNotice::ListsChanged).await;
    }
}

#[tokio::test]
async fn a_child_sees_little_of_the_environment() {
    let out = std::env::temp_dir().join(format!("toolgate-env-{}", std::process::id()));
    let peer = Peer::with("", |config| {
        let line = "[ -e \"$OUT\" ] || env > \"$OUT\"";
        config.command = vec!["sh".into(), "-c".into(), line.into()];
        let out = out.to_str().unwrap().to_owned();
        config.env = vec![("KEY".into(), "value".into()), ("OUT".into(), out)];
    });
    is_down(&peer.target).await;
    let seen = std::fs::read_to_string(&out).unwrap();
    std::fs::remove_file(&out).unwrap();
    // The last three are the shell's own.
    let known = ["PATH", "HOME", "LANG", "TERM", "TMPDIR", "KEY", "OUT", "PWD", "SHLVL", "_"];
    let names: Vec<&str> = seen.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
    assert!(names.contains(&"PATH") && seen.contains("KEY=value"), "{names:?}");
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "nothing was there to be hidden");
}

/// A grandchild that defies SIGTERM, connected so that its end can be seen.
async fn grandchild(peer: &Peer) -> UnixStream {
    let path = peer.folder.join("life");
    let listener = UnixListener::bind(&path).unwrap();
    let spawned = data(&peer.target, "spawn", json!({ "path": path }));
    let (accepted, _) = tokio::join!(listener.accept(), spawned);
    let (mut stream, _) = accepted.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'!');
    stream
}

#[tokio::test]
async fn shutdown_ends_grandchildren_too() {
    let peer = Peer::start("modern");
    let mut life = grandchild(&peer).await;
    peer.target.shutdown().await;
    assert_eq!(life.read(&mut [0]).await.unwrap(), 0);
    let refusal = ask(&peer.target, call("echo", &json!({}))).await.unwrap_err();
    assert_eq!(refusal.case(), Case::ShuttingDown);
}

#[tokio::test]
async fn a_child_that_does_not_want_to_stop_is_made_to() {
    let peer = Peer::start("stubborn");
    let mut life = grandchild(&peer).await;
    let never = ask(&peer.target, call("never", &json!({})));
    let (never, ()) = tokio::join!(never, peer.target.shutdown());
    assert_eq!(never.unwrap_err().case(), Case::ShuttingDown);
    assert_eq!(life.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_target_that_is_dropped_takes_its_processes_along() {
    let peer = Peer::start("modern");
    let mut life = grandchild(&peer).await;
    drop(peer);
    assert_eq!(life.read(&mut [0]).await.unwrap(), 0);
}
