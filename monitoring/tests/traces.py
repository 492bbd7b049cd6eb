#!/usr/bin/env python3
"""Tests that one trace from the gateway through every service is exported to a collector, and unsampled traces are not.

    monitoring/tests/traces.py      starts the services itself, and a collector that records what it receives

Spans after the response (of messages, for example) are tested by the service: `ask` and `checks` in
impl/NAME/monitoring/tests/traces.py.
"""

import json
import os
import secrets
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from client import eventually
from series import ROOT, SERVICES, document, owns

OWN = owns("traces.py")


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
        """Who has told of which traces."""
        told = json.dumps([[span["service"], span["traceId"]] for span in self.spans]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)


def send(path, body=None, form=None, **headers):
    """Status and JSON of an answer, through the gateway."""
    data = urlencode(form).encode() if form else json.dumps(body).encode() if body else None
    kind = {"Content-Type": "application/json"} if body else {}
    try:
        with urlopen(Request(os.environ["GATEWAY_URL"] + path, data, {**kind, **headers}), timeout=10) as answer:
            return answer.status, json.load(answer)
    except HTTPError as refused:
        return refused.code, json.load(refused)


def readable(service):
    """A path of the service that anybody can ask for and that no memory of the gateway's answers, or None."""
    for path, item in document(service)["paths"].items():
        operation = item.get("get")
        streams = operation and any("text/event-stream" in one.get("content", {}) for one in operation["responses"].values())
        if operation and "{" not in path and not streams and "x-gateway-cache" not in operation:
            return path
    return None


def traceparent(trace, span, wanted=True):
    return f"00-{trace}-{span}-{'01' if wanted else '00'}"


def ask(asked):
    """Inside the services: who is asked with a trace that is wanted, and with one that is not."""
    for name, (wanted, unwanted, path) in asked.items():
        headers = traceparent(*wanted), traceparent(*unwanted, wanted=False)
        if path:
            status, _ = send(path, traceparent=headers[0])
            send(path, traceparent=headers[1])
            print(json.dumps([name, status]))
        elif name != "last":
            OWN[name.removesuffix(" itself")].ask(send, *headers)
    # The gateway tells once a second, and not when it ends: when this is told, so is all before it.
    last = asked["last"][0][0]
    eventually("the gateway tells", lambda: ["gateway", last] in told())


def told():
    with urlopen(os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"], timeout=10) as answer:
        return json.load(answer)


def through(service, path, prefix, trace, status):
    """What must be so of a request that was answered."""
    of, caller = trace
    spans = {span["name"]: span for span in Collector.spans if span["traceId"] == of}
    gateway, server = spans.get(f"GET /{prefix}{path}", {}), spans.get(f"GET {path}", {})
    attributes = {one["key"]: one["value"] for one in server.get("attributes", [])}
    return {
        f"the request to {service} is told": server.get("service") == service and server.get("kind") == 2,
        f"so it is by the gateway ({service})": gateway.get("service") == "gateway" and gateway.get("kind") == 2,
        f"the gateway goes on with the caller's trace ({service})": gateway.get("parentSpanId") == caller,
        f"{service} with the gateway's": server.get("parentSpanId") == gateway.get("spanId", "none"),
        # nginx counts milliseconds.
        f"the gateway's part is around that of {service}": int(gateway.get("startTimeUnixNano", 0)) - 2_000_000
        <= int(server.get("startTimeUnixNano", 1)) <= int(gateway.get("endTimeUnixNano", 0)) + 2_000_000,
        f"it has its route and status ({service})": attributes.get("http.route") == {"stringValue": path}
        and attributes.get("http.response.status_code") == {"intValue": str(status)},
    }


def main():
    collector = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
                   "OTEL_TRACES_SAMPLER_ARG": "0"}
    paths = {service["name"]: (service["prefix"], readable(service["name"])) for service in SERVICES}
    paths = {name: (prefix, path) for name, (prefix, path) in paths.items() if path}
    if not paths:
        print("monitoring: no service has a path that anybody can ask for (traces)")
        return 0
    prefix, path = next(iter(paths.values()))
    asked = {name: f"/{prefix}{path}" for name, (prefix, path) in paths.items()}
    asked |= {f"{name} itself": None for name in OWN} | {"last": f"/{prefix}{path}"}
    asked = {name: [*([secrets.token_hex(16), secrets.token_hex(8)] for _ in range(2)), path] for name, path in asked.items()}
    # When this has ended, so have the services, and these tell what they have left.
    done = subprocess.run([ROOT / "openapi/with-services", __file__, "--ask", json.dumps(asked)], env=environment, check=True,
                          stdout=subprocess.PIPE, text=True)
    statuses = dict(json.loads(line) for line in done.stdout.splitlines() if line.startswith("["))
    checks = {}
    for name, (prefix, path) in paths.items():
        checks |= through(name, path, prefix, asked[name][0], statuses[name])
    for name, module in OWN.items():
        checks |= module.checks([span for span in Collector.spans if span["traceId"] == asked[f"{name} itself"][0][0]])
    known = {wanted[0] for wanted, _, _ in asked.values()}
    checks["an unwanted trace is told to nobody, and with a ratio of 0 none begins here"] = \
        {span["traceId"] for span in Collector.spans} == known
    failed = [what for what, holds in checks.items() if not holds]
    for what in failed:
        print(f"not so: {what}")
    if failed:
        print(json.dumps(Collector.spans, indent=1))
    print(f"monitoring: {len(checks) - len(failed)} passed, {len(failed)} failed (traces)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(ask(json.loads(sys.argv[2])) if sys.argv[1:2] == ["--ask"] else main())
