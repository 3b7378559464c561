//! Turns of every kind.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::TokenFetch;
use crate::agent::SettingsRefresh;
use crate::agent::{
    AgentPlace, AgentTelemetry, Budget, ModelRetry, ReplyFacts, RetryFacts, StepEnd, StepFacts,
    StepKind, TimeFacts, TokenFacts, TurnEnd, TurnFacts,
};

pub(crate) const MS: Duration = Duration::from_millis(1);
/// When turns begin: 2026-11-26T07:00:00Z.
pub(crate) const AT: u64 = 1_795_676_400;
const TOKENS: TokenFacts = TokenFacts { input: 900, output: 80, cache_read: 400, cache_write: 0 };

/// A step that went well.
pub(crate) fn step<'a>(kind: StepKind, name: &'a str, span: &'a str) -> StepFacts<'a> {
    let mut retries = RetryFacts::default();
    retries.add(ModelRetry::Throttled);
    retries.add(ModelRetry::Throttled);
    let (stop, first) = (Some("tool_use"), Some(300 * MS));
    let reply = ReplyFacts { stop, tokens: TOKENS, first, retries };
    StepFacts {
        kind,
        name,
        span,
        began: 10 * MS,
        took: 500 * MS,
        end: StepEnd::Ok,
        reason: None,
        blame: None,
        reply: (kind == StepKind::Model).then_some(reply),
        call_id: (kind == StepKind::Tool).then_some("r-77"),
    }
}

/// The steps of a turn in which a tool was called.
pub(crate) fn steps() -> [StepFacts<'static>; 3] {
    [
        step(StepKind::Memory, "recall", "00000000000000a1"),
        step(StepKind::Model, "vendor.sonnet-v1:0", "00000000000000a2"),
        step(StepKind::Tool, "echo", "00000000000000a3"),
    ]
}

/// A turn of these steps that was answered.
pub(crate) fn turn<'a>(place: &'a AgentPlace, steps: &'a [StepFacts<'a>]) -> TurnFacts<'a> {
    TurnFacts {
        place,
        turn: "t-1",
        request_id: "r-1",
        session: "the-session",
        actor: "the-actor",
        at: UNIX_EPOCH + Duration::from_secs(AT),
        model: "sonnet",
        model_id: "vendor.sonnet-v1:0",
        provider: "aws.bedrock",
        temperature: 0.3,
        end: TurnEnd::Answered,
        budget: None,
        times: TimeFacts {
            memory: 12.5,
            model: 2_000.25,
            tool: 800.125,
            approval: 0.0,
            overhead: 7.125,
            total: 2_820.0,
        },
        tokens: TOKENS,
        cost_usd: Some(0.004_25),
        steps,
        recalled: 2,
        first_word: Some(350 * MS),
        question_chars: 24,
        answer_chars: 230,
        tools_used: &[],
        degraded: &[],
    }
}

/// Uses every method, with words that every list has and with words that none has.
pub(crate) fn everything(telemetry: &AgentTelemetry) {
    let active = telemetry.turn_started();
    let place = telemetry.begin(None);
    telemetry.tools_listed(["echo"]);
    let all = steps();
    all.iter().for_each(|step| telemetry.step(step));
    telemetry.ended(&turn(&place, &all));
    for (reason, end) in [("tool_error", StepEnd::ToolError), ("odd", StepEnd::Failed)] {
        for step in &all {
            let model = if step.kind == StepKind::Tool { "invented" } else { step.name };
            let name = if end == StepEnd::Failed { model } else { step.name };
            telemetry.step(&StepFacts { end, reason: Some(reason), name, ..*step });
        }
    }
    for end in [TurnEnd::Limit, TurnEnd::ModelFailed] {
        let (budget, degraded) = (Some(Budget::Tokens), ["memory".to_owned(), "odd".to_owned()]);
        let turn = TurnFacts { end, budget, degraded: &degraded, ..turn(&place, &all) };
        telemetry.ended(&TurnFacts { model: "unheard-of", ..turn });
    }
    telemetry.remembered(Some(&place), MS, None);
    telemetry.remembered(None, MS, Some("throttled"));
    telemetry.memory_lost();
    telemetry.degraded("gateway");
    telemetry.token_renewed(TokenFetch::Ok);
    telemetry.token_renewed(TokenFetch::Timeout);
    telemetry.settings_refreshed(SettingsRefresh::Changed);
    telemetry.settings_refreshed(SettingsRefresh::Invalid);
    drop(active);
    telemetry.flush();
}

/// So many milliseconds after turns begin.
pub(crate) fn at(ms: u32) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(AT) + ms * MS
}
