"""Checks migrations; .ci/migrations is its command, and says what there is."""

import sys
from pathlib import Path

import cases
import released
from rules import complaints_of

ROOT = Path(__file__).resolve().parents[2]
MIGRATIONS = ROOT / "migrations"


def main(arguments):
    if arguments == ["--test"]:
        return cases.run()
    if arguments == ["--release"]:
        released.write(MIGRATIONS)
        return 0
    if any(argument.startswith("-") for argument in arguments):
        print("usage: .ci/migrations [--test | --release | FILE...]", file=sys.stderr)
        return 2
    known = released.read(MIGRATIONS)
    paths = [Path(argument).resolve() for argument in arguments] or [path for path in released.migrations(MIGRATIONS) if path.name not in known]
    found = [*([] if arguments else released.changed(MIGRATIONS)), *complaints_of(paths)]
    for complaint in found:
        print(f"not so: {complaint.told(ROOT)}")
    print(f"migrations: {len(paths)} checked, {len(known)} as released, {len(found)} complaints")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
