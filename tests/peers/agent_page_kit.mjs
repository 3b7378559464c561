// What the parts of agent_page.mjs share: a browser, a person who writes, and checks with names.
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { join } from "node:path";
import { nodeFolder } from "./peer.mjs";

const require = createRequire(join(nodeFolder, "package.json"));
export const { chromium } = require("playwright-core");
const axe = await readFile(require.resolve("axe-core/axe.min.js"), "utf8");

export const { values } = parseArgs({
    options: {
        url: { type: "string" },
        shots: { type: "string" },
        token: { type: "string" },
        ended: { type: "string" },
        short: { type: "string", multiple: true },
    },
});
export const seen = {};

export function check(name, holds, what = "") {
    seen[name] = true;
    if (!holds) throw new Error(`${name}: ${what}`);
}

export async function shot(page, name) {
    if (values.shots) await page.screenshot({ path: join(values.shots, `${name}.png`) });
}

// Writes a question with the keyboard and sends it; its turn on the page.
export async function begin(page, text) {
    const before = await page.locator(".turn").count();
    await page.locator("h1").click();
    await page.keyboard.press("/");
    await page.keyboard.type(text);
    await page.keyboard.press("Enter");
    return page.locator(".turn").nth(before);
}

// The same, and waits for the end of the answer.
export async function ask(page, text) {
    const turn = await begin(page, text);
    await turn.locator(".facts").waitFor();
    return turn;
}

// Waits until a function that asks the agent, in the page, says so (waitForFunction takes its promise for a yes).
export async function until(page, asks, about) {
    for (let left = 400; !(await page.evaluate(asks, about)); left -= 1) {
        if (left === 0) throw new Error(`it is never so: ${asks}`);
        await page.waitForTimeout(50);
    }
}

export const focused = (page) => page.evaluate(() => document.activeElement?.id || document.activeElement?.className);

export async function accessible(page, name) {
    // From the debugger's side: the page's own policy lets no script in.
    await page.evaluate(axe);
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
    const result = await page.evaluate((tags) => globalThis.axe.run(document, { runOnly: tags }), tags);
    const bad = result.violations.map((it) => `${it.id} (${it.impact}): ${it.nodes.map((node) => node.target.join(" ")).join(", ")}`);
    check(name, bad.length === 0, bad.join("\n"));
}

export async function opened(page) {
    await page.goto(values.url);
    await page.locator("#capabilities", { hasText: "tools of" }).waitFor();
}
