// One question and its answer, as it happens.
import { announce, duration, el, visible } from "./dom.js";
import { render } from "./markdown.js";

const SIGNS = { ok: "●", tool_error: "▲", failed: "■", denied: "◆", cancelled: "○", unknown: "?" };
const WORDS = { ok: "done", tool_error: "tool said no", failed: "failed", denied: "not allowed", cancelled: "stopped", unknown: "outcome unknown" };
const PARTS = [
  ["memory_retrieval_ms", "memory", "memory"],
  ["llm_inference_ms", "model", "model"],
  ["tool_execution_ms", "tools", "tool"],
  ["approval_ms", "you", "you"],
  ["overhead_ms", "agent", "agent"],
];

/** A turn on the page. `acts` is what its buttons do: approve(step, yes), retry(). */
export class Turn {
  constructor(question, acts) {
    this.question = question;
    this.acts = acts;
    this.text = "";
    this.steps = new Map();
    this.answer = el("div", { class: "answer" });
    this.list = el("ol", { class: "steps" });
    this.summary = el("summary", { text: "working" });
    this.details = el("details", { class: "steps-box", open: true }, this.summary, this.list);
    this.notes = el("div", { class: "notes" });
    this.foot = el("div", { class: "foot" });
    this.asks = el("div", { class: "asks" });
    this.node = el("article", { class: "turn", tabindex: "-1" },
      el("h3", { class: "who", text: "You" }),
      el("p", { class: "question", text: visible(question) }),
      el("h3", { class: "who", text: "Agent" }),
      this.notes, this.details, this.asks, this.answer, this.foot);
    this.isOver = false;
  }

  heard(event) {
    switch (event.type) {
      case "turn.start": this.start = event; break;
      case "step.start": this.began(event); break;
      case "step.progress": this.progress(event); break;
      case "step.end": this.ended(event); break;
      case "approval": this.approval(event); break;
      case "text": this.more(event.delta); break;
      case "degraded": this.without(event); break;
      case "turn.end": this.over(event); break;
    }
  }

  began(event) {
    const clock = el("span", { class: "time" });
    const head = el("span", { class: "step-head" },
      el("span", { class: "sign", "aria-hidden": "true", text: "◐" }),
      el("span", { class: "kind", text: event.kind }),
      el("span", { class: "name", text: visible(event.name) }),
      clock,
      el("span", { class: "note", text: "running" }));
    const body = el("div", { class: "step-body" });
    if (event.arguments && Object.keys(event.arguments).length > 0) {
      body.append(el("h4", { text: "Arguments" }), pre(JSON.stringify(event.arguments, null, 2)));
    }
    const box = el("details", { class: "step" }, el("summary", {}, head), body);
    const item = el("li", { class: `is-${event.kind}` }, box);
    this.list.append(item);
    const since = performance.now();
    const tick = setInterval(() => {
      const passed = performance.now() - since;
      if (passed < 400) return;
      const limit = event.limit_ms ? ` of at most ${duration(event.limit_ms)}` : "";
      clock.textContent = passed > 2000 ? `${duration(passed)}${limit}` : duration(passed);
    }, 200);
    this.steps.set(event.step, { event, item, box, body, head, clock, tick });
    this.summary.textContent = `${this.steps.size} steps: ${event.kind === "model" ? "the model thinks" : visible(event.name)}`;
    if (event.kind === "tool") announce(`running ${event.name}`);
  }

  progress(event) {
    const step = this.steps.get(event.step);
    if (step && event.message) step.head.lastChild.textContent = visible(event.message);
  }

  ended(event) {
    const step = this.steps.get(event.step);
    if (!step) return;
    clearInterval(step.tick);
    this.asks.querySelector(`[data-step="${event.step}"]`)?.remove();
    step.ms = event.ms;
    step.item.classList.add(`ended-${event.outcome}`);
    step.head.firstChild.textContent = SIGNS[event.outcome] ?? "?";
    step.clock.textContent = duration(event.ms);
    const why = [event.reason, event.blame && `blame ${event.blame}`].filter(Boolean).join(", ");
    const word = event.outcome === "ok" ? "" : `${WORDS[event.outcome]}${why ? ` (${why})` : ""} `;
    step.head.lastChild.textContent = visible(`${word}${event.note ?? ""}`.trim() || "done");
    if (event.outcome !== "ok") {
      step.box.open = step.event.kind === "tool";
      if (event.retry_safe !== null) {
        step.body.append(el("p", { text: event.retry_safe ? "The same may be tried again." : "Do not repeat it without looking: it may have been carried out." }));
      }
    }
    if (event.ledger) step.body.append(el("h4", { text: "Where the time went at the gateway" }), pre(JSON.stringify(event.ledger, null, 1)));
    if (event.result) step.body.append(el("h4", { text: "Result" }), pre(event.result));
    if (event.call_id) step.body.append(el("p", {}, "call ", el("code", { text: visible(event.call_id) })));
  }

