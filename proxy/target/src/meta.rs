//! `_meta` for a target: what its era wants, and the gateway's own place in the trace.
//!
//! Enters: a caller's request, the target's era and the span of the attempt. Leaves: what must
//! change in `params._meta`. Never: touches a member that belongs to neither era's core (progress
//! tokens and whatever the gateway does not know travel on), and never lets a caller's trace
//! context or baggage through: a target is a child of the attempt, not of the caller.

use std::borrow::Cow;

use memchr::memmem;
use toolgate_call::{
    Abilities, Era, LogLevel, Members, MetaEdit, Permitted, ROUTED, Rewrite, SpanContext, Version,
    Watched, member, object,
};

/// What every 2026-07-28 request carries; the gateway itself can do nothing for a server.
pub(crate) const OWN: &str = concat!(
    r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
    r#""io.modelcontextprotocol/clientCapabilities":{}"#
);

/// What the gateway calls itself.
pub(crate) const IDENTITY: &str =
    concat!(r#"{"name":"toolgate","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);

/// `"_meta":{…}` of what the gateway itself asks of a modern server.
pub(crate) fn own() -> String {
    with_own(OWN)
}

/// The same of a subscription: whoever wants to hear of tasks declares that it knows them.
pub(crate) fn own_listening(watched: &Watched) -> String {
    if watched.tasks.is_empty() { own() } else { with_own(&own_of(Abilities::TASKS, None)) }
}

fn with_own(own: &str) -> String {
    format!(r#""_meta":{{{own},"io.modelcontextprotocol/clientInfo":{IDENTITY}}}"#)
}

/// `initialize` (older era) on behalf of callers who can do so much.
pub(crate) fn initialize(id: u64, abilities: Abilities) -> String {
    let (version, can) = (Version::LATEST_LEGACY.as_str(), abilities.json());
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"initialize","params":{{"protocolVersion":"{version}","capabilities":{can},"clientInfo":{IDENTITY}}}}}"#
    )
}

/// What 2026-07-28 keeps for itself. A server of the older era may take it for a claim to speak
/// that revision, and refuse.
const RESERVED: &str = "io.modelcontextprotocol/";

/// What a caller can do.
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// Members about a trace. The gateway writes `traceparent` itself, baggage is the caller's own
/// matter, and a state without its trace means nothing.
const TRACE: [&str; 3] = ["traceparent", "tracestate", "baggage"];

/// A change of `_meta`.
#[derive(Clone, Debug)]
pub(crate) struct MetaChange {
    members: Others,
    traceparent: Option<[u8; SpanContext::TEXT]>,
}

/// What happens to the members beside `traceparent`.
#[derive(Clone, Debug)]
enum Others {
    /// Nothing.
    Keep,
    /// These members, the gateway's own, are added.
    Own(Cow<'static, str>),
    /// This object takes their place.
    Replace(String),
}

// === impl MetaChange ===

impl MetaChange {
    /// What a request needs for a target of that era, in that span.
    /// `abilities`: what a caller of the older era can do for a modern target.
    pub(crate) fn of(
        (permitted, abilities): (&Permitted, Abilities),
        target: Era,
        trace: Option<SpanContext>,
    ) -> Self {
        let call = permitted.call();
        let traceparent = trace.map(SpanContext::traceparent);
        let (from, stray) = (call.version.era(), call.meta.stray_trace);
        let odd = call.meta.stray_extensions && target == Era::Modern;
        let claims = || {
            let meta = call.frame.meta().unwrap_or_default();
            memmem::find(meta, RESERVED.as_bytes()).is_some()
        };
        // What an older session has set, a modern server is told in each request.
        let level = permitted.log_level().filter(|_| from == Era::Legacy);
        let own = || own_of(abilities, level);
        let rebuilt = || {
            let meta = call.frame.meta()?;
            let routable = odd.then(|| routable(meta));
            let meta = routable.as_deref().unwrap_or(meta);
            Some(Others::Replace(rebuilt(
                meta,
                (from, target),
                stray,
                &own(),
                text(traceparent.as_ref()),
            )?))
        };
        let members = match (from, target, stray || odd) {
            (Era::Modern, Era::Modern, false) | (Era::Legacy, Era::Legacy, false) => Others::Keep,
            (Era::Legacy, Era::Modern, false) if !claims() => Others::Own(own()),
            (Era::Legacy, Era::Modern, _) => rebuilt().unwrap_or_else(|| Others::Own(own())),
            (_, _, true) | (Era::Modern, Era::Legacy, _) => rebuilt().unwrap_or(Others::Keep),
        };
        Self { members, traceparent }
    }

