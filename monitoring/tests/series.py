"""What the tests of rules are made of: which processes there are, series of theirs as promtool writes them, and what services expect of
rules and alerts of their own (impl/NAME/monitoring/tests)."""

import importlib.util
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SERVICES = json.loads((ROOT / "generated/services.json").read_text())
# Everything that Prometheus asks.
PORTS = {process["name"]: process["port"] for service in SERVICES for process in (service, *service["background"])}
STEPS = 90  # of 15 s


def rule_files(kind):
    """Files of `recording` or of `alerts`: what is common, and what belongs to a service."""
    return [ROOT / f"monitoring/rules/{kind}.yml",
            *(path for service in SERVICES if (path := ROOT / f"generated/monitoring/rules/{service['name']}-{kind}.yml").exists())]


def owns(file):
    """Modules of this name that services bring: {service: module}."""
    found = {}
    for name in (service["name"] for service in SERVICES):
        path = ROOT / f"impl/{name}/monitoring/tests/{file}"
        if path.exists():
            spec = importlib.util.spec_from_file_location(f"{name}_{path.stem}", path)
            found[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(found[name])
    return found


def document(service):
    return json.loads((ROOT / f"generated/{service}-api/openapi.json").read_text())


def operations(service):
    """(operationId, deadline in seconds), as the document declares them."""
    for item in document(service)["paths"].values():
        for operation in item.values():
            if isinstance(operation, dict) and "operationId" in operation:
                yield operation["operationId"], operation.get("x-deadline-ms", 10_000) / 1000


def on(job, name, labels=""):
    """A series of one instance."""
    return f'{name}{{job="{job}",instance="{job}:{PORTS[job]}"{"," + labels if labels else ""}}}'


def always(value):
    return f"{value}x{STEPS}"


def grows(by):
    """A counter, by so much each step."""
    return f"0+{by}x{STEPS}"


# The following are for what is asked at second 1750 (recorded.py).

def pieces(*parts):
    """Counter: (samples, growth each) one after the other, from 0."""
    value, text = 0, []
    for samples, growth in parts:
        text.append(f"{value + growth}+{growth}x{samples - 1}")
        value += samples * growth
    return " ".join(text)


def counter(rate, before=100):
    """So much a second in the last five minutes: 285 in 285 s, from sample 97 to 116, times the rate."""
    return pieces((98, before * rate), (11, 23 * rate), (30, 4 * rate))


def steady(rate, before=100):
    """The same, at one pace."""
    return pieces((98, before * rate), (41, 15 * rate))


def gauge(value):
    return f"{value}x130"


def two(name, one, other):
    """A gauge of two instances."""
    return {f'{name}{{instance="a"}}': gauge(one), f'{name}{{instance="b"}}': gauge(other)}
