"""Requests to services over HTTP."""

import json
import urllib.error
import urllib.request


def sign_in(own, name):
    account = {"email": f"ada@{name}.test", "password": "correct horse"}
    fetch(f"{own}/api/{name}/auth/signup", "POST", None, account)
    form = f"username={account['email']}&password=correct+horse".encode()
    with urllib.request.urlopen(f"{own}/api/{name}/auth/login/access-token", form, timeout=30) as answer:
        return json.load(answer)["access_token"]


def fetch(url, method="GET", token=None, body=None):
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if token:
        # The same token is a key where that is asked for.
        headers |= {"Authorization": f"Bearer {token}", "X-Api-Key": token}
    request = urllib.request.Request(url, json.dumps(body).encode() if body is not None else None, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
