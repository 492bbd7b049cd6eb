"""The people of a run, and things of theirs to work with."""

import itertools
import json
import os
import time
import uuid
from urllib.parse import urlsplit

import requests

import service
import patience  # noqa: F401  of every request that is sent from here on

URL = os.environ["SERVICE_URL"]
with open(os.environ["PRINCIPALS"], encoding="utf-8") as file:
    PRINCIPALS = {entry["name"]: entry for entry in json.load(file)["auth"]}
# Who must not see whose things.
PEERS = {"ada": "grace", "grace": "ada"}
# Tokens live half an hour, a long run may take more.
KEEP_TOKEN = 600

RUN = uuid.uuid4().hex[:8]
serial = itertools.count()
tokens = {}


def unused():
    """A text that was not used before: a key, or the beginning of an e-mail address."""
    return f"{RUN}-{next(serial)}"


def send(method, path, token=None, **arguments):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    # Below a prefix, paths that were read in an answer have it already.
    url = URL + path.removeprefix(urlsplit(URL).path)
    return requests.request(method, url, headers=headers, timeout=12, **arguments)


def log_in(username, password):
    """A token of our own, which nothing that schemathesis does brings to an end."""
    token, since = tokens.get(username, (None, 0))
    if time.monotonic() - since > KEEP_TOKEN:
        path = PRINCIPALS["ada"]["loginEndpointAuth"]["endpoint"]
        answer = send("POST", path, data={"username": username, "password": password})
        answer.raise_for_status()
        token = answer.json()["access_token"]
        tokens[username] = token, time.monotonic()
    return token


def token_of(name):
    login = PRINCIPALS[name]["loginEndpointAuth"]["payloadUserPwd"]
    return log_in(login["username"], login["password"])


class Spare:
    """A user to be changed, signed out or deleted in place of those the run depends on."""

    PASSWORD = "spare user"

    def __init__(self):
        self.user = None

    def _ready(self):
        if self.user is None:
            user = {"email": f"spare-{unused()}@contract.test", "password": self.PASSWORD}
            answer = send("POST", PRINCIPALS["ada"]["signup"], json=user)
            answer.raise_for_status()
            self.user = answer.json()
        return self.user

    def id(self):
        return self._ready()["id"]

    def token(self):
        return log_in(self._ready()["email"], self.PASSWORD)

    def used_up(self):
        self.user = None


class Live:
    """Things of ada's that exist, by the parameters that name them."""

    def __init__(self):
        self.ids = {}

    def get(self, name):
        if name == "user_id":
            return PRINCIPALS["ada"]["userId"]
        if name not in self.ids:
            self.ids[name] = service.make(name, self.post, PRINCIPALS["ada"]["userId"])
        return self.ids[name]

    @staticmethod
    def post(path, body):
        answer = send("POST", path, token_of("ada"), json=body)
        answer.raise_for_status()
        return answer.json()

    def something_was_deleted(self):
        self.ids.clear()


spare = Spare()
live = Live()
