// What stands beside the conversation: sessions, tools, memory.
import { byId, el, many, told, visible } from "./dom.js";
import { get, remove } from "./server.js";

/** A button that does it when it is pressed twice; leaving it takes the first press back. */
function twice(attributes, label, sure, act) {
  const button = el("button", { type: "button", ...attributes, text: label });
  const reset = () => {
    button.textContent = label;
    button.classList.remove("sure", "danger");
  };
  button.addEventListener("blur", reset);
  button.addEventListener("click", () => {
    if (button.classList.contains("sure")) {
      reset();
      act();
      return;
    }
    button.textContent = sure;
    button.classList.add("sure", ...(label === "×" ? [] : ["danger"]));
  });
  return button;
}

/** A button that fetches what follows, and goes once that is there. */
export function more(text, act) {
  const button = el("button", { type: "button", class: "more plain", text, onclick: async () => {
    button.disabled = true;
    if (await act()) (button.closest("li") ?? button).remove();
    else button.disabled = false;
  } });
  return button;
}

/** Gives how many turns of the session are known that is shown. */
export async function drawSessions(about, from) {
  const { current, memory, open, forget } = about;
  const data = await get(from ? `/api/sessions?from=${encodeURIComponent(from)}` : "/api/sessions");
  const items = data.sessions.map((it) => {
    const title = visible(it.title || "untitled");
    const choose = { type: "button", class: "session", "aria-current": it.session === current ? "true" : undefined, title, onclick: () => open(it.session) };
    return el("li", {},
      el("button", choose, el("span", { text: title }), el("small", { text: `${told(it.last)}, ${many(it.turns, "turn")}` })),
      twice({ class: "small", "aria-label": `Delete session: ${title}` }, "×", "Delete?", () => forget(it.session)));
  });
  if (data.next) items.push(el("li", {}, more("Older sessions", async () => (await about.tried(() => drawSessions(about, data.next))) !== null)));
  const none = memory ? "none yet" : "memory is off: sessions are not kept";
  if (from) byId("sessions").append(...items);
  else byId("sessions").replaceChildren(...(items.length ? items : [el("li", { class: "empty", text: none })]));
  return data.sessions.find((it) => it.session === current)?.turns ?? 0;
}

export async function drawTools() {
  const data = await get("/api/tools");
  const nodes = data.targets.map((target) => el("details", { class: "target" },
    el("summary", { text: `${visible(target.name || "tools")} (${target.tools.length})` }),
    el("ul", {}, ...target.tools.map((tool) => el("li", {},
      el("code", { text: visible(tool.name) }), tool.read_only ? "" : el("em", { text: " changes things" }),
      el("small", { text: visible(tool.description.split("\n")[0].slice(0, 140)) }))))));
  if (data.problem) nodes.push(el("p", { class: "degraded", text: visible(data.problem) }));
  if (data.missing.length) nodes.push(el("p", { class: "degraded", text: `not there: ${data.missing.map(visible).join(", ")}` }));
  byId("tools").replaceChildren(...nodes);
  const count = data.targets.reduce((sum, target) => sum + target.tools.length, 0);
  const names = data.targets.map((target) => visible(target.name || "tools"));
  byId("capabilities").textContent = count
    ? `It can use ${many(count, "tool")} of ${names.join(", ")}, through the gateway.`
    : "There are no tools now: it answers from what it knows.";
  byId("abilities").hidden = count === 0;
  byId("abilities").replaceChildren(...data.targets.flatMap((target) => [
    el("dt", { text: visible(target.name || "tools") }),
    el("dd", {}, ...target.tools.map((tool) => el("span", { title: visible(tool.description.slice(0, 300)), text: visible(tool.title || tool.name) }))),
  ]));
  byId("health").textContent = data.problem ? "■ gateway down" : `● ${many(count, "tool")}`;
  byId("health").className = data.problem ? "health bad" : "health";
}

export async function drawMemory({ memory, forgotten, tried }) {
  if (!memory) {
    byId("memory").replaceChildren(el("p", { class: "empty", text: "switched off" }));
    return;
  }
  const data = await get("/api/memory");
  const forget = (path) => async () => {
    await tried(() => remove(path));
    await forgotten(path === "/api/memory");
  };
  const items = data.records.map((record) => {
    const text = visible(record.content);
    return el("li", {},
      el("div", {}, el("span", { text }), el("small", { text: `${visible(record.namespace)}, ${told(record.at)}` })),
      twice({ class: "small", "aria-label": `Forget: ${text}` }, "×", "Forget?", forget(`/api/memory/${encodeURIComponent(record.id)}`)));
  });
  const clear = twice({ class: "wide", id: "clear" }, "Forget everything", "Forget all sessions and facts?", forget("/api/memory"));
  byId("memory").replaceChildren(items.length ? el("ul", {}, ...items) : el("p", { class: "empty", text: "nothing yet" }), clear);
}
