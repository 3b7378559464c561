"""What the Python drivers share: their arguments, their time limit and the report they print."""

import argparse
import asyncio
import json
import sys

MODERN = "2026-07-28"
TIME_LIMIT_SECONDS = 60


def parse_args(extend):
    """Returns the arguments; `call` is a list of (name, arguments) pairs."""
    parser = argparse.ArgumentParser()
    extend(parser)
    server = parser.add_mutually_exclusive_group(required=True)
    server.add_argument("--url")
    server.add_argument("--command", type=json.loads, help="a child process, as a JSON list of words")
    parser.add_argument("--token", help="bearer token; without it no Authorization header is sent")
    parser.add_argument("--era", choices=["auto", "modern", "legacy"], default="auto")
    parser.add_argument("--tools", action="store_true", help="list the tools")
    parser.add_argument("--call", nargs=2, action="append", default=[], metavar=("NAME", "JSON"))
    args = parser.parse_args()
    args.call = [(name, json.loads(arguments)) for name, arguments in args.call]
    return args


def mode(era):
    """Translates an era into the `mode` argument that both clients take."""
    return MODERN if era == "modern" else era


def called(name, result):
    """Turns the SDK's CallToolResult into one entry of the report."""
    texts = [block.text for block in result.content if block.type == "text"]
    entry = {"name": name, "isError": bool(result.is_error), "text": "\n".join(texts)}
    if result.structured_content is not None:
        entry["structured"] = result.structured_content
    return entry


def main(drive, extend=lambda parser: None):
    """Runs `drive(args)`, prints the report it returns, and exits 1 if it fails.

    `extend(parser)` adds the arguments that only one driver takes.
    """
    try:
        args = parse_args(extend)
        report = asyncio.run(asyncio.wait_for(drive(args), TIME_LIMIT_SECONDS))
    except (Exception, BaseExceptionGroup) as error:
        for line in reasons(error):
            print(line, file=sys.stderr)
        sys.exit(1)
    print(json.dumps(report))


def reasons(error):
    """Flattens nested exception groups and causes into one line per error."""
    if isinstance(error, BaseExceptionGroup):
        return [line for inner in error.exceptions for line in reasons(inner)]
    lines = [f"{type(error).__name__}: {error}"]
    rpc = getattr(error, "error", None)
    if rpc is not None and hasattr(rpc, "code"):
        lines[0] += f" (code {rpc.code}, data {json.dumps(rpc.data)})"
    if error.__cause__ is not None:
        lines += reasons(error.__cause__)
    return lines
