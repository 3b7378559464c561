#!/usr/bin/env bash
# Runs one peer with the interpreter that setup.sh installed for it.
#   run.sh python_sdk|fastmcp_client|ts_sdk|ts_sdk_v1|inspector --url URL|--command JSON …
#   run.sh promtool|cfn-lint|grafana_sdk …   readers of rules, templates and dashboards
#   run.sh conformance|conformance-latest …   the official conformance suite, its preview and its latest
#   run.sh strands_client --url URL …   an agent of Strands with a scripted model
#   run.sh agent_page --url URL       a person at the agent's chat page, in Chromium
#   run.sh schemas                   JSON Schema's judgement of values on standard input
#   run.sh python_server stdio|http PORT   a server of the Python SDK
#   run.sh api_server PORT           an HTTP API of FastAPI's
#   run.sh everything-stdio          the reference server on standard input and output
#   run.sh everything-http PORT      the reference server on http://127.0.0.1:PORT/mcp
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export TOOLGATE_PEERS_DIR=${TOOLGATE_PEERS_DIR:-$HOME/.cache/toolgate-peers}
python=$TOOLGATE_PEERS_DIR/venv/bin/python
node=$TOOLGATE_PEERS_DIR/node/node_modules/.bin/node
everything=$TOOLGATE_PEERS_DIR/node/node_modules/@modelcontextprotocol/server-everything/dist/index.js

usage() {
    sed -n '3,12s/^# *//p' "${BASH_SOURCE[0]}" >&2
    exit 2
}

[[ $# -ge 1 ]] || usage
if [[ ! -f $TOOLGATE_PEERS_DIR/stamp ]]; then
    echo "the peers are not installed: run $here/setup.sh" >&2
    exit 2
fi

name=$1
shift
case $name in
    python_sdk | fastmcp_client) exec "$python" -B "$here/$name.py" "$@" ;;
    ts_sdk | ts_sdk_v1 | inspector | agent_page) exec "$node" "$here/$name.mjs" "$@" ;;
    strands_client) exec "$TOOLGATE_PEERS_DIR/strands/bin/python" -B "$here/$name.py" "$@" ;;
    promtool) exec promtool "$@" ;;
    cfn-lint) exec "$TOOLGATE_PEERS_DIR/venv/bin/cfn-lint" "$@" ;;
    grafana_sdk | schemas | python_server | api_server) exec "$python" -B "$here/$name.py" "$@" ;;
    conformance | conformance-latest)
        exec "$node" "$TOOLGATE_PEERS_DIR/node/node_modules/$name/dist/index.js" "$@"
        ;;
    everything-stdio) exec "$node" "$everything" stdio ;;
    everything-http)
        [[ $# -eq 1 ]] || usage
        PORT=$1 exec "$node" "$everything" streamableHttp
        ;;
    *) usage ;;
esac
