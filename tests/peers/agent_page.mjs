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
import { signsIn } from "./agent_page_token.mjs";
import { accessible, ask, begin, check, chromium, focused, seen, shot, until, values } from "./agent_page_kit.mjs";

async function opened(page) {
    await page.goto(values.url);
    await page.locator("#capabilities", { hasText: "tools of" }).waitFor();
}

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
async function remembers(page) {
    const live = await saying(page.locator(".turn").first());
    await page.locator(".turn").first().getByText("Copy ids").click();
    await page.locator(".facts button", { hasText: "Copied" }).waitFor();
    const ids = await page.evaluate(() => navigator.clipboard.readText());
    check("what an answer is looked up by is copied", /^request [0-9a-f-]{36}\ntrace [0-9a-f]{32}\nsession session-[0-9a-f-]{36}\ncall [0-9a-f-]{36} clock___now$/.test(ids), ids);
    check("each tool has its own time", /clock___now [\d.]+ ms/.test(live.legends), live.legends);
    await until(page, async () => {
        const path = `/api/sessions/${location.hash.slice(1)}/events`;
        const { events } = await (await fetch(path)).json();
        return events.filter((it) => it.role === "ASSISTANT").every((it) => it.timeline);
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

async function sessions(page) {
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
async function knows(page) {
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
async function long(page) {
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

// What models can write: which elements come of it, and how long the longest takes.
async function markdown(page) {
    const drawn = await page.evaluate(async () => {
        const { render } = await import("/assets/markdown.js");
        const html = (text) => render(text).map((node) => node.outerHTML).join("");
        const hostile = [
            "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "[a](javascript:alert(1))", "[a](JAVASCRIPT:alert(1))",
            "[a](data:text/html,<script>1</script>)", "![a](http://example.com/a.png)", "`<b>` **<i>x</i>** *<u>x</u>*",
            "# <script>1</script>", "- <b>x</b>", "> <b>x</b>", "| <b>a</b> |\n|---|\n| <b>c</b> |",
            "[a](http://user:pass@example.com/)", "[http://good.example.com?evil.example.com](http://evil.example.com)",
            "a\u202eb", "```\n<b>x</b>",
        ];
        const nodes = render(hostile.join("\n\n")).flatMap((node) => [node, ...node.querySelectorAll("*")]);
        const long = ["> ", ">", "[", "`", "*", "**", "![](", "a_", "|", "- ", "1. ", "#", "\n", "~~~\n", "http://"];
        const began = performance.now();
        for (const piece of long) render(piece.repeat(20_000 / piece.length));
        return {
            tags: [...new Set(nodes.map((node) => node.localName))],
            attributes: [...new Set(nodes.flatMap((node) => node.getAttributeNames()))],
            links: nodes.filter((node) => node.localName === "a").map((node) => [node.protocol, node.textContent]),
            text: nodes.map((node) => node.textContent).join("\n"),
            ms: performance.now() - began,
            list: html("1. a\n\n2. b\n   - c\n\n3. d\n\nx"),
            starts: html("4. a"),
            open: html("```js\nlet a"),
        };
    });
    const tags = "p,a,strong,em,code,h4,ul,li,blockquote,div,table,thead,tbody,tr,th,td,pre".split(",");
    check("elements of Markdown alone", drawn.tags.every((tag) => tags.includes(tag)), drawn.tags.join());
    const attributes = ["href", "rel", "target", "class", "scope", "tabindex", "start"];
    check("attributes of ours alone", drawn.attributes.every((name) => attributes.includes(name)), drawn.attributes.join());
    check("links to the web alone", drawn.links.length > 0 && drawn.links.every(([protocol]) => /^https?:$/.test(protocol)), drawn.links.join());
    check("a link says where it leads", drawn.links.some(([, text]) => text.includes("(evil.example.com)")), drawn.links.join("\n"));
    check("what is not seen is made visible", drawn.text.includes("a\\u202eb"));
    check("nothing takes long", drawn.ms < 2_000, `${drawn.ms} ms`);
    check("a list with gaps is one list", drawn.list === "<ol><li>a</li><li>b<ul><li>c</li></ul></li><li>d</li></ol><p>x</p>", drawn.list);
    check("a list begins where it says", drawn.starts === '<ol start="4"><li>a</li></ol>', drawn.starts);
    check("an open fence is shown closed", drawn.open.includes("<code>let a</code>"), drawn.open);
}

// How parts of a turn are drawn that are longer, or more, than the script's.
async function draws(page) {
    const drawn = await page.evaluate(async () => {
        const { duration, told } = await import("/assets/dom.js");
        const { Turn } = await import("/assets/turn.js");
        const turn = new Turn("a question", { traceLink: () => null });
        document.getElementById("log").append(turn.node);
        const name = "kubernetes-production-eu-west-1___list_deployments_that_are_not_ready";
        const begin = (step, name) => turn.heard({ type: "step.start", step, kind: "tool", name, limit_ms: 1_000 });
        const end = (step, ms) => turn.heard({ type: "step.end", step, ms, outcome: "ok", retry_safe: null });
        begin(1, name);
        begin(2, "prom___query");
        const both = turn.summary.textContent;
        end(1, 60);
        const one = turn.summary.textContent;
        end(2, 40);
        const times = { memory_retrieval_ms: 0, llm_inference_ms: 0, tool_execution_ms: 60, approval_ms: 0, overhead_ms: 0, total_ms: 60 };
        turn.heard({ type: "turn.end", reason: "answered", says: null, retry_safe: true, times, usage: { total_tokens: 0 }, cost_usd: null, model: "one" });
        turn.details.open = true;
        const high = turn.node.querySelector(".name").getBoundingClientRect().height;
        const grown = [...turn.node.querySelectorAll(".piece")].map((it) => Number(it.style.flexGrow));
        const legends = turn.node.querySelector(".legends").textContent;
        turn.node.remove();
        const yesterday = told(new Date(Date.now() - 864e5).toISOString());
        return { both, one, high, grown, legends, name, yesterday, durations: [0.25, 12.4, 30_043, 61_250].map(duration) };
    });
    check("all that it waits for is named", drawn.both === `2 steps: ${drawn.name} and prom___query`, drawn.both);
    check("and no more once it is there", drawn.one === "2 steps: prom___query", drawn.one);
    check("a long name has a line of its own", drawn.high < 30, `${drawn.high} px`);
    check("tools at the same time count once", Math.abs(drawn.grown.reduce((sum, it) => sum + it, 0) - 1) < 1e-6, drawn.grown.join());
    check("and that is said", drawn.legends.includes("(tools at the same time: 60 ms)") && drawn.legends.includes("prom___query 40 ms"), drawn.legends);
    check("durations", drawn.durations.join() === "0.3 ms,12 ms,30 s,61.3 s", drawn.durations.join());
    check("the day before has its day and time", /\d\d:\d\d|\d{4}/.test(drawn.yesterday) && /[A-Za-z]/.test(drawn.yesterday), drawn.yesterday);
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
    await opened(page);
    const turn = await ask(page, "show me the hostile page");
    await turn.locator(".steps-box > summary").click();
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    check("360 px", width <= 360, `${width} px`);
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

// What somebody was about to ask is not shown to who signs in after them.
async function signsInAsAnother(page, nobody) {
    const known = (actor) => page.route("**/api/whoami", (route) => route.fulfill({ json: { ...nobody, actor, about: {} } }));
    await page.route("**/api/sign-in", (route) => route.fulfill({ json: {} }));
    const signIn = async (actor) => {
        await known(actor);
        await page.locator("#token").fill("x.y.z");
        await page.locator("#token").press("Enter");
        await page.locator("#question").waitFor();
    };
    await signIn("ann");
    await page.locator("#question").fill("a question of ann's");
    for (const [actor, left] of [["ann", "a question of ann's"], ["bob", ""]]) {
        await page.route("**/api/turns", (route) => route.fulfill({ status: 401, json: {} }), { times: 1 });
        await page.locator("#question").press("Enter");
        await page.locator("#token").waitFor();
        await signIn(actor);
        await page.waitForFunction((left) => document.getElementById("question").value === left, left);
        check(`what ${actor} finds there`, true);
    }
    check("in a session of their own", (await page.locator(".turn").count()) === 0);
}

const refusal = (detail) => (route) => route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify({ detail }) });

// A part of the panel that cannot be read says so in its place; a title that was not kept is not lost.
async function panelBreaks(page) {
    await page.route("**/api/sessions/*", refusal("the disk is full"), { times: 1 });
    await page.locator("#sessions .session").first().focus();
    await page.keyboard.press("F2");
    await page.keyboard.type("lost");
    await page.keyboard.press("Enter");
    await page.locator("#notice", { hasText: "the disk is full" }).waitFor();
    check("a title that was not kept is not lost", (await page.locator(".rename input").inputValue()) === "lost");
    await page.keyboard.press("Escape");
    await page.locator(".rename").waitFor({ state: "detached" });
    await page.route("**/api/memory*", refusal("the disk is gone"), { times: 1 });
    await page.reload();
    await page.locator("#memory .unread", { hasText: "the disk is gone" }).waitFor();
    await accessible(page, "a part that cannot be read is accessible");
    await shot(page, "unread");
    await page.locator("#memory .unread button").click();
    await page.locator("#clear").waitFor();
    check("a part that cannot be read is tried again", (await page.locator("#memory .unread").count()) === 0);
}

// What the page does when it is not let in, and when the way to the agent breaks.
async function troubles(browser) {
    const context = await browser.newContext({ reducedMotion: "reduce" });
    const page = await context.newPage();
    const breaks = (route) => route.abort("connectionfailed");
    await page.route("**/events", breaks, { times: 1 });
    await opened(page);
    const turn = await ask(page, "look it up");
    check("a stream that broke is taken up again", (await turn.locator(".answer li").count()) === 2);
    await panelBreaks(page);
    await page.route("**/api/turns", breaks, { times: 1 });
    await begin(page, "once more");
    await page.locator("#notice", { hasText: "does not answer" }).waitFor();
    check("the question is not lost", (await page.locator("#question").inputValue()) === "once more");
    const nobody = { actor: null, open: false, about: null, examples: [], memory: "local", trace_url: null };
    await page.route("**/api/whoami", (route) => route.fulfill({ json: nobody }));
    await page.reload();
    await page.locator("#token").waitFor();
    check("who is not known signs in", !(await page.locator("#question").isVisible()));
    await accessible(page, "signing in is accessible");
    await shot(page, "sign-in");
    await page.keyboard.type("a.b.c");
    await page.keyboard.press("Enter");
    await page.locator("#notice:not(:empty)").waitFor();
    check("a foreign token is refused", (await focused(page)) === "token");
    await signsInAsAnother(page, nobody);
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
