#!/usr/bin/env python3
"""A real Prometheus asks the running services, which have a little to do: every expression of every dashboard and of every
rule must return a number. Of an alert both sides of its comparison must: what it looks at is there while it is silent.

    openapi/with-services monitoring/tests/live.py PROMTOOL

The expressions are read from the files, so that one which is added is asked as well.
"""

import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parent.parent.parent
SERVICES = {name: os.environ[f"{name.upper()}_URL"] for name in ("tasks", "shop", "analytics", "worker")}
LOGINS = {"tasks": "/api/v1/auth", "shop": "/api/v2/auth", "analytics": "/api/p3/auth"}
PATIENCE = 120  # seconds, for what must be there in the end
# A service whose machine is others' for a moment may say that it is busy: it is asked once more, so often in all.
BUSY = {"busy", "database_busy", "database_unavailable", "erasure_unfinished"}
LONGEST_WAIT = 2  # seconds
MOST_REPEATED = 5
repeated = []
METHODS = ("get", "put", "post", "delete", "patch")
# Sides of a comparison, of what `and` and `or` join; alerts are written so that they have no others.
JOINED = re.compile(r"\s+(?:and|or)\s+(?:on \([^)]*\)\s+)?")
COMPARED = re.compile(r"\s+(?:<=?|>=?|==|!=)\s+")


def send(url, method="GET", body=None, token=None, form=None, agent="Mozilla/5.0", patience=35, again=True):
    """Status and text; of a stream only its beginning."""
    headers = {"User-Agent": agent}
    data = None
    if form is not None:
        data, headers["Content-Type"] = urlencode(form).encode(), "application/x-www-form-urlencoded"
    elif body is not None:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        data, headers["Content-Type"] = json.dumps(body).encode(), kind
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        with urlopen(Request(url, data, headers, method=method), timeout=patience) as answer:
            streams = "event-stream" in answer.headers.get("Content-Type", "")
            return answer.status, "" if streams else answer.read().decode()
    except HTTPError as refused:
        text, wait = refused.read().decode(), refused.headers.get("Retry-After", "")
        if not (again and refused.code == 503 and wait.isdigit() and int(wait) <= LONGEST_WAIT and len(repeated) < MOST_REPEATED):
            return refused.code, text
        code = json.loads(text).get("code")
        if code not in BUSY:
            return refused.code, text
    repeated.append(f"{method} {url.split('?')[0]}: {code}, then asked again")
    print(f"FLAKY {len(repeated)}/{MOST_REPEATED} [live] {repeated[-1]}")
    time.sleep(int(wait))
    return send(url, method, body, token, form, agent, patience, again=False)


def log_in(service):
    form = {"username": "admin@example.com", "password": "admin"}
    status, text = send(SERVICES[service] + LOGINS[service] + "/login/access-token", "POST", form=form)
    assert status == 200, text
    return json.loads(text)["access_token"]


def every_operation(service):
    """Each one once: most are refused, which is an answer, too."""
    document = json.loads((ROOT / f"generated/{service}-api/openapi.json").read_text())
    token, last = log_in(service), []
    for path, item in document["paths"].items():
        # Nobody and nothing has this id.
        address = SERVICES[service] + re.sub(r"\{[^}]*\}", "999999999", path)
        for method in filter(item.__contains__, METHODS):
            body = {} if "requestBody" in item[method] else None
            ask = (address + ("?rows=1" if path.endswith("/seed") else ""), method.upper(), body, token)
            # Whoever has logged out cannot go on.
            (last.append if path.endswith("/logout") else call)(ask)
    for ask in last:
        call(ask)


def call(ask):
    status, text = send(*ask)
    assert status < 500 and status != 401, f"{ask[1]} {ask[0]}: {status} {text}"


def one_order(number):
    """From a new product to a reserved order."""
    shop, token = SERVICES["shop"], log_in("shop")
    product = {"sku": f"LIVE-{os.getpid()}-{number}", "name": "Spoon", "price_cents": 250, "stock": 10}
    status, text = send(f"{shop}/api/v2/products", "POST", product, token)
    assert status == 201, text
    order = {"items": [{"product_id": json.loads(text)["id"], "quantity": 2}]}
    status, text = send(f"{shop}/api/v2/orders", "POST", order, token)
    assert status == 201, text
    url = f"{shop}/api/v2/orders/{json.loads(text)['id']}"
    eventually("an order is reserved", lambda: json.loads(send(url, token=token)[1])["status"] == "RESERVED")


def page_views():
    url = SERVICES["analytics"] + "/api/p3/page-views"
    for agent in ("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "Googlebot/2.1 (+http://www.google.com/bot.html)"):
        status, text = send(url, "POST", {"path": "/pricing", "country": "DE"}, agent=agent)
        assert status == 201, text


def eventually(what, holds):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {what}"
        time.sleep(0.2)


class Prometheus:
    """A server of its own, until the end of the block."""

    def __init__(self, folder):
        self.log = open(Path(folder, "log"), "w+")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        targets = [f"{job}={url.removeprefix('http://')}" for job, url in SERVICES.items()]
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
        data = self.ask("query", query="min(count_over_time(up[1m]) * up) >= 2 and count(up) == 4")
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
    for service, url in SERVICES.items():
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
        for number in range(3):
            page_views()
            one_order(number)
            for service in LOGINS:
                every_operation(service)
        eventually("every rule is evaluated", lambda: healthy_rules(prometheus))
        expressions = list(dict.fromkeys([*of_dashboards(), *of_rules(prometheus)]))
        missing = expressions
        deadline = time.monotonic() + PATIENCE
        while missing and time.monotonic() < deadline:
            missing = [one for one in missing if not prometheus.has_number(one[1])]
            if missing:
                page_views()
                one_order(f"{time.monotonic_ns()}")
                time.sleep(1)
        faults = [f"no number: {where}: {expression}" for where, expression in missing] + check_metrics(promtool)
        print(*faults, sep="\n")
        print(f"monitoring: {len(expressions) + len(SERVICES) - len(faults)} passed, {len(faults)} failed (live)")
        return 1 if faults or not expressions else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main(*sys.argv[1:]))