    /// The request under that id and name.
    pub(crate) fn rewrite<'a>(&'a self, id: &'a str, name: Option<&'a str>) -> Rewrite<'a> {
        let meta = match &self.members {
            Others::Keep => MetaEdit::Keep,
            Others::Own(own) => MetaEdit::Prepend(own),
            Others::Replace(object) => MetaEdit::Replace(object),
        };
        Rewrite { id, name, meta, traceparent: text(self.traceparent.as_ref()), more: None }
    }
}

/// The gateway's own members on behalf of a caller who can do so much, and whose session has set
/// that level.
fn own_of(abilities: Abilities, level: Option<LogLevel>) -> Cow<'static, str> {
    if abilities.is_none() && level.is_none() {
        return Cow::Borrowed(OWN);
    }
    let can = abilities.json();
    let level = level.map(|level| {
        let level = level.as_str();
        format!(r#","io.modelcontextprotocol/logLevel":"{level}""#)
    });
    let level = level.unwrap_or_default();
    Cow::Owned(format!(
        r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{can}{level}"#
    ))
}

fn text(traceparent: Option<&[u8; SpanContext::TEXT]>) -> Option<&str> {
    traceparent.and_then(|text| std::str::from_utf8(text).ok())
}

/// The same object that declares no other extensions than those that are routed: what others add to
/// the protocol would not find its way.
fn routable(meta: &[u8]) -> Vec<u8> {
    let within = |text: &[u8], key: &str, change: &dyn Fn(&[u8]) -> String| {
        let Members(all) = Members::of(text);
        let all = all.iter().map(|(name, value)| {
            let changed = (name == key).then(|| change(value.get().as_bytes()));
            member(name, changed.as_deref().unwrap_or(value.get()))
        });
        object(all)
    };
    let ours = |all: &[u8]| {
        let Members(all) = Members::of(all);
        let ours = all.iter().filter(|(name, _)| ROUTED.contains(&&**name));
        object(ours.map(|(name, value)| member(name, value.get())))
    };
    let declared = |all: &[u8]| within(all, "extensions", &ours);
    within(meta, CAPABILITIES, &declared).into_bytes()
}

