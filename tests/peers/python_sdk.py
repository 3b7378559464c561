"""Drives an MCP server with the client of the Python SDK (package `mcp`)."""

import asyncio
from contextlib import asynccontextmanager

import httpx2
from mcp import Client, types
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

import peer

CHANGED = "notifications/tools/list_changed"
UPDATED = "notifications/resources/updated"


class Ear:
    """Counts what a server says without being asked."""

    def __init__(self):
        self.progress = {}
        self.changes = asyncio.Semaphore(0)
        self.updated = asyncio.Queue()

    async def on_message(self, message):
        if getattr(message, "method", None) == CHANGED:
            self.changes.release()
        elif getattr(message, "method", None) == UPDATED:
            await self.updated.put(str(message.params.uri))

    def on_progress(self, call):
        """Returns the callback of one call; the report has how often it was called."""
        self.progress[call] = 0

        async def count(_progress, _total, _message):
            self.progress[call] += 1

        return count


class Storage:
    """Keeps tokens for one run."""

    def __init__(self):
        self.tokens = self.client = None
        self.granted = []

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens
        self.granted.append(sorted((tokens.scope or "").split()))

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


class Elsewhere(httpx2.AsyncHTTPTransport):
    """Finds one host at another address, as a name server of a test would."""

    def __init__(self, host, origin):
        super().__init__()
        self.host, self.origin = host, httpx2.URL(origin)

    async def handle_async_request(self, request):
        if request.url.host == self.host:
            there = {"scheme": self.origin.scheme, "host": self.origin.host, "port": self.origin.port}
            request.url = request.url.copy_with(**there)
            request.headers["host"] = self.origin.netloc.decode()
        return await super().handle_async_request(request)


async def elicited(_context, params):
    """Fills in a form, or opens a page."""
    content = None if params.mode == "url" else {"name": "Ada"}
    return types.ElicitResult(action="accept", content=content)


async def sampled(_context, _params):
    content = types.TextContent(type="text", text="thought")
    return types.CreateMessageResult(role="assistant", content=content, model="m")


async def roots(_context):
    return types.ListRootsResult(roots=[types.Root(uri="file:///work", name="work")])


ANSWERS = {
    "elicitation_callback": elicited,
    "sampling_callback": sampled,
    "list_roots_callback": roots,
}


def extend(parser):
    parser.add_argument("--answers", action="store_true", help="answer whatever a server asks")
    parser.add_argument(
        "--client",
        nargs=2,
        metavar=("ID", "SECRET"),
        help="get tokens from the issuer, by client credentials",
    )
    parser.add_argument("--issuer", help="whose client that is")
    parser.add_argument("--issuer-at", metavar="ORIGIN", help="where the issuer's host really is")
    parser.add_argument("--progress", action="store_true", help="count progress notifications")
    parser.add_argument(
        "--changes",
        type=int,
        default=0,
        metavar="N",
        help="after the calls, wait for N changes of the list, then list again",
    )
    parser.add_argument(
        "--watch",
        action="append",
        default=[],
        metavar="URI",
        help="after the calls, wait until each of these resources has changed",
    )


async def list_all(client):
    names, cursor = [], None
    while True:
        page = await client.list_tools(cursor=cursor)
        names += [tool.name for tool in page.tools]
        cursor = page.next_cursor
        if cursor is None:
            return names


async def call_all(client, args, ear):
    entries = []
    for call, (name, arguments) in enumerate(args.call):
        on_progress = ear.on_progress(call) if args.progress else None
        result = await client.call_tool(name, arguments, progress_callback=on_progress)
        entries.append(peer.called(name, result))
    # Callbacks run beside the call: they are counted once all calls are done.
    for call, count in ear.progress.items():
        entries[call]["progress"] = count
    return entries


async def list_changed(client, args, ear):
    if client.protocol_version == peer.MODERN:
        async with client.listen(tools_list_changed=True) as events:
            for _ in range(args.changes):
                await anext(aiter(events))
    else:
        for _ in range(args.changes):
            await ear.changes.acquire()
    return await list_all(client)


async def watch(client, uris, ear):
    left = set(uris)
    if client.protocol_version == peer.MODERN:
        async with client.listen(resource_subscriptions=uris) as events:
            honored = set(events.honored.resource_subscriptions or ())
            assert honored == left, f"honored {honored}, not {left}"
            async for event in events:
                left.discard(event.uri)
                if not left:
                    break
        return uris
    for uri in uris:
        await client.subscribe_resource(uri)
    while left:
        left.discard(await ear.updated.get())
    for uri in uris:
        await client.unsubscribe_resource(uri)
    return uris


def credentials(args, storage):
    """The SDK's own way to tokens."""
    client, secret = args.client
    return ClientCredentialsOAuthProvider(args.url, storage, client, secret, issuer=args.issuer)


@asynccontextmanager
async def transport_to(args, storage):
    """The way to the server: to its URL, or to a child process."""
    if args.command:
        program, *words = args.command
        yield stdio_client(StdioServerParameters(command=program, args=words))
        return
    headers = {"Authorization": f"Bearer {args.token}"} if args.token else {}
    if args.client:
        way = Elsewhere(httpx2.URL(args.issuer).host, args.issuer_at)
        http = httpx2.AsyncClient(auth=credentials(args, storage), transport=way)
    else:
        http = create_mcp_http_client(headers=headers)
    async with http:
        yield streamable_http_client(args.url, http_client=http)


async def drive(args):
    ear, storage = Ear(), Storage()
    async with transport_to(args, storage) as transport:
        answers = ANSWERS if args.answers else {}
        mode = peer.mode(args.era)
        client = Client(transport, mode=mode, message_handler=ear.on_message, **answers)
        async with client:
            report = {
                "client": "python_sdk",
                "protocolVersion": client.protocol_version,
                "tools": await list_all(client) if args.tools else [],
                "calls": await call_all(client, args, ear),
            }
            if args.client:
                report["granted"] = storage.granted
            if args.changes:
                report["changed"] = await list_changed(client, args, ear)
            if args.watch:
                report["updated"] = await watch(client, args.watch, ear)
            return report


peer.main(drive, extend)
