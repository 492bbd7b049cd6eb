"""What the Python client does when things go wrong: with members that are not there, with secrets, with networks that fail. Needs
no services but one of its own, and of operations only what every service has."""

import json
import socket
import threading
from collections.abc import Callable
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, Iterator, Type, TypeVar

import urllib3
from pydantic import ValidationError

from schema_first_client import (
    ApiException,
    Client,
    DecodeError,
    LoginForm,
    ProblemError,
    SessionTokens,
    Signup,
    Token,
    TransportError,
    TransportTimeout,
    User,
)

SECRET = "eyJ-not-to-be-seen"
Failure = TypeVar("Failure", bound=BaseException)
TOKEN = f'{{"access_token":"{SECRET}","token_type":"bearer","expires_in":1800,"scope":"user",' + (
    f'"refresh_token":"{SECRET}","refresh_expires_in":3600}}'
)
USER = '{"id":1,"email":"a@b.test","full_name":null,"is_active":true,"is_superuser":false,' + (
    '"created_at":"2026-01-31T09:30:00Z","updated_at":"2026-01-31T09:30:00Z","of_a_later_service":true}'
)
PROBLEM = '{"type":"urn:problem:x","title":"Unprocessable Content","status":422,"code":"validation_failed","of_a_later_service":1}'


def failing(expected: Type[Failure], act: Callable[[], object]) -> Failure:
    try:
        act()
    except expected as error:
        # Nothing else, and nothing above it.
        assert type(error) is expected, error
        return error
    raise AssertionError(f"no {expected.__name__}")


def unknown_members_of_requests() -> None:
    # As a caller would misspell them, whom no type checker looks after.
    signup: Any = Signup
    for act in (
        lambda: signup(email="a@b.test", password="correct horse", fulname="Ada"),
        lambda: Signup.from_dict({"email": "a@b.test", "password": "correct horse", "fulname": "Ada"}),
        lambda: Signup.from_json('{"email": "a@b.test", "password": "correct horse", "fulname": "Ada"}'),
        lambda: setattr(Signup(email="a@b.test", password="correct horse"), "fulname", "Ada"),
        # As JSON, which operations take as well.
        lambda: Client("http://127.0.0.1:9").login.signup(signup.model_validate({"email": "a@b.test", "fulname": "Ada"})),
        lambda: Client("http://127.0.0.1:9").login.signup({"email": "a@b.test", "fulname": "Ada"}),  # type: ignore[arg-type]
        lambda: Client("http://127.0.0.1:9").users.get_me(fulname="Ada"),  # type: ignore[call-arg]
    ):
        try:
            act()
        except (ValidationError, ValueError) as error:
            assert "fulname" in str(error), error
        else:
            raise AssertionError("a member that is not there was taken")


def members_of_later_answers() -> None:
    user = User.from_json(USER)
    assert user is not None and user.email == "a@b.test"
    with served(answer("200 OK", USER)) as (url, _):
        assert Client(url).users.get_me().id == 1
    with served(answer("422 Unprocessable Content", PROBLEM, "application/problem+json")) as (url, _):
        assert failing(ProblemError, lambda: Client(url).users.get_me()).code == "validation_failed"


def what_is_sent() -> None:
    account = {"email": "a@b.test", "password": "correct horse"}
    assert Signup(email="a@b.test", password="correct horse", full_name=None).to_dict() == account | {"full_name": None}
    assert Signup(email="a@b.test", password="correct horse").to_dict() == account
    assert Signup(email="a@b.test", password="correct horse").to_json() == json.dumps(account)


def secrets_are_not_printed() -> None:
    token = Token.from_json(TOKEN)
    assert token is not None and token.access_token == SECRET
    signup = Signup(email="a@b.test", password=SECRET)
    form = LoginForm(username="a@b.test", password=SECRET, client_secret=SECRET)
    with served(answer("200 OK", TOKEN)) as (url, _):
        info = Client(url).login.login_access_token_with_http_info("a@b.test", SECRET)
        with Client(url).login.login_access_token_without_preload_content("a@b.test", SECRET) as raw:
            raw.read()
        assert info.data.access_token == SECRET
        client = Client(url)
        client.sign_in("a@b.test", SECRET)
        assert client.session is not None and SECRET in client.session.to_json()
    for shown in (token, signup, form, client, client.session, info, raw, [token], {"token": token}):
        for text in (repr(shown), str(shown), f"{shown}", shown.to_str() if isinstance(shown, Token) else ""):
            assert SECRET not in text, text
    bad = failing(ValidationError, lambda: Token.from_dict({"access_token": SECRET, "token_type": 5}))
    assert SECRET not in str(bad), bad
    assert signup.to_dict()["password"] == SECRET, "it is sent all the same"


