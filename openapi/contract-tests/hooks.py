"""What schemathesis cannot know about our services.

Left alone it would lock its own users out, and most of its well-formed requests would end at 404, 409 or 412.
"""

import itertools
import json
from collections import defaultdict

import schemathesis

import service
from ownership import needs_superuser
from people import PRINCIPALS, Spare, live, spare, token_of, unused

# A server-sent event of ours: resumable by its id, told apart by its name, with JSON in it.
EVENT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "event", "data"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "event": {"type": "string", "minLength": 1},
        "data": {"type": "string", "pattern": "^\\{.*\\}$"},
    },
}

# A stream of five minutes tells no more than one of a second.
LONGEST_STREAM = {"seconds": 1}

turns = defaultdict(itertools.count)


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Presents our tokens as `http: bearer`: the checks of authentication pass over schemes of type `oauth2`."""
    schemes = raw_schema["components"]["securitySchemes"]
    # The flow stays, under a name that no operation uses: its tokenUrl tells which operation is the login.
    schemes["password_flow"] = schemes["oauth2"]
    schemes["oauth2"] = {"type": "http", "scheme": "bearer"}
    # The schema of a stream of events is read as that of each event, which OpenAPI 3.0 has no words for.
    for operation in (one for path in raw_schema["paths"].values() for one in path.values() if isinstance(one, dict)):
        for response in operation.get("responses", {}).values():
            for media, content in response.get("content", {}).items():
                if media == "text/event-stream":
                    content["schema"] = EVENT


@schemathesis.serializer("application/x-ndjson")
def one_row_a_line(context, value):
    rows = value if isinstance(value, list) else [value]
    return "\n".join(json.dumps(row) for row in rows).encode()


def operation_id(case):
    return case.operation.definition.raw["operationId"]


def is_stateful(case):
    return case.meta is not None and case.meta.phase.name.value == "stateful"


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is not None and case.meta.generation.mode.is_positive:
        # A quarter stays as it is, to end at 404, 409 and 412. Scenarios are repeated, and must then go the same way.
        if is_stateful(case) or next(turns[operation_id(case)]) % 4:
            aim(case)
        bound(case)
        # Another request with a used key is refused, however well-formed: 422 idempotency_key_reused.
        if "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = unused()
    authorize(case)


def bound(case):
    """What may take long as it was asked for is asked for in small; the rules of the parameters are not at stake."""
    declared = case.operation.definition.raw
    streams = LONGEST_STREAM if "x-event-streams" in declared else {}
    for name, most in (streams | service.LARGEST.get(declared["operationId"], {})).items():
        value = case.query.get(name)
        # Without one the default is meant, which is more.
        if value is None or str(value).isdigit() and int(value) > most:
            case.query[name] = most


def aim(case):
    """Lets a well-formed request mean something that exists, so that it gets to do what it is for."""
    if not is_stateful(case):  # there, links say what is meant
        use_live(case.path_parameters)
    if isinstance(case.body, dict):
        use_live(case.body)
        if "email" in case.body:
            replace = is_stateful(case) or len(case.body["email"]) > 40
            case.body["email"] = f"{unused()}@contract.test" if replace else f"{unused()}.{case.body['email']}"
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
    if needs_superuser(case) or operation in service.LINKED_TO_OTHERS and is_stateful(case):
        case.headers["Authorization"] = f"Bearer {token_of('admin')}"
    if operation in service.OWN_ACCOUNT:
        case.headers["Authorization"] = f"Bearer {spare.token()}"
    if operation in service.ANY_ACCOUNT:
        target = str(case.path_parameters.get("user_id"))
        if target in {str(principal["userId"]) for principal in PRINCIPALS.values()}:
            case.path_parameters["user_id"] = spare.id()


@schemathesis.hook
def after_call(context, case, response):
    if response.status_code >= 300:
        return
    if operation_id(case) in service.OWN_ACCOUNT | service.ANY_ACCOUNT:
        spare.used_up()
    if case.method == "DELETE":
        live.something_was_deleted()


@schemathesis.check
def planned_until_written(ctx, response, case):
    """What an operation's document calls still to be written is not there yet."""
    written = response.status_code < 300
    assert not (written and case.operation.definition.raw.get("x-planned")), f"{operation_id(case)} is written: x-planned can go"
