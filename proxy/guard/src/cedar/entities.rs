//! What a decision is about, in Cedar's words.
//!
//! Enters: who asks, for what, with which arguments. Leaves: a request and the entities that it speaks of,
//! as the schema has them. Never: something that the schema does not have.

use std::collections::HashSet;
use std::str::FromStr as _;
use std::sync::LazyLock;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
};
use toolgate_call::{Asked, Claim, Hint, Kind, Plan, Principal};

use super::arguments::Arguments;

/// A request and its entities.
pub(super) type Situation = (Box<Request>, Entities);
type Attribute = (String, RestrictedExpression);

/// The types, which are always the same.
struct Types {
    issuer: EntityTypeName,
    target: EntityTypeName,
    caller: EntityTypeName,
    tool: EntityTypeName,
    prompt: EntityTypeName,
    resources: EntityTypeName,
    texts: EntityTypeName,
    numbers: EntityTypeName,
    flags: EntityTypeName,
    lists: EntityTypeName,
    call: EntityUid,
}

static TYPES: LazyLock<Option<Types>> = LazyLock::new(|| {
    let named = |name: &str| EntityTypeName::from_str(name).ok();
    Some(Types {
        issuer: named("Issuer")?,
        target: named("Target")?,
        caller: named("Caller")?,
        tool: named("Tool")?,
        prompt: named("Prompt")?,
        resources: named("Resources")?,
        texts: named("Texts")?,
        numbers: named("Numbers")?,
        flags: named("Flags")?,
        lists: named("Lists")?,
        call: uid(&named("Action")?, "call"),
    })
});

/// Who and what a decision is about, by their names.
pub(super) struct About {
    pub(super) caller: EntityUid,
    pub(super) issuer: EntityUid,
    pub(super) resource: EntityUid,
    pub(super) target: EntityUid,
}

/// Names who asks for what; `None` should not happen, and is not allowed.
pub(super) fn about(asked: &Asked<'_>) -> Option<About> {
    let types = TYPES.as_ref()?;
    let kind = match asked.plan.kind {
        // A task is judged as the tool that it has come from.
        Kind::Tool | Kind::Task => &types.tool,
        Kind::Prompt => &types.prompt,
        Kind::Resources => &types.resources,
    };
    Some(About {
        caller: uid(&types.caller, &asked.principal.key()),
        issuer: uid(&types.issuer, &asked.principal.issuer),
        resource: uid(kind, &asked.plan.full),
        target: uid(&types.target, &asked.plan.target),
    })
}

/// Puts it together; `None` as above.
pub(super) fn situation(
    about: &About,
    asked: &Asked<'_>,
    arguments: Option<Arguments>,
) -> Option<Situation> {
    let types = TYPES.as_ref()?;
    let mut all = vec![
        Entity::with_uid(about.issuer.clone()),
        Entity::with_uid(about.target.clone()),
        caller(about, asked.principal)?,
        resource(about, asked.plan)?,
    ];
    let mut context = Vec::new();
    if let Some(server) = &asked.plan.server {
        context.push(text("server", server));
    }
    if let Some(arguments) = arguments {
        let record = values(types, arguments, &mut all)?;
        context.push(("arguments".to_owned(), record));
    }
    let context = Context::from_pairs(context).ok()?;
    let (principal, subject) = (about.caller.clone(), about.resource.clone());
    let request = Request::new(principal, types.call.clone(), subject, context, None).ok()?;
    Some((Box::new(request), Entities::from_entities(all, None).ok()?))
}

fn caller(about: &About, principal: &Principal) -> Option<Entity> {
    let claims = principal.claims.iter().map(|(name, claim)| (name.to_owned(), value(claim)));
    let mut attributes = vec![
        text("issuer", &principal.issuer),
        text("subject", &principal.subject),
        ("scopes".to_owned(), texts(principal.scopes.iter())),
        ("claims".to_owned(), RestrictedExpression::new_record(claims).ok()?),
    ];
    if let Some(client) = &principal.client {
        attributes.push(text("client", client));
    }
    let (own, parent) = (about.caller.clone(), about.issuer.clone());
    Entity::new_with_tags(own, attributes, [parent], []).ok()
}

fn resource(about: &About, plan: &Plan) -> Option<Entity> {
    let mut attributes = vec![text("target", &plan.target)];
    match plan.kind {
        Kind::Tool | Kind::Task => {
            attributes.push(text("name", plan.tool().unwrap_or(&plan.full)));
            attributes.extend(said("read_only", plan.read_only));
            attributes.extend(said("idempotent", plan.idempotent));
        }
        Kind::Prompt => attributes.push(text("name", &plan.name)),
        Kind::Resources => {}
    }
    let (own, parent) = (about.resource.clone(), about.target.clone());
    Entity::new_with_tags(own, attributes, [parent], []).ok()
}

fn values(
    types: &Types,
    arguments: Arguments,
    all: &mut Vec<Entity>,
) -> Option<RestrictedExpression> {
    let Arguments { texts: strings, numbers, flags, lists, others, .. } = arguments;
    let new = RestrictedExpression::new_string;
    let strings: Vec<Attribute> = strings.into_iter().map(|(at, text)| (at, new(text))).collect();
    let number = |(at, number)| (at, RestrictedExpression::new_long(number));
    let flag = |(at, flag)| (at, RestrictedExpression::new_bool(flag));
    let list = |(at, list): (String, Vec<String>)| (at, texts(list.iter().map(String::as_str)));
    let tagged = [
        ("texts", &types.texts, strings),
        ("numbers", &types.numbers, numbers.into_iter().map(number).collect()),
        ("flags", &types.flags, flags.into_iter().map(flag).collect()),
        ("lists", &types.lists, lists.into_iter().map(list).collect()),
    ];
    let mut record = vec![("others".to_owned(), texts(others.iter().map(String::as_str)))];
    for (name, kind, tags) in tagged {
        let own = uid(kind, "");
        record.push((name.to_owned(), RestrictedExpression::new_entity_uid(own.clone())));
        all.push(Entity::new_with_tags(own, [], HashSet::new(), tags).ok()?);
    }
    RestrictedExpression::new_record(record).ok()
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn text(name: &str, text: &str) -> Attribute {
    (name.to_owned(), RestrictedExpression::new_string(text.to_owned()))
}

fn texts<'a>(all: impl Iterator<Item = &'a str>) -> RestrictedExpression {
    RestrictedExpression::new_set(all.map(|text| RestrictedExpression::new_string(text.to_owned())))
}

fn value(claim: &Claim) -> RestrictedExpression {
    match claim {
        Claim::Text(text) => RestrictedExpression::new_string(text.to_string()),
        Claim::Number(number) => RestrictedExpression::new_long(*number),
        Claim::Bool(said) => RestrictedExpression::new_bool(*said),
        Claim::List(all) => texts(all.iter().map(|one| &**one)),
    }
}

fn said(name: &str, hint: Hint) -> Option<Attribute> {
    let said = match hint {
        Hint::Yes => true,
        Hint::No => false,
        Hint::Unknown => return None,
    };
    Some((name.to_owned(), RestrictedExpression::new_bool(said)))
}
