"""A document, as far as requests can be made up from it."""

import json
import re
from collections.abc import Iterator
from typing import Any

from services import GENERATED

METHODS = ("get", "put", "post", "patch", "delete")
# Nobody and nothing has this id.
NOBODY = 999_999_999
DEPTH = 5
SAMPLES: dict[str, Any] = {"string": "x", "boolean": True, "number": 1.5}
FORMATS = {
    "date-time": "2026-01-31T09:30:00Z",
    "date": "2026-01-31",
    "email": "nobody@client.test",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uri": "https://client.test/",
}


def snake(name: str) -> str:
    """As the Python client writes it."""
    return re.sub(r"\W+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)).lower()


class Document:
    def __init__(self, name: str) -> None:
        self.name = name
        self.root = json.loads((GENERATED / f"{name}-api/openapi.json").read_text())
        self.paths: dict[str, Any] = self.root["paths"]
        # Written elsewhere: it has neither our accounts nor our ways to give examples.
        self.is_foreign = self.root["x-service"].get("lint") == "any"

    def operations(self) -> Iterator[tuple[str, str]]:
        for path, item in self.paths.items():
            yield from ((path, method) for method in METHODS if method in item)

    def resolve(self, node: Any) -> Any:
        while "$ref" in node:
            target = self.root
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step.replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    def parameters(self, path: str, operation: dict[str, Any]) -> list[Any]:
        return [self.resolve(one) for one in [*self.paths[path].get("parameters", []), *operation.get("parameters", [])]]

    def body(self, operation: dict[str, Any]) -> Any:
        content = self.resolve(operation["requestBody"])["content"]
        media = content.get("application/json") or next(iter(content.values()))
        return media["example"] if "example" in media else self.sample(media["schema"])

    def argument(self, parameter: Any) -> Any:
        """Of a path never the number of something that is there."""
        schema = self.resolve(parameter["schema"])
        if parameter["in"] == "path" and schema.get("type") == "integer":
            return min(NOBODY, schema.get("maximum", NOBODY))
        return parameter["example"] if "example" in parameter else self.sample(schema)

    def sample(self, schema: Any, depth: int = 0) -> Any:
        """Something that the schema may allow: an example of it, else the least."""
        schema = self.resolve(schema)
        for part in schema.get("allOf", []) + schema.get("oneOf", [])[:1] + schema.get("anyOf", [])[:1]:
            schema = {**self.resolve(part), **schema}
        for said in ("example", "default"):
            if said in schema:
                return schema[said]
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type")
        if kind == "integer":
            return min(NOBODY, schema.get("maximum", NOBODY))
        if kind == "array":
            return [self.sample(schema["items"], depth + 1)] if depth < DEPTH else []
        if kind == "object":
            members = schema.get("properties", {})
            return {name: self.sample(members[name], depth + 1) for name in schema.get("required", [])}
        return FORMATS.get(schema.get("format", ""), SAMPLES.get(kind or "string"))
