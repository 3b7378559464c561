// Drives an MCP server with version 2 of the TypeScript SDK (package @modelcontextprotocol/client), and
// its tasks with the official client of that extension (@modelcontextprotocol/ext-tasks).
import { join } from "node:path";
import { MODERN, called, listAndCall, load, main, nodeFolder } from "./peer.mjs";

const { Client, StreamableHTTPClientTransport } = load("@modelcontextprotocol/client");

const IDENTITY = { name: "toolgate-tests", version: "1" };

/** What the SDK itself cannot send: requests whose results are tasks. */
function dispatcher(args) {
    let id = 0;
    return async ({ method, params }) => {
        const headers = {
            "Content-Type": "application/json",
            Accept: "application/json, text/event-stream",
            "MCP-Protocol-Version": MODERN,
            "Mcp-Method": method,
            "Mcp-Name": params.name ?? params.taskId,
        };
        if (args.token) headers.Authorization = `Bearer ${args.token}`;
        id += 1;
        const body = JSON.stringify({ jsonrpc: "2.0", id, method, params });
        const response = await fetch(args.url, { method: "POST", headers, body });
        const text = await response.text();
        const streamed = response.headers.get("content-type").startsWith("text/event-stream");
        const last = streamed ? text.trim().split("\n").at(-1).replace(/^data: /, "") : text;
        const { result, error } = JSON.parse(last);
        return error ? { kind: "error", error } : { kind: "result", result };
    };
}

/** Has the tools called by the client of the extension, which reads no task that breaks its schema. */
async function callWithTasks(client, args) {
    const extension = "node_modules/@modelcontextprotocol/ext-tasks/dist/client/index.js";
    const { createTaskSessionFromClient, resultFromTaskOutcome } = await import(
        join(nodeFolder, extension)
    );
    const session = createTaskSessionFromClient(client, {
        endpointId: "gateway",
        rawDispatch: dispatcher(args),
        v2RequestFraming: { protocolVersion: MODERN, clientInfo: IDENTITY, clientCapabilities: {} },
    });
    const calls = [];
    for (const [name, arguments_] of args.call) {
        const execution = await session.callTool(name, arguments_);
        const task = execution.handle?.taskId;
        const { outcome } = await execution.settle();
        calls.push({ ...called(name, resultFromTaskOutcome(outcome)), task });
    }
    await session.close();
    return calls;
}

await main(async (args) => {
    const transport = new StreamableHTTPClientTransport(new URL(args.url), {
        authProvider: args.token ? { token: async () => args.token } : undefined,
    });
    const mode = args.era === "modern" ? { pin: MODERN } : args.era;
    const client = new Client(IDENTITY, { versionNegotiation: { mode } });
    await client.connect(transport);
    const outcome = await listAndCall(client, { ...args, call: args.tasks ? [] : args.call });
    if (args.tasks) outcome.calls = await callWithTasks(client, args);
    const protocolVersion = client.getNegotiatedProtocolVersion();
    await transport.terminateSession();
    await client.close();
    return { client: "ts_sdk", protocolVersion, ...outcome };
});