/// The object anew: with the gateway's own members for a modern target, without those reserved for
/// the modern era for an older one, and without what else is said about a trace if that is astray.
fn rebuilt(
    meta: &[u8],
    (from, target): (Era, Era),
    stray: bool,
    own: &str,
    traceparent: Option<&str>,
) -> Option<String> {
    let Members(members) = serde_json::from_slice(meta).ok()?;
    let kept = members.iter().filter(|(key, _)| {
        // Between modern ones they are the caller's word; an older one's would be there twice.
        let reserved = (from, target) != (Era::Modern, Era::Modern) && key.starts_with(RESERVED);
        let ours = traceparent.is_some() && key == TRACE[0];
        !(reserved || ours || (stray && TRACE.contains(&&**key)))
    });
    let own = (from == Era::Legacy && target == Era::Modern).then(|| own.to_owned());
    let ours = traceparent.map(|text| format!(r#""traceparent":"{text}""#));
    let kept = kept.map(|(key, value)| member(key, value.get()));
    let text: Vec<String> = own.into_iter().chain(ours).chain(kept).collect();
    Some(format!("{{{}}}", text.join(",")))
}

#[cfg(test)]
mod tests {
    //! What is kept.

    use toolgate_call::Era::{Legacy, Modern};
    use toolgate_call::{Abilities, LogLevel};

    use super::{OWN, own_of, rebuilt, routable};

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn only_the_reserved_members_go() {
        let meta = br#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken": 1.0,"io.modelcontextprotocol/clientInfo":{"name":"x"},"a\u0062":[ 1 ],"io.example/x":null}"#;
        let kept = rebuilt(meta, (Modern, Legacy), false, OWN, None).unwrap();
        assert_eq!(kept, r#"{"progressToken":1.0,"ab":[ 1 ],"io.example/x":null}"#);
        assert_eq!(rebuilt(b"{}", (Modern, Legacy), false, OWN, None).unwrap(), "{}");
        assert_eq!(rebuilt(b"[]", (Modern, Legacy), false, OWN, None), None);
    }

    #[test]
    fn the_trace_is_ours_and_baggage_stays_here() {
        let meta = br#"{"baggage":"user=1","traceparent":"x","tracestate":"a=b","k":1}"#;
        let ours = format!(r#""traceparent":"{PARENT}""#);
        let kept = rebuilt(meta, (Modern, Modern), true, OWN, Some(PARENT)).unwrap();
        assert_eq!(kept, format!(r#"{{{ours},"k":1}}"#));
        let kept = rebuilt(meta, (Modern, Legacy), false, OWN, Some(PARENT)).unwrap();
        assert_eq!(kept, format!(r#"{{{ours},"baggage":"user=1","tracestate":"a=b","k":1}}"#));
        let kept = rebuilt(meta, (Legacy, Modern), true, OWN, Some(PARENT)).unwrap();
        assert_eq!(kept, format!(r#"{{{OWN},{ours},"k":1}}"#));
    }

    #[test]
    fn a_modern_target_hears_what_the_caller_can_do() {
        assert_eq!(own_of(Abilities::NONE, None), OWN);
        let own = own_of(Abilities::FORM.and(Abilities::ROOTS), None);
        let can = r#"/clientCapabilities":{"elicitation":{"form":{}},"roots":{}}"#;
        assert!(own.ends_with(can), "{own}");
        assert!(own.starts_with(OWN.split_once(':').unwrap().0), "{own}");
        let own = own_of(Abilities::NONE, Some(LogLevel::Warning));
        let wanted = format!(r#"{OWN},"io.modelcontextprotocol/logLevel":"warning""#);
        assert_eq!(own, wanted);
    }

    #[test]
    fn only_extensions_that_are_routed_are_declared_any_further() {
        let meta = br#"{"a":1.0,"io.modelcontextprotocol/clientCapabilities":{"roots":{},"extensions":{"io.example/x":{},"io.modelcontextprotocol/ui":{},"io.modelcontextprotocol/tasks":{ "x":1}}}}"#;
        let wanted = r#"{"a":1.0,"io.modelcontextprotocol/clientCapabilities":{"roots":{},"extensions":{"io.modelcontextprotocol/ui":{},"io.modelcontextprotocol/tasks":{ "x":1}}}}"#;
        assert_eq!(String::from_utf8(routable(meta)).unwrap(), wanted);
    }

    #[test]
    fn no_member_is_there_twice() {
        let claim =
            br#"{"io.modelcontextprotocol/protocolVersion":"2025-06-18","progressToken":1}"#;
        let own = |meta| rebuilt(meta, (Legacy, Modern), false, OWN, None).unwrap();
        assert_eq!(own(claim), format!(r#"{{{OWN},"progressToken":1}}"#));
        let only = br#"{"io.modelcontextprotocol/clientCapabilities":{"roots":{}}}"#;
        assert_eq!(own(only), format!("{{{OWN}}}"));
    }
}
