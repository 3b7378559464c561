//! A model, tools, a memory and a listener that do as they are told.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::time::sleep;
use toolgate_agent_memory::{
    Actor, Asking as Remembering, Event as Was, Forget, Health, MemoryError, Namespace, Page,
    Question, Record, Role, Session, SessionSummary, Turn, Why,
};
use toolgate_agent_model::{
    Ask, Fault, Heard as Ear, Message, Model, ModelError, Provider, Thinking, Thought, ToolResult,
    Usage,
};

use super::super::*;
use crate::event::{Event, Outcome, StepKind};
use crate::tools::{Answer, Asking, Call, Failure, OnProgress, Tool};

pub(super) fn request(turn: &str, text: &str) -> Request {
    Request {
        turn: turn.to_owned(),
        actor: Actor::new("alice").unwrap(),
        session: Session::new("session").unwrap(),
        text: text.to_owned(),
        model: None,
        traceparent: None,
        request_id: "request".to_owned(),
    }
}

// === A model ===

#[derive(Debug)]
pub(super) struct FakeModel {
    script: Mutex<VecDeque<Result<Thought, ModelError>>>,
    takes: Duration,
    again: Vec<Fault>,
    asks: Mutex<Vec<(String, Vec<Message>, bool)>>,
}

impl FakeModel {
    pub(super) fn new(script: impl IntoIterator<Item = Result<Thought, ModelError>>) -> Self {
        let script = Mutex::new(script.into_iter().collect());
        Self { script, takes: Duration::ZERO, again: Vec::new(), asks: Mutex::default() }
    }

    /// Sends each request again for these reasons.
    pub(super) fn after(self, again: &[Fault]) -> Self {
        Self { again: again.to_vec(), ..self }
    }

    pub(super) fn taking(self, takes: Duration) -> Self {
        Self { takes, ..self }
    }

    pub(super) fn asked(&self) -> usize {
        self.asks.lock().unwrap().len()
    }

    pub(super) fn must_answer(&self) -> Vec<bool> {
        self.asks.lock().unwrap().iter().map(|(_, _, must)| *must).collect()
    }

    pub(super) fn messages(&self) -> Vec<Message> {
        self.asks.lock().unwrap().last().unwrap().1.clone()
    }

    pub(super) fn system(&self) -> String {
        self.asks.lock().unwrap().last().unwrap().0.clone()
    }

    pub(super) fn last_results(&self) -> Vec<ToolResult> {
        let messages = self.messages();
        match messages.last() {
            Some(Message::Results(results)) => results.clone(),
            other => panic!("{other:?}"),
        }
    }
}

impl Model for FakeModel {
    fn provider(&self) -> Provider {
        Provider::Scripted
    }

    fn think<'a>(&'a self, ask: &'a Ask<'a>, heard: &'a mut dyn Ear) -> Thinking<'a> {
        let asked = (ask.system.to_owned(), ask.messages.to_vec(), ask.must_answer);
        self.asks.lock().unwrap().push(asked);
        let next = self.script.lock().unwrap().pop_front().expect("the script goes on");
        Box::pin(async move {
            self.again.iter().for_each(|why| heard.again(*why));
            if ask.patience < self.takes {
                sleep(ask.patience).await;
                return Err(ModelError::new(Fault::TimedOut, "it takes longer"));
            }
            sleep(self.takes).await;
            let thought = next?;
            for word in thought.text.split_inclusive(' ') {
                heard.text(word);
            }
            Ok(thought)
        })
    }
}

#[derive(Debug)]
struct OneModel(Arc<FakeModel>);

