"""Fields of request bodies that no handler reads: what a client sends in them would be lost.

A field counts as read where its name occurs in the sources of the service. A service that takes a model as a whole, for example to
store it as JSON, says so in a comment: "reads all of `Model`". Operations that are still to be written (x-planned) are left out.
"""

import json
import re
from pathlib import Path

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def unread_fields(root: Path):
    """A line for each, sorted."""
    services = json.loads((root / "generated/services.json").read_text())
    return [line for service in services for line in _of_service(root, service["name"])]


def _of_service(root, name):
    api = root / f"generated/{name}-api"
    source = "\n".join(path.read_text() for path in sorted((root / f"impl/{name}/src").rglob("*.rs")))
    structs = {struct[1]: re.findall(r"^    pub (?:r#)?(\w+): (.*),$", struct[2], re.M)
               for struct in re.finditer(r"^pub struct (\w+) \{\n(.*?)^\}", (api / "src/models.rs").read_text(), re.M | re.S)}
    whole = set(re.findall(r"reads all of `(\w+)`", source))
    sent, waiting = set(), [model for body in _bodies(api) for model in re.findall(r"models::(\w+)", body)]
    while waiting:
        model = waiting.pop()
        if model in structs and model not in sent and model not in whole:
            sent.add(model)
            waiting += [inner for _, kind in structs[model] for inner in re.findall(r"models::(\w+)", kind)]
    for model in sorted(sent):
        for field, _ in structs[model]:
            if field != "additional_properties" and not re.search(rf"\b{field}\b", source):
                yield f"impl/{name}: no handler reads `{field}` of `{model}`, which clients may send"


def _bodies(api):
    """The types of the bodies of operations that have been written."""
    document = json.loads((api / "openapi.json").read_text())
    operations = [item[method] for item in document["paths"].values() for method in METHODS if method in item]
    planned = {one.get("x-operation-name", one.get("operationId")) for one in operations if one.get("x-planned")}
    for file in sorted((api / "src/apis").glob("*.rs")):
        for method, given in re.findall(r"^    fn (?:r#)?(\w+)\((.*?)\)\s*->", file.read_text(), re.M | re.S):
            body = re.search(r"body: (.*)", given, re.S)
            if body and method not in planned:
                yield body[1]
