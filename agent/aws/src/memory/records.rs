//! What was concluded.
//!
//! In: a question, or an actor and a kind. Out: records as the seam has them. Never: a record of
//! another path than was asked for, whatever the service answers; one that is less relevant than
//! the threshold, or past the retention.
//!
//! The service concludes on its own, and a record is there about a minute after its event.

use aws_sdk_bedrockagentcore::types::{MemoryContent, MemoryRecordSummary, SearchCriteria};
use serde::Deserialize;
use tokio::try_join;
use toolgate_agent_memory::{Actor, MemoryError, Namespace, Page, Question, Record, Why};

use super::failure::Deed;
use super::names::actor_id;
use super::view::{View, cursor, next, time};
use crate::trouble::Trouble;

/// Records of a page.
const PAGE: i32 = 50;
/// The most records that the service finds.
const MOST: usize = 100;
/// Bytes of a question that are searched for; the service takes 10,000 characters.
const QUESTION: usize = 10_000;

/// A preference, as the service writes it.
#[derive(Deserialize)]
struct Preference {
    preference: String,
}

/// What bears on a question, the most relevant first.
pub(super) async fn recall(
    view: &View,
    question: &Question<'_>,
) -> Result<Vec<Record>, MemoryError> {
    let text = question.text.trim();
    if question.most == 0 || text.is_empty() {
        return Ok(Vec::new());
    }
    let (preferences, facts) = try_join!(
        search(view, question, Namespace::Preferences),
        search(view, question, Namespace::Semantic),
    )?;
    let mut found = preferences;
    found.extend(facts);
    found.retain(|record| record.score >= question.threshold);
    found.sort_by(|one, other| {
        other.score.total_cmp(&one.score).then_with(|| other.at.cmp(&one.at))
    });
    found.truncate(question.most);
    Ok(found)
}

/// What is known of an actor.
pub(super) async fn records(
    view: &View,
    actor: &Actor,
    namespace: Namespace,
    from: Option<&str>,
) -> Result<Page<Record>, MemoryError> {
    if namespace == Namespace::Conversation {
        return Err(MemoryError::new(
            Why::NotSupported,
            "AgentCore Memory keeps what was said as events of sessions, and no records of it",
        ));
    }
    let from = cursor(from)?;
    let Some(path) = view.resource.path(namespace, &actor_id(actor)) else {
        return Ok(Page { entries: Vec::new(), next: None });
    };
    let (found, next) = part(view, &path, from, PAGE).await?;
    let mut entries = kept(view, found, namespace, &path);
    entries.sort_by(|one, other| (other.at, &other.id).cmp(&(one.at, &one.id)));
    Ok(Page { entries, next })
}

/// A part of the records of a path, as the service has them.
pub(super) async fn part(
    view: &View,
    path: &str,
    from: Option<String>,
    most: i32,
) -> Result<(Vec<MemoryRecordSummary>, Option<String>), MemoryError> {
    let request = view
        .client
        .list_memory_records()
        .memory_id(view.id())
        .namespace(path)
        .max_results(most)
        .set_next_token(from);
    let sent = Box::pin(request.send()).await;
    let answer = sent.map_err(|error| view.failed(&Trouble::of(&error), Deed::Records))?;
    let mut found = answer.memory_record_summaries;
    found.retain(|record| is_of(&record.namespaces, path));
    Ok((found, next(answer.next_token)))
}

/// Whether a record is one of that path, and not of one that begins alike.
pub(super) fn is_of(namespaces: &[String], path: &str) -> bool {
    let bare = path.trim_matches('/');
    namespaces.iter().any(|namespace| namespace.trim_matches('/') == bare)
}

async fn search(
    view: &View,
    question: &Question<'_>,
    namespace: Namespace,
) -> Result<Vec<Record>, MemoryError> {
    let Some(path) = view.resource.path(namespace, &actor_id(question.actor)) else {
        return Ok(Vec::new());
    };
    let text = question.text.trim();
    let (text, _) = text.split_at(text.floor_char_boundary(QUESTION));
    let most = i32::try_from(question.most.min(MOST)).unwrap_or_default();
    let criteria = SearchCriteria::builder().search_query(text).top_k(most).build();
    let criteria = criteria
        .map_err(|_| MemoryError::new(Why::NotSupported, "there is nothing to search for"))?;
    let request = view
        .client
        .retrieve_memory_records()
        .memory_id(view.id())
        .namespace(&path)
        .search_criteria(criteria)
        .max_results(most);
    let sent = Box::pin(request.send()).await;
    let answer = sent.map_err(|error| view.failed(&Trouble::of(&error), Deed::Search))?;
    Ok(kept(view, answer.memory_record_summaries, namespace, &path))
}

fn kept(
    view: &View,
    found: Vec<MemoryRecordSummary>,
    namespace: Namespace,
    path: &str,
) -> Vec<Record> {
    let own = found.into_iter().filter(|record| is_of(&record.namespaces, path));
    let records = own.filter_map(|record| one(record, namespace));
    records.filter(|record| record.at >= view.since).collect()
}

fn one(record: MemoryRecordSummary, namespace: Namespace) -> Option<Record> {
    let Some(MemoryContent::Text(text)) = record.content else { return None };
    #[expect(clippy::cast_possible_truncation, reason = "a score from 0 to 1")]
    let score = record.score.unwrap_or_default().clamp(0.0, 1.0) as f32;
    Some(Record {
        id: record.memory_record_id,
        namespace,
        content: words(text),
        at: time(record.timestamp.unwrap_or(record.created_at)),
        // The service does not tell.
        session: None,
        score,
    })
}

/// The words of a record: of a preference, the preference itself.
fn words(text: String) -> String {
    match serde_json::from_str(&text) {
        Ok(Preference { preference }) => preference,
        Err(_) => text,
    }
}
