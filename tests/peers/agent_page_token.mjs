// Who is let in by a token alone: signs in, is asked again when the token ends, signs out.
import { accessible, ask, check, focused, shot, until, values } from "./agent_page_kit.mjs";

const QUESTION = "what I was about to ask";
/** Seconds that a token has to have left to sign in with it. */
const ENOUGH = 5;

// The first short token that lives long enough to be used.
function living() {
    const left = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url")).exp - Date.now() / 1000;
    return values.short.find((token) => left(token) > ENOUGH);
}

async function enter(page, token) {
    await page.locator("#token").fill(token);
    await page.locator("#token").press("Enter");
}

async function refuses(page) {
    for (const [name, token] of [["no token", "a.b.c"], ["an old one", values.ended]]) {
        await enter(page, token);
        await page.locator("#notice:not(:empty)").waitFor();
        const says = await page.locator("#notice").textContent();
        check(`${name} says what to do`, says.includes("does not take this token") && says.includes("toolgate token"), says);
        check(`${name} lets nobody in`, !(await page.locator("#question").isVisible()));
        check(`after ${name} another can be typed`, (await focused(page)) === "token", await focused(page));
    }
    await accessible(page, "a refusal is accessible");
    await shot(page, "refused");
}

// Where a script, or whoever looks at the browser, could find it.
async function hides(page, token) {
    check("no script can read the cookie", (await page.evaluate(() => document.cookie)) === "");
    check("nor is the token kept in the page", (await page.locator("#token").inputValue()) === "");
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, history.state, location.href]));
    check("nor in storage", !kept.includes(token), kept);
    const cookies = JSON.stringify(await page.context().cookies());
    check("nor in the cookie", cookies.includes("toolgate-agent") && !cookies.includes(token), cookies);
}

export async function signsIn(page) {
    const sent = [];
    page.on("request", (request) => sent.push(request));
    await page.goto(values.url);
    await page.locator("#token").waitFor();
    check("the token has the focus", (await focused(page)) === "token", await focused(page));
    check("nobody was signed in", !(await page.locator("#ended").isVisible()));
    await refuses(page);
    const short = living();
    await enter(page, short);
    await page.locator("#capabilities", { hasText: "tool" }).waitFor();
    check("the refusal is gone", (await page.locator("#notice").textContent()) === "");
    await hides(page, short);
    await ask(page, "look it up");
    const session = new URL(page.url()).hash;
    await page.locator("#question").fill(QUESTION);
    // The token ends.
    await until(page, async () => (await fetch("/api/models")).status === 401);
    await page.locator("#question").press("Enter");
    await page.locator("#token").waitFor();
    check("it says that the token has ended", await page.locator("#ended").isVisible());
    check("what was said is not shown to nobody", !(await page.locator(".turn").first().isVisible()));
    check("the focus is on the token again", (await focused(page)) === "token", await focused(page));
    await accessible(page, "being asked again is accessible");
    await shot(page, "ended");
    await enter(page, values.token);
    await page.locator(".question", { hasText: "look it up" }).waitFor();
    check("the session goes on", new URL(page.url()).hash === session, page.url());
    check("the question is not lost", (await page.locator("#question").inputValue()) === QUESTION);
    await page.locator("#question").press("Enter");
    await page.locator(".question", { hasText: QUESTION }).waitFor();
    await page.locator(".turn").nth(1).locator(".facts").waitFor();
    await page.reload();
    await page.locator(".question").nth(1).waitFor();
    check("who is signed in stays so", (await page.locator(".question").first().textContent()) === "look it up");
    await signsOut(page);
    for (const token of [short, values.token]) {
        const where = sent.filter((request) => request.url().includes(token) || JSON.stringify(request.headers()).includes(token));
        check("no token was in an address or a head", where.length === 0, where.map((request) => request.url()).join());
        const bodies = sent.filter((request) => request.postData()?.includes(token)).map((request) => new URL(request.url()).pathname);
        check("and each was sent once", bodies.join() === "/api/sign-in", bodies.join());
    }
}

async function signsOut(page) {
    await page.evaluate(() => sessionStorage.setItem("session-x", JSON.stringify({ id: "x", text: "a question" })));
    await page.locator("#sign-out").click();
    await page.locator("#token").waitFor();
    check("who has signed out is nobody", (await page.locator(".turn").count()) === 0);
    check("the cookie is gone", (await page.context().cookies()).length === 0);
    check("and what was being asked", (await page.evaluate(() => sessionStorage.length)) === 0);
    check("the agent knows", (await page.evaluate(async () => (await fetch("/api/models")).status)) === 401);
}
