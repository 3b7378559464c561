// Drives an MCP server with version 1 of the TypeScript SDK (package @modelcontextprotocol/sdk),
// which most deployed clients are built on. It knows only the revisions up to 2025-11-25.
import { listAndCall, load, main } from "./peer.mjs";

const { Client } = load("@modelcontextprotocol/sdk/client/index.js");
const { StreamableHTTPClientTransport } = load("@modelcontextprotocol/sdk/client/streamableHttp.js");

await main(async (args) => {
    if (args.era === "modern") throw new Error("version 1 of the SDK has no modern era");
    const headers = args.token ? { Authorization: `Bearer ${args.token}` } : {};
    const transport = new StreamableHTTPClientTransport(new URL(args.url), {
        requestInit: { headers },
    });
    const client = new Client({ name: "toolgate-tests", version: "1" });
    await client.connect(transport);
    const outcome = await listAndCall(client, args);
    const { protocolVersion } = transport;
    await transport.terminateSession();
    await client.close();
    return { client: "ts_sdk_v1", protocolVersion, ...outcome };
});
