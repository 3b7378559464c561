// Uses the agent's chat page as a person does, in a real browser, and tells what it saw: one line of
// JSON, {"checks": [names]}. The first check that fails ends it with exit status 1.
//
//   run.sh agent_page --url http://127.0.0.1:8080/ [--shots FOLDER]
//   run.sh agent_page --url http://127.0.0.1:8080/ --token TOKEN --ended TOKEN --short TOKEN …
//                                                                 (server/access: token)
// With --token it does nothing but sign in, be asked again when a short token ends, and sign out
// (agent_page_token.mjs).
//
// What the agent needs:
//   - its default model is `script` with fixtures/agent_page.json (model/script_file), beside `rules`;
//   - its gateway has the built-in clock, and a target `shop` with the tools `read`, which only reads
//     and answers with markup, script and orders, and `write`, which changes something;
//   - memory is on and empty, tools are approved by the user (agent/approval: ask), nobody signs in;
//   - telemetry/trace_url is http://traces.example.com/{trace}.
// CHROMIUM names the browser (default /usr/bin/chromium). --shots keeps pictures of the page.
import { draws, markdown, socket } from "./agent_page_drawn.mjs";
import { knows, long, remembers, sessions } from "./agent_page_kept.mjs";
import { accessible, ask, begin, check, chromium, focused, opened, seen, shot, values } from "./agent_page_kit.mjs";
import { signsIn } from "./agent_page_token.mjs";
import { troubles } from "./agent_page_troubles.mjs";

async function answers(page) {
    check("examples", (await page.locator("#examples button").count()) > 0);
    check("capabilities", (await page.locator("#abilities dt").allTextContents()).join().includes("clock,"));
    check("tools by target", (await page.locator("#tools summary").count()) >= 2);
    await accessible(page, "the welcome is accessible");
    await shot(page, "welcome");
    await page.keyboard.press("Shift+Tab");
    await page.locator(".skip").focus();
    await page.keyboard.press("Enter");
    check("the skip link leads to the question", (await focused(page)) === "question", await focused(page));
    const turn = await ask(page, "look it up");
    check("the focus stays in the question", (await focused(page)) === "question", await focused(page));
    await turn.locator(".steps-box > summary").click();
    const steps = await turn.locator(".step-head").allTextContents();
    for (const part of [/memory.*recall.* ms/, /model.*script.* ms/, /tool.*clock___now.* ms/]) {
        check(`a step like ${part}`, steps.some((step) => part.test(step)), steps.join("\n"));
    }
    check("the answer", (await turn.locator(".answer li").allTextContents()).join() === "one,two");
    check("it is told to who does not see it", (await page.locator("#status").textContent()) === "answered");
    check("the bar", (await turn.locator(".piece").count()) >= 3);
    check("the sum", /= .* m?s/.test(await turn.locator(".legends").textContent()));
    check("the ids", /^[0-9a-f-]{36}$/.test(await turn.locator(".request").textContent()));
    const link = await turn.locator(".facts a").getAttribute("href");
    check("the link to the trace", /^http:\/\/traces\.example\.com\/[0-9a-f]{32}$/.test(link), link);
    await turn.locator(".is-tool summary").click();
    check("where the time went", /total[\d.]+ ms/.test(await turn.locator(".phases").textContent()));
    await shot(page, "answer");
}

// A tool's result with markup, script and orders is text, and so is a model's.
async function hostile(page) {
    const turn = await ask(page, "show me the hostile page");
    await turn.locator(".steps-box > summary").click();
    await turn.locator(".is-tool summary").click();
    const shown = await turn.locator(".step-body").allTextContents();
    check("markup is shown", shown.some((text) => text.includes("<img src=x onerror=")), shown.join("\n"));
    const text = await turn.locator(".answer").textContent();
    check("the model's markup is shown", text.includes("<script>document.title='owned'</script>"), text);
    check("nothing was made of it", (await turn.locator("img, script, iframe").count()) === 0);
    check("no link but http", (await turn.locator(".answer a").count()) === 0);
    check("no script ran", (await page.title()) === "DevOps agent");
    await shot(page, "hostile");
}

