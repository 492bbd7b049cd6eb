"""The gateway before documents that were written elsewhere: a real nginx, and a server behind it that says what it was asked.

    NGINX_PROGRAM=... python3 gateway/compose-tests/routing.py
"""

import json
import os
import re
import socket
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GENERATOR = ROOT / "openapi/generator"
INCLUDED = ("access-log.conf", "problems.conf", "problem-headers.conf", "cors.js", "traces.js", "kept-answers.js")
OK = {"responses": {"200": {"description": "Ok"}}}
# Escaped, as its own characters would need it.
ODD = r"""/q"uo'te\d/$request_uri/${x}/a;b/a+b(c)*[d]|^/x""".replace("{x}", "x")
LONG = "/" + "/".join(f"segment-{number}" for number in range(70))


def operations(**named):
    """Operations of a path: method=name."""
    return {method: {"operationId": name, **OK} for method, name in named.items()}


def odd_document():
    def body(media):
        return {"requestBody": {"content": {media: {}}}, **OK}
    return {
        "openapi": "3.1.0", "info": {"title": "Odd \"$paths\" \\ {{x}}\n<b>", "version": "1.0"}, "servers": [{"url": "https://odd.example/v1"}],
        "paths": {
            "/a b": operations(get="space"), "/ü": operations(get="umlaut"), "/a%20c": operations(get="escaped_space"),
            "/a/{id}": operations(get="by_id", delete="delete_by_id"), "/a/{name}": operations(post="by_name"),
            "/a/me": operations(get="me"), "/a/{id}.json": operations(get="as_json"), "/a/{id}:verb": operations(post="verb"),
            "/range/{a}-{b}": operations(get="range"), "/:id": operations(get="colon"), "/*all": operations(get="star"),
            "/order/{z}/b": operations(get="concrete"), "/order/{a}/{c}": operations(get="general"),
            ODD: operations(get="signs"), "/Case": operations(get="upper"), "/case": operations(get="lower"), LONG: operations(get="long"), LONG + "x": operations(get="longer"),
            "/items": operations(get="without_slash"), "/items/": operations(get="with_slash", post="post_with_slash"), "/only/": operations(get="only"),
            "/methods": operations(get="get_it", head="head_it", options="options_it", trace="trace_it"), "/headless": operations(get="get_headless"),
            "/shared": {"$ref": "#/components/pathItems/Shared"},
            "/elsewhere": {"servers": [{"url": "/path"}], "get": {"operationId": "of_path", **OK},
                           "post": {"operationId": "of_operation", "servers": [{"url": "https://{host}/own", "variables": {"host": {"default": "x.example"}}}], **OK}},
            "/upload": {"post": {"operationId": "upload", **body("multipart/form-data")}},
            "/events": {"get": {"operationId": "events", "responses": {"200": {"$ref": "#/components/responses/Events"}, "default": {"description": "Other"}}}},
            "/query?a=1#b": operations(get="question"), "/nameless": {"get": OK}, "/имя": {"get": {"operationId": "получитьИмя", **OK}},
        },
        "components": {
            "pathItems": {"Shared": {"parameters": [{"name": "If-Match", "in": "header", "schema": {"type": "string"}}], **operations(put="shared")}},
            "responses": {"Events": {"description": "Ok", "content": {"text/event-stream; charset=utf-8": {"schema": {"type": "string"}}}}},
        },
    }


def large_document():
    paths = {f"/resources-{number}/{{id}}": operations(get=f"get_{number}", put=f"put_{number}", delete=f"delete_{number}") for number in range(100)}
    return {"openapi": "3.0.3", "info": {"title": "Large", "version": "1"}, "paths": paths}


