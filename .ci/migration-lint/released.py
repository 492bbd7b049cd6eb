"""Released migrations: databases have them, so they are never changed again, and new ones come after them."""

import hashlib
from pathlib import Path

from rules import Complaint

LIST = "released.sha256"


def version(path):
    return int(path.name.removeprefix("V").split("__")[0])


def migrations(folder):
    return sorted(folder.glob("V*__*.sql"), key=version)


def checksum(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def lines(folder):
    return (folder / LIST).read_text().splitlines()


def read(folder):
    """Checksums of released migrations by their names."""
    return {name: given for given, name in (line.split() for line in lines(folder) if line and not line.startswith("#"))}


def write(folder):
    """Makes every migration there is a released one."""
    head = [line for line in lines(folder) if line.startswith("#")]
    (folder / LIST).write_text("\n".join([*head, *(f"{checksum(path)}  {path.name}" for path in migrations(folder))]) + "\n")


def changed(folder):
    """Complaints about released migrations that are not as they were, and about new ones that would not be applied."""
    known = read(folder)
    for name, expected in known.items():
        path = folder / name
        if not path.exists():
            yield Complaint(path, 1, "released-migration", "it is released and missing", "put it back: databases that lack it need it")
        elif checksum(path) != expected:
            yield Complaint(path, 1, "released-migration", "it is released and was changed: `server migrate` fails wherever it was applied",
                            "put it back as it was, and write another migration")
    newest = max((version(Path(name)) for name in known), default=0)
    seen = {}
    for path in migrations(folder):
        number = version(path)
        if path.name not in known and number <= newest:
            yield Complaint(path, 1, "migration-order", f"databases that have V{newest} would not apply it", f"give it a number above {newest}")
        if number in seen:
            yield Complaint(path, 1, "migration-order", f"it has the number of {seen[number]}", "give it the next free number")
        seen[number] = path.name
