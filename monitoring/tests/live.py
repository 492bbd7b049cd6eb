#!/usr/bin/env python3
"""A real Prometheus scrapes the running services under a little load: every expression of every dashboard and of every
rule must return data, and so must both sides of the comparison of each alert, while it does not fire.

    openapi/with-services monitoring/tests/live.py PROMTOOL

The expressions are read from the files, so new ones are included. A service whose expressions need more load than
one call of each operation has `work` in impl/NAME/monitoring/tests/live.py, and QUERIES by operation where they need parameters.
"""

import json
import math
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote, urlencode
from urllib.request import urlopen

from client import PATIENCE, URLS, eventually, log_in, send
from series import ROOT, SERVICES, document, owns

METHODS = ("get", "put", "post", "delete", "patch")
# Sides of a comparison, of what `and` and `or` join; alerts are written so that they have no others.
JOINED = re.compile(r"\s+(?:and|or)\s+(?:on \([^)]*\)\s+)?")
COMPARED = re.compile(r"\s+(?:<=?|>=?|==|!=)\s+")


def every_operation(service, queries):
    """Each one once: most are refused, which is an answer, too. `queries` has those of operations that want one."""
    token, last = log_in(service), []
    for path, item in document(service)["paths"].items():
        # Nobody and nothing has this id.
        address = URLS[service] + re.sub(r"\{[^}]*\}", "999999999", path)
        for method in filter(item.__contains__, METHODS):
            body = {} if "requestBody" in item[method] else None
            # What is still to be written, and what wants a login that this service does not have.
            fine = {*([501] if "x-planned" in item[method] else []), *([] if token else [401])}
            query = queries.get(item[method]["operationId"], "")
            # Whoever has logged out cannot go on.
            is_last = item[method]["operationId"] in ("logout", "end_sessions")
            ask = (fine, address + query, method.upper(), body)
            last.append(ask) if is_last else call(*ask, token)
    for ask in last:
        call(*ask, log_in(service))


def call(fine, *request):
    status, text = send(*request)
    assert status in fine or (status < 500 and status != 401), f"{request[1]} {request[0]}: {status} {text}"


class Prometheus:
    """A server of its own, until the end of the block."""

    def __init__(self, folder):
        self.log = open(Path(folder, "log"), "w+")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        targets = [f"{job}={url.removeprefix('http://')}" for job, url in URLS.items()]
        command = [ROOT / "monitoring/prometheus", f"{folder}/prometheus", self.address, "1s", *targets]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def ask(self, path, **parameters):
        if self.process.poll() is not None:
            self.log.seek(0)
            sys.exit(f"Prometheus ended:\n{self.log.read()}")
        try:
            status, text = send(f"http://{self.address}/api/v1/{path}?{urlencode(parameters, quote_via=quote)}")
        except (URLError, OSError):
            return None
        return json.loads(text).get("data") if status in (200, 400) else None

    def has_asked(self):
        """Everybody, at least twice: a rate begins with the second answer."""
        data = self.ask("query", query=f"min(count_over_time(up[1m]) * up) >= 2 and count(up) == {len(URLS)}")
        return bool(data and data["result"])

    def has_number(self, expression):
        data = self.ask("query", query=expression)
        if not data:
            return False
        values = [data["result"]] if data["resultType"] == "scalar" else [one["value"] for one in data["result"]]
        return any(not math.isnan(float(value)) for _, value in values)


def of_dashboards():
    for file in sorted((ROOT / "generated/monitoring/dashboards").glob("*.json")):
        rows = json.loads(file.read_text())["panels"]
        for panel in rows + [inner for row in rows for inner in row.get("panels", [])]:
            for target in panel.get("targets", []):
                yield f"{file.stem}: {panel['title']}", target["expr"]


def of_rules(prometheus):
    """As Prometheus has read them."""
    for group in prometheus.ask("rules")["groups"]:
        for rule in group["rules"]:
            if rule["type"] == "recording":
                yield f"rule {rule['name']}", rule["query"]
                yield f"record {rule['name']}", rule["name"]
                continue
            for comparison in JOINED.split(rule["query"]):
                sides = COMPARED.split(comparison)
                assert len(sides) == 2, f"{rule['name']}: one comparison, not {comparison!r}"
                for side in sides:
                    yield f"alert {rule['name']}", side


def healthy_rules(prometheus):
    rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
    return bool(rules) and all(rule["health"] == "ok" for rule in rules)


def check_metrics(promtool):
    """The older text format, as it is for whoever does not ask for OpenMetrics, which Prometheus itself reads here."""
    faults = []
    for service, url in URLS.items():
        with urlopen(f"{url}/metrics", timeout=35) as answer:
            kind, text = answer.headers["Content-Type"], answer.read()
        assert kind.startswith("text/plain; version=0.0.4"), kind
        done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True)
        said = (done.stdout + done.stderr).decode().strip()
        if done.returncode or said:
            faults.append(f"{service}: promtool check metrics: {said}")
    return faults


def main(promtool):
    with tempfile.TemporaryDirectory(prefix="prometheus-") as folder, Prometheus(folder) as prometheus:
        eventually("everybody answers Prometheus", prometheus.has_asked)
        own = owns("live.py")
        for number in range(3):
            for module in own.values():
                module.work(number)
            for name in (service["name"] for service in SERVICES):
                every_operation(name, getattr(own.get(name), "QUERIES", {}))
        eventually("every rule is evaluated", lambda: healthy_rules(prometheus))
        expressions = list(dict.fromkeys([*of_dashboards(), *of_rules(prometheus)]))
        missing = expressions
        deadline = time.monotonic() + PATIENCE
        while missing and time.monotonic() < deadline:
            missing = [one for one in missing if not prometheus.has_number(one[1])]
            if missing:
                for module in own.values():
                    module.work(f"{time.monotonic_ns()}")
                time.sleep(1)
        faults = [f"no number: {where}: {expression}" for where, expression in missing] + check_metrics(promtool)
        print(*faults, sep="\n")
        print(f"monitoring: {len(expressions) + len(URLS) - len(faults)} passed, {len(faults)} failed (live)")
        return 1 if faults or not expressions else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main(*sys.argv[1:]))