// What changes something waits for the user, with what it would do as text; Deny comes first.
async function approves(page) {
    for (const [button, outcome] of [["Deny", "not allowed"], ["Allow once", "done"]]) {
        const turn = await begin(page, "change it");
        const box = turn.locator(".approval");
        await box.waitFor();
        check("arguments are text", (await box.textContent()).includes("<b>7</b>"), await box.textContent());
        check("Deny has the focus", (await page.evaluate(() => document.activeElement.textContent)) === "Deny");
        const waits = await turn.locator(".is-tool .note").textContent();
        check("the step waits for the user", waits === "waits for your word", waits);
        await accessible(page, "a question about a tool is accessible");
        await shot(page, "approval");
        if (button === "Allow once") await page.keyboard.press("Tab");
        await page.keyboard.press("Enter");
        await turn.locator(".facts").waitFor();
        const step = await turn.locator(".is-tool .step-head").textContent();
        check(`${button} counts`, step.includes(outcome), step);
        const summary = await turn.locator(".steps-box > summary").textContent();
        check(`${button} is told in short`, summary.includes("1 not allowed") === (button === "Deny"), summary);
        check("you are a part of the bar", (await turn.locator(".piece.you").count()) === 1);
        check("nobody is asked any more", (await box.count()) === 0);
    }
}

// A fault stands in the answer's place, says whether to ask again, and has an id.
async function fails(page) {
    const before = await page.locator(".turn").count();
    const turn = await ask(page, "break");
    const says = await turn.locator(".error").textContent();
    check("a fault is told", says.includes("no more requests") && says.includes("safe to ask again"), says);
    const summary = await turn.locator(".steps-box > summary").textContent();
    check("what failed is told in short", summary.includes("1 failed"), summary);
    check("the steps of a failed turn are open", await turn.locator(".ended-failed").isVisible());
    const first = await turn.locator(".request").textContent();
    await accessible(page, "a failed answer is accessible");
    await shot(page, "failed");
    await turn.locator("button", { hasText: "Retry" }).click();
    const second = page.locator(".turn").nth(before + 1);
    await second.locator(".facts").waitFor();
    check("retry asks the same", (await second.locator(".question").textContent()) === "break");
    check("with an id of its own", (await second.locator(".request").textContent()) !== first);
}

async function stops(page) {
    const turn = await begin(page, "think for ever");
    await page.locator("#send", { hasText: "Stop" }).waitFor();
    await turn.locator(".is-model .time", { hasText: /\d/ }).waitFor();
    check("what it waits for is named", (await turn.locator(".steps-box > summary").textContent()).includes("the model thinks"));
    await page.locator("#send").click();
    await turn.locator(".foot", { hasText: "stopped" }).waitFor();
    await page.locator("#send", { hasText: "Send" }).waitFor();
    check("stop", true);
    check("the focus is back", (await focused(page)) === "question");
}

// The server owns the turn: after a reload, and from another session, it is there again.
async function comesBack(page) {
    await begin(page, "think for ever");
    await page.locator(".turn").last().locator(".is-model").waitFor();
    await page.reload();
    await page.locator("#send", { hasText: "Stop" }).waitFor();
    await page.locator(".turn").last().locator(".is-model .note", { hasText: "thinking" }).waitFor();
    check("a turn is there after a reload", (await page.locator(".question").last().textContent()) === "think for ever");
    await page.locator("#new").click();
    check("another session can be begun meanwhile", (await page.locator("#send").textContent()) === "Send");
    check("and is empty", (await page.locator(".turn").count()) === 0);
    await page.locator("#sessions .session").first().click();
    await page.locator("#send", { hasText: "Stop" }).waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".turn").last().locator(".foot", { hasText: "stopped" }).waitFor();
    check("escape stops", (await page.locator(".question", { hasText: "think for ever" }).count()) === 2);
}

