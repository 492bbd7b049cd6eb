"""Sessions of the Python client: refreshed when they expire, once for all threads, stored and continued, ended. RUN makes names of this run
different from those of others."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Optional

from schema_first_client import ApiException, Client, SessionTokens, Signup
from schema_first_client.rest import RESTClientObject
from support import RUN, bases, connect, refused

EMAIL, PASSWORD = f"{RUN}-sessions@client.test", "correct horse"


class SignedIn:
    """A client that has just signed in, what it reported, and how often it asked the token endpoint for a refresh."""

    def __init__(self) -> None:
        self.reported: list[Optional[SessionTokens]] = []
        self.refreshes = 0
        self.is_down = False
        self.client = Client(**bases(), on_session=self.reported.append)
        self.client.sign_in(EMAIL, PASSWORD)
        session = self.client.session
        assert session is not None and self.reported == [session]
        self.session = session
        self.reported.clear()
        rest: RESTClientObject = self.client.login.api_client.rest_client
        request = rest.request

        def counted(*arguments: Any, **named: Any) -> Any:
            if ("grant_type", "refresh_token") in (named.get("post_params") or []):
                self.refreshes += 1
                if self.is_down:
                    raise ApiException(status=503, reason="down")
            return request(*arguments, **named)

        rest.request = counted  # type: ignore[method-assign]

    def get_me(self) -> str:
        return self.client.users.get_me().email


def expired(session: SessionTokens) -> SessionTokens:
    return session.model_copy(update={"expires_at": datetime.now(timezone.utc) + timedelta(seconds=1)})


def invalid(session: SessionTokens) -> SessionTokens:
    return session.model_copy(update={"access_token": "no-token-of-any-service"})


def as_it_is(session: SessionTokens) -> SessionTokens:
    return session


def at_once(count: int, request: Callable[[], object]) -> list[Any]:
    with ThreadPoolExecutor(count) as threads:
        return [one.result() for one in [threads.submit(request) for _ in range(count)]]


def expiry() -> None:
    given = SignedIn()
    assert timedelta(0) < given.session.expires_at - datetime.now(timezone.utc) < timedelta(days=1)
    given.client.session = expired(given.session)
    assert given.get_me() == EMAIL and given.refreshes == 1
    session = given.client.session
    assert session is not None and given.reported == [session] and session.refresh_token != given.session.refresh_token
    assert given.get_me() == EMAIL and given.refreshes == 1, "the new one is not expired"


def rejection() -> None:
    given = SignedIn()
    given.client.session = invalid(given.session)
    assert given.get_me() == EMAIL and given.refreshes == 1
    given.client.session = invalid(given.client.session or given.session)
    with given.client.users.get_me_without_preload_content() as response:
        assert EMAIL.encode() in response.read()
    assert given.refreshes == 2


def twenty_threads() -> None:
    for spoilt in (expired, invalid):
        given = SignedIn()
        given.client.session = spoilt(given.session)
        assert set(at_once(20, given.get_me)) == {EMAIL}
        assert given.refreshes == len(given.reported) == 1, given.refreshes
        assert given.get_me() == EMAIL, "the session goes on"


def stored_and_continued() -> None:
    given = SignedIn()
    given.client.token = None
    assert given.client.session is None
    stored = SessionTokens.from_json(expired(given.session).to_json())
    client = Client(**bases(), session=stored)
    assert client.users.get_me().email == EMAIL
    assert client.session is not None and client.session.refresh_token != given.session.refresh_token


def ended_elsewhere() -> None:
    for spoilt in (expired, as_it_is):
        given = SignedIn()
        connect().login.revoke_token(given.session.refresh_token)
        given.client.session = spoilt(given.session)
        problems = at_once(5, lambda: refused(given.get_me))
        assert {problem.code for problem in problems} == {"invalid_token"}, problems
        assert (given.refreshes, given.reported) == (1, [None])
        assert given.client.session is None and given.client.token is None
        assert refused(given.get_me).code == "missing_token"


def signed_out() -> None:
    given = SignedIn()
    given.client.sign_out()
    assert given.client.session is None and given.reported == [None]
    given.client.session = given.session
    assert refused(given.get_me).code == "invalid_token" and given.refreshes == 1


def sent_as_they_are() -> None:
    given = SignedIn()
    given.client.token = "no-token-of-any-service"
    assert refused(given.get_me).code == "invalid_token"
    given.client.session = invalid(given.session)
    assert refused(given.client.login.logout).code == "invalid_token"
    assert given.refreshes == 0


def not_for_now() -> None:
    """An error, and the session is kept; the request was not sent."""
    given = SignedIn()
    given.client.session = expired(given.session)
    given.is_down = True

    def failure() -> ApiException:
        try:
            given.get_me()
        except ApiException as error:
            return error
        raise AssertionError("not refused")

    assert {error.status for error in at_once(5, failure)} == {503}
    session = given.client.session
    assert session is not None and session.refresh_token == given.session.refresh_token and not given.reported
    given.is_down = False
    assert given.get_me() == EMAIL


if __name__ == "__main__":
    connect().login.signup(Signup(email=EMAIL, password=PASSWORD))
    expiry()
    rejection()
    twenty_threads()
    stored_and_continued()
    ended_elsewhere()
    signed_out()
    sent_as_they_are()
    not_for_now()
    print("python, sessions: ok")
