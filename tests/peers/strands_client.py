"""Runs an agent of Strands with an MCP server's tools; its model is a script that calls what it is told to."""

import asyncio
import json

import peer
from strands import Agent
from strands.models import Model
from strands.tools.mcp import MCPClient


class Script(Model):
    """A model that asks for one tool after the other, then says that it is done."""

    def __init__(self, calls):
        self.calls = calls
        self.asked = 0

    def update_config(self, **config):
        pass

    def get_config(self):
        return {}

    async def structured_output(self, output_model, prompt, system_prompt=None, **kwargs):
        raise NotImplementedError
        yield

    async def stream(self, messages, tool_specs=None, system_prompt=None, **kwargs):
        yield {"messageStart": {"role": "assistant"}}
        if self.asked < len(self.calls):
            name, arguments = self.calls[self.asked]
            self.asked += 1
            tool = {"toolUseId": f"call-{self.asked}", "name": name}
            yield {"contentBlockStart": {"start": {"toolUse": tool}}}
            yield {"contentBlockDelta": {"delta": {"toolUse": {"input": json.dumps(arguments)}}}}
            yield {"contentBlockStop": {}}
            yield {"messageStop": {"stopReason": "tool_use"}}
        else:
            yield {"contentBlockStart": {"start": {}}}
            yield {"contentBlockDelta": {"delta": {"text": "done"}}}
            yield {"contentBlockStop": {}}
            yield {"messageStop": {"stopReason": "end_turn"}}


def results(messages):
    """What the agent was given back for each call, by the id of the call."""
    blocks = (block for message in messages for block in message["content"])
    given = (block["toolResult"] for block in blocks if "toolResult" in block)
    return {result["toolUseId"]: result for result in given}


def entry(name, result):
    """One entry of the report; the agent has structured content as the last block, or beside them."""
    texts = [block["text"] for block in result["content"] if "text" in block]
    told = {"name": name, "isError": result["status"] == "error", "text": "\n".join(texts)}
    if result.get("structuredContent") is not None:
        told["structured"] = result["structuredContent"]
    return told


def run(args):
    headers = {"Authorization": f"Bearer {args.token}"} if args.token else None
    with MCPClient(url=args.url, headers=headers) as client:
        tools, page = [], None
        while True:
            listed = client.list_tools_sync(page)
            tools += listed
            page = listed.pagination_token
            if page is None:
                break
        agent = Agent(model=Script(args.call), tools=tools, callback_handler=None)
        agent("Use your tools.")
        given = results(agent.messages)
        return {
            "client": "strands_client",
            "protocolVersion": getattr(client._background_thread_session, "protocol_version", None),
            "tools": [tool.tool_name for tool in tools] if args.tools else [],
            "calls": [
                entry(name, given[f"call-{at + 1}"]) for at, (name, _) in enumerate(args.call)
            ],
        }


async def drive(args):
    return await asyncio.to_thread(run, args)


peer.main(drive)
