"""An MCP server over pipes whose tools do what the tests are about."""
import json
import os
import signal
import subprocess
import sys

MODE = sys.argv[1]
GRANDCHILD = """
import signal, socket, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.send(b"!")
signal.pause()
"""
methods, held, back = [], [], {}
watcher = never = cancelled = asker = None


def write(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def result(id, data):
    body = {"content": [], "structuredContent": data, "resultType": "complete"}
    write({"id": id, "result": body})


def progress(token, step):
    params = {"progressToken": token, "progress": step}
    write({"method": "notifications/progress", "params": params})


def report():
    if watcher is not None and cancelled is not None:
        result(watcher, {"cancelled": cancelled, "never": never})


def call(id, request):
    global watcher, never, asker
    params = request["params"]
    tool, arguments = params["name"], params.get("arguments", {})
    token = params.get("_meta", {}).get("progressToken")
    if tool == "echo":
        result(id, request)
    elif tool == "held":
        result(id, None)
    elif tool == "methods":
        result(id, methods)
    elif tool == "reverse":
        held.append((id, arguments["n"]))
        if len(held) == arguments["of"]:
            for id, n in reversed(held):
                result(id, n)
    elif tool == "progress":
        progress("nobody's", 9)
        progress(9999999, 9)
        for step in (1, 2, 3):
            progress(token if token is not None else id, step)
        result(id, None)
    elif tool == "never":
        never = id
        if token is not None:
            progress(token, 1)
    elif tool == "watch":
        watcher = id
        report()
    elif tool == "die":
        print("goodbye", file=sys.stderr, flush=True)
        os._exit(3)
    elif tool == "answer_and_die":
        result(id, "done")
        os._exit(0)
    elif tool == "hang_up":
        os.close(1)
    elif tool == "garbage":
        print("Listening on port 80!\n[1, 2]\n{\"half\": ", flush=True)
        print("", flush=True)
        result(id, "fine")
    elif tool == "broken":
        write({"id": id, "result": "text"})
    elif tool == "big_first":
        print('{"jsonrpc":"2.0","result":{"content":[],"text":"%s"},"id":%s}' % ("x" * 200_000, id), flush=True)
    elif tool == "broken_first":
        print('{"jsonrpc":"2.0","result":["%s"],"id":%s}' % ("x" * 3000, id), flush=True)
    elif tool == "wedge":
        signal.pause()
    elif tool == "big":
        write({"id": id, "result": {"text": "x" * 200_000}})
    elif tool == "change":
        write({"method": "notifications/tools/list_changed"})
        result(id, None)
    elif tool == "ask_back":
        asker = id
        write({"id": "ping", "method": "ping"})
        write({"id": "roots", "method": "roots/list"})
    elif tool == "spawn":
        null = subprocess.DEVNULL
        subprocess.Popen([sys.executable, "-c", GRANDCHILD, arguments["path"]], stdin=null, stdout=null)
        result(id, None)
    else:
        error = {"code": -32602, "message": "no such tool", "data": {"hint": "kept"}}
        write({"id": id, "error": error})


def older(id, method):
    if method == "server/discover":
        if MODE == "deaf":
            return
        if MODE == "startled":
            sys.exit(1)
        write({"id": id, "error": {"code": -32601, "message": "what?"}})
    elif method == "initialize":
        info = {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {}}
        write({"id": id, "result": info})
    elif method == "ping":
        write({"id": id, "result": {}})


def modern(id, method):
    if method == "server/discover":
        tools = {"tools": {"listChanged": True}}
        info = {"resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": tools}
        write({"id": id, "result": info})
    elif method == "subscriptions/listen":
        meta = {"_meta": {"io.modelcontextprotocol/subscriptionId": id}}
        write({"method": "notifications/subscriptions/acknowledged", "params": meta})
        write({"method": "notifications/tools/list_changed", "params": meta})
    elif method == "initialize":
        write({"id": id, "error": {"code": -32601, "message": "too old"}})


def main():
    global cancelled
    if MODE == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for line in sys.stdin:
        request = json.loads(line)
        id, method = request.get("id"), request.get("method")
        methods.append(method)
        if method == "tools/call":
            call(id, request)
        elif method == "tools/list":
            write({"id": id, "result": {"tools": [], "asked": request["params"]}})
        elif method == "notifications/cancelled":
            cancelled = request["params"]["requestId"]
            report()
        elif method is None:
            back[id] = request
            if len(back) == 2:
                result(asker, back)
        else:
            (modern if MODE in ("modern", "stubborn") else older)(id, method)
    if MODE == "stubborn":
        signal.pause()


main()
