#!/usr/bin/env python3
"""One trace from the gateway through the outbox to the worker, told to a collector; unwanted traces are told to nobody.

    monitoring/tests/traces.py      starts the services itself, beside a collector that remembers what it is told
"""

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 60  # seconds
TRACES = {name: (secrets.token_hex(16), secrets.token_hex(8)) for name in ("wanted", "unwanted", "last")}


class Collector(BaseHTTPRequestHandler):
    """Takes OTLP as JSON."""

    spans = []

    def do_POST(self):
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        good = self.path == "/v1/traces" and self.headers["Content-Type"] == "application/json"
        for resource in told["resourceSpans"] if good else []:
            of = {one["key"]: one["value"] for one in resource["resource"]["attributes"]}
            for scope in resource["scopeSpans"]:
                self.spans += [{**span, "service": of["service.name"]["stringValue"]} for span in scope["spans"]]
        self.send_response(200 if good else 400)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass

    def do_GET(self):
        """The names of the spans that it has been told."""
        names = json.dumps([span["name"] for span in self.spans]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(names)))
        self.end_headers()
        self.wfile.write(names)


def send(path, body=None, form=None, **headers):
    data = urlencode(form).encode() if form else json.dumps(body).encode() if body else None
    kind = {"Content-Type": "application/json"} if body else {}
    with urlopen(Request(os.environ["GATEWAY_URL"] + path, data, {**kind, **headers}), timeout=10) as answer:
        return json.load(answer)


def orders(traces):
    """Inside the services: one order in each trace, until it is reserved."""
    form = {"username": "admin@example.com", "password": "admin"}
    token = "Bearer " + send("/p2/api/v2/auth/login/access-token", form=form)["access_token"]
    product = {"sku": "TRACED", "name": "Spoon", "price_cents": 250, "stock": 10}
    product = send("/p2/api/v2/products", product, Authorization=token)["id"]
    last, span = traces.pop("last")
    last = f"00-{last}-{span}-01"
    for name, (trace, span) in traces.items():
        parent = f"00-{trace}-{span}-{'01' if name == 'wanted' else '00'}"
        items = {"items": [{"product_id": product, "quantity": 1}]}
        order = send("/p2/api/v2/orders", items, Authorization=token, traceparent=parent)["id"]
        eventually(lambda: send(f"/p2/api/v2/orders/{order}", Authorization=token)["status"] == "RESERVED")
    # The gateway tells once a second, and not when it ends: when this is told, so is all before it.
    send("/p2/api/v2/products?limit=1", traceparent=last)
    eventually(lambda: "GET /p2/api/v2/products" in told())


def told():
    with urlopen(os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"], timeout=10) as answer:
        return json.load(answer)


def eventually(holds):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it does not come to that"
        time.sleep(0.1)


def main():
    collector = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
                   "OTEL_TRACES_SAMPLER_ARG": "0"}
    # When this has ended, so have the services, and these tell what they have left.
    subprocess.run([ROOT / "openapi/with-services", __file__, "--orders", json.dumps(TRACES)], env=environment, check=True)
    trace, caller = TRACES["wanted"]
    spans = {span["name"]: span for span in Collector.spans if span["traceId"] == trace}
    gateway, server = spans.get("POST /p2/api/v2/orders", {}), spans.get("POST /api/v2/orders", {})
    wait, work = spans.get("order.created wait", {}), spans.get("order.created process", {})
    attributes = {one["key"]: one["value"] for one in server.get("attributes", [])}
    times = [int(one.get(when, 0)) for one in (wait, work) for when in ("startTimeUnixNano", "endTimeUnixNano")]
    checks = {
        "the request is told": server.get("service") == "shop" and server.get("kind") == 2,
        "so it is by the gateway": gateway.get("service") == "gateway" and gateway.get("kind") == 2,
        "the gateway goes on with the caller's trace": gateway.get("parentSpanId") == caller,
        "the service with the gateway's": server.get("parentSpanId") == gateway.get("spanId", "none"),
        "the gateway's part is around the service's": int(gateway.get("startTimeUnixNano", 0)) - 2_000_000
        <= int(server.get("startTimeUnixNano", 1)) <= int(gateway.get("endTimeUnixNano", 0)),
        "it has its route and status": attributes.get("http.route") == {"stringValue": "/api/v2/orders"}
        and attributes.get("http.response.status_code") == {"intValue": "201"},
        "the message's wait is told": wait.get("service") == "worker" and wait.get("parentSpanId") == server.get("spanId"),
        "the worker's part is told": work.get("service") == "worker" and work.get("parentSpanId") == server.get("spanId"),
        "the worker works after the wait": 0 < times[0] <= times[1] == times[2] <= times[3],
        "an unwanted trace is told to nobody": all(span["traceId"] != TRACES["unwanted"][0] for span in Collector.spans),
        "with a ratio of 0 no trace begins here": all(span["traceId"] in (trace, TRACES["last"][0]) for span in Collector.spans),
    }
    failed = [what for what, holds in checks.items() if not holds]
    for what in failed:
        print(f"not so: {what}")
    if failed:
        print(json.dumps(Collector.spans, indent=1))
    print(f"monitoring: {len(checks) - len(failed)} passed, {len(failed)} failed (traces)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(orders(json.loads(sys.argv[2])) if sys.argv[1:2] == ["--orders"] else main())
