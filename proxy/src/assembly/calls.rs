//! The flight recorder, as the tools of `gateway` read it.
//!
//! Enters: a question of a tool. Leaves: the records that answer it. Never: anything that `/debug/calls`
//! does not say: no argument, no result, no raw subject, and nothing that looks like a token.

use std::sync::Arc;

use toolgate_call::{Blame, Reason};
use toolgate_telemetry::{RecordQuery, Recorded, Recorder};
use toolgate_tools::gateway::{Attempt, Call, Caller, Calls, Found, Wanted};

/// See the module.
#[derive(Debug)]
pub(super) struct Records(pub(super) Arc<Recorder>);

impl Calls for Records {
    fn find(&self, wanted: &Wanted) -> Found {
        let Some(query) = query(wanted) else { return Found::default() };
        let calls = self.0.recorded(&query).iter().map(call).collect();
        // After the look: what was pushed out meanwhile is said to be lost, too.
        Found { calls, lost_until: self.0.lost_until() }
    }

    fn reasons(&self) -> Vec<&'static str> {
        Reason::ALL.iter().map(|reason| reason.as_str()).collect()
    }
}

/// `None` when it holds a word that no call can match.
fn query(wanted: &Wanted) -> Option<RecordQuery> {
    let reason = |word: &String| Reason::ALL.iter().find(|reason| reason.as_str() == word);
    let blame = |word: &'static str| Blame::ALL.iter().find(|blame| blame.as_str() == word);
    Some(RecordQuery {
        request_id: wanted.request_id.clone(),
        tool: wanted.tool.clone(),
        target: wanted.target.clone(),
        reason: match &wanted.reason {
            Some(word) => Some(*reason(word)?),
            None => None,
        },
        blame: match wanted.blame {
            Some(word) => Some(*blame(word)?),
            None => None,
        },
        caller: wanted.caller,
        slower: wanted.slower,
        since: wanted.since,
        limit: Some(usize::MAX),
    })
}

fn call(record: &Recorded) -> Call {
    let (outcome, plan, trace) = (record.outcome(), record.plan(), record.trace());
    let caller = record.caller().map(|(issuer, hash)| Caller {
        issuer: issuer.to_owned(),
        hash: format!("{hash:016x}"),
        client: record.client().map(|client| client.into_owned()),
    });
    let spent = record.phases().iter().filter(|(_, spent)| !spent.is_zero());
    let attempts = record.tries().map(|tried| Attempt {
        reason: tried.reason.map(Reason::as_str),
        began: tried.began,
        took: tried.took,
        detail: tried.detail().map(|detail| detail.into_owned()),
    });
    Call {
        ended: record.ended(),
        request_id: record.request_id().into_owned(),
        trace_id: trace.map(|(trace, _)| trace.to_string()),
        traced: trace.is_some_and(|(_, kept)| kept),
        method: record.method(),
        name: plan.map(|plan| plan.full.to_string()).filter(|full| !full.is_empty()),
        target: plan.map(|plan| plan.target.to_string()),
        server: record.server().map(str::to_owned),
        status: record.status(),
        failure: outcome.reason.map(|reason| (reason.as_str(), reason.blame().as_str())),
        retry_safe: outcome.retry_safe,
        attempts: record.attempts(),
        phases: spent.map(|(phase, spent)| (phase.as_str(), spent)).collect(),
        course: record.course().iter().map(|(phase, at)| (phase.as_str(), *at)).collect(),
        tries: attempts.collect(),
        bytes: record.bytes(),
        version: record.version(),
        caller,
        detail: record.detail().map(|detail| detail.into_owned()),
    }
}