  approval(event) {
    const answer = (yes) => async () => {
      box.querySelectorAll("button").forEach((button) => { button.disabled = true; });
      await this.acts.approve(event.step, yes);
    };
    const deny = el("button", { type: "button", text: "Deny", onclick: answer(false) });
    const box = el("div", { class: "approval", role: "alertdialog", "aria-label": "A tool wants to change something", "data-step": event.step },
      el("p", {}, el("strong", { text: visible(event.tool) }), " changes something. It was asked for by your message."),
      pre(JSON.stringify(event.arguments, null, 2)),
      el("div", { class: "buttons" }, deny,
        el("button", { type: "button", class: "primary", text: "Allow once", onclick: answer(true) })));
    this.asks.append(box);
    deny.focus();
  }

  more(delta) {
    this.text += delta;
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      this.draw();
    });
  }

  draw() {
    this.answer.replaceChildren(...render(this.text));
  }

  without(event) {
    this.notes.append(el("p", { class: "degraded" }, el("strong", { text: `Without ${visible(event.what)}: ` }), visible(event.says)));
  }

  over(event) {
    this.isOver = true;
    this.draw();
    for (const step of this.steps.values()) clearInterval(step.tick);
    this.asks.replaceChildren();
    const failed = [...this.steps.values()].some((step) => !step.item.classList.contains("ended-ok"));
    this.details.open = failed;
    const count = this.steps.size;
    this.summary.textContent = `${count} step${count === 1 ? "" : "s"} in ${duration(event.times.total_ms)}`;
    if (event.says) {
      const kind = event.reason === "answered" ? "degraded" : "error";
      this.foot.append(el("p", { class: kind, role: "alert", text: visible(event.says) }));
    }
    this.foot.append(this.bar(event), this.facts(event));
    announce(event.reason === "answered" ? "answered" : `ended: ${event.reason}`);
  }

  bar(event) {
    const total = Math.max(event.times.total_ms, 0.001);
    const bar = el("div", { class: "bar", "aria-hidden": "true" });
    const words = [];
    for (const [key, word, kind] of PARTS) {
      const ms = event.times[key];
      if (!(ms > 0)) continue;
      const piece = el("span", { class: `piece ${kind}` });
      piece.style.setProperty("flex-grow", String(ms / total));
      bar.append(piece);
      words.push(el("span", { class: "legend" }, el("span", { class: `dot ${kind}`, "aria-hidden": "true" }), `${word} ${duration(ms)}`));
    }
    return el("div", { class: "timeline" }, bar, el("p", { class: "legends" }, ...words, el("span", { text: `= ${duration(total)}` })));
  }

  facts(event) {
    const usage = event.usage.total_tokens > 0 ? `${event.usage.total_tokens} tokens` : "no tokens counted";
    const cost = event.cost_usd === null || event.cost_usd === undefined ? "" : `, $${event.cost_usd.toFixed(4)} (estimate)`;
    const trace = this.start?.trace ?? "";
    const link = this.acts.traceLink(trace);
    const traceNode = link ? el("a", { href: link, rel: "noreferrer", text: trace }) : el("code", { text: trace });
    const retry = el("button", { type: "button", text: "Retry", title: event.retry_safe ? "Asks the same again" : "It may have changed something: look before", onclick: () => this.acts.retry() });
    const copy = el("button", { type: "button", text: "Copy", onclick: () => navigator.clipboard?.writeText(this.text) });
    return el("div", { class: "facts" },
      el("p", {}, `${visible(event.model)} · ${usage}${cost} · trace `, traceNode, " · request ", el("code", { class: "request", text: this.start?.request_id ?? "" })),
      el("div", { class: "buttons" }, copy, retry));
  }

  /** Nobody will say how it ends. */
  lost() {
    if (this.isOver) return;
    this.isOver = true;
    for (const step of this.steps.values()) clearInterval(step.tick);
    this.summary.textContent = "broken off";
    this.foot.append(el("p", { class: "error", role: "alert", text: "The answer broke off: the agent is gone, or has forgotten this turn." }),
      el("div", { class: "buttons" }, el("button", { type: "button", text: "Retry", onclick: () => this.acts.retry() })));
  }
}

/** An exchange of an earlier visit. */
export function earlier(asked, answered) {
  const facts = [answered?.model, answered?.ms && duration(answered.ms), answered?.tools?.length && answered.tools.map(visible).join(", ")];
  return el("article", { class: "turn", tabindex: "-1" },
    el("h3", { class: "who", text: "You" }), el("p", { class: "question", text: visible(asked?.text ?? "") }),
    el("h3", { class: "who", text: "Agent" }), el("div", { class: "answer" }, ...render(answered?.text ?? "")),
    el("p", { class: "past", text: facts.filter(Boolean).join(" · ") }));
}

function pre(text) {
  const most = 50_000;
  const shown = text.length > most ? `${text.slice(0, most)}\n… ${text.length - most} characters more` : text;
  return el("pre", { tabindex: "0", text: visible(shown) });
}
