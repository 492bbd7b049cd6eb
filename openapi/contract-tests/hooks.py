"""What schemathesis cannot know about our services, and one check it does not have.

Left alone it would lock its own users out, and most of its well-formed requests would end at 404, 409 or 412.
"""

import itertools
import json
import os
import re
import uuid
from collections import defaultdict
from urllib.parse import urlsplit

import requests
import schemathesis

URL = os.environ["SERVICE_URL"]
with open(os.environ["PRINCIPALS"], encoding="utf-8") as file:
    PRINCIPALS = {entry["name"]: entry for entry in json.load(file)["auth"]}
PEERS = {"ada": "grace", "grace": "ada"}

RUN = uuid.uuid4().hex[:8]

# Operations that may lock their caller out, and those that may do so to any user.
OWN_ACCOUNT = {"put_me", "patch_me", "logout"}
ANY_ACCOUNT = {"put_user", "patch_user", "delete_user"}


def send(method, path, token=None, **arguments):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.request(method, URL + path, headers=headers, timeout=12, **arguments)


def log_in(username, password):
    """A token of our own, which nothing that schemathesis does brings to an end."""
    path = PRINCIPALS["ada"]["loginEndpointAuth"]["endpoint"]
    answer = send("POST", path, data={"username": username, "password": password})
    answer.raise_for_status()
    return answer.json()["access_token"]


tokens = {}


def token_of(name):
    if name not in tokens:
        login = PRINCIPALS[name]["loginEndpointAuth"]["payloadUserPwd"]
        tokens[name] = log_in(login["username"], login["password"])
    return tokens[name]


class Spare:
    """A user to be changed, signed out or deleted in place of those the run depends on."""

    PASSWORD = "spare user"

    def __init__(self):
        self.id = self.token = None

    def ready(self):
        if self.id is None:
            user = {"email": f"spare-{RUN}-{next(serial)}@contract.test", "password": self.PASSWORD}
            answer = send("POST", PRINCIPALS["ada"]["signup"], json=user)
            answer.raise_for_status()
            self.id = answer.json()["id"]
            self.token = log_in(user["email"], user["password"])
        return self

    def used_up(self):
        self.id = None


class Live:
    """Things of ada's that exist, by the parameters that name them."""

    def __init__(self):
        self.ids = {}

    def get(self, name):
        if name in ("user_id", "assignee_id"):
            return PRINCIPALS["ada"]["userId"]
        if name not in self.ids and name in ("project_id", "task_id"):
            body = {"title": "Something to work with"}
            if name == "task_id":
                body["project_id"] = self.get("project_id")
            answer = send("POST", f"/api/v1/{name[:-3]}s", token_of("ada"), json=body)
            answer.raise_for_status()
            self.ids[name] = answer.json()["id"]
        return self.ids.get(name)

    def something_was_deleted(self):
        self.ids.clear()


spare = Spare()
live = Live()
turns = defaultdict(itertools.count)
serial = itertools.count()


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Presents our tokens as `http: bearer`: the checks of authentication pass over schemes of type `oauth2`."""
    schemes = raw_schema["components"]["securitySchemes"]
    # The flow stays, under a name that no operation uses: its tokenUrl tells which operation is the login.
    schemes["password_flow"] = schemes["oauth2"]
    schemes["oauth2"] = {"type": "http", "scheme": "bearer"}


@schemathesis.serializer("application/x-ndjson")
def one_row_a_line(context, value):
    rows = value if isinstance(value, list) else [value]
    return "\n".join(json.dumps(row) for row in rows).encode()


def operation_id(case):
    return case.operation.definition.raw["operationId"]


def needs_superuser(case):
    return any("superuser" in scopes for one in case.operation.definition.raw.get("security", []) for scopes in one.values())


def is_stateful(case):
    return case.meta is not None and case.meta.phase.name.value == "stateful"


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is not None and case.meta.generation.mode.is_positive:
        # A quarter stays as it is, to end at 404, 409 and 412. Scenarios are repeated, and must then go the same way.
        if is_stateful(case) or next(turns[operation_id(case)]) % 4:
            aim(case)
    authorize(case)


def aim(case):
    """Lets a well-formed request mean something that exists, so that it gets to do what it is for."""
    if not is_stateful(case):  # there, links say what is meant
        use_live(case.path_parameters)
    if isinstance(case.body, dict):
        use_live(case.body)
        if "email" in case.body:
            unused = f"{RUN}-{next(serial)}"
            long = is_stateful(case) or len(case.body["email"]) > 40
            case.body["email"] = f"{unused}@contract.test" if long else f"{unused}.{case.body['email']}"
        if "current_password" in case.body:
            case.body["current_password"] = Spare.PASSWORD
    if "If-Match" in case.headers:
        case.headers["If-Match"] = "*"
    case.query.pop("cursor", None)


def use_live(parameters):
    parameters.update({name: live.get(name) for name in parameters if live.get(name)})


def authorize(case):
    """Everything is done as ada, but for what only superusers may do and what would lock ada out."""
    operation = operation_id(case)
    if case.auth_identity is None:
        return
    # What follows a link from the creation of a user reads another's account.
    if needs_superuser(case) or operation == "get_user" and is_stateful(case):
        case.headers["Authorization"] = f"Bearer {token_of('admin')}"
    if operation in OWN_ACCOUNT:
        case.headers["Authorization"] = f"Bearer {spare.ready().token}"
    if operation in ANY_ACCOUNT:
        target = str(case.path_parameters.get("user_id"))
        if target in {str(principal["userId"]) for principal in PRINCIPALS.values()}:
            case.path_parameters["user_id"] = spare.ready().id


@schemathesis.hook
def after_call(context, case, response):
    if response.status_code >= 300:
        return
    if operation_id(case) in OWN_ACCOUNT | ANY_ACCOUNT:
        spare.used_up()
    if case.method == "DELETE":
        live.something_was_deleted()


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
    stranger = PEERS[owner]
    # Who is assigned a task may see it.
    if response.json().get("assignee_id") == PRINCIPALS[stranger]["userId"]:
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
    listed = send("GET", collection, token_of(stranger), params={"sort": "-id", "limit": 1000})
    assert created not in [item["id"] for item in listed.json()], f"{stranger} finds {location} in {collection}"


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
