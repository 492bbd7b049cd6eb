"""Which services there are, for scripts: generated/services.json, which the documents decide."""

import json
from pathlib import Path

GENERATED = Path(__file__).resolve().parent.parent / "generated"
SERVICES = json.loads((GENERATED / "services.json").read_text())
NAMES = [service["name"] for service in SERVICES]
# With their background roles, which serve no operations.
PROCESSES = [process["name"] for service in SERVICES for process in (service, *service["background"])]


def variable(name: str, suffix: str = "URL") -> str:
    """The name that the environment has for something of a service: TASKS_URL."""
    return f"{name.upper().replace('-', '_')}_{suffix}"