impl Models for OneModel {
    fn choose(&self, key: Option<&str>) -> Result<Chosen, UnknownModel> {
        let model: Arc<dyn Model> = Arc::clone(&self.0) as _;
        match key {
            None | Some("fake") => {
                Ok(Chosen { key: "fake".into(), id: "fake-1".into(), model, max_tokens: None })
            }
            Some(key) => Err(UnknownModel { key: key.to_owned(), known: vec!["fake".into()] }),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a handful of tokens")]
    fn cost(&self, _key: &str, usage: &Usage) -> Option<f64> {
        Some(usage.total() as f64 / 1000.0)
    }
}

// === Tools ===

#[derive(Debug, Default)]
pub(super) struct FakeTools {
    tools: Vec<Tool>,
    takes: Duration,
    gone: bool,
    lists: AtomicUsize,
    called: Mutex<Vec<String>>,
    running: AtomicUsize,
    most: AtomicUsize,
    finished: AtomicUsize,
}

impl FakeTools {
    pub(super) fn new(names: &[&str]) -> Self {
        Self { tools: names.iter().map(|name| Tool::named(name)).collect(), ..Self::default() }
    }

    pub(super) fn gone() -> Self {
        Self { gone: true, ..Self::default() }
    }

    pub(super) fn taking(self, takes: Duration) -> Self {
        Self { takes, ..self }
    }

    pub(super) fn writing(mut self, name: &str) -> Self {
        self.tools.push(Tool { read_only: false, ..Tool::named(name) });
        self
    }

    pub(super) fn saying_no(mut self, name: &str) -> Self {
        self.tools.push(Tool { title: "no".into(), ..Tool::named(name) });
        self
    }

    pub(super) fn breaking(mut self, name: &str) -> Self {
        self.tools.push(Tool { title: "broken".into(), ..Tool::named(name) });
        self
    }

    pub(super) fn lists(&self) -> usize {
        self.lists.load(SeqCst)
    }

    pub(super) fn called(&self) -> Vec<String> {
        self.called.lock().unwrap().clone()
    }

    pub(super) fn most_at_once(&self) -> usize {
        self.most.load(SeqCst)
    }

    pub(super) fn cancelled(&self) -> usize {
        self.called().len() - self.finished.load(SeqCst)
    }

    async fn answer(&self, tool: &Tool) -> Result<Answer, Failure> {
        let running = self.running.fetch_add(1, SeqCst) + 1;
        self.most.fetch_max(running, SeqCst);
        sleep(self.takes).await;
        self.running.fetch_sub(1, SeqCst);
        self.finished.fetch_add(1, SeqCst);
        match tool.title.as_str() {
            "no" => Ok(Answer { text: "no such pod".into(), failed: true, ..Answer::default() }),
            "broken" => Err(failure("upstream_5xx", "target")),
            _ => Ok(Answer { text: "fine".into(), ..Answer::default() }),
        }
    }
}

fn failure(reason: &str, blame: &str) -> Failure {
    Failure {
        reason: reason.into(),
        blame: blame.into(),
        retry_safe: true,
        unknown: false,
        message: "it broke".into(),
        call_id: None,
    }
}

impl Tools for FakeTools {
    fn list(&self) -> Asking<'_, Result<Arc<Listed>, Failure>> {
        self.lists.fetch_add(1, SeqCst);
        let listed = Listed { tools: self.tools.clone(), ..Listed::default() };
        let gone = self.gone;
        Box::pin(async move {
            if gone { Err(failure("connect_refused", "network")) } else { Ok(Arc::new(listed)) }
        })
    }

    fn call<'a>(
        &'a self,
        call: Call<'a>,
        _: OnProgress<'a>,
    ) -> Asking<'a, Result<Answer, Failure>> {
        self.called.lock().unwrap().push(call.tool.to_owned());
        let tool = self.tools.iter().find(|tool| tool.name == call.tool).expect("it is listed");
        Box::pin(self.answer(tool))
    }
}

// === A memory ===

#[derive(Debug, Default)]
pub(super) struct FakeMemory {
    takes: Duration,
    writing: Duration,
    known: Option<String>,
    turns: Mutex<Vec<Turn>>,
}

