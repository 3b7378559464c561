"""Reads dashboards with Grafana's own SDK (package `grafana_foundation_sdk`).

The SDK's models know every field of Grafana's schema and forget what they do not know: a field that
does not come back is one that Grafana would ignore. Prints one line for each, and exits 1.
"""

import json
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

# What the data source of Prometheus reads beside the schema, and what Grafana itself exports.
BESIDE = {"step", "titleFormat", "textFormat", "definition"}


def lost(given, kept, path):
    """The places of `given` that `kept` does not have, or has otherwise."""
    if isinstance(given, dict):
        for key, value in given.items():
            if isinstance(kept, dict) and key in kept:
                yield from lost(value, kept[key], f"{path}/{key}")
            elif value is not None and key not in BESIDE:
                yield f"{path}/{key}"
    elif isinstance(given, list):
        if not isinstance(kept, list) or len(given) != len(kept):
            yield path
        else:
            for place, (one, other) in enumerate(zip(given, kept)):
                yield from lost(one, other, f"{path}/{place}")
    elif given != kept:
        yield f"{path}: {given!r} became {kept!r}"


def main():
    found = []
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8") as file:
            given = json.load(file)
        kept = json.loads(JSONEncoder().encode(Dashboard.from_json(given)))
        found += [f"{name}: {place}" for place in lost(given, kept, "")]
    print("\n".join(found) or f"{len(sys.argv) - 1} dashboards")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
