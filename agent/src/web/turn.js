// One question and its answer, as it happens.
import { announce, duration, el, many, pre, told, visible } from "./dom.js";
import { render } from "./markdown.js";
import { Step } from "./step.js";

const PARTS = [
  ["memory_retrieval_ms", "memory", "memory"],
  ["llm_inference_ms", "model", "model"],
  ["tool_execution_ms", "tools", "tool"],
  ["approval_ms", "you", "you"],
  ["overhead_ms", "agent", "agent"],
];
/** Tools that the bar tells apart. */
const MOST_TOOLS = 6;
/** Ends that are no fault. */
const CALM = { answered: "degraded", cut_off: "degraded", limit: "degraded", stopped: "ended" };

/** A turn on the page. `acts` is what its buttons do: approve(step, yes), retry(), traceLink(trace).
 *  One that `isPast` is told of once more, and says nothing to those who do not see it. */
export class Turn {
  constructor(question, acts, { at = new Date().toISOString(), isPast = false } = {}) {
    this.acts = acts;
    this.isPast = isPast;
    this.text = "";
    this.steps = new Map();
    this.answer = el("div", { class: "answer" });
    this.list = el("ol", { class: "steps" });
    this.summary = el("summary", { text: "working" });
    this.details = el("details", { class: "steps-box", open: true }, this.summary, this.list);
    this.notes = el("div", { class: "notes" });
    this.foot = el("div", { class: "foot" });
    this.asks = el("div", { class: "asks" });
    this.node = article([question, at], this.notes, this.details, this.asks, this.answer, this.foot);
    this.isOver = false;
  }

  heard(event) {
    switch (event.type) {
      case "turn.start": this.start = event; break;
      case "step.start": this.began(event); break;
      case "step.progress": this.steps.get(event.step)?.progress(event); break;
      case "step.end": this.ended(event); break;
      case "approval": this.approval(event); break;
      case "text": this.more(event.delta); break;
      case "degraded": this.without(event); break;
      case "turn.end": this.over(event); break;
    }
  }

  began(event) {
    const step = new Step(event, this.isPast);
    this.steps.set(event.step, step);
    this.list.append(step.node);
    this.waits();
    if (event.kind === "tool") this.tells(`running ${visible(event.name)}`);
  }

  ended(event) {
    this.asks.querySelector(`[data-step="${Number(event.step)}"]`)?.remove();
    this.steps.get(event.step)?.ended(event);
    this.waits();
  }

  /** What it waits for, all of it. */
  waits() {
    const going = [...this.steps.values()].filter((step) => step.outcome === null).map(({ event }) => event);
    const names = going.map((event) => (event.kind === "model" ? "the model thinks" : visible(event.name)));
    const what = names.length > 2 ? `${names.length} at the same time` : names.join(" and ");
    this.summary.textContent = `${many(this.steps.size, "step")}${what ? `: ${what}` : ""}`;
  }

  approval(event) {
    const answer = (yes) => async () => {
      box.querySelectorAll("button").forEach((button) => { button.disabled = true; });
      await this.acts.approve(event.step, yes);
    };
    const deny = el("button", { type: "button", text: "Deny", onclick: answer(false) });
    const box = el("div", { class: "approval", role: "alertdialog", "aria-label": "A tool wants to change something", "data-step": event.step },
      el("p", {}, el("strong", { text: visible(event.tool) }), " changes something. The model wants to call it with this; nothing is sent unless you allow it:"),
      pre(JSON.stringify(event.arguments, null, 2)),
      el("div", { class: "buttons" }, deny,
        el("button", { type: "button", class: "primary", text: "Allow once", onclick: answer(true) })));
    this.steps.get(event.step)?.asks();
    this.asks.append(box);
    announce(`${visible(event.tool)} waits for your word`);
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
    this.halt();
    this.draw();
    const bad = [...this.steps.values()].filter((step) => step.outcome !== "ok" && step.outcome !== "cancelled");
    const denied = bad.filter((step) => step.outcome === "denied").length;
    const failed = bad.length - denied;
    this.details.open = bad.length > 0 && !this.isPast;
    this.details.hidden = this.steps.size === 0;
    this.summary.textContent = `${many(this.steps.size, "step")} in ${duration(event.times.total_ms)}`;
    if (failed) this.summary.append(el("span", { class: "bad", text: ` ■ ${failed} failed` }));
    if (denied) this.summary.append(el("span", { class: "bad", text: ` ◆ ${denied} not allowed` }));
    if (event.says) this.foot.append(this.why(event));
    this.foot.append(this.bar(event), this.facts(event));
    this.tells(event.reason === "answered" ? "answered" : `ended: ${event.reason}`);
  }

  tells(text) {
    if (!this.isPast) announce(text);
  }

  halt() {
    this.isOver = true;
    for (const step of this.steps.values()) step.rest();
    this.asks.replaceChildren();
  }

  why(event) {
    if (event.reason === "stopped") return el("p", { class: CALM.stopped, text: "You stopped it; what was said so far stays." });
    const again = event.retry_safe ? " It is safe to ask again." : " Look before you ask again: something may have been changed.";
    const kind = CALM[event.reason];
    return el("p", { class: kind ?? "error", role: this.isPast ? undefined : "alert", text: visible(event.says) + (kind ? "" : again) });
  }