impl FakeMemory {
    pub(super) fn taking(self, takes: Duration) -> Self {
        Self { takes, ..self }
    }

    pub(super) fn writing_takes(self, writing: Duration) -> Self {
        Self { writing, ..self }
    }

    pub(super) fn knowing(self, words: &str) -> Self {
        Self { known: Some(words.to_owned()), ..self }
    }

    pub(super) fn turns(&self) -> Vec<Turn> {
        self.turns.lock().unwrap().clone()
    }
}

fn none<T>() -> Result<T, MemoryError> {
    Err(MemoryError::new(Why::NotSupported, "not here"))
}

impl Memory for FakeMemory {
    fn backend(&self) -> &'static str {
        "fake"
    }

    fn recall<'a>(&'a self, _: &'a Question<'a>) -> Remembering<'a, Vec<Record>> {
        Box::pin(async move {
            sleep(self.takes).await;
            let known = self.known.iter().filter(|_| !self.turns().is_empty());
            let record = |content: &String| Record {
                id: "1".into(),
                namespace: Namespace::Semantic,
                content: content.clone(),
                at: SystemTime::now(),
                session: None,
                score: 1.0,
            };
            Ok(known.map(record).collect())
        })
    }

    fn remember<'a>(&'a self, turn: &'a Turn) -> Remembering<'a, ()> {
        Box::pin(async move {
            sleep(self.writing).await;
            self.turns.lock().unwrap().push(turn.clone());
            Ok(())
        })
    }

    fn events<'a>(
        &'a self,
        _: &'a Actor,
        _: &'a Session,
        _: Option<&'a str>,
    ) -> Remembering<'a, Page<Was>> {
        let both = |turn: &Turn| {
            [(Role::User, &turn.asked), (Role::Assistant, &turn.answered)].map(|(role, text)| Was {
                id: turn.id.clone(),
                turn: turn.id.clone(),
                role,
                text: text.clone(),
                at: turn.at,
                tools: Vec::new(),
                took: None,
                model: None,
            })
        };
        let entries = self.turns().iter().flat_map(both).collect();
        Box::pin(async move { Ok(Page { entries, next: None }) })
    }

    fn sessions<'a>(
        &'a self,
        _: &'a Actor,
        _: Option<&'a str>,
    ) -> Remembering<'a, Page<SessionSummary>> {
        Box::pin(async { none() })
    }

    fn records<'a>(
        &'a self,
        _: &'a Actor,
        _: Namespace,
        _: Option<&'a str>,
    ) -> Remembering<'a, Page<Record>> {
        Box::pin(async { none() })
    }

    fn forget<'a>(&'a self, _: &'a Actor, _: &'a Forget) -> Remembering<'a, u64> {
        Box::pin(async { none() })
    }

    fn health(&self) -> Health {
        Health { ok: true, ..Health::default() }
    }
}

// === Whoever listens ===

#[derive(Debug, Default)]
pub(super) struct Heard {
    events: Mutex<Vec<Event>>,
    stops: Option<Duration>,
    allows: Option<(bool, Duration)>,
}

impl Heard {
    pub(super) fn stopping_after(self, stops: Duration) -> Self {
        Self { stops: Some(stops), ..self }
    }

    pub(super) fn answering(self, allow: bool, after: Duration) -> Self {
        Self { allows: Some((allow, after)), ..self }
    }

    pub(super) fn approvals(&self) -> Vec<String> {
        self.all(|event| {
            let Event::Approval { tool, .. } = event else { return None };
            Some(tool.clone())
        })
    }

    pub(super) fn notes(&self) -> Vec<String> {
        self.all(|event| {
            let Event::StepEnd(end) = event else { return None };
            end.note.clone()
        })
    }

    pub(super) fn degraded(&self) -> Vec<String> {
        self.all(|event| {
            let Event::Degraded { says, .. } = event else { return None };
            Some(says.clone())
        })
    }

