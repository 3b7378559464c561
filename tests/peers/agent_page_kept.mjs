// What is kept, on the page: earlier answers, sessions, memory.
import { accessible, ask, check, focused, shot, until, values } from "./agent_page_kit.mjs";

// What an answer says of itself, in words.
const saying = async (turn) => ({
    summary: await turn.locator(".steps-box > summary").textContent(),
    steps: await turn.locator(".step-head").allTextContents(),
    pieces: await turn.locator(".piece").evaluateAll((all) => all.map((it) => `${it.className} ${it.title} ${it.style.flexGrow}`)),
    legends: await turn.locator(".legends").textContent(),
    facts: await turn.locator(".facts p").textContent(),
    trace: await turn.locator(".facts a").getAttribute("href"),
});

// After a reload an answer says where its time went, as it did when it was live; but for words of tools.
export async function remembers(page) {
    const live = await saying(page.locator(".turn").first());
    await page.locator(".turn").first().getByText("Copy ids").click();
    await page.locator(".facts button", { hasText: "Copied" }).waitFor();
    const ids = await page.evaluate(() => navigator.clipboard.readText());
    check("what an answer is looked up by is copied", /^request [0-9a-f-]{36}\ntrace [0-9a-f]{32}\nsession session-[0-9a-f-]{36}\ncall [0-9a-f-]{36} clock___now$/.test(ids), ids);
    check("each tool has its own time", /clock___now [\d.]+ ms/.test(live.legends), live.legends);
    await until(page, async () => {
        const path = `/api/sessions/${location.hash.slice(1)}/events`;
        const { events } = await (await fetch(path)).json();
        // A turn is written down after it was answered.
        return events.some((it) => it.timeline);
    });
    await page.route("**/events", (route) => route.continue());
    await page.reload();
    const turn = page.locator(".turn").first();
    await turn.locator(".facts").waitFor();
    const past = await saying(turn);
    for (const part of Object.keys(live)) {
        check(`an earlier answer has its ${part}`, JSON.stringify(past[part]) === JSON.stringify(live[part]), `${JSON.stringify(live[part])}\n${JSON.stringify(past[part])}`);
    }
    const when = await turn.locator(".when").textContent();
    check("it says when it was asked", /^\d\d:\d\d/.test(when), when);
    check("nobody is told of it again", (await page.locator("#status").textContent()) === "");
    check("nor alarmed", (await page.locator(".turn [role=alert]").count()) === 0);
    await turn.locator(".steps-box > summary").click();
    await turn.locator(".is-tool summary").click();
    check("it says what is not kept", (await turn.locator(".is-tool .step-body").textContent()).includes("not kept"));
    check("where its time went at the gateway", /total[\d.]+ ms/.test(await turn.locator(".phases").textContent()));
    await accessible(page, "an earlier answer is accessible");
    await shot(page, "earlier");
    await page.route("**/api/sessions/*/events", async (route) => {
        const response = await route.fetch();
        const data = await response.json();
        for (const event of data.events) event.timeline = null;
        await route.fulfill({ json: data });
    });
    await page.reload();
    await turn.locator(".past").waitFor();
    const without = await turn.locator(".past").textContent();
    check("one without a timeline says so", without.includes("no timeline kept"), without);
    await page.unrouteAll();
}

export async function sessions(page) {
    await page.locator(".question").first().waitFor();
    const asked = await page.locator(".question").count();
    await page.reload();
    await page.locator(".question").nth(asked - 1).waitFor();
    check("history after a reload", (await page.locator(".question").first().textContent()) === "look it up");
    await page.locator("#new").click();
    check("a new session is empty", (await page.locator(".turn").count()) === 0);
    await ask(page, "look it up");
    await page.locator("#sessions li").nth(1).waitFor();
    check("both are listed", (await page.locator("#sessions li").count()) === 2);
    await page.locator("#sessions .session").nth(1).click();
    await page.locator(".question").nth(1).waitFor();
    check("the older one is opened", (await page.locator(".question").count()) === asked);
    await renames(page);
    await finds(page);
    await page.locator("#sessions .session").nth(0).focus();
    await page.keyboard.press("Delete");
    check("one press does not delete", (await page.locator("#sessions li").count()) === 2);
    check("it asks whether to", (await page.evaluate(() => document.activeElement.textContent)) === "Delete?");
    await page.keyboard.press("Escape");
    check("escape keeps it", (await page.locator("#sessions .sure").count()) === 0);
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await page.locator("#sessions li").nth(1).waitFor({ state: "detached" });
    check("two do", true);
    await page.locator("#sessions .session").focus();
    await page.keyboard.press("Delete");
    await page.keyboard.press("Enter");
    await page.locator("#sessions .empty").waitFor();
    check("without sessions it says what comes here", (await page.locator("#sessions").textContent()).includes("None yet"));
    await ask(page, "look it up");
    await page.locator("#sessions .session").waitFor();
    await page.locator("#clear").click();
    await page.locator("#clear").click();
    await page.locator(".turn").waitFor({ state: "detached" });
    await page.locator("#sessions .empty").waitFor();
    check("everything is forgotten", (await page.locator(".turn").count()) === 0);
}

