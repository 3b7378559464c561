// Uses the agent's chat page as a person does, in a real browser, and tells what it saw.
//
//   run.sh agent_page --url http://127.0.0.1:8080/ [--shots FOLDER]
//
// The agent has the script fixtures/agent_page.json as its model `script`, beside `rules`, and a tool whose
// result is hostile. CHROMIUM names the browser (default /usr/bin/chromium).
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { join } from "node:path";
import { nodeFolder } from "./peer.mjs";

const require = createRequire(join(nodeFolder, "package.json"));
const { chromium } = require("playwright-core");
const axe = await readFile(require.resolve("axe-core/axe.min.js"), "utf8");

const { values } = parseArgs({ options: { url: { type: "string" }, shots: { type: "string" } } });
const seen = {};

function check(name, holds, what = "") {
    seen[name] = true;
    if (!holds) throw new Error(`${name}: ${what}`);
}

async function shot(page, name) {
    if (values.shots) await page.screenshot({ path: join(values.shots, `${name}.png`) });
}

// Asks, and waits for the end of the answer.
async function ask(page, text) {
    const before = await page.locator(".turn").count();
    await page.keyboard.press("/");
    await page.locator("#question").fill(text);
    await page.keyboard.press("Enter");
    const turn = page.locator(".turn").nth(before);
    await turn.locator(".facts").waitFor();
    return turn;
}

async function accessible(page, name) {
    // From the debugger's side: the page's own policy lets no script in.
    await page.evaluate(axe);
    const result = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"] }));
    const bad = result.violations.map((it) => `${it.id} (${it.impact}): ${it.nodes.map((node) => node.target.join(" ")).join(", ")}`);
    check(name, bad.length === 0, bad.join("\n"));
}

async function answers(page) {
    await page.locator("#capabilities", { hasText: "tools of" }).waitFor();
    check("examples", (await page.locator("#examples button").count()) > 0);
    check("capabilities", (await page.locator("#tools summary").count()) >= 2);
    await shot(page, "welcome");
    const turn = await ask(page, "look it up");
    await turn.locator(".steps-box > summary").click();
    const steps = await turn.locator(".step-head").allTextContents();
    for (const part of [/memory.*recall.* ms/, /model.*script.* ms/, /tool.*clock___now.* ms/]) {
        check(`a step like ${part}`, steps.some((step) => part.test(step)), steps.join("\n"));
    }
    check("the answer", (await turn.locator(".answer li").allTextContents()).join() === "one,two");
    check("the bar", (await turn.locator(".piece").count()) >= 3);
    check("the sum", /= .* m?s/.test(await turn.locator(".legends").textContent()));
    check("the ids", /^[0-9a-f-]{36}$/.test(await turn.locator(".request").textContent()));
    const link = await turn.locator(".facts a").getAttribute("href");
    check("the link to the trace", /^http:\/\/traces\.example\.com\/[0-9a-f]{32}$/.test(link), link);
    await shot(page, "answer");
}

// A tool's result with markup, script and orders is text, and so is a model's.
async function hostile(page) {
    const turn = await ask(page, "show me the hostile page");
    await turn.locator(".steps-box > summary").click();
    await turn.locator(".step", { hasText: "shop___read" }).locator("summary").first().click();
    const shown = await turn.locator(".step-body").allTextContents();
    check("markup is shown", shown.some((text) => text.includes("<img src=x onerror=")), shown.join("\n"));
    const text = await turn.locator(".answer").textContent();
    check("the model's markup is shown", text.includes("<script>document.title='owned'</script>"), text);
    check("nothing was made of it", (await turn.locator("img, script, iframe").count()) === 0);
    check("no link but http", (await turn.locator(".answer a").count()) === 0);
    check("no script ran", (await page.title()) === "DevOps agent");
    await shot(page, "hostile");
}

