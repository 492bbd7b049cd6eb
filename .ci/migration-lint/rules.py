"""What migrations may contain: squawk's rules by our choice, and what those do not know."""

import json
import subprocess
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from pglast import Error, parse_sql
from pglast.enums import ConstrType

RULES = tomllib.loads(Path(__file__).with_name("rules.toml").read_text())
# A first line that both squawk and `server migrate` know: the one statement of the file runs outside of a transaction.
OUTSIDE = "-- squawk-disable-assume-in-transaction\n"
# Where squawk's rule says nothing of it.
REMEDY = "add the new beside the old, and remove the old in a later release, when no process reads it (docs/operations.md#upgrading)"
REWRITTEN = {
    ConstrType.CONSTR_CHECK: "add the column, then the constraint NOT VALID, and validate it in a later migration",
    ConstrType.CONSTR_IDENTITY: "add the column with no default, a sequence as its default, and number old rows in slices",
}


class Complaint(NamedTuple):
    """What is wrong, where, and what to do instead."""

    path: Path
    line: int
    rule: str
    message: str
    remedy: str

    def told(self, root):
        path = self.path.relative_to(root) if self.path.is_relative_to(root) else self.path
        return f"{path}:{self.line}: {self.rule}: {self.message}. Instead: {self.remedy}"


def complaints_of(paths):
    """All complaints about these files, without those that rules.toml excepts."""
    if not paths:
        return []
    found = [one for path in paths for one in ours(path)]
    # What Postgres cannot read needs no second opinion.
    unread = {one.path for one in found if one.rule == "syntax"}
    found += [one for one in squawk(paths) if one.path not in unread]
    exceptions, used = RULES["exceptions"], defaultdict(set)
    for one in found:
        if one.rule in exceptions.get(one.path.stem, {}):
            used[one.path.stem].add(one.rule)
    kept = [one for one in found if one.rule not in used[one.path.stem]]
    stale = [Complaint(path, 1, "unused-exception", f"rules.toml excepts it from {rule}, which it does not break", "remove the exception")
             for path in paths for rule in exceptions.get(path.stem, {}) if rule not in used[path.stem]]
    return sorted(kept + stale)


def squawk(paths):
    command = ["squawk", "--reporter", "json", "--pg-version", RULES["pg_version"], "--assume-in-transaction",
               *(f"--exclude={rule}" for rule in RULES["excluded"]), *(f"--include={rule}" for rule in RULES["included"]), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode not in (0, 1) or not done.stdout.strip():
        raise SystemExit(f"squawk failed ({done.returncode}): {done.stderr.strip()}")
    for one in json.loads(done.stdout):
        # Its lines begin at 0.
        yield Complaint(Path(one["file"]), one["line"] + 1, one["rule_name"], one["message"].rstrip("."), one["help"] or REMEDY)


def ours(path):
    text = path.read_text()
    code = text.encode()

    def complaint(at, rule, message, remedy):
        # Positions are those of bytes; what stands before a statement is part of it.
        rest = code[at:].decode()
        line = code.count(b"\n", 0, at) + 1 + blank_lines(rest)
        return Complaint(path, line, rule, message, remedy)

    if "squawk-ignore" in text:
        line = text[:text.index("squawk-ignore")].count("\n") + 1
        yield Complaint(path, line, "exception-elsewhere", "a comment switches a rule off", "exceptions are in .ci/migration-lint/rules.toml, with their reason")
    try:
        statements = parse_sql(text)
    except Error as error:
        yield complaint(error.args[1] if len(error.args) > 1 else 0, "syntax", str(error.args[0]), "write what Postgres parses")
        return
    outside = text.startswith(OUTSIDE)
    if outside and len(statements) != 1:
        yield complaint(0, "one-statement", "several statements outside of a transaction may be done by half", "a file for each")
    created = {one.stmt.relation.relname for one in statements if type(one.stmt).__name__ == "CreateStmt"}
    for one in statements:
        if concurrent(one.stmt) and not outside:
            yield complaint(one.stmt_location, "outside-transaction", "CONCURRENTLY cannot be in a transaction, and migrations are, each in one",
                            f"a file of its own whose first line is `{OUTSIDE.strip()}`")
        for rule, message, remedy in statement(one.stmt, created):
            yield complaint(one.stmt_location, rule, message, remedy)


def blank_lines(text):
    """How many lines stand before the first that is neither empty nor a comment."""
    count = 0
    for line in text.split("\n"):
        if line.strip() and not line.lstrip().startswith("--"):
            break
        count += 1
    return count


def concurrent(node):
    return getattr(node, "concurrent", False) or any(option.defname == "concurrently" for option in getattr(node, "params", None) or ())


def statement(node, created):
    """What is wrong with a statement of Postgres' parser that squawk knows nothing of."""
    kind, listed = type(node).__name__, RULES["statements"]
    if kind not in listed["allowed"]:
        remedy = "rows are changed in slices by a background job of the service" if kind in ("UpdateStmt", "DeleteStmt") else REMEDY
        yield "statement-allowed", f"{kind} may lock rows or tables for long, or hide what it does", remedy
    elif kind == "DropStmt" and node.removeType.name not in listed["droppable"]:
        yield "statement-allowed", f"DROP of {node.removeType.name}: old processes may rely on it", REMEDY
    elif kind == "AlterTableStmt" and node.relation.relname not in created:
        for command in node.cmds:
            yield from alteration(command, listed["alterations"])


def alteration(command, listed):
    if command.subtype.name not in listed:
        yield "alteration-allowed", f"{command.subtype.name} may rewrite or scan the table while nobody can use it", REMEDY
    elif command.subtype.name == "AT_AddColumn":
        names = [name.sval for name in command.def_.typeName.names]
        if any("serial" in name for name in names):
            yield "column-rewrites", "a serial column rewrites the table", REWRITTEN[ConstrType.CONSTR_IDENTITY]
        for constraint in command.def_.constraints or ():
            if constraint.contype in REWRITTEN:
                yield "column-rewrites", "this column's constraint scans or rewrites the table", REWRITTEN[constraint.contype]
