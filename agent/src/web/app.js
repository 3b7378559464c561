// The page: who asks, in which session, of which model; and what is on the screen.
import { announce, byId, el, visible } from "./dom.js";
import { drawMemory, drawTools, more } from "./panel.js";
import { Refused, follow, get, post, remove } from "./server.js";
import { drawSessions, listenToFind } from "./sessions.js";
import { Turn, earlier } from "./turn.js";
import { drawTheme, followEnd, forgetVisit, keep, kept, stayAtEnd, toEnd } from "./view.js";

const state = { actor: null, session: null, about: null, turn: null, id: null, leaving: null };

// === Small things ===

function notice(text) {
  byId("notice").textContent = text ? visible(text) : "";
}

/** Does it; a refusal is told on the page, and gives null. */
async function tried(work) {
  try {
    return (await work()) ?? true;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) showSignIn();
    else notice(error.requestId ? `${error.message} (request ${error.requestId})` : error.message);
    return null;
  }
}

function newSession() {
  return `session-${crypto.randomUUID()}`;
}

function traceLink(trace) {
  const template = state.about?.trace_url;
  return template && trace ? template.replace("{trace}", trace) : null;
}

// === The panel ===

const isDrawer = () => byId("menu").offsetParent !== null;

function togglePanel(open) {
  byId("panel").classList.toggle("open", open);
  byId("menu").setAttribute("aria-expanded", String(open));
  // What lies behind the drawer is out of reach while it is open.
  document.querySelector(".stage").inert = open;
  if (open) byId("new").focus();
}

byId("menu").addEventListener("click", () => togglePanel(!byId("panel").classList.contains("open")));
addEventListener("resize", () => { if (!isDrawer()) togglePanel(false); });

/** Draws a part of the panel; a refusal is told in its place, and gives null. */
async function inPanel(id, draw) {
  try {
    return await draw();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) {
      showSignIn();
      return null;
    }
    const again = el("button", { type: "button", class: "plain", text: "Try again", onclick: () => inPanel(id, draw) });
    byId(id).replaceChildren(el(byId(id).localName === "ul" ? "li" : "div", { class: "unread" }, el("p", { text: visible(error.message) }), again));
    return null;
  }
}

const drawn = {
  sessions: () => inPanel("sessions", () => drawSessions({ current: state.session, memory: state.about?.memory, archive: state.about?.archive, open, forget, tried, drawn: drawn.sessions })),
  tools: () => inPanel("tools", drawTools),
  memory: () => inPanel("memory", () => drawMemory({ memory: state.about?.memory, tried, forgotten })),
};
listenToFind(drawn.sessions);

/** A turn is written down after it was answered: the list is looked at until it has it. */
async function remembered(session, before) {
  for (let tries = 1; tries <= 5; tries += 1) {
    const turns = await drawn.sessions();
    if (turns === null || turns > before || !state.about?.memory || state.session !== session) break;
    await new Promise((resolve) => setTimeout(resolve, 100 * tries));
  }
  await drawn.memory();
}

async function forget(session) {
  const done = await tried(() => remove(`/api/sessions/${encodeURIComponent(session)}`));
  if (done && session === state.session) begin();
  await Promise.all([drawn.sessions(), drawn.memory()]);
  return done;
}

async function forgotten(everything) {
  if (everything) begin();
  await Promise.all([drawn.sessions(), drawn.memory()]);
}

// === Sessions ===

/** The page shows another session from now on; a turn goes on without it. */
function leave(session) {
  state.leaving?.abort();
  Object.assign(state, { session, turn: null, id: null, leaving: null });
  history.replaceState(null, "", `#${encodeURIComponent(session)}`);
  byId("log").replaceChildren();
  notice("");
  drawSend();
  togglePanel(false);
}

function begin() {
  leave(newSession());
  byId("welcome").hidden = false;
  byId("question").focus();
  for (const node of document.querySelectorAll(".session[aria-current]")) node.removeAttribute("aria-current");
}

byId("new").addEventListener("click", begin);

/** Puts a page of a session's turns, the newest first, above those that are there. */
async function drawHistory(session, from) {
  const query = from ? `?from=${encodeURIComponent(from)}` : "";
  const data = await tried(() => get(`/api/sessions/${encodeURIComponent(session)}/events${query}`));
  if (!data || state.session !== session) return false;
  const turns = new Map();
  for (const event of data.events) {
    const turn = turns.get(event.turn) ?? {};
    if (event.role === "USER") turn.asked = event;
    else turn.answered = event;
    turns.set(event.turn, turn);
  }
  const nodes = [...turns.values()].map((turn) => earlier(turn.asked, turn.answered, { retry: retry(turn.asked?.text ?? ""), traceLink }));
  if (data.next) nodes.unshift(more("Earlier turns", () => drawHistory(session, data.next)));
  byId("log").prepend(...nodes);
  return true;
}

async function open(session) {
  leave(session);
  if (!(await drawHistory(session))) return;
  byId("welcome").hidden = byId("log").childElementCount > 0;
  byId("question").focus();
  toEnd();
  again();
  await drawn.sessions();
}

/** The session of the address; what the skip link leads to is none. */
function named() {
  try {
    const name = decodeURIComponent(location.hash.slice(1));
    return name === "question" ? null : name || null;
  } catch {
    return null;
  }
}

addEventListener("hashchange", () => {
  const session = named();
  if (session && session !== state.session) open(session);
});

// === A turn ===

function drawSend() {
  const going = state.turn !== null;
  byId("send").textContent = going ? "Stop" : "Send";
  byId("send").classList.toggle("primary", !going);
  byId("send").classList.toggle("danger", going);
}

