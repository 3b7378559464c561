"""Serves MCP with the server of the Python SDK (package `mcp`): a resource that changes when told.

The arguments are `stdio`, or `http` and a port on 127.0.0.1. It speaks both eras; only modern callers
hear of changes.
"""

import sys

from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("peer")


@server.resource("peer://counter")
def counter() -> str:
    return "one"


@server.tool()
async def touch(uri: str, ctx: Context) -> str:
    """Says that a resource has changed."""
    await ctx.notify_resource_updated(uri)
    return "touched"


if sys.argv[1] == "stdio":
    server.run("stdio")
else:
    server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[2]))