async function stops(page) {
    const before = await page.locator(".turn").count();
    await page.locator("#question").fill("think for ever");
    await page.keyboard.press("Enter");
    const turn = page.locator(".turn").nth(before);
    await page.locator("#send", { hasText: "Stop" }).waitFor();
    await turn.locator(".is-model").waitFor();
    await page.locator("#send").click();
    await turn.locator(".foot", { hasText: "stopped" }).waitFor();
    await page.locator("#send", { hasText: "Send" }).waitFor();
    check("stop", true);
    await turn.locator("button", { hasText: "Retry" }).click();
    await page.locator(".turn").nth(before + 1).locator(".is-model").waitFor();
    check("retry", (await page.locator(".question").last().textContent()) === "think for ever");
    await page.keyboard.press("Escape");
    await page.locator(".turn").nth(before + 1).locator(".facts").waitFor();
    check("escape stops", true);
}

async function models(page) {
    await page.locator("#model").selectOption("rules");
    const turn = await ask(page, "what time is it?");
    check("another model answers", (await turn.locator(".answer").textContent()).includes("stand in for a language model"));
    check("and is named", (await turn.locator(".facts").textContent()).startsWith("rules"));
    await page.locator("#model").selectOption("script");
}

async function sessions(page) {
    const asked = await page.locator(".question").count();
    await page.reload();
    await page.locator(".question").nth(asked - 2).waitFor();
    check("history after a reload", (await page.locator(".question").first().textContent()) === "look it up");
    await page.locator("#new").click();
    check("a new session is empty", (await page.locator(".turn").count()) === 0);
    await ask(page, "look it up");
    await page.locator("#sessions li").nth(1).waitFor();
    check("both are listed", (await page.locator("#sessions li").count()) === 2);
    await page.locator("#sessions .session").nth(1).click();
    await page.locator(".question").nth(1).waitFor();
    check("the older one is opened", (await page.locator(".question").count()) >= asked - 1);
    await page.locator("#sessions button.small").nth(0).click();
    await page.locator("#sessions li").nth(1).waitFor({ state: "detached" });
    check("one is cleared", true);
}

// The same turns over a WebSocket, from the page's own origin.
async function socket(page) {
    const types = await page.evaluate(() => new Promise((resolve, reject) => {
        const types = [];
        const socket = new WebSocket(`ws://${location.host}/ws`);
        socket.onopen = () => {
            socket.send("no JSON");
            socket.send(JSON.stringify({ type: "ask", text: "look it up" }));
        };
        socket.onmessage = (message) => {
            const { type } = JSON.parse(message.data);
            types.push(type);
            if (type === "turn.end") { socket.close(); resolve(types); }
        };
        socket.onerror = () => reject(new Error("the socket is refused"));
    }));
    for (const type of ["error", "turn.start", "step.end", "text"]) {
        check(`the socket says ${type}`, types.includes(type), types.join());
    }
}

async function small(browser) {
    const context = await browser.newContext({ reducedMotion: "reduce", colorScheme: "dark", viewport: { width: 360, height: 740 } });
    const page = await context.newPage();
    await page.goto(values.url);
    await page.locator("#capabilities", { hasText: "tools of" }).waitFor();
    await ask(page, "show me the hostile page");
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    check("360 px", width <= 360, `${width} px`);
    await page.locator("#menu").click();
    await page.locator("#new").waitFor();
    await shot(page, "small-panel");
    await page.keyboard.press("Escape");
    check("the panel closes by keyboard", !(await page.locator("#new").isVisible()));
    await accessible(page, "dark and small is accessible");
    await shot(page, "small");
    await context.close();
}

const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
});
try {
    const context = await browser.newContext({ reducedMotion: "reduce", colorScheme: "light", viewport: { width: 1200, height: 800 } });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    const wrong = [];
    page.on("console", (message) => { if (message.type() === "error") wrong.push(message.text()); });
    page.on("pageerror", (error) => wrong.push(error.message));
    page.on("dialog", (dialog) => { wrong.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
    await page.goto(values.url);
    await answers(page);
    await hostile(page);
    await accessible(page, "light is accessible");
    await page.locator("#theme").click();
    await shot(page, "dark");
    await accessible(page, "dark is accessible");
    await stops(page);
    await models(page);
    await sessions(page);
    await socket(page);
    check("nothing went wrong", wrong.length === 0, wrong.join("\n"));
    await small(browser);
    console.log(JSON.stringify({ checks: Object.keys(seen) }));
} finally {
    await browser.close();
}
