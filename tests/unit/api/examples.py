"""The commands of the documentation, with the keys that their headers would carry."""

from api.command_schemas import EXAMPLES

EXAMPLES_WITH_KEYS = [
    {"type": kind, "key": f"{kind}-1", **fields} for kind, fields in EXAMPLES.items()
]