async function ask(text) {
  notice("");
  const model = byId("model").value || undefined;
  const begun = await tried(() => post("/api/turns", { text, session: state.session, model }));
  if (!begun) return false;
  byId("question").focus();
  show(text, begun.turn);
  return true;
}

const retry = (text) => () => { if (!state.turn) ask(text); };

async function show(text, id) {
  const session = state.session;
  const turn = new Turn(text, {
    approve: (step, yes) => tried(() => post(`/api/turns/${encodeURIComponent(id)}/approve`, { step, yes })),
    retry: retry(text),
    traceLink,
  });
  const leaving = new AbortController();
  Object.assign(state, { turn, id, leaving });
  keep(sessionStorage, session, JSON.stringify({ id, text }));
  const known = drawn.sessions();
  byId("welcome").hidden = true;
  byId("log").querySelector(`[data-turn="${CSS.escape(id)}"]`)?.remove();
  byId("log").append(turn.node);
  drawSend();
  announce("thinking");
  followEnd();
  const ended = await tried(() => follow(id, (event) => turn.heard(event), leaving.signal));
  if (leaving.signal.aborted) {
    turn.halt();
    return;
  }
  if (ended === false) turn.lost();
  // Who has to sign in again finds it still going on.
  if (ended !== null) keep(sessionStorage, session, null);
  Object.assign(state, { turn: null, id: null, leaving: null });
  drawSend();
  if (ended === null) turn.halt();
  else await remembered(session, await known);
}

/** A turn of this session that went on when the page was left. */
function again() {
  const left = JSON.parse(kept(sessionStorage, state.session) ?? "null");
  if (left) show(left.text, left.id);
}

async function stop() {
  if (!state.id) return;
  announce("stopping");
  await tried(() => post(`/api/turns/${encodeURIComponent(state.id)}/stop`));
}

byId("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (state.turn) {
    await stop();
    byId("question").focus();
    return;
  }
  const box = byId("question");
  const text = box.value.trim();
  if (!text) return;
  box.value = "";
  grow();
  if (!(await ask(text)) && !box.value) box.value = text;
});

/** The box is as high as its words, to a point. */
function grow() {
  const box = byId("question");
  box.rows = 1;
  const line = 24;
  const lines = Math.floor((box.scrollHeight - 12) / line);
  box.rows = Math.min(8, Math.max(1, lines));
  stayAtEnd();
}

// The address names the session, so the skip link does not go into it.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("question").focus();
});
byId("model").addEventListener("change", () => keep(localStorage, "model", byId("model").value));
byId("question").addEventListener("input", grow);
byId("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    if (!state.turn) byId("ask").requestSubmit();
  }
});

function walk(key) {
  const all = [...document.querySelectorAll(".turn")];
  const at = all.findIndex((node) => node.contains(document.activeElement));
  const next = key === "ArrowUp" ? (at < 0 ? all.length : at) - 1 : at + 1;
  all[next]?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    if (byId("panel").classList.contains("open")) {
      togglePanel(false);
      byId("menu").focus();
    } else {
      stop();
    }
  } else if (event.key === "/" && !["TEXTAREA", "INPUT", "SELECT"].includes(document.activeElement?.tagName)) {
    event.preventDefault();
    byId("question").focus();
  } else if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    walk(event.key);
    event.preventDefault();
  }
});

// === Signing in ===

function showSignIn() {
  byId("sign-in").hidden = false;
  // Whoever was signed in has come to the end of the token.
  byId("ended").hidden = state.actor === null;
  byId("question").blur();
  byId("welcome").hidden = true;
  document.body.classList.add("nobody");
  byId("token").focus();
}

byId("sign-in-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  notice("");
  const button = byId("sign-in-form").querySelector("button");
  button.disabled = true;
  try {
    await post("/api/sign-in", { token: byId("token").value });
  } catch (error) {
    const help = error.status === 401 ? ". Get a new access token from the gateway's issuer and paste all of it, without “Bearer”; of a running “toolgate dev”, “toolgate token” prints one." : "";
    notice(error.message + help);
    byId("token").select();
    return;
  } finally {
    button.disabled = false;
  }
  byId("token").value = "";
  await start();
});

byId("sign-out").addEventListener("click", async () => {
  if (!(await tried(() => post("/api/sign-out")))) return;
  forgetVisit();
  location.reload();
});

// === The beginning ===

function drawModels(models) {
  const wanted = kept(localStorage, "model");
  const chosen = models.find((model) => model.key === wanted) ?? models.find((model) => model.default);
  byId("model").replaceChildren(...models.map((model) =>
    el("option", { value: model.key, selected: model === chosen, title: model.id, text: visible(model.name) })));
}

async function start() {
  drawTheme();
  const who = await tried(() => get("/api/whoami"));
  if (!who) return;
  if (!who.actor) {
    showSignIn();
    return;
  }
  // What somebody else asked, or was about to ask, is theirs.
  const isOther = state.actor !== null && state.actor !== who.actor;
  if (isOther) {
    byId("question").value = "";
    begin();
  }
  state.actor = who.actor;
  byId("sign-in").hidden = true;
  document.body.classList.remove("nobody");
  state.about = { ...who.about, memory: who.memory, archive: who.archive, trace_url: who.trace_url };
  byId("find").hidden = !who.archive;
  byId("sign-out").hidden = who.open;
  byId("examples").replaceChildren(...who.examples.map((text) => el("li", {},
    el("button", { type: "button", text: visible(text), onclick: () => { if (!state.turn) ask(text); } }))));
  const models = await tried(() => get("/api/models"));
  if (models) drawModels(models.models);
  const session = isOther ? null : named();
  if (session) await open(session);
  else begin();
  await Promise.all([drawn.sessions(), drawn.tools(), drawn.memory()]);
}

start();
