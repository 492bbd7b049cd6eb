"""Asks running services as their users do; services bring work of their own with it (impl/NAME/monitoring/tests)."""

import json
import os
import time
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from series import PORTS, ROOT, document

# Of services and of background roles, as openapi/with-services tells them.
URLS = {name: os.environ.get(f"{name.upper().replace('-', '_')}_URL", "") for name in PORTS}
PATIENCE = 120  # seconds, for what must be there in the end
RETRIES = json.loads((ROOT / "openapi/contract-tests/retries.json").read_text())
LONGEST_PAUSE_SECONDS = RETRIES["longest_pause_seconds"]
MOST_REPEATED = RETRIES["most_in_a_run"]
LOGIN = "/login/access-token"
repeated = []


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
            return answer.status, "" if streams else answer.read().decode(errors="replace")
    except HTTPError as refused:
        text, wait = refused.read().decode(), refused.headers.get("Retry-After", "")
        if not (again and refused.code == 503 and wait.isdigit() and int(wait) <= LONGEST_PAUSE_SECONDS and len(repeated) < MOST_REPEATED):
            return refused.code, text
        code = json.loads(text).get("code")
        if code not in RETRIES["codes"]:
            return refused.code, text
    repeated.append(f"{method} {url.split('?')[0]}: {code}, then asked again")
    print(f"FLAKY {len(repeated)}/{MOST_REPEATED} [live] {repeated[-1]}")
    time.sleep(int(wait))
    return send(url, method, body, token, form, agent, patience, again=False)


def log_in(service):
    """A token of the superuser's, or None where nobody logs in."""
    path = next((path for path in document(service)["paths"] if path.endswith(LOGIN)), None)
    if path is None:
        return None
    form = {"username": "admin@example.com", "password": "admin"}
    status, text = send(URLS[service] + path, "POST", form=form)
    assert status == 200, text
    return json.loads(text)["access_token"]


def eventually(what, holds):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {what}"
        time.sleep(0.2)