def networks_that_fail() -> None:
    def ask(url: str, **options: Any) -> Callable[[], object]:
        return lambda: Client(url, **options).users.get_me()

    nobody = failing(TransportError, ask("http://127.0.0.1:9"))
    assert isinstance(nobody, ApiException) and isinstance(nobody.__cause__, urllib3.exceptions.HTTPError), nobody
    failing(TransportError, ask("http://no-such-host.invalid"))
    failing(TransportError, ask("https://127.0.0.1:9"))
    with served(b"") as (url, _):
        failing(TransportError, ask(url))
    with served(b"no HTTP at all\r\n\r\n") as (url, _):
        failing(TransportError, ask(url))
    whole = answer("200 OK", USER)
    with served(whole[:-10]) as (url, _):
        failing(TransportError, ask(url))
        stream = Client(url).users.get_me_without_preload_content()
        failing(TransportError, lambda: list(stream))
    with served(None) as (url, _):
        slow = failing(TransportTimeout, lambda: Client(url).users.get_me(_request_timeout=0.2))
        assert isinstance(slow, TransportError)


def answers_that_cannot_be_read() -> None:
    for body in ("<html>", '{"id":', '{"id":"no number"}', "[]", "\\u0000"):
        with served(answer("200 OK", body)) as (url, _):
            assert isinstance(failing(DecodeError, lambda: Client(url).users.get_me()), ApiException)
    with served(answer("502 Bad Gateway", "<html>", "text/html")) as (url, _):
        assert failing(ApiException, lambda: Client(url).users.get_me()).status == 502
    with served(answer("500 Oh", "{", "application/problem+json")) as (url, _):
        assert failing(DecodeError, lambda: Client(url).users.get_me()).status == 500


def nothing_is_tried_again() -> None:
    for given in (b"", answer("503 Service Unavailable", PROBLEM, "application/problem+json", "Retry-After: 0")):
        with served(given) as (url, asked):
            failing(ProblemError if given else TransportError, lambda: Client(url).users.get_me())
            assert len(asked) == 1, f"asked {len(asked)} times"
    with served(answer("307 Temporary Redirect", "", "text/plain", "Location: /elsewhere")) as (url, asked):
        assert failing(ApiException, lambda: Client(url).users.get_me()).status == 307
        assert len(asked) == 1, asked
    with served(b"") as (url, asked):
        failing(TransportError, lambda: Client(url, retries=2).users.get_me())
        assert len(asked) == 3, f"asked {len(asked)} times"
    # A refresh token is valid once, whatever is tried again.
    tokens = SessionTokens(access_token=SECRET, expires_at=datetime.now(timezone.utc), refresh_token=SECRET)
    eager = urllib3.Retry(2, allowed_methods=None, status_forcelist=[503])
    for given in (b"", answer("503 Service Unavailable", PROBLEM, "application/problem+json")):
        with served(given) as (url, asked):
            client = Client(url, retries=eager, session=tokens)
            failing(ProblemError if given else TransportError, lambda: client.users.get_me())
            assert len(asked) == 1 and b"/auth/login/access-token" in asked[0] and client.session == tokens, asked


def twins_refuse_as_well() -> None:
    with served(answer("422 Unprocessable Content", PROBLEM, "application/problem+json")) as (url, _):
        client = Client(url)
        for act in (
            lambda: client.users.get_me_without_preload_content(),
            lambda: client.users.get_me_with_http_info(),
        ):
            assert failing(ProblemError, act).code == "validation_failed"


def answer(status: str, body: str, media: str = "application/json", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {media}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", body]
    return "\r\n".join(lines).encode()


@contextmanager
def served(given: bytes | None) -> Iterator[tuple[str, list[bytes]]]:
    """A service that answers every request so, or not at all; its address, and what it was asked."""
    asked: list[bytes] = []
    kept: list[socket.socket] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            asked.append(connection.recv(65536))
            if given is None:
                kept.append(connection)
                continue
            connection.sendall(given)
            connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for connection in kept:
            connection.close()


if __name__ == "__main__":
    unknown_members_of_requests()
    members_of_later_answers()
    what_is_sent()
    secrets_are_not_printed()
    networks_that_fail()
    answers_that_cannot_be_read()
    nothing_is_tried_again()
    twins_refuse_as_well()
    print("python, when things go wrong: ok")
