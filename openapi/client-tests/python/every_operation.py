"""Calls the operations that the scenario does not, with the Python client, so that Prism sees an answer of each. See ../run for the settings. What
the answers mean is tested elsewhere.

A service may say in its own folder, client-tests/operations.py, how that is done: then each operation has to be called there. Of any other
service each operation is called once with what its document gives as examples, and may refuse that; for one that is still to be written (501)
Prism answers, as the document says.
"""

import importlib
import importlib.util
import inspect
import json
import urllib.request
from typing import Any

from document import Document, snake
from schema_first_client import Client, ProblemError
from services import NAMES
from support import RUN, Given, base, connect



def by_example(client: Client, document: Document) -> None:
    called = refused = 0
    for path, method in document.operations():
        operation = document.paths[path][method]
        if operation["operationId"] in ("login_access_token", "signup", "logout", "revoke_token", "get_me"):
            continue
        called += 1
        refused += not is_done(client, document, path, operation)
    print(f"python, {document.name}: {called} operations called by their examples, {refused} refused")


def is_done(client: Client, document: Document, path: str, operation: dict[str, Any]) -> bool:
    api = getattr(client, snake(operation["tags"][0]))
    # Which reads streams, too.
    call = getattr(api, f"{snake(operation['operationId'])}_without_preload_content")
    given = {}
    wanted = [name for name, one in inspect.signature(call).parameters.items() if one.default is one.empty]
    for parameter in document.parameters(path, operation):
        name = snake(parameter["name"])
        if name in wanted or name == "seconds":
            given[name] = 1 if name == "seconds" else document.argument(parameter)
    for name in set(wanted) - set(given):
        given[name] = document.body(operation)
    try:
        with call(**given, _request_timeout=35) as answer:
            answer.read()
        return True
    except ProblemError as problem:
        assert problem.status < 500 and problem.status != 401, f"{operation['operationId']}: {problem}"
        return False


def signing_in_elsewhere(document: Document) -> None:
    """The clients sign in at the first service; the others take part in that as well."""
    paths = {document.paths[path][method]["operationId"]: path for path, method in document.operations()}
    url = base(document.name)
    account = {"email": f"{RUN}-{document.name}@client.test", "password": "correct horse"}
    call(url + paths["signup"], json.dumps(account), "application/json")
    form = f"username={account['email']}&password=correct+horse"
    token = json.loads(call(url + paths["login_access_token"], form))["access_token"]
    assert json.loads(call(url + paths["get_me"], token=token))["email"] == account["email"]
    call(url + paths["logout"], "", token=token)
    call(url + paths["revoke_token"], f"token={token}")


def call(url: str, body: str | None = None, media: str = "application/x-www-form-urlencoded", token: str = "") -> bytes:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if body:
        headers["Content-Type"] = media
    with urllib.request.urlopen(urllib.request.Request(url, None if body is None else body.encode(), headers)) as response:
        return response.read()  # type: ignore[no-any-return]


def main() -> None:
    admin = connect()
    admin.sign_in("admin@example.com", "admin")
    ours = [name for name in NAMES if not Document(name).is_foreign]
    for service in ours:
        # As ../run has copied it.
        module = f"{service.replace('-', '_')}_operations"
        if importlib.util.find_spec(module):
            importlib.import_module(module).operations(Given(admin, admin))
        else:
            by_example(admin, Document(service))
    for service in ours[1:]:
        signing_in_elsewhere(Document(service))
    print(f"python, every operation: ok ({RUN})")


if __name__ == "__main__":
    main()
