#!/usr/bin/env python3
"""What the files say of each other: every alert has a severity, a summary and its runbook, and a limit that is changed in a
document changes the dashboard and the rules, with no other edit; the lines of every panel ascend, as Grafana needs them; what belongs to a service goes with its document."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from series import ROOT, SERVICES, document, rule_files

GENERATOR = ROOT / "openapi/generator/monitoring.mjs"
METHODS = ("get", "put", "post", "patch", "delete")


def runbooks(owner):
    """Where it says what to do, and for which alerts; `owner` is a service, or None for what is common."""
    if owner:
        path = f"impl/{owner}/monitoring/runbooks.md"
        return path, re.findall(r"^## (\w+)$", (ROOT / path).read_text(), re.M)
    path = "docs/operations.md"
    return path, re.findall(r"^### (\w+)$", (ROOT / path).read_text().split("\n## Alerts\n")[1].split("\n## ")[0], re.M)


def alerts():
    for file in rule_files("alerts"):
        owner = None if file.stem == "alerts" else file.stem.removesuffix("-alerts")
        path, headings = runbooks(owner)
        named = re.split(r"^ +- alert: ", file.read_text(), flags=re.M)[1:]
        for block in named:
            name = block.split("\n", 1)[0]
            yield f"{name} has a severity", bool(re.search(r"severity: (critical|warning)\}", block))
            yield f"{name} has a summary", "summary: '" in block
            yield f"{name} has a runbook", f"runbook: {path}#{name.lower()}\n" in block and name in headings
        yield f"every runbook of {path} is of an alert", set(headings) <= {block.split("\n", 1)[0] for block in named}


def panels_of(dashboard):
    return [panel for row in dashboard["panels"] for panel in (row, *row.get("panels", [])) if panel["type"] != "row"]


def ascends(panel):
    values = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
    return values[0] is None and values[1:] == sorted(values[1:])


def one_operation():
    """Any operation of a document: service, path, method."""
    service = SERVICES[0]["name"]
    path, item = next(iter(document(service)["paths"].items()))
    return service, path, next(method for method in METHODS if method in item)


def generate(folder, edit):
    """What is generated from documents of which one was edited."""
    edited, path, method = one_operation()
    for name in (service["name"] for service in SERVICES):
        content = document(name)
        if name == edited:
            edit(content["paths"][path][method])
        Path(folder, f"{name}-api").mkdir(exist_ok=True)
        Path(folder, f"{name}-api/openapi.json").write_text(json.dumps(content))
    subprocess.run(["node", GENERATOR, folder], check=True)
    dashboard = json.loads(Path(folder, f"monitoring/dashboards/service-{edited}.json").read_text())
    of = [panel for panel in panels_of(dashboard) if panel["title"].startswith(f"{method.upper()} {path}:")]
    steps = {step["value"] for panel in of for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]}
    return steps, " ".join(panel["title"] for panel in of), Path(folder, "monitoring/rules/operations.yml").read_text()


def changed_documents():
    def changed(operation):
        operation["x-rate-limit"] = [{"class": "login", "amount": 7, "window-seconds": 2, "by": "account-address"}]
        operation["x-deadline-ms"] = 3250

    def several_limits(operation):
        operation["x-rate-limit"] = [{"class": "login", "amount": amount, "window-seconds": window, "by": "account-address"}
                                     for amount, window in ((1, 86400), (60, 60), (5, 60))]

    with tempfile.TemporaryDirectory() as folder:
        before = generate(folder, lambda _: None)
        after = generate(folder, changed)
    with tempfile.TemporaryDirectory() as folder:
        generate(folder, several_limits)
        for path in sorted(Path(folder, "monitoring/dashboards").iterdir()):
            yield f"the lines of {path.stem} ascend", all(map(ascends, panels_of(json.loads(path.read_text()))))
    service, path, method = one_operation()
    operation = document(service)["paths"][path][method]["operationId"]
    rule = f'"expr":"vector(3.25)","labels":{{"job":"{service}","operation":"{operation}"}}'
    yield "a changed rate limit moves the line in its panel", 3.5 in after[0] - before[0]
    yield "a changed rate limit is in the title", "login: 7 requests per 2 s by account and address" in after[1] and after[1] != before[1]
    yield "a changed deadline moves the line in its panel", 3.25 in after[0] - before[0]
    yield "a changed deadline changes the rule", rule in after[2] and rule not in before[2]


def what_goes_with_a_service():
    """Nothing of a service is left when its document is gone, and what is left speaks of nothing that is gone."""
    for gone in (service["name"] for service in SERVICES):
        with tempfile.TemporaryDirectory() as folder:
            for name in (service["name"] for service in SERVICES if service["name"] != gone):
                Path(folder, f"{name}-api").mkdir()
                Path(folder, f"{name}-api/openapi.json").write_text(json.dumps(document(name)))
            subprocess.run(["node", GENERATOR, folder], check=True)
            files = [path for path in Path(folder, "monitoring").rglob("*") if path.is_file()]
            recorded = set(re.findall(r"\brecord\W+([\w:]+)", "\n".join(
                path.read_text() for path in (*files, ROOT / "monitoring/rules/recording.yml") if path.suffix == ".yml")))
            asked = [target["expr"] for path in files if path.suffix == ".json"
                     for panel in panels_of(json.loads(path.read_text())) for target in panel["targets"]]
            asked += re.findall(r"^ +expr: (.+)$", "\n".join(path.read_text() for path in files if path.stem.endswith("-alerts")), re.M)
            unknown = {name for expression in asked for name in re.findall(r"\b[a-z_]+:[a-z_]+:\w+", expression)} - recorded
            # Where it was the only one, nobody is there to be counted.
            yield f"without {gone} every series that is asked for is recorded: {unknown or ''}", not unknown or len(SERVICES) == 1
            left = [path.name for path in files if gone in path.name or f'"{gone}"' in path.read_text()]
            yield f"without {gone} nothing is left of it: {left or ''}", not left


def main():
    checks = [*alerts(), *what_goes_with_a_service(), *changed_documents()]
    failed = [what for what, holds in checks if not holds]
    for what in failed:
        print(f"not so: {what}")
    print(f"monitoring: {len(checks) - len(failed)} passed, {len(failed)} failed (files)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