DOCUMENTS = {"odd": odd_document(), "odd-too": odd_document(), "large": large_document()}
# Method and target, and what is to answer: an operation, or the status of the gateway's own response.
ASKED = [
    ("GET", "/v1/a%20b", "space"), ("GET", "/v1/%61%20b", "space"), ("GET", "/v1/a%20b/", "space"), ("GET", "/v1/a%20b?x=%2F", "space"), ("GET", "/v1/a%20c", "escaped_space"),
    ("GET", "/v1/%C3%BC", "umlaut"), ("GET", "/v1/%c3%bc", "umlaut"), ("GET", "/v1/%C3%BD", 404), ("GET", "/v1/ü", "umlaut"),
    ("GET", "/v1/a/7", "by_id"), ("DELETE", "/v1/a/7", "delete_by_id"), ("POST", "/v1/a/7", "by_name"), ("PUT", "/v1/a/7", 405), ("GET", "/v1/a/me", "me"),
    ("GET", "/v1/a/m%65", "me"), ("GET", "/v1/a/7.json", "as_json"), ("GET", "/v1/a/7.json.json", "as_json"), ("GET", "/v1/a/.json", "by_id"), ("GET", "/v1/a/7%2ejson", "as_json"),
    ("POST", "/v1/a/7:verb", "verb"), ("GET", "/v1/a/7:verb", 405), ("GET", "/v1/a/7%3Averb", "by_id"), ("GET", "/v1/a/x%2Fy", "by_id"), ("GET", "/v1/a/x/y", 404),
    ("GET", "/v1/range/1-2", "range"), ("GET", "/v1/range/1-2-3", "range"), ("GET", "/v1/range/-2", 404), ("GET", "/v1/range/1%2D2", "range"),
    ("GET", "/v1/:id", "colon"), ("GET", "/v1/%3aid", "colon"), ("GET", "/v1/*all", "star"), ("GET", "/v1/%2Aall", "star"), ("GET", "/v1/xall", 404),
    ("GET", "/v1/order/1/b", "concrete"), ("GET", "/v1/order/1/2", "general"),
    ("GET", "/v1/q%22uo'te%5Cd/$request_uri/$x/a;b/a+b(c)*%5Bd%5D%7C%5E/x", "signs"), ("GET", "/v1/q%22uo%27te%5cd/%24request_uri/%24x/a%3Bb/a%2Bb%28c)*%5Bd%5D%7c%5e/x", "signs"),
    ("GET", "/v1/q%22uo'te%5Cd/$request_uri/$x/a;b/aab(c)*%5Bd%5D%7C%5E/x", 404),
    ("GET", "/v1/Case", "upper"), ("GET", "/v1/case", "lower"), ("GET", "/v1/CASE", 404), ("GET", f"/v1{LONG}", "long"), ("GET", f"/v1{LONG}x", "longer"), ("GET", f"/v1{LONG}y", 404),
    ("GET", "/v1/items", "without_slash"), ("GET", "/v1/items/", "with_slash"), ("POST", "/v1/items/", "post_with_slash"), ("POST", "/v1/items", 405), ("GET", "/v1/items//", 404),
    ("GET", "/v1/only/", "only"), ("GET", "/v1/only", "only"), ("GET", "/v1/a/me/", "me"),
    ("GET", "/v1/methods", "get_it"), ("HEAD", "/v1/methods", "head_it"), ("OPTIONS", "/v1/methods", "options_it"), ("TRACE", "/v1/methods", "trace_it"), ("PATCH", "/v1/methods", 405),
    ("PREFLIGHT", "/v1/methods", "cors-preflight"), ("PREFLIGHT", "/v1/headless", "cors-preflight"), ("PREFLIGHT", "/v1/nothing", 404),
    ("HEAD", "/v1/headless", "get_headless"), ("OPTIONS", "/v1/headless", 405), ("TRACE", "/v1/headless", 405), ("TRACE", "/v1/nothing", 404),
    ("PUT", "/v1/shared", "shared"), ("GET", "/path/elsewhere", "of_path"), ("POST", "/own/elsewhere", "of_operation"), ("GET", "/v1/elsewhere", 404), ("POST", "/path/elsewhere", 405),
    ("POST", "/v1/upload", "upload"), ("GET", "/v1/events", "events"), ("GET", "/v1/nameless", "get_nameless"), ("GET", "/v1/query%3Fa=1%23b", "question"), ("GET", "/v1/query?a=1", 404), ("GET", "/v1/%D0%B8%D0%BC%D1%8F", "получить_имя"),
    ("GET", "/health", "health-live"), ("GET", "/docs/index.css", "docs-page"), ("GET", "/%64ocs", "docs-page"), ("GET", "", 307), ("GET", "/", 307), ("GET", "/v1", 404),
]
LARGE = [("PUT", f"/resources-{number}/x%20y", f"put_{number}") for number in (0, 50, 99)] + [("GET", "/resources-100/x", 404)]


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        text = json.dumps([self.command, self.path]).encode()
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def log_message(self, *_):
        pass


