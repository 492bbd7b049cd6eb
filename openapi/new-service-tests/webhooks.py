"""A callback of a service that was made from a document: its operation is written, and a receiver gets what it sends."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

HANDLER = Path(__file__).resolve().parent / "watch_notes.rs"
# What does not come within this time never does, in seconds.
PATIENCE = 30


def write(clone):
    """Writes the operation that promises a callback: the document says so, and the handler of guides is there."""
    document = clone / "openapi/field-notes.yaml"
    operation = re.compile(r"(operationId: watchNotes\n(?:(?!operationId:).*\n)*?)\s*x-planned: true\n")
    text = document.read_text()
    changed = operation.sub(r"\1", text)
    assert changed != text, "watchNotes is planned"
    document.write_text(changed)
    handlers = clone / "impl/field-notes/src/watchers.rs"
    text = re.sub(r"    async fn watch_notes\(.*?\n    \}\n", lambda _: HANDLER.read_text(), handlers.read_text(), flags=re.S)
    text = text.replace("use contract::Problem;\n", "")
    text = re.sub(r"(use platform::)Result;\n(use platform::identity::Principal;\n)", r"\2\1{Result, Transaction};\n", text)
    handlers.write_text(text.replace("use field_notes_api::models;\n", "use field_notes_api::models;\nuse field_notes_api::outgoing::NoteSeen;\n"))


def receive(ask):
    """The first request that comes to a receiver, and the answer to `ask(its URL)`."""
    came, got = threading.Event(), []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((self.path, self.headers, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            # The first attempt fails, the second is the same.
            self.send_response(204 if len(got) > 1 else 500)
            self.end_headers()
            if len(got) > 1:
                came.set()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        answer = ask(f"http://127.0.0.1:{server.server_port}/hook?who=me")
        came.wait(PATIENCE)
        server.shutdown()
        thread.join()
    return answer, got


def check(answer, got):
    """What holds of it: a sentence and whether it does."""
    ids = {headers.get("webhook-id") for _, headers, _ in got}
    target, headers, body = got[0] if got else ("", {}, {})
    yield "the request that asks for a callback is accepted", answer[0] == 202
    yield f"the callback comes, again after a 500, with one id: {ids}", len(got) == 2 and len(ids) == 1 and None not in ids
    yield f"as the document says: {target} {body}", (target, body, headers.get("X-Kind")) == ("/hook?who=me", {"note": "n-001"}, "bird")
    yield "and signed", headers.get("webhook-signature", "").startswith("v1,")