async function models(page) {
    await page.locator("#model").selectOption("rules");
    const turn = await ask(page, "what time is it?");
    check("another model answers", (await turn.locator(".answer").textContent()).includes("stand in for a language model"));
    check("and is named", (await turn.locator(".facts").textContent()).startsWith("rules"));
    await page.reload();
    await page.locator("#model option").nth(1).waitFor({ state: "attached" });
    check("the choice is kept", (await page.locator("#model").inputValue()) === "rules");
    await page.locator("#model").selectOption("script");
}

async function small(browser) {
    const context = await browser.newContext({ reducedMotion: "reduce", colorScheme: "dark", viewport: { width: 360, height: 740 } });
    const page = await context.newPage();
    await opened(page);
    const turn = await ask(page, "show me the hostile page");
    await turn.locator(".steps-box > summary").click();
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    check("360 px", width <= 360, `${width} px`);
    await draws(page, 70);
    await accessible(page, "dark and small is accessible");
    await shot(page, "small");
    await page.locator("#menu").click();
    await page.locator("#new").waitFor();
    check("the panel takes the focus", (await focused(page)) === "new");
    await accessible(page, "the panel over the page is accessible");
    await shot(page, "small-panel");
    await page.keyboard.press("Escape");
    check("the panel closes by keyboard", !(await page.locator("#new").isVisible()));
    check("the focus goes back", (await focused(page)) === "menu");
    await context.close();
}

// Reading further up is not disturbed by what comes below; at the end the page goes along.
async function follows(page) {
    const end = () => page.evaluate(() => {
        const main = document.getElementById("main");
        return main.scrollHeight - main.clientHeight - main.scrollTop;
    });
    await ask(page, "look it up");
    check("the page is at its end", (await end()) < 40, `${await end()} px`);
    await page.locator(".turn").first().hover();
    await page.mouse.wheel(0, -400);
    await page.locator("#follow").waitFor();
    await page.locator("#follow").click();
    await page.locator("#follow").waitFor({ state: "hidden" });
    check("there is a way back to the end", (await end()) < 40, `${await end()} px`);
    check("the page itself does not scroll", (await page.evaluate(() => document.scrollingElement.scrollTop)) === 0);
}

async function looks(page) {
    await accessible(page, "light is accessible");
    await page.locator("#theme").click();
    await shot(page, "dark");
    await accessible(page, "dark is accessible");
    await page.reload();
    check("the theme is kept", (await page.evaluate(() => document.documentElement.dataset.theme)) === "dark");
    await page.locator(".question").first().waitFor();
}

const parts = [answers, remembers, hostile, follows, looks, approves, fails, stops, comesBack, models, sessions, knows, long, draws, markdown, socket];
const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
});
const wrong = [];
let page;
try {
    const context = await browser.newContext({ reducedMotion: "reduce", colorScheme: "light", viewport: { width: 1200, height: 800 } });
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    page = await context.newPage();
    page.setDefaultTimeout(20_000);
    // A refusal is what is looked for where tokens are.
    const isMeant = (text) => values.token && text.includes("status of 401");
    page.on("console", (message) => { if (message.type() === "error" && !isMeant(message.text())) wrong.push(message.text()); });
    page.on("pageerror", (error) => wrong.push(error.message));
    page.on("dialog", (dialog) => { wrong.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
    const all = values.token ? [signsIn] : parts;
    if (!values.token) await opened(page);
    for (const part of all) {
        await part(page);
    }
    check("nothing went wrong", wrong.length === 0, wrong.join("\n"));
    if (!values.token) await small(browser);
    if (!values.token) await troubles(browser);
    console.log(JSON.stringify({ checks: Object.keys(seen) }));
} catch (error) {
    // What the browser said is often why.
    console.error([`after: ${Object.keys(seen).pop()}`, ...wrong].join("\n"));
    await shot(page, "went-wrong");
    throw error;
} finally {
    await browser.close();
}