for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
    setattr(Echo, f"do_{method}", Echo.answer)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def generate(folder, documents):
    """What ./codegen.sh makes of the documents for the gateway."""
    common = ROOT / "generated/common-api/openapi.json"
    for port, (name, document) in enumerate(documents.items(), 9000):
        crate = Path(folder, "crates", f"{name}-api")
        crate.mkdir(parents=True)
        source = Path(folder, f"{name}.json")
        source.write_text(json.dumps({**document, "x-service": {"port": port, "prefix": name, "lint": "any"}}))
        done = subprocess.run(["node", GENERATOR / "any/complete.mjs", ROOT / ".local/tools", source, common], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        Path(crate, "openapi.json").write_text(done.stdout)
    subprocess.run(["node", GENERATOR / "gateway.mjs", Path(folder, "crates"), Path(folder, "generated")], check=True)


def configure(folder, port, upstreams):
    text = (ROOT / "gateway/nginx.conf.template").read_text()
    given = {"GATEWAY_TEMP": folder, "GATEWAY_LOG": f"{folder}/access.log", "GATEWAY_LISTEN": f"127.0.0.1:{port}", "GATEWAY_WORKERS": "1", "GATEWAY_UPSTREAMS": upstreams,
             "GATEWAY_USER": "user root;" if os.geteuid() == 0 else "", "GATEWAY_TRACES_RATIO": "1"}
    text = re.sub(r"\$\{(GATEWAY_\w+)\}", lambda found: given.get(found[1], ""), text)
    Path(folder, "nginx.conf").write_text(text)
    for name in INCLUDED:
        Path(folder, name).symlink_to(ROOT / "gateway" / name)


@contextmanager
def gateway(folder, port):
    nginx = os.environ["NGINX_PROGRAM"]
    command = [nginx, "-e", "stderr", "-p", f"{folder}/", "-c", f"{folder}/nginx.conf"]
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert tested.returncode == 0 and "[warn]" not in tested.stderr, tested.stderr
    process = subprocess.Popen([*command, "-g", "daemon off;"])
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, "nginx has ended"
        yield
    finally:
        process.terminate()
        process.wait(30)


def ask(port, method, target, number):
    """Sends it as it is written; yields status and body."""
    headers = f"Host: localhost\r\nConnection: close\r\nX-Request-Id: ask-{number}\r\n"
    if method == "PREFLIGHT":
        method, headers = "OPTIONS", f"{headers}Origin: https://page.example\r\nAccess-Control-Request-Method: GET\r\n"
    with socket.create_connection(("127.0.0.1", port), 30) as one:
        one.sendall(f"{method} {target} HTTP/1.1\r\n{headers}\r\n".encode())
        answer = b""
        while chunk := one.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def requests_reach_the_operation_that_the_document_means():
    with tempfile.TemporaryDirectory() as folder:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = free_port()
        generate(folder, DOCUMENTS)
        configure(folder, port, "".join(f"upstream {name} {{ zone {name} 128k; server 127.0.0.1:{server.server_port}; }}\n" for name in DOCUMENTS))
        asked = [(prefix, *one) for prefix in ("odd", "odd-too") for one in ASKED] + [("large", *one) for one in LARGE]
        with gateway(folder, port):
            answers = [ask(port, method, f"/{prefix}{target}", number) for number, (prefix, method, target, _) in enumerate(asked)]
        server.shutdown()
        lines = {one["request_id"]: one for one in map(json.loads, Path(folder, "access.log").read_text().splitlines())}
        wrong = list(differences(asked, answers, lines))
        assert not wrong, "\n".join(wrong)
        return len(asked)


def differences(asked, answers, lines):
    for number, ((prefix, method, target, expected), (status, body)) in enumerate(zip(asked, answers)):
        line = lines[f"ask-{number}"]
        name = line.get("operation", "")
        wanted = (200, f"{prefix}/{expected}") if isinstance(expected, str) else (expected, f"{prefix}/service-root" if expected == 307 else "")
        if (status, name) != wanted:
            yield f"{method} /{prefix}{target}: {status} {name!r} instead of {wanted}"
        elif status == 200 and method != "HEAD":
            sent = ["OPTIONS" if method == "PREFLIGHT" else method, target]
            if json.loads(body) != [sent[0], sent[1].encode().decode("latin-1")]:
                yield f"{method} /{prefix}{target}: sent on as {body}"


if __name__ == "__main__":
    print(f"{requests_reach_the_operation_that_the_document_means()} requests reach what they should")
