// A part of a turn: memory, the model, a tool; with its own time.
import { duration, el, pre, visible } from "./dom.js";

const SIGNS = { ok: "●", tool_error: "▲", failed: "■", denied: "◆", cancelled: "○", unknown: "?" };
const WORDS = { ok: "done", tool_error: "tool said no", failed: "failed", denied: "not allowed", cancelled: "stopped", unknown: "outcome unknown" };
const RUNNING = { memory: "looking", model: "thinking", tool: "running" };

/** The longest name that has room in its column. */
const SHORT = 23;

export class Step {
  constructor(event, isPast = false) {
    this.event = event;
    this.isPast = isPast;
    this.ms = 0;
    this.outcome = null;
    this.sign = el("span", { class: "sign", "aria-hidden": "true", text: "◐" });
    this.clock = el("span", { class: "time" });
    this.note = el("span", { class: "note", text: RUNNING[event.kind] });
    const isLong = event.name.length > SHORT;
    const head = el("span", { class: isLong ? "step-head long" : "step-head" }, this.sign,
      el("span", { class: "kind", text: event.kind }),
      el("span", { class: "name", text: visible(event.name) }),
      this.clock, this.note);
    this.body = el("div", { class: "step-body" });
    if (event.arguments && Object.keys(event.arguments).length > 0) {
      this.body.append(el("h4", { text: "Arguments" }), pre(JSON.stringify(event.arguments, null, 2)));
    }
    this.box = el("details", { class: "step" }, el("summary", {}, head), this.body);
    this.node = el("li", { class: `is-${event.kind}` }, this.box);
    if (isPast) return;
    const since = performance.now();
    this.ticking = setInterval(() => this.tick(performance.now() - since), 200);
  }

  /** What it waits for is said soon, how long it may take a little later. */
  tick(passed) {
    if (passed < 400) return;
    // Every tick has as many digits: it does not jump.
    this.clock.textContent = passed < 1000 ? duration(passed) : `${(passed / 1000).toFixed(1)} s`;
    const limit = this.event.limit_ms;
    if (passed > 2000 && limit && !this.said) this.note.textContent = `${RUNNING[this.event.kind]}, at most ${duration(limit)}`;
  }

  progress(event) {
    if (!event.message) return;
    this.said = true;
    this.note.textContent = visible(event.message);
  }

  /** It waits for the user, and `tick` has nothing to add to that. */
  asks() {
    this.said = true;
    this.note.textContent = "waits for your word";
  }

  ended(event) {
    this.rest();
    this.outcome = event.outcome;
    this.ms = event.ms;
    this.call = event.call_id;
    this.node.classList.add(`ended-${event.outcome}`);
    this.sign.textContent = SIGNS[event.outcome] ?? "?";
    this.clock.textContent = duration(event.ms);
    this.tell(event);
    if (event.outcome !== "ok") {
      this.box.open = this.event.kind === "tool";
      if (event.retry_safe !== null) {
        this.body.append(el("p", { text: event.retry_safe ? "The same may be tried again." : "Do not repeat it without looking: it may have been carried out." }));
      }
    }
    if (event.result) this.body.append(el("h4", { text: "Result, as the tool gave it" }), pre(event.result));
    else if (!this.isPast && event.outcome === "ok" && this.event.kind === "tool") this.body.append(el("p", { text: "It gave no text." }));
    if (event.ledger) this.body.append(el("h4", { text: "Where the time went at the gateway" }), ...ledger(event.ledger));
    if (event.call_id) this.body.append(el("p", {}, "call ", el("code", { text: visible(event.call_id) })));
    if (this.isPast && this.event.kind === "tool") this.body.append(el("p", { text: "What it was asked and what it gave are not kept." }));
    if (!this.body.hasChildNodes()) this.body.append(el("p", { text: "There is nothing more to tell." }));
  }

  tell(event) {
    const why = [event.reason, event.blame && `blame ${event.blame}`].filter(Boolean).join(", ");
    const word = event.outcome === "ok" ? "" : `${WORDS[event.outcome]}${why ? ` (${why})` : ""}`;
    const said = [word, event.note].filter(Boolean).join(": ");
    this.note.textContent = visible(said || WORDS.ok);
    this.note.classList.toggle("plain", !said);
  }

  /** Its clock stands still from now on. */
  rest() {
    clearInterval(this.ticking);
  }
}

/** Phases that took time, by size; attempts only where there is more than one. */
function ledger(told) {
  const phases = Object.entries(told.phases_ms ?? {}).filter(([, ms]) => ms > 0).sort((a, b) => b[1] - a[1]);
  const total = typeof told.total_ms === "number" ? [["total", told.total_ms]] : [];
  const nodes = [];
  if (phases.length > 0) {
    nodes.push(el("dl", { class: "phases" }, ...[...total, ...phases].map(([name, ms]) =>
      el("div", {}, el("dt", { text: visible(name) }), el("dd", { text: exact(ms) })))));
  }
  if (phases.length === 0 || told.attempts?.length > 1) nodes.push(pre(JSON.stringify(told, null, 1)));
  return nodes;
}

const exact = (ms) => (ms < 10 ? `${ms.toFixed(2)} ms` : duration(ms));
