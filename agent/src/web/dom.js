// Nodes. Text becomes text, never HTML.

/** A new element with attributes and children; strings become text nodes. */
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "class") node.className = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "text") node.textContent = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== undefined && child !== null));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

/** A picture of 16 by 16, of one line. */
export function icon(line) {
  const node = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" })) node.setAttribute(key, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", line);
  node.append(path);
  return node;
}

export const byId = (id) => document.getElementById(id);

const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Control and direction characters, made visible. */
export function visible(text) {
  return String(text).replace(UNSEEN, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Text that is shown as it is; what is too long is cut, and that is said. */
export function pre(text) {
  const most = 50_000;
  const shown = text.length > most ? `${text.slice(0, most)}\n… ${text.length - most} characters more` : text;
  return el("pre", { tabindex: "0", text: visible(shown) });
}

export function duration(ms) {
  if (ms === undefined || ms === null) return "";
  if (ms < 1) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return `${Number((ms / 1000).toFixed(1))} s`;
}

const TIME = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const DAY = { day: "numeric", month: "short" };

/** An instant as people say it: the time today, the day too before that, the year alone long ago. */
export function told(instant) {
  const [at, now] = [new Date(instant), new Date()];
  const isToday = at.toDateString() === now.toDateString();
  const ofYear = at.getFullYear() === now.getFullYear() ? TIME : { year: "numeric" };
  return new Intl.DateTimeFormat(undefined, isToday ? TIME : { ...DAY, ...ofYear }).format(at);
}

export const many = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

/** Says something to those who do not see the page. */
export function announce(text) {
  byId("status").textContent = text;
}
