// How parts are drawn that the script does not bring about, and the same turns over a socket.
import { check } from "./agent_page_kit.mjs";

// What models can write: which elements come of it, and how long the longest takes.
export async function markdown(page) {
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
export async function draws(page, line = 30) {
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
        const main = document.getElementById("main");
        const wide = main.scrollWidth - main.clientWidth;
        const grown = [...turn.node.querySelectorAll(".piece")].map((it) => Number(it.style.flexGrow));
        const legends = turn.node.querySelector(".legends").textContent;
        turn.node.remove();
        const yesterday = told(new Date(Date.now() - 864e5).toISOString());
        return { both, one, high, wide, grown, legends, name, yesterday, durations: [0.25, 12.4, 30_043, 61_250].map(duration) };
    });
    check("all that it waits for is named", drawn.both === `2 steps: ${drawn.name} and prom___query`, drawn.both);
    check("and no more once it is there", drawn.one === "2 steps: prom___query", drawn.one);
    check("a long name has a line of its own", drawn.high < line, `${drawn.high} px`);
    check("nothing is wider than the page", drawn.wide <= 0, `${drawn.wide} px`);
    check("tools at the same time count once", Math.abs(drawn.grown.reduce((sum, it) => sum + it, 0) - 1) < 1e-6, drawn.grown.join());
    check("and that is said", drawn.legends.includes("(tools at the same time: 60 ms)") && drawn.legends.includes("prom___query 40 ms"), drawn.legends);
    check("durations", drawn.durations.join() === "0.3 ms,12 ms,30 s,61.3 s", drawn.durations.join());
    check("the day before has its day and time", /\d\d:\d\d|\d{4}/.test(drawn.yesterday) && /[A-Za-z]/.test(drawn.yesterday), drawn.yesterday);
}

// The same turns over a WebSocket, from the page's own origin.
export async function socket(page) {
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
