//! `GET /ws`: the same turns over a WebSocket (AgentCore Runtime, bidirectional).
//!
//! In: `{"type": "ask" | "stop" | "approve", …}`. Out: events, the first with the turn's id. Never: a
//! turn that goes on after the socket has closed; two turns at a time on one socket.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;
use toolgate_agent_memory::Actor;

use super::problem::Problem;
use super::runtime::{About, begin, session};
use super::stream::Stop;
use super::{Served, door};
use crate::turns::Running;

/// Bytes of a message.
const LARGEST: usize = 256 << 10;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Said {
    Ask { text: String, session: Option<String>, model: Option<String> },
    Stop,
    Approve { step: u32, yes: bool },
}

pub(super) async fn upgrade(
    State(shared): State<Served>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Problem> {
    let actor = door::actor(&shared, &headers).await?;
    let upgrade = upgrade.max_message_size(LARGEST);
    Ok(upgrade.on_upgrade(move |socket| talk(shared, actor, headers, socket)).into_response())
}

/// The turn that goes on, and how far it was told.
struct Going {
    turn: Arc<Running>,
    from: usize,
    _stop: Stop,
}

async fn talk(shared: Served, actor: Actor, headers: HeaderMap, mut socket: WebSocket) {
    let mut going: Option<Going> = None;
    loop {
        tokio::select! {
            said = socket.recv() => {
                let Some(Ok(said)) = said else { return };
                let Message::Text(text) = said else { continue };
                if let Err(says) = heard(&shared, (&actor, &headers), text.as_str(), &mut going) {
                    let told = json!({ "type": "error", "says": says }).to_string();
                    if socket.send(Message::Text(told.into())).await.is_err() {
                        return;
                    }
                }
            }
            more = next(going.as_ref()) => {
                let Some(more) = more else { going = None; continue };
                for (nth, event) in more {
                    if socket.send(Message::Text(event.as_ref().into())).await.is_err() {
                        return;
                    }
                    if let Some(going) = &mut going {
                        going.from = nth + 1;
                    }
                }
            }
        }
    }
}

async fn next(going: Option<&Going>) -> Option<Vec<(usize, Arc<str>)>> {
    match going {
        Some(going) => going.turn.next(going.from).await,
        None => std::future::pending().await,
    }
}

fn heard(
    shared: &Served,
    (actor, headers): (&Actor, &HeaderMap),
    text: &str,
    going: &mut Option<Going>,
) -> Result<(), String> {
    let said: Said = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match (said, &going) {
        (Said::Ask { .. }, Some(_)) => Err("a turn goes on: stop it first".to_owned()),
        (Said::Ask { text, session: named, model }, None) => {
            let session = session(&HeaderMap::new(), named.as_deref()).map_err(|it| it.says())?;
            let model = model.as_deref();
            let about = About { headers, session, model, asks: true };
            let turn = begin(shared, actor.clone(), text, about).map_err(|it| it.says())?;
            *going = Some(Going { _stop: Stop(Arc::clone(&turn)), turn, from: 0 });
            Ok(())
        }
        (Said::Stop, Some(going)) => {
            going.turn.stop();
            Ok(())
        }
        (Said::Approve { step, yes }, Some(going)) if going.turn.answer(step, yes) => Ok(()),
        (Said::Stop | Said::Approve { .. }, _) => Err("nothing waits for that".to_owned()),
    }
}
