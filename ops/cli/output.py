"""What commands print for machines."""

import json
import sys
from collections.abc import Mapping
from typing import Any


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON object on one line of standard output, and nothing else there."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()
