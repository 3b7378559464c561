#!/usr/bin/env bash
# Installs the MCP clients and servers that the end-to-end tests talk to: three Python environments,
# and a Node tree with a Node of its own, in one folder outside the checkout; and Debian's Prometheus,
# Alertmanager, Redis and Chromium, if they are not there. A second run with the same lock files does nothing.
# Needs python3, npm (node >= 18) and, for what apt-get installs (Prometheus, Alertmanager, Redis,
# Chromium, venv), root on a Debian machine.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
peers=${TOOLGATE_PEERS_DIR:-$HOME/.cache/toolgate-peers}
stamp=$peers/stamp

# What is installed depends on these files alone.
fingerprint() {
    (cd "$here" && sha256sum setup.sh requirements*.txt node/package.json node/package-lock.json) |
        sha256sum | cut -d ' ' -f 1
}

# step LABEL COMMAND… runs a command quietly, then tells how long it took, or why it failed.
step() {
    local label=$1 start=$EPOCHREALTIME log
    shift
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        echo "peers: $label failed: see above" >&2
        return 1
    fi
    rm -f "$log"
    awk -v label="$label" -v start="$start" -v end="$EPOCHREALTIME" \
        'BEGIN { printf "peers: %-28s %5.1f s\n", label, end - start }'
}

# The steps chain their commands: bash ignores "set -e" in a function whose status is tested.
make_venv() {
    rm -rf "$1"
    python3 -m venv "$1" && return
    rm -rf "$1"
    apt-get update -q &&
        DEBIAN_FRONTEND=noninteractive apt-get install -q -y python3-venv &&
        python3 -m venv "$1"
}

# install_python FOLDER FILE
install_python() {
    make_venv "$1" &&
        "$1/bin/python" -m pip install --no-input --disable-pip-version-check \
            --no-deps --requirement "$here/$2" &&
        "$1/bin/python" -m pip check
}

# No install scripts: Node comes as a plain package whose digest the lock file holds.
install_node() {
    mkdir -p "$peers/node" &&
        cp "$here/node/package.json" "$here/node/package-lock.json" "$peers/node/" &&
        npm --prefix "$peers/node" ci --ignore-scripts --no-audit --no-fund
}

has_services() {
    command -v promtool && command -v prometheus-alertmanager && command -v redis-server && command -v chromium
}

# promtool comes with the server. Nothing is started: runlevel 1 keeps the services down.
install_services() {
    has_services && return
    apt-get update -q &&
        RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
            apt-get install -q -y --no-install-recommends prometheus prometheus-alertmanager redis-server chromium
}

check_install() {
    "$peers/venv/bin/python" -c 'import cbor2, cfnlint, fastapi, fastmcp, grafana_foundation_sdk, jsonschema, mcp, ministack, moto.server' &&
        "$peers/strands/bin/python" -c 'import mcp, strands' &&
        "$peers/microburst/bin/microburst" --version &&
        promtool --version &&
        prometheus-alertmanager --version &&
        redis-server --version &&
        chromium --version &&
        "$peers/node/node_modules/.bin/node" --version &&
        "$peers/node/node_modules/.bin/node" "$peers/node/node_modules/conformance/dist/index.js" --version
}

mkdir -p "$peers"
exec 9>"$peers/lock"
flock 9
wanted=$(fingerprint)
# The stamp speaks for the folder; what apt-get installs is outside of it.
if [[ -f $stamp && $(<"$stamp") == "$wanted" ]] && has_services >/dev/null; then
    echo "peers: up to date in $peers"
    exit 0
fi
rm -f "$stamp"

step "python packages" install_python "$peers/venv" requirements.txt
step "strands" install_python "$peers/strands" requirements-strands.txt
step "microburst" install_python "$peers/microburst" requirements-microburst.txt
step "node packages" install_node
step "services" install_services
step "check" check_install
echo "$wanted" >"$stamp"
echo "peers: installed in $peers"
