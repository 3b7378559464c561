// How the page looks and where it stands: theme, what the browser keeps, following the end.
import { byId } from "./dom.js";

// === What is kept ===

/** Keeps it, or drops it for null. Storage may be switched off: then it is for this visit alone. */
export function keep(storage, key, value) {
  try {
    if (value === null) storage.removeItem(key);
    else storage.setItem(key, value);
  } catch {
    // Nothing is kept.
  }
}

/** What is kept for this visit alone goes. */
export function forgetVisit() {
  try {
    sessionStorage.clear();
  } catch {
    // Nothing was kept.
  }
}

export function kept(storage, key) {
  try {
    return storage.getItem(key);
  } catch {
    return null;
  }
}

// === Theme ===

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

export function drawTheme() {
  byId("theme").textContent = isDark() ? "Light" : "Dark";
}

byId("theme").addEventListener("click", () => {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  keep(localStorage, "theme", theme);
  drawTheme();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawTheme);

// === Following the end ===

/** Whether the reader is at the end. Whoever goes up is let go. */
let following = true;
const letGo = () => { following = false; };

export function toEnd() {
  byId("main").scrollTop = byId("main").scrollHeight;
}

export function followEnd() {
  following = true;
  toEnd();
}

export function stayAtEnd() {
  if (following) toEnd();
}

new IntersectionObserver(([entry]) => {
  if (entry.isIntersecting) following = true;
  byId("follow").hidden = entry.isIntersecting || byId("log").childElementCount === 0;
}, { root: byId("main"), rootMargin: "0px 0px 24px" }).observe(byId("end"));
byId("main").addEventListener("wheel", (event) => { if (event.deltaY < 0) letGo(); }, { passive: true });
let last = 0;
byId("main").addEventListener("scroll", () => {
  const { scrollTop, scrollHeight, clientHeight } = byId("main");
  if (scrollTop < last && scrollHeight - clientHeight - scrollTop > 24) letGo();
  last = scrollTop;
}, { passive: true });
// What is new moves the page along; what is opened or closed does not.
new MutationObserver((changes) => {
  if (changes.some((it) => it.addedNodes.length > 0)) stayAtEnd();
}).observe(byId("log"), { childList: true, subtree: true });
byId("follow").addEventListener("click", () => {
  followEnd();
  byId("question").focus();
});
