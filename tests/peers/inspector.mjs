// Drives an MCP server with the command line of MCP Inspector, one process for each request.
// The Inspector does not tell which revision it negotiated, so protocolVersion is null.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { called, main, nodeFolder } from "./peer.mjs";

const LAUNCHER = "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js";
// The exit status for a result with isError, which is a result all the same.
const TOOL_IS_ERROR = 5;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

async function inspect(args, request) {
    const options = ["--cli"];
    if (args.command) options.push("--transport", "stdio");
    else options.push("--server-url", args.url, "--transport", "http");
    options.push("--protocol-era", args.era, "--format", "json", "--quiet", "--stored-auth-only");
    if (args.token) options.push("--header", `Authorization: Bearer ${args.token}`);
    options.push(...request);
    if (args.command) options.push("--", ...args.command);
    // A home of its own: the Inspector keeps tokens and settings there.
    const env = { ...process.env, HOME: join(nodeFolder, "inspector-home") };
    const run = promisify(execFile)(process.execPath, [join(nodeFolder, LAUNCHER), ...options], {
        env,
        maxBuffer: MAX_OUTPUT_BYTES,
    });
    run.child.stdin.end();
    const { stdout } = await run.catch((failure) => {
        if (failure.code === TOOL_IS_ERROR && failure.stdout) return failure;
        throw new Error(failure.stderr || `exit status ${failure.code}: ${failure.stdout}`);
    });
    return JSON.parse(stdout).result;
}

await main(async (args) => {
    const listed = args.tools ? await inspect(args, ["--method", "tools/list"]) : { tools: [] };
    const calls = [];
    for (const [name, arguments_] of args.call) {
        const json = JSON.stringify(arguments_);
        const request = ["--method", "tools/call", "--tool-name", name, "--tool-args-json", json];
        calls.push(called(name, await inspect(args, request)));
    }
    const tools = listed.tools.map((tool) => tool.name);
    return { client: "inspector", protocolVersion: null, tools, calls };
});