  bar(event) {
    const total = Math.max(event.times.total_ms, 0.001);
    const bar = el("div", { class: "bar", "aria-hidden": "true" });
    const words = [];
    for (const [key, word, kind] of PARTS) {
      const ms = event.times[key];
      if (!(ms > 0)) continue;
      const tools = kind === "tool" ? this.tools() : [];
      const own = tools.reduce((sum, [, ms]) => sum + ms, 0);
      for (const [name, part] of tools.length > 0 && own > 0 ? tools : [[word, ms]]) {
        const piece = el("span", { class: `piece ${kind}`, title: `${name} ${duration(part)}` });
        piece.style.setProperty("flex-grow", String((own > 0 ? (ms * part) / own : ms) / total));
        bar.append(piece);
        words.push(el("span", { class: "legend" }, el("span", { class: `dot ${kind}`, "aria-hidden": "true" }), `${name} ${duration(part)}`));
      }
      // Their own times are more than the time that went by.
      if (own > ms * 1.01) words.push(el("span", { class: "legend", text: `(tools at the same time: ${duration(ms)})` }));
    }
    return el("div", { class: "timeline" }, bar, el("p", { class: "legends" }, ...words, el("span", { class: "sum", text: `= ${duration(total)}` })));
  }

  /** Each tool with its own time, unless there are too many to tell apart. */
  tools() {
    const times = new Map();
    for (const { event, ms } of this.steps.values()) {
      if (event.kind === "tool" && ms > 0) times.set(visible(event.name), (times.get(visible(event.name)) ?? 0) + ms);
    }
    return times.size <= MOST_TOOLS ? [...times] : [];
  }

  facts(event) {
    const usage = event.usage.total_tokens > 0 ? `${event.usage.total_tokens.toLocaleString("en")} tokens` : "no tokens counted";
    const cost = event.cost_usd === null || event.cost_usd === undefined ? "" : `, $${event.cost_usd.toFixed(4)} (estimate)`;
    const trace = this.start?.trace ?? "";
    const link = this.acts.traceLink(trace);
    // Its end: the beginning is the time, and alike in turns that follow each other.
    const short = `…${trace.slice(-8)}`;
    const traceNode = link ? el("a", { href: link, rel: "noreferrer", title: trace, text: short }) : el("code", { title: trace, text: short });
    const hint = event.retry_safe ? "Asks the same again" : "It may have changed something: look before";
    const copy = el("button", { type: "button", class: "plain", text: "Copy", title: "Copies the answer", onclick: () => this.copy(copy, this.text) });
    const ids = el("button", { type: "button", class: "plain", text: "Copy ids", title: "Copies what to look this answer up by", onclick: () => this.copy(ids, this.ids()) });
    return el("div", { class: "facts" },
      el("p", {}, `${visible(event.model)} · ${usage}${cost} · trace `, traceNode, " · request ", el("code", { class: "request", text: this.start?.request_id ?? "" })),
      el("div", { class: "buttons" }, copy, ids, this.retry(hint)));
  }

  /** What the answer is looked up by in logs and traces. */
  ids() {
    const calls = [...this.steps.values()].filter((step) => step.call).map((step) => `call ${step.call} ${step.event.name}`);
    return [`request ${this.start?.request_id ?? ""}`, `trace ${this.start?.trace ?? ""}`, `session ${this.start?.session ?? ""}`, ...calls].join("\n");
  }

  async copy(button, text) {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Cannot copy";
    }
    announce(button.textContent);
  }

  retry(hint) {
    return el("button", { type: "button", class: "plain", text: "Retry", title: hint, onclick: () => this.acts.retry() });
  }

  /** Nobody will say how it ends. */
  lost() {
    if (this.isOver) return;
    this.halt();
    this.summary.textContent = "broken off";
    this.foot.append(el("p", { class: "error", role: "alert", text: "The answer broke off: the agent is gone, or has forgotten this turn." }));
    const id = this.start?.request_id;
    this.foot.append(el("div", { class: "facts" },
      el("p", {}, ...(id ? ["request ", el("code", { class: "request", text: id })] : [])),
      el("div", { class: "buttons" }, this.retry("Asks the same again"))));
  }
}

/** An exchange of an earlier visit: as it was live, if that was kept. */
export function earlier(asked, answered, acts) {
  const turn = new Turn(asked?.text ?? "", acts, { at: asked?.at ?? answered?.at, isPast: true });
  turn.text = answered?.text ?? "";
  turn.node.dataset.turn = asked?.turn ?? answered?.turn ?? "";
  if (answered?.timeline?.length) {
    for (const event of answered.timeline) turn.heard(event);
    if (turn.isOver) return turn.node;
  }
  turn.draw();
  turn.details.remove();
  const facts = [answered?.model, answered?.ms && duration(answered.ms), answered?.tools?.length && answered.tools.map(visible).join(", "), "no timeline kept"];
  turn.foot.append(el("p", { class: "past", text: facts.filter(Boolean).join(" · ") }));
  return turn.node;
}

function article([question, at], ...rest) {
  return el("article", { class: "turn", tabindex: "-1" },
    el("h3", { class: "hidden", text: "You" }),
    el("p", { class: "question", text: visible(question) }),
    el("time", { class: "when", datetime: at, title: at, text: at ? told(at) : "" }),
    el("h3", { class: "hidden", text: "Agent" }),
    ...rest);
}
