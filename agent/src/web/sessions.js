// Sessions in the panel: opened, found, renamed, deleted; by mouse and by keyboard.
import { announce, byId, el, icon, many, told, visible } from "./dom.js";
import { more, twice } from "./panel.js";
import { get, patch } from "./server.js";

const PENCIL = "M3 13l.6-2.8L10.8 3 13 5.2 5.8 12.4z";
/** How long one waits for the next letter. */
const PAUSE = 200;

const list = byId("sessions");
const find = byId("find");
/** What was asked last: an answer that comes late is not drawn. */
let latest = 0;

/** Draws the list and gives how many turns of the session are known that is shown. `about` is what is
 *  shown and what buttons do: current, memory, archive, open(session), forget(session), tried(work). */
export async function drawSessions(about, from) {
  const nth = from ? latest : ++latest;
  const words = find.value.trim();
  const query = new URLSearchParams({ ...(words && { find: words }), ...(from && { from }) });
  const data = await get(`/api/sessions?${query}`);
  const turns = data.sessions.find((it) => it.session === about.current)?.turns ?? 0;
  // Whoever writes a title, or is asked whether to delete, is not disturbed.
  if (nth !== latest || list.querySelector("form, .sure")) return turns;
  const items = data.sessions.map((it) => row(it, about));
  if (data.next) items.push(el("li", {}, more("Older sessions", async () => (await about.tried(() => drawSessions(about, data.next))) !== null)));
  if (from) list.append(...items);
  else list.replaceChildren(...(items.length ? items : [el("li", { class: "empty", text: none(about, words) })]));
  if (words && !from) announce(data.next ? "many sessions found" : `${many(data.sessions.length, "session")} found`);
  return turns;
}

function none({ memory }, words) {
  if (!memory) return "Memory is off: sessions are not kept.";
  return words ? "No session has all of these words." : "None yet. What you ask is kept here.";
}

function row(it, about) {
  const title = visible(it.title || "untitled");
  const open = el("button", { type: "button", class: "session", title, "aria-current": it.session === about.current ? "true" : undefined, "aria-keyshortcuts": about.archive ? "F2 Delete" : "Delete", onclick: () => about.open(it.session) },
    el("span", { text: title }), el("small", { text: `${told(it.last)}, ${many(it.turns, "turn")}` }));
  const drop = twice({ class: "small", "aria-label": `Delete session: ${title}`, title: "Delete (Del)" }, "×", "Delete?", () => gone(it.session, about));
  const edit = about.archive ? el("button", { type: "button", class: "small", "aria-label": `Rename session: ${title}`, title: "Rename (F2)", onclick: () => rename(item, it, about) }, icon(PENCIL)) : null;
  const item = el("li", { "data-session": it.session }, open, edit, drop);
  open.addEventListener("keydown", (event) => {
    if (event.key === "F2" && about.archive) rename(item, it, about);
    else if (event.key === "Delete") {
      drop.focus();
      drop.click();
      announce(`Press Enter to delete ${title}, Escape to keep it`);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") step(open, event.key === "ArrowDown" ? 1 : -1);
    else return;
    event.preventDefault();
  });
  return item;
}

/** The focus goes to the session below or above; above the first is what finds them. */
function step(open, by) {
  const all = [...list.querySelectorAll(".session")];
  const next = all[all.indexOf(open) + by];
  if (next) next.focus();
  else if (by < 0 && !find.hidden) find.focus();
}

/** It is deleted; the focus goes to what comes after it. */
async function gone(session, about) {
  const at = [...list.children].findIndex((item) => item.dataset.session === session);
  if (!(await about.forget(session)) || session === about.current) return;
  announce("deleted");
  const all = list.querySelectorAll(".session");
  (all[Math.min(at, all.length - 1)] ?? byId("new")).focus();
}

/** A line to write a title into, in the place of the session. */
function rename(item, it, about) {
  const input = el("input", { type: "text", maxlength: "80", value: it.title, "aria-label": "Title of the session", placeholder: "Its first question", autocomplete: "off" });
  const form = el("form", { class: "rename" }, input, el("button", { type: "submit", text: "Save" }));
  const end = async (title) => {
    item.replaceChildren(...row({ ...it, title }, about).childNodes);
    await about.drawn();
    focus(it.session);
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    // Without a title it is called by its first question again.
    const title = input.value.trim() || null;
    const done = await about.tried(() => patch(`/api/sessions/${encodeURIComponent(it.session)}`, { title }));
    if (done === null) return;
    announce("renamed");
    await end(title ?? "");
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    end(it.title);
  });
  item.replaceChildren(form);
  input.select();
}

function focus(session) {
  (list.querySelector(`[data-session="${CSS.escape(session)}"] .session`) ?? find).focus();
}

/** Finds by what is typed, once nobody types. */
export function listenToFind(draw) {
  let waiting;
  const later = (pause) => {
    clearTimeout(waiting);
    waiting = setTimeout(draw, pause);
  };
  find.addEventListener("input", () => later(PAUSE));
  find.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && find.value) {
      event.stopPropagation();
      find.value = "";
      later(0);
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      list.querySelector(".session")?.focus();
    }
  });
}
