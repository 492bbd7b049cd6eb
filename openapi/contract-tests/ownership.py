"""Checks that schemathesis does not have: what belongs to whom, and what is for superusers."""

import re
from urllib.parse import urlsplit

import schemathesis

import service
from people import PEERS, PRINCIPALS, live, send, token_of


def needs_superuser(case):
    demanded = case.operation.definition.raw.get("security", [])
    return any("superuser" in scopes for one in demanded for scopes in one.values())


@schemathesis.check
def superusers_only(ctx, response, case):
    """What demands the scope of superusers is refused to others."""
    if not needs_superuser(case) or response.status_code >= 300:
        return
    path = urlsplit(response.request.url).path
    status = send(case.method, path, token_of("ada")).status_code
    assert status == 403, f"ada got {status} for {case.method} {path}"


@schemathesis.check
def created_for_its_owner_only(ctx, response, case):
    """What one peer creates is there for that peer; to the other it looks as if it did not exist, by any operation.

    Schemathesis' own check replays reads only, one for each operation, and takes what the other's list shows as
    shared on purpose.
    """
    owner = case.auth_identity
    if response.status_code != 201 or owner not in PEERS or needs_superuser(case):
        return
    # What has no address, such as a page view, nobody can look up.
    if "location" not in response.headers:
        return
    stranger = PEERS[owner]
    if service.is_shared_with(response.json(), PRINCIPALS[stranger]["userId"]):
        return
    created = response.json()["id"]
    location = response.headers["location"][0]
    found = send("GET", location, token_of(owner))
    assert found.status_code == 200 and found.json()["id"] == created, f"{owner} cannot read {location}"
    collection = case.operation.path
    for method, path in operations_on(case.operation.schema.raw_schema, collection, created):
        body = {} if method in ("PUT", "PATCH") else None
        status = send(method, path, token_of(stranger), json=body).status_code
        assert status == 404, f"{stranger} got {status} for {method} {path}, which is {owner}'s"
    listed = send("GET", collection, token_of(stranger), params=newest_first(case.operation.schema.raw_schema, collection))
    # Not every collection can be listed.
    found = listed.json() if listed.status_code == 200 else []
    assert created not in [item["id"] for item in found], f"{stranger} finds {location} in {collection}"


def newest_first(document, collection):
    """Of what a list can be asked for, what shows most of it, the newest first."""
    item = document["paths"][collection]
    declared = [resolve(document, one) for one in item.get("parameters", []) + item.get("get", {}).get("parameters", [])]
    names = {one["name"] for one in declared if one["in"] == "query"}
    return {name: value for name, value in {"sort": "-id", "limit": 1000}.items() if name in names}


def operations_on(document, collection, member):
    """What can be asked of a member of a collection, as method and path."""
    for path, item in document["paths"].items():
        if not path.startswith(f"{collection}/{{"):
            continue
        for method in item.keys() & {"get", "put", "post", "patch", "delete"}:
            declared = item.get("parameters", []) + item[method].get("parameters", [])
            parameters = [resolve(document, parameter) for parameter in declared]
            values = {one["name"]: sample(document, one) for one in parameters if one["in"] == "path"}
            values[re.search(r"{(\w+)}", path)[1]] = member
            yield method.upper(), path.format(**values)


def sample(document, parameter):
    schema = resolve(document, parameter["schema"])
    return schema["enum"][0] if "enum" in schema else live.get(parameter["name"])


def resolve(document, node):
    if "$ref" not in node:
        return node
    target = document
    for step in node["$ref"].removeprefix("#/").split("/"):
        target = target[step]
    return target
