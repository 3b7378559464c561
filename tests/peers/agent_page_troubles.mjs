// What the page does when it is not let in, and when the way to the agent breaks.
import { accessible, ask, begin, check, focused, opened, shot } from "./agent_page_kit.mjs";

// What the page does when it is not let in, and when the way to the agent breaks.
export async function troubles(browser) {
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
