// What the Node drivers share: their arguments, their time limit and the report they print.
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";

export const MODERN = "2026-07-28";
const TIME_LIMIT_MS = 60_000;

/** The folder that setup.sh filled; run.sh sets the variable. */
export const nodeFolder = join(process.env.TOOLGATE_PEERS_DIR, "node");

/** Loads packages from that folder: this file has no node_modules above it. */
export const load = createRequire(join(nodeFolder, "package.json"));

function arguments_() {
    // parseArgs gives an option at most one value: the JSON of `--call NAME JSON` is a positional.
    const options = {
        url: { type: "string" },
        // A child process, as a JSON list of words.
        command: { type: "string" },
        token: { type: "string" },
        era: { type: "string", default: "auto" },
        tools: { type: "boolean", default: false },
        tasks: { type: "boolean", default: false },
        call: { type: "string", multiple: true, default: [] },
    };
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    if (!values.url && !values.command) throw new Error("--url or --command is missing");
    if (!["auto", "modern", "legacy"].includes(values.era)) throw new Error(`unknown era ${values.era}`);
    if (positionals.length !== values.call.length) throw new Error("--call takes NAME and JSON");
    const call = values.call.map((name, index) => [name, JSON.parse(positionals[index])]);
    const command = values.command && JSON.parse(values.command);
    return { ...values, command, call };
}

/** Turns a tools/call result into one entry of the report. */
export function called(name, result) {
    const texts = result.content.filter((block) => block.type === "text").map((block) => block.text);
    const entry = { name, isError: result.isError === true, text: texts.join("\n") };
    if (result.structuredContent !== undefined) entry.structured = result.structuredContent;
    return entry;
}

/** Lists and calls through an SDK client that is connected already; all its versions share this. */
export async function listAndCall(client, args) {
    const tools = [];
    let cursor;
    do {
        if (!args.tools) break;
        const page = await client.listTools({ cursor });
        tools.push(...page.tools.map((tool) => tool.name));
        cursor = page.nextCursor;
    } while (cursor !== undefined);
    const calls = [];
    for (const [name, arguments_] of args.call) {
        calls.push(called(name, await client.callTool({ name, arguments: arguments_ })));
    }
    return { tools, calls };
}

function described(error) {
    if (error.code === undefined) return String(error);
    return `${error} (code ${error.code}, data ${JSON.stringify(error.data ?? null)})`;
}

/** Runs `drive(args)`, prints the report it returns, and exits 1 if it fails. */
export async function main(drive) {
    const fail = (error) => {
        for (let cause = error; cause; cause = cause.cause) console.error(described(cause));
        process.exit(1);
    };
    setTimeout(() => fail(new Error(`took over ${TIME_LIMIT_MS} ms`)), TIME_LIMIT_MS).unref();
    try {
        const report = await drive(arguments_());
        process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));
    } catch (error) {
        fail(error);
    }
}
