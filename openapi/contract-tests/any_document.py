"""Hooks for a service whose document was written elsewhere: it has neither our operations of logging in nor our kinds of things.

What its security schemes ask for are credentials of an account of ours: a token, or e-mail and password.
"""

import base64
import json
import os

import schemathesis

import patience  # noqa: F401  of every request that is sent from here on

# `token`, `email` and `password`; nothing where no service issues tokens.
ACCOUNT = json.loads(os.environ["ACCOUNT"])


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """The schema of a stream of events is that of an event, which schemathesis would read as that of the stream."""
    for path in raw_schema["paths"].values():
        for operation in (one for one in path.values() if isinstance(one, dict)):
            for response in operation.get("responses", {}).values():
                for media, content in (response.get("content") or {}).items():
                    if media.startswith("text/event-stream"):
                        content.pop("schema", None)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Names of parts are what HTTP can carry (RFC 7578, 5.1): schemathesis sends others as bytes that are no text."""
    if case.media_type == "multipart/form-data" and isinstance(case.body, dict) and case.meta and case.meta.generation.mode.is_positive:
        case.body = {name: value for name, value in case.body.items() if name and name.isascii() and name.isprintable() and '"' not in name}


@schemathesis.hook
def filter_case(context, case):
    """Integers without a format have 64 bits where they are of a type of their own, as each document says in words."""
    return not any(map(is_too_large, (case.path_parameters, case.query, case.headers, case.cookies, case.body)))


def is_too_large(value):
    if isinstance(value, dict):
        return any(map(is_too_large, value.values()))
    if isinstance(value, list):
        return any(map(is_too_large, value))
    if isinstance(value, str) and value.removeprefix("-").isdecimal():
        value = int(value) if len(value) < 1000 else 2**64
    return isinstance(value, (int, float)) and not -(2**63) <= value < 2**63


def as_bytes(context, value):
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.serializer("application/x-ndjson", "application/jsonl")
def one_row_a_line(context, value):
    rows = value if isinstance(value, list) else [value]
    return "\n".join(json.dumps(row) for row in rows).encode()


# What a document calls by a range is sent as something within it.
schemathesis.serializer("image/*", "audio/*", "video/*", "*/*", "application/*", "image/png", "image/jpeg", "application/pdf")(as_bytes)


@schemathesis.auth()
class OurAccount:
    """Credentials for the first alternative of an operation's requirements that our accounts know."""

    def get(self, case, context):
        return schemes_of(case)

    def set(self, case, schemes, context):
        for scheme in schemes:
            place = scheme.get("in", "header")
            name, value = carried(scheme)
            target = {"header": case.headers, "query": case.query, "cookie": case.cookies}[place]
            target[name] = value


def schemes_of(case):
    document = case.operation.schema.raw_schema
    declared = document.get("components", {}).get("securitySchemes", {})
    for alternative in case.operation.definition.raw.get("security", document.get("security", [])):
        schemes = [resolve(document, declared[name]) for name in alternative]
        if not ACCOUNT or not all(map(is_ours, schemes)):
            continue
        # A token may be that of several schemes.
        if len({carried(one)[1] for one in schemes if one["type"] != "apiKey"}) < 2:
            return schemes
    return []


def is_ours(scheme):
    return scheme["type"] in ("apiKey", "oauth2", "openIdConnect") or scheme.get("scheme", "").lower() in ("bearer", "basic")


def carried(scheme):
    if scheme["type"] == "apiKey":
        return scheme["name"], ACCOUNT["token"]
    if scheme.get("scheme", "").lower() == "basic":
        return "Authorization", "Basic " + base64.b64encode(f"{ACCOUNT['email']}:{ACCOUNT['password']}".encode()).decode()
    return "Authorization", f"Bearer {ACCOUNT['token']}"


def resolve(document, node):
    for _ in range(32):
        if "$ref" not in node:
            break
        target = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


@schemathesis.check
def planned_until_written(ctx, response, case):
    """What an operation's document calls still to be written is not there yet."""
    raw = case.operation.definition.raw
    written = response.status_code < 300
    assert not (written and raw.get("x-planned")), f"{raw['operationId']} is written: x-planned can go"