    pub(super) fn text(&self) -> String {
        let deltas = self.all(|event| {
            let Event::Text { delta } = event else { return None };
            Some(delta.clone())
        });
        deltas.concat()
    }

    /// Each part ends once, the turn begins first and ends last.
    pub(super) fn every_step_has_ended(&self) {
        let began = self.all(|event| {
            let Event::StepStart { step, .. } = event else { return None };
            Some(*step)
        });
        let mut ended = self.all(|event| {
            let Event::StepEnd(end) = event else { return None };
            Some(end.step)
        });
        ended.sort_unstable();
        assert_eq!(began, ended);
        let events = self.events.lock().unwrap();
        assert!(matches!(events.first(), Some(Event::TurnStart { .. })));
        assert!(matches!(events.last(), Some(Event::TurnEnd(_))));
    }

    fn all<T>(&self, pick: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        self.events.lock().unwrap().iter().filter_map(pick).collect()
    }
}

impl Talk for Heard {
    fn say(&self, event: Event) {
        self.events.lock().unwrap().push(event);
    }

    fn stopped(&self) -> Waiting<'_, ()> {
        Box::pin(async {
            match self.stops {
                Some(after) => sleep(after).await,
                None => pending().await,
            }
        })
    }

    fn approve(&self, _: u32) -> Waiting<'_, bool> {
        Box::pin(async {
            let (allow, after) = self.allows.expect("somebody is asked");
            sleep(after).await;
            allow
        })
    }
}

// === Whoever counts ===

#[derive(Debug, Default)]
struct Counts;

impl Watcher for Counts {
    fn begin(&self, _: Option<&str>) -> Place {
        Place { trace: "1".repeat(32), span: "2".repeat(16), parent: None, sampled: true }
    }

    fn active(&self) -> Active {
        Box::new(())
    }

    fn listed(&self, _: &[Tool]) {}

    fn step(&self, step: &Step) {
        let is_whole = step.reply.is_some() || step.outcome != Outcome::Ok;
        assert!(step.kind != StepKind::Model || is_whole);
    }

    fn ended(&self, _: &Report) {}

    fn remembered(&self, _: &Place, _: Duration, reason: Option<&str>) {
        assert_eq!(reason, None);
    }

    fn lost(&self) {
        panic!("nothing is lost");
    }
}

// === All of it ===

pub(super) struct Set {
    pub(super) model: Arc<FakeModel>,
    pub(super) memory: Option<Arc<FakeMemory>>,
    pub(super) settings: Settings,
    tools: Option<Arc<FakeTools>>,
}

impl Set {
    pub(super) fn new(model: FakeModel) -> Self {
        let model = Arc::new(model);
        Self { model, memory: None, settings: Settings::default(), tools: None }
    }

    pub(super) fn with(self, tools: FakeTools) -> Self {
        Self { tools: Some(Arc::new(tools)), ..self }
    }

    pub(super) fn tools(&self) -> &FakeTools {
        self.tools.as_deref().unwrap()
    }

    pub(super) fn memory(self, memory: FakeMemory) -> Self {
        Self { memory: Some(Arc::new(memory)), ..self }
    }

    pub(super) fn agent(&self) -> Agent {
        let memory = self.memory.as_ref().map(|memory| Arc::clone(memory) as Arc<dyn Memory>);
        let tools = self.tools.as_ref().map(|tools| Arc::clone(tools) as Arc<dyn Tools>);
        Agent::new(Parts {
            models: Arc::new(OneModel(Arc::clone(&self.model))),
            tools,
            memory,
            watcher: Arc::new(Counts),
            settings: self.settings.clone(),
        })
    }

    pub(super) async fn turn(&self, text: &str, heard: &Heard) -> Report {
        let agent = self.agent();
        let chosen = agent.choose(None).unwrap();
        let report = agent.turn(&request("turn", text), &chosen, heard).await;
        agent.drained().await;
        report
    }
}
