#!/usr/bin/env python3
"""What the files say of each other: every alert has a severity, a summary and its runbook, and a limit that is changed in a
document changes the dashboard and the rules, with no other edit; the lines of every panel ascend, as Grafana needs them."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
GENERATOR = ROOT / "openapi/generator/monitoring.mjs"


def alerts():
    text = (ROOT / "monitoring/rules/alerts.yml").read_text()
    runbooks = (ROOT / "docs/operations.md").read_text().split("\n## Alerts\n")[1].split("\n## ")[0]
    headings = re.findall(r"^### (\w+)$", runbooks, re.M)
    named = re.split(r"^ +- alert: ", text, flags=re.M)[1:]
    for block in named:
        name = block.split("\n", 1)[0]
        yield f"{name} has a severity", bool(re.search(r"severity: (critical|warning)\}", block))
        yield f"{name} has a summary", "summary: '" in block
        yield f"{name} has a runbook", f"runbook: docs/operations.md#{name.lower()}\n" in block and name in headings
    yield "every runbook is of an alert", set(headings) <= {block.split("\n", 1)[0] for block in named}


def panels_of(dashboard):
    return [panel for row in dashboard["panels"] for panel in (row, *row.get("panels", [])) if panel["type"] != "row"]


def ascends(panel):
    values = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
    return values[0] is None and values[1:] == sorted(values[1:])


def generate(folder, edit):
    """What is generated from documents of which one was edited."""
    for name in ("tasks", "shop", "analytics"):
        document = json.loads((ROOT / f"generated/{name}-api/openapi.json").read_text())
        if name == "tasks":
            edit(document["paths"]["/api/v1/auth/login/access-token"]["post"])
        Path(folder, f"{name}-api").mkdir(exist_ok=True)
        Path(folder, f"{name}-api/openapi.json").write_text(json.dumps(document))
    subprocess.run(["node", GENERATOR, folder], check=True)
    dashboard = json.loads(Path(folder, "monitoring/dashboards/service-tasks.json").read_text())
    of = [panel for panel in panels_of(dashboard) if panel["title"].startswith("POST /api/v1/auth/login/access-token:")]
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
    rule = '"expr":"vector(3.25)","labels":{"job":"tasks","operation":"login_access_token"}'
    yield "a changed rate limit moves the line in its panel", 3.5 in after[0] - before[0]
    yield "a changed rate limit is told", "login: 7 in 2 s for each account and address" in after[1] and after[1] != before[1]
    yield "a changed deadline moves the line in its panel", 3.25 in after[0] - before[0]
    yield "a changed deadline changes the rule", rule in after[2] and rule not in before[2]


def main():
    checks = [*alerts(), *changed_documents()]
    failed = [what for what, holds in checks if not holds]
    for what in failed:
        print(f"not so: {what}")
    print(f"monitoring: {len(checks) - len(failed)} passed, {len(failed)} failed (files)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
