"""What is special about the service under test. Its folder may say so, in contract-tests/service.py; what it does not say is as here."""

import importlib.util
import os
from pathlib import Path

# Operations that may lock their caller out, and those that may do so to any user.
OWN_ACCOUNT = {"logout"}
ANY_ACCOUNT = set()
# What links lead to that belongs to somebody else.
LINKED_TO_OTHERS = set()
# Parameters of the query, by operation, whose values decide how long it takes: the largest to be asked for. Streams are listened to for a second.
LARGEST = {}


def make(name, post, user):
    """The id of something new that a parameter or member of this name can mean; `post(path, body)` makes things as this user."""
    return None


def is_shared_with(created, user):
    """Whether somebody else may see what was created."""
    return False


def read(path):
    spec = importlib.util.spec_from_file_location("service_under_test", path)
    own = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(own)
    for name in ("OWN_ACCOUNT", "ANY_ACCOUNT", "LINKED_TO_OTHERS"):
        globals()[name] = globals()[name] | getattr(own, name, set())
    for name in ("LARGEST", "make", "is_shared_with"):
        globals()[name] = getattr(own, name, globals()[name])


if (own_file := Path(os.environ["SERVICE_FOLDER"], "service.py")).exists():
    read(own_file)
