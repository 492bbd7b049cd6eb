"""How large files and crates are, and that no two files of a crate import each other.

The rules are those that the complaints say; ROOT and the list of files come from tidy.
"""

import json
import re
from pathlib import Path

import rust_files

# Lines of a file, and of a crate without its tests.
LARGEST_FILE = 300
LARGEST_CRATE = 3000
# Where a person writes code.
CODE = re.compile(r"\.(?:conf|js|lua|mjs|mustache|py|rs|sh|template|ts)$")
# Parts of a crate that begin a tree of modules.
ROOTS = ("src/lib.rs", "src/main.rs", "src/bin/*.rs", "tests/*.rs", "tests/*/main.rs", "examples/*.rs")


def is_code(path):
    if CODE.search(path):
        return True
    return "." not in Path(path).name and Path(path).open("rb").read(2) == b"#!"


def lines_of(crate):
    """Lines of a crate below src/, without modules and files that are only for tests."""
    lines, only_tests = {}, set()
    for file in crate.glob("src/**/*.rs"):
        _, lines[file], modules = rust_files.without_tests(file.read_text())
        # Below its folder as mod.rs, lib.rs and main.rs, or below one of its name.
        below = file.parent if file.stem in ("lib", "main", "mod") else file.with_suffix("")
        only_tests |= {below / f"{name}.rs" for name in modules}
    return sum(count for file, count in lines.items() if file not in only_tests)


def file_sizes(root, paths):
    for path in paths:
        file = root / path
        if file.is_file() and is_code(str(file)) and (count := file.read_text().count("\n")) > LARGEST_FILE:
            yield path, f"{count} lines, and a file has at most {LARGEST_FILE}: split it by subject"


def crate_sizes(root, crates):
    services = {service["name"] for service in json.loads((root / "generated/services.json").read_text())}
    for crate in crates:
        if crate.name not in services and (count := lines_of(crate)) > LARGEST_CRATE:
            yield f"{crate.relative_to(root)}/", f"{count} lines without tests, and a crate that is no service has at most {LARGEST_CRATE}"


def mutual_imports(root, crates):
    for crate in crates:
        for start in (file for pattern in ROOTS for file in sorted(crate.glob(pattern))):
            imports = rust_files.imports(start)
            for file, others in sorted(imports.items()):
                for other in sorted(other for other in others if file < other and file in imports.get(other, ())):
                    yield str(file.relative_to(root)), (
                        f"it and {other.relative_to(root)} import each other (by `use` or by a path, outside of tests, to the file that defines "
                        "what is named; handing names on is no import): what both need goes into a file of its own, or one of them is told it")


def complaints(root, paths):
    hand_written = [path for path in paths if not path.startswith("generated/")]
    crates = [(root / path).parent for path in hand_written if path.endswith("/Cargo.toml")]
    found = [*file_sizes(root, hand_written), *crate_sizes(root, crates), *mutual_imports(root, crates)]
    return [f"{path}: {what}" for path, what in found]


def lines_of_rust(root, paths):
    """Hand-written lines of Rust without tests."""
    shipped = r"(?!generated/|impl/testkit/|impl/permission-matrix/|.*-tests/).*/Cargo\.toml$"
    return sum(lines_of((root / path).parent) for path in paths if re.match(shipped, path))
