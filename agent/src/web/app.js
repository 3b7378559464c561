// The page: who asks, in which session, of which model; and what is on the screen.
import { announce, byId, el, visible } from "./dom.js";
import { Refused, follow, get, post, remove } from "./server.js";
import { Turn, earlier } from "./turn.js";

const state = { session: null, turn: null, id: null, about: null, following: true };

// === Small things ===

function notice(text) {
  byId("notice").textContent = text ? visible(text) : "";
}

async function tried(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) showSignIn();
    else notice(error.message);
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

// === Theme ===

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function drawTheme() {
  byId("theme").textContent = isDark() ? "Light" : "Dark";
}

byId("theme").addEventListener("click", () => {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // Then it is for this visit alone.
  }
  drawTheme();
});

// === The panel ===

function togglePanel(open) {
  byId("panel").classList.toggle("open", open);
  byId("menu").setAttribute("aria-expanded", String(open));
  if (open) byId("new").focus();
}

byId("menu").addEventListener("click", () => togglePanel(!byId("panel").classList.contains("open")));

async function drawSessions() {
  const data = await tried(() => get("/api/sessions"));
  if (!data) return;
  const items = data.sessions.map((it) => el("li", {},
    el("button", { type: "button", class: "session", "aria-current": it.session === state.session ? "true" : undefined, onclick: () => open(it.session) },
      el("span", { text: visible(it.title || "untitled") }), el("small", { text: `${it.last.slice(0, 10)}, ${it.turns} turn${it.turns === 1 ? "" : "s"}` })),
    el("button", { type: "button", class: "small", "aria-label": `Delete session: ${visible(it.title)}`, text: "×", onclick: () => forget(it.session) })));
  byId("sessions").replaceChildren(...(items.length ? items : [el("li", { class: "empty", text: state.about?.memory ? "none yet" : "memory is off: sessions are not kept" })]));
}

async function forget(session) {
  await tried(() => remove(`/api/sessions/${encodeURIComponent(session)}`));
  if (session === state.session) begin();
  await drawSessions();
}

async function drawTools() {
  const data = await tried(() => get("/api/tools"));
  if (!data) return;
  const nodes = data.targets.map((target) => el("details", { class: "target" },
    el("summary", { text: `${visible(target.name || "tools")} (${target.tools.length})` }),
    el("ul", {}, ...target.tools.map((tool) => el("li", {},
      el("code", { text: visible(tool.name) }), tool.read_only ? "" : el("em", { text: " changes things" }),
      el("small", { text: visible(tool.description.split("\n")[0].slice(0, 140)) }))))));
  if (data.problem) nodes.push(el("p", { class: "degraded", text: visible(data.problem) }));
  if (data.missing.length) nodes.push(el("p", { class: "degraded", text: `not there: ${data.missing.map(visible).join(", ")}` }));
  byId("tools").replaceChildren(...nodes);
  const count = data.targets.reduce((sum, target) => sum + target.tools.length, 0);
  byId("capabilities").textContent = count
    ? `It can use ${count} tools of ${data.targets.map((target) => visible(target.name)).join(", ")}, through the gateway.`
    : "There are no tools now: it answers from what it knows.";
  byId("health").textContent = data.problem ? "gateway down" : `${count} tools`;
  byId("health").className = data.problem ? "health bad" : "health";
}

async function drawMemory() {
  if (!state.about?.memory) {
    byId("memory").replaceChildren(el("p", { class: "empty", text: "switched off" }));
    return;
  }
  const data = await tried(() => get("/api/memory"));
  if (!data) return;
  const items = data.records.map((record) => el("li", {},
    el("span", { text: visible(record.content) }), el("small", { text: `${record.namespace}, ${record.at.slice(0, 10)}` }),
    el("button", { type: "button", class: "small", "aria-label": `Forget: ${visible(record.content)}`, text: "×",
      onclick: async () => { await tried(() => remove(`/api/memory/${encodeURIComponent(record.id)}`)); await drawMemory(); } })));
  const clear = el("button", { type: "button", class: "wide", text: "Forget everything", onclick: async () => {
    if (!confirm("Forget every session and everything that is known about you?")) return;
    await tried(() => remove("/api/memory"));
    begin();
    await Promise.all([drawSessions(), drawMemory()]);
  } });
  byId("memory").replaceChildren(items.length ? el("ul", {}, ...items) : el("p", { class: "empty", text: "nothing yet" }), clear);
}

// === Sessions ===

function begin() {
  state.session = newSession();
  history.replaceState(null, "", `#${state.session}`);
  byId("log").replaceChildren();
  byId("welcome").hidden = false;
  byId("title").textContent = "DevOps agent";
  togglePanel(false);
  byId("question").focus();
}

byId("new").addEventListener("click", begin);

