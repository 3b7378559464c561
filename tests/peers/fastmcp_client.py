"""Drives an MCP server with the client of FastMCP."""

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

import peer


async def drive(args):
    transport = StreamableHttpTransport(args.url, auth=args.token)
    async with Client(transport, mode=peer.mode(args.era)) as client:
        tools = [tool.name for tool in await client.list_tools()] if args.tools else []
        calls = [
            peer.called(name, await client.call_tool_mcp(name, arguments))
            for name, arguments in args.call
        ]
        return {
            "client": "fastmcp_client",
            "protocolVersion": client.protocol_version,
            "tools": tools,
            "calls": calls,
        }


peer.main(drive)
