// Drives an MCP server with version 1 of the TypeScript SDK (package @modelcontextprotocol/sdk),
// which most deployed clients are built on. It knows only the revisions up to 2025-11-25.
import { called, listAndCall, load, main } from "./peer.mjs";

const { Client } = load("@modelcontextprotocol/sdk/client/index.js");
const { StreamableHTTPClientTransport } = load("@modelcontextprotocol/sdk/client/streamableHttp.js");
const { CallToolResultSchema } = load("@modelcontextprotocol/sdk/types.js");

// Has a tool called as a task (2025-11-25), and waits for what it comes to.
async function callAsTask(client, [name, arguments_]) {
    let task;
    const options = { task: { ttl: 60_000 } };
    const stream = client.experimental.tasks.callToolStream(
        { name, arguments: arguments_ },
        CallToolResultSchema,
        options,
    );
    for await (const message of stream) {
        if (message.type === "taskCreated") task = message.task.taskId;
        if (message.type === "error") throw message.error;
        if (message.type === "result") return { ...called(name, message.result), task };
    }
    throw new Error(`${name} came to nothing`);
}

await main(async (args) => {
    if (args.era === "modern") throw new Error("version 1 of the SDK has no modern era");
    const headers = args.token ? { Authorization: `Bearer ${args.token}` } : {};
    const transport = new StreamableHTTPClientTransport(new URL(args.url), {
        requestInit: { headers },
    });
    const client = new Client({ name: "toolgate-tests", version: "1" });
    await client.connect(transport);
    const asTasks = args.tasks ? args.call : [];
    const outcome = await listAndCall(client, { ...args, call: args.tasks ? [] : args.call });
    for (const call of asTasks) outcome.calls.push(await callAsTask(client, call));
    const { protocolVersion } = transport;
    await transport.terminateSession();
    await client.close();
    return { client: "ts_sdk_v1", protocolVersion, ...outcome };
});
