"""The requests of `sessions` in exchanges.mjs, with the Python client."""

import os
from datetime import datetime, timedelta, timezone

from schema_first_client import Client, ProblemError, SessionTokens

expiry = datetime.now(timezone.utc) + timedelta(minutes=1)
session = SessionTokens(access_token="stale", expires_at=expiry, refresh_token="once")
client = Client(os.environ["GATEWAY"], session=session)
client.everything.as_bearer()
assert client.session is not None and (client.token, client.session.refresh_token) == ("fresh", "next")
client.everything.credentials.bearer = "own"
try:
    client.everything.as_bearer()
except ProblemError as problem:
    assert problem.code == "invalid_token"
else:
    raise AssertionError("not refused")
print("python, sessions and foreign documents: ok")
