"""A real OpenID provider (../openid/provider.mjs) while a test needs it, and a browser in which somebody signs in there."""

import os
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPMessage
from http.cookiejar import CookieJar
from typing import IO
from urllib.parse import parse_qsl, urlencode, urljoin

NAME = "test"
REDIRECT_URI = "https://app.example/callback"
# Redirects and forms between the beginning and the callback: signing in and agreeing take eight.
MAX_STEPS = 20


def is_set_up() -> bool:
    """Whether the services know the provider: those that ../run has started do."""
    return "OIDC_TEST_ISSUER" in os.environ


@contextmanager
def running() -> Iterator[None]:
    """Starts the provider; it ends with the block."""
    program = os.environ["WORK"] + "/../openid-provider/provider.mjs"
    with subprocess.Popen(["node", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as provider:
        try:
            assert provider.stdout is not None and provider.stdout.readline() == "listening\n", "the provider did not start"
            yield
        finally:
            provider.terminate()


def sign_in(authorization_url: str, name: str) -> dict[str, str]:
    """Somebody signs in and agrees, in a browser of their own; returns what is sent to the callback."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()), NoRedirects())
    url, form = authorization_url, None
    for _ in range(MAX_STEPS):
        if url.startswith(REDIRECT_URI):
            return dict(parse_qsl(url.partition("?")[2]))
        try:
            with browser.open(url, form) as page:
                text = page.read().decode()
            action = re.search(r'<form[^>]* action="([^"]+)"', text)
            assert action, f"no form at {url}"
            fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', text))
            if 'name="login"' in text:
                fields |= {"login": name, "password": "any"}
            url, form = urljoin(url, action.group(1)), urlencode(fields).encode()
        except urllib.error.HTTPError as redirect:
            with redirect:
                assert redirect.code in (302, 303), f"{redirect.code} {redirect.read().decode()}"
                url, form = urljoin(url, redirect.headers["location"]), None
    raise AssertionError("no callback")


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """The callback is not on this machine."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None
