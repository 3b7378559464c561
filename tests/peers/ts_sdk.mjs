// Drives an MCP server with version 2 of the TypeScript SDK (package @modelcontextprotocol/client).
import { MODERN, listAndCall, load, main } from "./peer.mjs";

const { Client, StreamableHTTPClientTransport } = load("@modelcontextprotocol/client");

await main(async (args) => {
    const transport = new StreamableHTTPClientTransport(new URL(args.url), {
        authProvider: args.token ? { token: async () => args.token } : undefined,
    });
    const mode = args.era === "modern" ? { pin: MODERN } : args.era;
    const client = new Client(
        { name: "toolgate-tests", version: "1" },
        { versionNegotiation: { mode } },
    );
    await client.connect(transport);
    const outcome = await listAndCall(client, args);
    const protocolVersion = client.getNegotiatedProtocolVersion();
    await transport.terminateSession();
    await client.close();
    return { client: "ts_sdk", protocolVersion, ...outcome };
});
