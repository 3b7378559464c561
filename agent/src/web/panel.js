// What stands beside the conversation: tools, memory; and the buttons of lists.
import { byId, el, many, told, visible } from "./dom.js";
import { get, remove } from "./server.js";

/** What is known, as people call it. */
const KINDS = { preferences: "preference", semantic: "fact" };

/** A button that does it when it is pressed twice; leaving it takes the first press back. */
export function twice(attributes, label, sure, act) {
  const button = el("button", { type: "button", ...attributes, text: label });
  const reset = () => {
    button.textContent = label;
    button.classList.remove("sure", "danger");
  };
  button.addEventListener("blur", reset);
  button.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !button.classList.contains("sure")) return;
    event.stopPropagation();
    reset();
  });
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

/** How many pages of what is known are shown. */
let pages = 1;

/** Draws what is known, as many pages of it as there were. */
export async function drawMemory(about) {
  if (!about.memory) {
    byId("memory").replaceChildren(el("p", { class: "empty", text: "Switched off: nothing is remembered." }));
    return;
  }
  const list = el("ul");
  let next = await known(list, about);
  for (let nth = 1; nth < pages && next; nth += 1) next = await known(list, about, next);
  goesOn(list, about, next);
  const clear = twice({ class: "wide", id: "clear" }, "Forget everything", "Forget all sessions and facts?", () => forget("/api/memory", about));
  // Whoever is asked whether to forget is not disturbed.
  if (byId("memory").querySelector(".sure")) return;
  const none = el("p", { class: "empty", text: "Nothing yet. Preferences and facts that you tell it are kept here." });
  byId("memory").replaceChildren(list.childElementCount ? list : none, clear);
}

/** Puts a page of what is known into the list, and gives where the next one begins. */
async function known(list, about, from) {
  const data = await get(from ? `/api/memory?from=${encodeURIComponent(from)}` : "/api/memory");
  list.append(...data.records.map((record) => {
    const text = visible(record.content);
    return el("li", {},
      el("div", {}, el("span", { text }), el("small", { text: `${KINDS[record.namespace] ?? visible(record.namespace)}, ${told(record.at)}` })),
      twice({ class: "small", "aria-label": `Forget: ${text}` }, "×", "Forget?", () => forget(`/api/memory/${encodeURIComponent(record.id)}`, about)));
  }));
  return data.next;
}

/** A button under the list that shows the next page. */
function goesOn(list, about, from) {
  if (!from) return;
  list.append(el("li", {}, more("More of what it knows", async () => {
    const next = await about.tried(() => known(list, about, from));
    if (next === null) return false;
    pages += 1;
    goesOn(list, about, next === true ? null : next);
    return true;
  })));
}

async function forget(path, about) {
  await about.tried(() => remove(path));
  if (path === "/api/memory") pages = 1;
  await about.forgotten(path === "/api/memory");
}
