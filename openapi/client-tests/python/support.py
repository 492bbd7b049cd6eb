"""What scenarios of clients have in common."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from schema_first_client import Client, ProblemError
from services import NAMES, variable

# Makes names of this run different from those of others.
RUN = os.environ["RUN"]


@dataclass
class Given:
    """What the scenario of a service works with."""

    client: Client
    """Signed in as somebody who is new."""
    admin: Client
    """Signed in as a superuser."""
    run: str = RUN


def connect() -> Client:
    return Client(**bases())


def bases() -> dict[str, Any]:
    """The addresses of the services, as a client takes them."""
    return {name.replace("-", "_"): base(name) for name in NAMES}


def base(service: str) -> str:
    return os.environ[variable(service, "BASE")]


def refused(request: Callable[[], object]) -> ProblemError:
    try:
        request()
    except ProblemError as problem:
        return problem
    raise AssertionError("not refused")
