// Markdown as nodes: what answers are written in, and nothing that could act.
import { el, visible } from "./dom.js";

const FENCE = /^\s*(```+|~~~+)\s*([\w+-]*)\s*$/;
const HEADING = /^(#{1,6})\s+(.*)$/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const RULE = /^\s*([-*_])(\s*\1){2,}\s*$/;
const ROW = /^\s*\|.*\|\s*$/;
const SEPARATOR = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

/** Quotes in quotes are drawn as deep as this. */
const DEEPEST = 6;

/** The blocks of a text. An open fence is shown closed. */
export function render(text, depth = 0) {
  const lines = text.split("\n");
  const nodes = [];
  let at = 0;
  while (at < lines.length) {
    const [node, next] = block(lines, at, depth);
    if (node) nodes.push(node);
    at = next;
  }
  return nodes;
}

function block(lines, at, depth) {
  const line = lines[at];
  if (line.trim() === "") return [null, at + 1];
  const fence = line.match(FENCE);
  if (fence) return code(lines, at + 1, fence[1]);
  const heading = line.match(HEADING);
  if (heading) {
    // The page has h1 and h2; an answer's headings stand below.
    const level = Math.min(6, heading[1].length + 3);
    return [el(`h${level}`, {}, ...inline(heading[2])), at + 1];
  }
  if (RULE.test(line)) return [el("hr"), at + 1];
  if (ROW.test(line) && at + 1 < lines.length && SEPARATOR.test(lines[at + 1])) return table(lines, at);
  if (ITEM.test(line)) return list(lines, at);
  if (depth < DEEPEST && /^\s*>/.test(line)) return quote(lines, at, depth);
  return paragraph(lines, at);
}

function code(lines, from, fence) {
  let to = from;
  while (to < lines.length && !lines[to].trim().startsWith(fence)) to += 1;
  const text = lines.slice(from, to).join("\n");
  return [el("pre", { tabindex: "0" }, el("code", { text: visible(text) })), to + 1];
}

function cells(line) {
  const inner = line.trim().replace(/^\||\|$/g, "");
  return inner.split("|").map((cell) => cell.trim());
}

function table(lines, at) {
  const head = el("tr", {}, ...cells(lines[at]).map((cell) => el("th", { scope: "col" }, ...inline(cell))));
  const body = el("tbody");
  let to = at + 2;
  for (; to < lines.length && ROW.test(lines[to]); to += 1) {
    body.append(el("tr", {}, ...cells(lines[to]).map((cell) => el("td", {}, ...inline(cell)))));
  }
  const whole = el("table", {}, el("thead", {}, head), body);
  return [el("div", { class: "scroll", tabindex: "0" }, whole), to];
}

function list(lines, at) {
  const sign = lines[at].match(ITEM)[2];
  const ordered = /\d/.test(sign);
  const first = Number.parseInt(sign, 10);
  const node = ordered ? el("ol", { start: first === 1 ? undefined : first }) : el("ul");
  const indent = lines[at].match(ITEM)[1].length;
  let to = at;
  while (to < lines.length) {
    const item = lines[to].match(ITEM);
    if (item && item[1].length === indent && /\d/.test(item[2]) === ordered) {
      node.append(el("li", {}, ...inline(item[3])));
      to += 1;
    } else if (item && item[1].length > indent && node.lastChild) {
      const [inner, next] = list(lines, to);
      node.lastChild.append(inner);
      to = next;
    } else if (!item && /^\s+\S/.test(lines[to]) && node.lastChild) {
      node.lastChild.append(" ", ...inline(lines[to].trim()));
      to += 1;
    } else if (lines[to].trim() === "" && goesOn(lines[to + 1], indent, ordered)) {
      to += 1;
    } else {
      break;
    }
  }
  return [node, to];
}

/** Whether a list goes on after an empty line. */
function goesOn(line, indent, ordered) {
  const item = line?.match(ITEM);
  if (!item) return false;
  return item[1].length > indent || (item[1].length === indent && /\d/.test(item[2]) === ordered);
}

function quote(lines, at, depth) {
  let to = at;
  const inner = [];
  while (to < lines.length && /^\s*>/.test(lines[to])) {
    inner.push(lines[to].replace(/^\s*>\s?/, ""));
    to += 1;
  }
  return [el("blockquote", {}, ...render(inner.join("\n"), depth + 1)), to];
}

function paragraph(lines, at) {
  let to = at;
  const words = [];
  while (to < lines.length && lines[to].trim() !== "") {
    const line = lines[to];
    if (to > at && (FENCE.test(line) || HEADING.test(line) || ITEM.test(line) || ROW.test(line))) break;
    words.push(line.trim());
    to += 1;
  }
  return [el("p", {}, ...inline(words.join("\n"))), to];
}

// Lengths are bounded: no text takes long, whatever it is made of.
const INLINE = /(`{1,3})([^`]{1,2000}?)\1|\*\*([^*]{1,2000}?)\*\*|\*([^*\s][^*]{0,2000}?)\*|!?\[([^\]]{0,300})\]\(([^)\s]{1,2000})\)|(https?:\/\/[^\s<>()]+[^\s<>().,;:!?'"])/g;

function inline(text) {
  const nodes = [];
  let last = 0;
  for (const found of text.matchAll(INLINE)) {
    if (found.index > last) nodes.push(visible(text.slice(last, found.index)));
    last = found.index + found[0].length;
    const [, , codeText, strong, em, label, href, bare] = found;
    if (codeText !== undefined) nodes.push(el("code", { text: visible(codeText) }));
    else if (strong !== undefined) nodes.push(el("strong", {}, ...inline(strong)));
    else if (em !== undefined) nodes.push(el("em", {}, ...inline(em)));
    else if (bare !== undefined) nodes.push(link(bare, bare));
    else nodes.push(link(label || href, href));
  }
  if (last < text.length) nodes.push(visible(text.slice(last)));
  return nodes;
}

/** A link that says where it leads. What is no web address stays text; images are not loaded. */
function link(label, href) {
  let url;
  try {
    url = new URL(href);
  } catch {
    return visible(`${label} (${href})`);
  }
  if (!["http:", "https:", "mailto:"].includes(url.protocol)) return visible(`${label} (${href})`);
  const node = el("a", { href: url.href, rel: "noreferrer noopener", target: "_blank", text: visible(label) });
  if (url.host && label !== href && label !== url.host) node.append(` (${url.host})`);
  return node;
}
