"""Serves MCP with the server of the Python SDK (package `mcp`): a resource that changes when told.

The arguments are `stdio`, or `http` and a port on 127.0.0.1. It speaks both eras; only modern callers
hear of changes. With `polled` in place of `http`, it keeps its events for older callers who come back.
"""

import asyncio
import sys

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.streamable_http import EventMessage, EventStore

server = MCPServer("peer")


@server.resource("peer://counter")
def counter() -> str:
    return "one"


@server.tool()
async def touch(uri: str, ctx: Context) -> str:
    """Says that a resource has changed."""
    await ctx.notify_resource_updated(uri)
    return "touched"


async def linger(ctx: Context) -> str:
    """Closes the stream of its call, and answers on another."""
    await ctx.report_progress(1, 2)
    await ctx.close_sse_stream()
    await ctx.report_progress(2, 2)
    await asyncio.sleep(0.2)
    return "came back"


class Kept(EventStore):
    """All events of all streams, in order."""

    def __init__(self):
        self.events = []

    async def store_event(self, stream_id, message):
        self.events.append((stream_id, message))
        return str(len(self.events))

    async def replay_events_after(self, last_event_id, send_callback):
        last = int(last_event_id)
        stream = self.events[last - 1][0]
        for number, (of, message) in enumerate(self.events, start=1):
            if number > last and of == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


if sys.argv[1] == "stdio":
    server.run("stdio")
elif sys.argv[1] == "polled":
    server.tool()(linger)
    port = int(sys.argv[2])
    server.run("streamable-http", host="127.0.0.1", port=port, event_store=Kept(), retry_interval=100)
else:
    server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[2]))
