"""Reads JSON lines of {name, schema, value, fits}; prints each that fits and should not, or the other way round."""

import json
import sys

from jsonschema import Draft202012Validator

wrong = 0
for line in sys.stdin:
    one = json.loads(line)
    Draft202012Validator.check_schema(one["schema"])
    errors = list(Draft202012Validator(one["schema"]).iter_errors(one["value"]))
    if bool(errors) == one["fits"]:
        wrong += 1
        told = errors[0].message if errors else "it fits"
        print(f"{one['name']}: {told[:200]}: {json.dumps(one['value'])[:400]}")
sys.exit(min(wrong, 1))