async function open(session) {
  state.session = session;
  history.replaceState(null, "", `#${session}`);
  const data = await tried(() => get(`/api/sessions/${encodeURIComponent(session)}/events`));
  byId("log").replaceChildren();
  if (!data) return;
  const turns = new Map();
  for (const event of data.events) {
    const turn = turns.get(event.turn) ?? {};
    if (event.role === "USER") turn.asked = event;
    else turn.answered = event;
    turns.set(event.turn, turn);
  }
  byId("log").append(...[...turns.values()].map((turn) => earlier(turn.asked, turn.answered)));
  byId("welcome").hidden = turns.size > 0;
  togglePanel(false);
  await drawSessions();
  byId("end").scrollIntoView();
}

// === A turn ===

function drawSend() {
  const going = state.turn !== null;
  byId("send").textContent = going ? "Stop" : "Send";
  byId("send").classList.toggle("stop", going);
}

async function ask(text) {
  notice("");
  const model = byId("model").value || undefined;
  const begun = await tried(() => post("/api/turns", { text, session: state.session, model }));
  if (!begun) return false;
  await show(text, begun.turn);
  return true;
}

async function show(text, id) {
  const turn = new Turn(text, {
    approve: (step, yes) => tried(() => post(`/api/turns/${encodeURIComponent(id)}/approve`, { step, yes })),
    retry: () => { if (!state.turn) ask(text); },
    traceLink,
  });
  state.turn = turn;
  state.id = id;
  try {
    sessionStorage.setItem("turn", JSON.stringify({ id, text, session: state.session }));
  } catch {
    // Then it is not found again after a reload.
  }
  byId("welcome").hidden = true;
  byId("log").append(turn.node);
  drawSend();
  announce("thinking");
  state.following = true;
  byId("end").scrollIntoView();
  const ended = await follow(id, (event) => turn.heard(event), () => state.id === id);
  if (!ended) turn.lost();
  if (state.id === id) {
    state.turn = null;
    state.id = null;
    sessionStorage.removeItem("turn");
    drawSend();
  }
  await Promise.all([drawSessions(), drawMemory()]);
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

function grow() {
  const box = byId("question");
  box.rows = Math.min(8, Math.max(1, box.value.split("\n").length));
}

byId("question").addEventListener("input", grow);
byId("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    if (!state.turn) byId("ask").requestSubmit();
  }
});

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
    const all = [...document.querySelectorAll(".turn")];
    const at = all.findIndex((node) => node.contains(document.activeElement));
    const next = event.key === "ArrowUp" ? (at < 0 ? all.length : at) - 1 : at + 1;
    all[next]?.focus();
    event.preventDefault();
  }
});

// === Following the end ===

new IntersectionObserver(([entry]) => {
  if (entry.isIntersecting) state.following = true;
  byId("follow").hidden = entry.isIntersecting;
}).observe(byId("end"));
document.addEventListener("wheel", (event) => { if (event.deltaY < 0) state.following = false; }, { passive: true });
new MutationObserver(() => { if (state.following && state.turn) byId("end").scrollIntoView(); }).observe(byId("log"), { childList: true, subtree: true });
byId("follow").addEventListener("click", () => { state.following = true; byId("end").scrollIntoView(); });

// === Signing in ===

function showSignIn() {
  byId("sign-in").hidden = false;
  byId("welcome").hidden = true;
  byId("ask").hidden = true;
  byId("token").focus();
}

byId("sign-in-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  notice("");
  try {
    await post("/api/sign-in", { token: byId("token").value });
  } catch (error) {
    notice(error.message);
    return;
  }
  byId("token").value = "";
  byId("sign-in").hidden = true;
  byId("ask").hidden = false;
  await start();
});

byId("sign-out").addEventListener("click", async () => {
  await tried(() => post("/api/sign-out"));
  location.reload();
});

// === The beginning ===

async function start() {
  drawTheme();
  const who = await tried(() => get("/api/whoami"));
  if (!who) return;
  if (!who.actor) {
    showSignIn();
    return;
  }
  state.about = { ...who.about, memory: who.memory, trace_url: who.trace_url };
  byId("sign-out").hidden = who.open;
  byId("examples").replaceChildren(...who.examples.map((text) => el("li", {},
    el("button", { type: "button", text: visible(text), onclick: () => { if (!state.turn) ask(text); } }))));
  const models = await tried(() => get("/api/models"));
  if (models) {
    byId("model").replaceChildren(...models.models.map((model) => el("option", { value: model.key, selected: model.default, text: visible(model.name) })));
  }
  const named = location.hash.slice(1);
  if (named) await open(named);
  else begin();
  await Promise.all([drawSessions(), drawTools(), drawMemory()]);
  await again();
}

/** A turn that went on when the page was left. */
async function again() {
  let left = null;
  try {
    left = JSON.parse(sessionStorage.getItem("turn"));
  } catch {
    return;
  }
  if (left && left.session === state.session) await show(left.text, left.id);
}

start();
