//! Turns with a model, tools and a memory made for the purpose.

mod fakes;

use std::time::Duration;

use serde_json::json;
use toolgate_agent_memory::Session;
use toolgate_agent_model::{Fault, Input, Message, ModelError, Stop, Thought, ToolUse, Usage};

use self::fakes::{FakeMemory, FakeModel, FakeTools, Heard, Set, request};
use super::*;
use crate::event::{EndReason, Outcome, StepKind};

fn says(text: &str) -> Result<Thought, ModelError> {
    let usage = Usage { input: 10, output: 5, ..Usage::default() };
    Ok(Thought { text: text.to_owned(), usage, ..Thought::default() })
}

fn wants(tools: &[&str]) -> Result<Thought, ModelError> {
    let uses = tools.iter().enumerate().map(|(nth, name)| ToolUse {
        id: format!("use-{nth}"),
        name: (*name).to_owned(),
        input: Input::Object(json!({ "nth": nth }).as_object().cloned().unwrap_or_default()),
    });
    let usage = Usage { input: 10, output: 5, ..Usage::default() };
    Ok(Thought { uses: uses.collect(), stop: Stop::ToolUse, usage, ..Thought::default() })
}

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[tokio::test(start_paused = true)]
async fn a_turn_with_a_tool_takes_two_replies_and_the_tool() {
    let model = FakeModel::new([wants(&["clock___now"]), says("it is noon")]).taking(millis(3000));
    let tools = FakeTools::new(&["clock___now"]).taking(millis(800));
    let set = Set::new(model).with(tools);
    let heard = Heard::default();
    let report = set.turn("what time is it?", &heard).await;
    assert_eq!(report.end.reason, EndReason::Answered);
    assert_eq!(report.answer, "it is noon");
    assert_eq!(report.end.tools_used, ["clock___now"]);
    let times = report.end.times;
    assert!((6000.0..6010.0).contains(&times.llm_inference_ms), "{times:?}");
    assert!((800.0..810.0).contains(&times.tool_execution_ms), "{times:?}");
    assert!(times.total_ms < 6900.0, "{times:?}");
    assert_eq!(report.end.usage.total_tokens, 30);
    assert_eq!(set.model.asked(), 2);
    assert_eq!(set.tools().lists(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_sent_again_shows_in_the_step_and_is_reported() {
    let again = [Fault::Unavailable, Fault::Throttled];
    let set = Set::new(FakeModel::new([says("at last")]).after(&again));
    let heard = Heard::default();
    let report = set.turn("hi", &heard).await;
    assert_eq!(heard.notes(), ["writing; sent again 2 times (throttled)"]);
    let reply = report.steps.iter().find_map(|step| step.reply.clone()).unwrap();
    assert_eq!(reply.again, again);
}

#[tokio::test(start_paused = true)]
async fn tools_that_do_not_wait_for_each_other_overlap_and_count_once() {
    let model = FakeModel::new([wants(&["a", "b", "a"]), says("done")]);
    let set = Set::new(model).with(FakeTools::new(&["a", "b"]).taking(millis(1000)));
    let heard = Heard::default();
    let report = set.turn("both", &heard).await;
    let times = report.end.times;
    assert!((1000.0..1010.0).contains(&times.tool_execution_ms), "{times:?}");
    let parts = times.memory_retrieval_ms + times.llm_inference_ms + times.tool_execution_ms;
    assert!((parts + times.overhead_ms - times.total_ms).abs() < 0.01, "{times:?}");
    let results = set.model.last_results();
    let ids: Vec<_> = results.iter().map(|result| result.id.as_str()).collect();
    assert_eq!(ids, ["use-0", "use-1", "use-2"]);
    assert_eq!(set.tools().called(), ["a", "b", "a"]);
}

#[tokio::test(start_paused = true)]
async fn no_more_tools_run_at_once_than_agreed() {
    let model = FakeModel::new([wants(&["a", "a", "a", "a"]), says("done")]);
    let mut set = Set::new(model).with(FakeTools::new(&["a"]).taking(millis(100)));
    set.settings.limits.parallel = 2;
    let report = set.turn("four", &Heard::default()).await;
    assert_eq!(set.tools().most_at_once(), 2);
    assert!((200.0..210.0).contains(&report.end.times.tool_execution_ms));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_never_ends_is_made_to_answer() {
    let model = FakeModel::new((0..20).map(|_| wants(&["a"])));
    let mut set = Set::new(model).with(FakeTools::new(&["a"]));
    set.settings.limits.steps = 4;
    let report = set.turn("go", &Heard::default()).await;
    assert_eq!(report.end.reason, EndReason::Limit);
    assert_eq!(set.model.asked(), 4);
    assert_eq!(set.model.must_answer(), [false, false, false, true]);
    assert_eq!(set.tools().called().len(), 3, "nothing is called for the last reply");
}

#[tokio::test(start_paused = true)]
async fn calls_tokens_and_money_have_limits_too() {
    let script = || FakeModel::new((0..9).map(|_| wants(&["a", "a", "a"])));
    let mut set = Set::new(script()).with(FakeTools::new(&["a"]));
    set.settings.limits.calls = 4;
    let report = set.turn("go", &Heard::default()).await;
    assert_eq!((report.end.reason, set.tools().called().len()), (EndReason::Limit, 4));
    let last = set.model.last_results();
    assert!(
        last.iter().skip(1).all(|result| result.failed && result.text.contains("no more tools"))
    );

    let mut set = Set::new(script()).with(FakeTools::new(&["a"]));
    set.settings.limits.tokens = 30;
    let report = set.turn("go", &Heard::default()).await;
    assert_eq!((report.end.reason, set.model.asked()), (EndReason::Limit, 3));

    let mut set = Set::new(script()).with(FakeTools::new(&["a"]));
    set.settings.limits.cost_usd = Some(0.01);
    let report = set.turn("go", &Heard::default()).await;
    assert_eq!((report.end.reason, set.model.asked()), (EndReason::Limit, 2));
    assert_eq!(report.end.cost_usd, Some(0.03));
}

#[tokio::test(start_paused = true)]
async fn stopping_drops_the_model_and_keeps_what_was_said() {
    let model = FakeModel::new([wants(&["a", "w"]), says("never")]);
    let tools = FakeTools::new(&["a"]).writing("w").taking(millis(5000));
    let mut set = Set::new(model).with(tools);
    set.settings.approval = Approval::NotNeeded;
    let heard = Heard::default().stopping_after(millis(1000));
    let report = set.turn("go", &heard).await;
    assert_eq!(report.end.reason, EndReason::Stopped);
    assert!((1000.0..1010.0).contains(&report.end.times.total_ms), "{:?}", report.end.times);
    assert_eq!(set.tools().cancelled(), 2, "calls that go on are dropped");
    let outcome =
        |name: &str| report.steps.iter().find(|step| step.name == name).map(|step| step.outcome);
    assert_eq!(outcome("a"), Some(Outcome::Cancelled));
    assert_eq!(outcome("w"), Some(Outcome::Unknown), "a change may have been made");
    heard.every_step_has_ended();
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_takes_too_long_ends() {
    let model = FakeModel::new([wants(&["a"]), says("x")]);
    let mut set = Set::new(model).with(FakeTools::new(&["a"]).taking(millis(600_000)));
    set.settings.limits.time = Duration::from_secs(10);
    let report = set.turn("go", &Heard::default()).await;
    assert!(report.end.times.total_ms < 10_010.0, "{:?}", report.end.times);
    assert_eq!(report.end.reason, EndReason::Limit);
}

#[tokio::test(start_paused = true)]
async fn what_changes_something_runs_only_with_the_users_word() {
    for (allow, called) in [(true, 1), (false, 0)] {
        let model = FakeModel::new([wants(&["w"]), says("ok")]);
        let set = Set::new(model).with(FakeTools::new(&[]).writing("w"));
        let heard = Heard::default().answering(allow, millis(700));
        let report = set.turn("change it", &heard).await;
        assert_eq!(set.tools().called().len(), called);
        assert_eq!(heard.approvals(), ["w"]);
        assert!((700.0..710.0).contains(&report.end.times.approval_ms));
        let step = report.steps.iter().find(|step| step.kind == StepKind::Tool).unwrap();
        assert_eq!(step.outcome == Outcome::Denied, !allow);
        assert_eq!(set.model.last_results()[0].failed, !allow);
    }
    let model = FakeModel::new([wants(&["w"]), says("ok")]);
    let mut set = Set::new(model).with(FakeTools::new(&[]).writing("w"));
    set.settings.approval = Approval::Never;
    let heard = Heard::default().answering(true, millis(0));
    set.turn("change it", &heard).await;
    assert!(set.tools().called().is_empty() && heard.approvals().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_is_not_there_and_arguments_that_are_none_are_told_to_the_model() {
    let mut odd = wants(&["nobody", "a"]).unwrap();
    odd.uses[1].input = Input::Malformed("{\"x\":".to_owned());
    let set = Set::new(FakeModel::new([Ok(odd), says("sorry")])).with(FakeTools::new(&["a"]));
    let report = set.turn("go", &Heard::default()).await;
    assert_eq!(report.answer, "sorry");
    assert!(set.tools().called().is_empty());
    let results = set.model.last_results();
    assert!(results[0].text.contains("there is no tool `nobody`"), "{}", results[0].text);
    assert!(results[1].text.contains("not a JSON object"), "{}", results[1].text);
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_says_no_and_one_that_breaks_are_kept_apart() {
    let tools = FakeTools::new(&["fine"]).saying_no("no").breaking("broken");
    let set = Set::new(FakeModel::new([wants(&["fine", "no", "broken"]), says("x")])).with(tools);
    let report = set.turn("go", &Heard::default()).await;
    let steps = report.steps.iter().filter(|step| step.kind == StepKind::Tool);
    let outcomes: Vec<_> =
        steps.map(|step| (step.outcome, step.blame.clone().unwrap_or_default())).collect();
    assert_eq!(
        outcomes,
        [
            (Outcome::Ok, String::new()),
            (Outcome::ToolError, "tool".to_owned()),
            (Outcome::Failed, "target".to_owned())
        ]
    );
    let results = set.model.last_results();
    assert!(!results[0].failed && results[1].failed && results[2].failed);
    // Whatever comes of a call is marked as the words of others.
    for (result, name) in results.iter().zip(["fine", "no", "broken"]) {
        let (begin, end) =
            (format!("<tool_output tool=\"{name}\" untrusted=\"true\">\n"), "\n</tool_output>");
        let marked = result.text.strip_prefix(&begin).and_then(|rest| rest.strip_suffix(end));
        assert!(marked.is_some_and(|text| !text.contains('<')), "{}", result.text);
    }
    assert!(results[2].text.contains("reason upstream_5xx, blame target"), "{}", results[2].text);
}

#[tokio::test(start_paused = true)]
async fn memory_that_is_late_is_done_without_and_that_is_said() {
    let memory = FakeMemory::default().taking(millis(5000));
    let set = Set::new(FakeModel::new([says("hello")])).memory(memory);
    let heard = Heard::default();
    let report = set.turn("hi", &heard).await;
    assert_eq!(report.end.reason, EndReason::Answered);
    assert_eq!(report.end.degraded, ["memory", "gateway"]);
    assert!((300.0..310.0).contains(&report.end.times.memory_retrieval_ms));
    assert!(heard.degraded().iter().any(|says| says.contains("memory did not answer")));
    assert!(set.model.system().contains("Missing in this turn: memory"));
}

#[tokio::test(start_paused = true)]
async fn memory_is_given_the_users_own_words_and_the_next_turn_reads_them() {
    let memory = FakeMemory::default().knowing("the cluster is prod-7").writing_takes(millis(100));
    let set = Set::new(FakeModel::new([says("first"), says("second")])).memory(memory);
    let agent = set.agent();
    let heard = Heard::default();
    let chosen = agent.choose(None).unwrap();
    agent.turn(&request("1", "which cluster?"), &chosen, &heard).await;
    agent.turn(&request("2", "and now?"), &chosen, &heard).await;
    agent.drained().await;
    let turns = set.memory.as_ref().unwrap().turns();
    let asked: Vec<_> = turns.iter().map(|turn| turn.asked.as_str()).collect();
    assert_eq!(asked, ["which cluster?", "and now?"], "without what was put in front of them");
    let messages = set.model.messages();
    let Message::User(first) = &messages[0] else { panic!("{messages:?}") };
    assert_eq!(first, "which cluster?");
    let Message::User(last) = messages.last().unwrap() else { panic!("{messages:?}") };
    assert!(last.starts_with("<recalled untrusted=\"true\">"), "{last}");
    assert!(last.contains("the cluster is prod-7") && last.ends_with("and now?"), "{last}");
}

#[tokio::test(start_paused = true)]
async fn without_memory_a_session_still_knows_its_own_turns_and_no_others() {
    let set = Set::new(FakeModel::new([says("one"), says("two"), says("three")]));
    let agent = set.agent();
    let chosen = agent.choose(None).unwrap();
    let heard = Heard::default();
    agent.turn(&request("1", "a"), &chosen, &heard).await;
    agent.turn(&request("2", "b"), &chosen, &heard).await;
    assert_eq!(set.model.messages().len(), 3);
    let other = Request { session: Session::new("other").unwrap(), ..request("3", "c") };
    agent.turn(&other, &chosen, &heard).await;
    assert_eq!(set.model.messages().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_is_gone_is_done_without() {
    let set = Set::new(FakeModel::new([says("from what I know")])).with(FakeTools::gone());
    let heard = Heard::default();
    let report = set.turn("hi", &heard).await;
    assert_eq!(report.end.reason, EndReason::Answered);
    assert_eq!(report.end.degraded, ["memory", "gateway"]);
    assert!(heard.degraded().iter().any(|says| says.contains("without them")));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_fails_ends_the_turn_and_says_whether_to_repeat() {
    let error = ModelError::new(Fault::Throttled, "too many requests");
    let set = Set::new(FakeModel::new([Err(error)]));
    let report = set.turn("hi", &Heard::default()).await;
    assert_eq!(report.end.reason, EndReason::ModelFailed);
    assert!(report.end.retry_safe);
    assert_eq!(report.end.says.as_deref(), Some("too many requests"));
}

#[tokio::test(start_paused = true)]
async fn every_way_to_end_a_reply_has_an_end() {
    let cases = [
        (Stop::EndTurn, EndReason::Answered, 1),
        (Stop::StopSequence, EndReason::Answered, 1),
        (Stop::Other, EndReason::Answered, 1),
        (Stop::MaxTokens, EndReason::CutOff, 1),
        (Stop::GuardrailIntervened, EndReason::Refused, 1),
        (Stop::ContentFiltered, EndReason::Refused, 1),
        (Stop::MalformedOutput, EndReason::Answered, 2),
        (Stop::MalformedToolUse, EndReason::Answered, 2),
        (Stop::ContextWindowExceeded, EndReason::ModelFailed, 1),
    ];
    for (stop, reason, asked) in cases {
        let odd = Thought { stop, ..says("x").unwrap() };
        let set = Set::new(FakeModel::new([Ok(odd), says("y")]));
        let report = set.turn("hi", &Heard::default()).await;
        assert_eq!((report.end.reason, set.model.asked()), (reason, asked), "{stop:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn words_of_two_replies_are_kept_apart() {
    let mut first = wants(&["a"]).unwrap();
    first.text = "let me look".to_owned();
    let set = Set::new(FakeModel::new([Ok(first), says("it is 5")])).with(FakeTools::new(&["a"]));
    let heard = Heard::default();
    let report = set.turn("hi", &heard).await;
    assert_eq!(report.answer, "let me look\n\nit is 5");
    assert_eq!(heard.text(), report.answer);
    heard.every_step_has_ended();
}

/// Settings that change while a turn goes on are those of the next one.
#[tokio::test(start_paused = true)]
async fn a_change_of_the_settings_is_for_the_next_turn() {
    let model = FakeModel::new((0..20).map(|_| wants(&["a"])));
    let set = Set::new(model).with(FakeTools::new(&["a"]).taking(millis(1000)));
    let agent = set.agent();
    let mut fewer = Settings::default();
    fewer.limits.steps = 2;
    let heard = Heard::default();
    let (going_on, next) = (request("t1", "go"), request("t2", "go"));
    let chosen = agent.choose(None).unwrap();
    let change = async {
        tokio::time::advance(millis(1500)).await;
        agent.change(fewer);
    };
    let (report, ()) = tokio::join!(agent.turn(&going_on, &chosen, &heard), change);
    assert_eq!((report.end.limit, set.model.asked()), (Some(crate::event::Limit::Steps), 8));
    agent.turn(&next, &chosen, &heard).await;
    assert_eq!(set.model.asked(), 8 + 2);
}