// A session is called by its first question until somebody calls it otherwise.
async function renames(page) {
    const first = page.locator("#sessions .session").first();
    const title = first.locator("span");
    check("a session is called by its first question", (await title.textContent()) === "look it up");
    await first.focus();
    await page.keyboard.press("F2");
    await page.locator(".rename input").waitFor();
    check("its title can be written", (await page.evaluate(() => document.activeElement.value)) === "look it up");
    await accessible(page, "a title that is written is accessible");
    await shot(page, "rename");
    await page.keyboard.type("<b>Rollout</b> 12");
    await page.keyboard.press("Enter");
    await title.filter({ hasText: "<b>Rollout</b> 12" }).waitFor();
    check("a title is text", (await page.locator("#sessions b").count()) === 0);
    check("the focus is on the session again", (await focused(page)) === "session", await focused(page));
    await page.reload();
    await title.filter({ hasText: "<b>Rollout</b> 12" }).waitFor();
    await page.locator("#sessions li").first().hover();
    await page.locator("#sessions li").first().getByLabel("Rename session").click();
    await page.keyboard.type("another");
    await page.keyboard.press("Escape");
    await title.filter({ hasText: "<b>Rollout</b> 12" }).waitFor();
    check("escape keeps the title", true);
}

// By title, by what was said, by keyboard.
async function finds(page) {
    const all = page.locator("#sessions .session");
    for (const [words, first] of [["rollout", "<b>Rollout</b> 12"], ["HOSTILE change", "look it up"]]) {
        await page.locator("#find").fill(words);
        await page.locator("#sessions li").nth(1).waitFor({ state: "detached" });
        await page.locator("#status", { hasText: "1 session found" }).waitFor();
        check(`${words} finds it`, (await all.locator("span").textContent()) === first, await all.locator("span").textContent());
        await page.locator("#find").press("Escape");
        await page.locator("#sessions li").nth(1).waitFor();
    }
    await page.locator("#find").fill("nowhere");
    await page.locator("#sessions .empty", { hasText: "No session has" }).waitFor();
    check("nothing is found", (await all.count()) === 0);
    await shot(page, "find");
    await page.locator("#find").press("Escape");
    await all.nth(1).waitFor();
    check("escape looks for nothing", (await page.locator("#find").inputValue()) === "");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    const at = await page.evaluate(() => [...document.querySelectorAll(".session")].indexOf(document.activeElement));
    check("arrows go through the list", at === 1, `${at}`);
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("ArrowUp");
    check("and back to what finds", (await focused(page)) === "find", await focused(page));
}

// All that is known can be seen and forgotten, a page at a time.
export async function knows(page) {
    const facts = 60;
    await page.evaluate(async (facts) => {
        const headers = { "content-type": "application/json" };
        for (let nth = 0; nth < facts; nth += 1) {
            const body = JSON.stringify({ prompt: `The box ${nth} is in rack ${nth}.`, sessionId: "facts" });
            await (await fetch("/invocations", { method: "POST", headers, body })).json();
        }
    }, facts);
    await until(page, async (facts) => {
        const first = await (await fetch("/api/memory")).json();
        if (!first.next) return false;
        const second = await (await fetch(`/api/memory?from=${encodeURIComponent(first.next)}`)).json();
        return first.records.length + second.records.length === facts;
    }, facts);
    await page.reload();
    const all = page.locator("#memory li:not(:has(.more))");
    await page.locator("#memory .more").waitFor();
    check("not all is shown at once", (await all.count()) === 50, `${await all.count()}`);
    await page.locator("#memory .more").click();
    await all.nth(facts - 1).waitFor();
    check("all is shown on demand", (await all.count()) === facts, `${await all.count()}`);
    check("and nothing more", (await page.locator("#memory .more").count()) === 0);
    const last = all.last();
    const says = await last.locator("span").textContent();
    check("the oldest comes last", says.includes("box 0 "), says);
    await last.locator("button").click();
    await last.locator("button").click();
    await all.nth(facts - 1).waitFor({ state: "detached" });
    check("one is forgotten and the rest stay", (await all.count()) === facts - 1, `${await all.count()}`);
    check("it is that one", !(await page.locator("#memory").textContent()).includes("box 0 "));
    await page.locator("#clear").click();
    await page.locator("#clear").click();
    await page.locator("#memory .empty").waitFor();
}

// A long session is shown from its end; what came before follows when it is asked for.
export async function long(page) {
    const turns = 32;
    await page.evaluate(async (turns) => {
        const headers = { "content-type": "application/json" };
        for (let nth = 0; nth < turns; nth += 1) {
            const body = JSON.stringify({ prompt: `number ${nth}`, sessionId: "long" });
            await (await fetch("/invocations", { method: "POST", headers, body })).json();
        }
    }, turns);
    await until(page, async (turns) => {
        const { sessions } = await (await fetch("/api/sessions")).json();
        return sessions.find((it) => it.session === "long")?.turns === turns;
    }, turns);
    await page.goto(`${values.url}#long`);
    await page.locator(".question", { hasText: `number ${turns - 1}` }).waitFor();
    check("a long session is not drawn whole", (await page.locator(".question").count()) < turns);
    await page.locator(".more").click();
    await page.locator(".question", { hasText: /^number 0$/ }).waitFor();
    check("earlier turns come above", (await page.locator(".question").first().textContent()) === "number 0");
    check("and each once", (await page.locator(".question").count()) === turns);
    await page.locator("#new").click();
}
