#!/usr/bin/env python3
"""Executes the examples of a Markdown page, in order, and checks what they print.

    examples.py PAGE...
    examples.py --without-missing PAGE      prints the page without the blocks that are skipped

Blocks of ```sh share one shell; ```python and ```ts blocks run by themselves. The text of a comment line that begins with `=>`
must have been printed by its block, in this order. A block that begins with ```sh needs=tasks,shop is skipped where one of these services
is not in generated/services.json. NAME_BASE is the address of a service; TS_RUN
is a command that runs a TypeScript file. The addresses of ./run.sh are replaced by those of the system under test: where
GATEWAY_URL is set, it replaces http://localhost:8080, NAME_URL replaces localhost and the port of that service, SERVICES_ENV .local/env and
SERVER target/release/server.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "openapi"))
from services import NAMES, SERVICES, variable  # noqa: E402

GATEWAY_PORT = 8080
BLOCK = re.compile(r"^```(sh|python|ts|rust,no_run)(?: needs=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXPECTED = re.compile(r"^\s*(?:#|//) => (.*)$", re.MULTILINE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--without-missing", action="store_true", help="print instead of executing")
    parser.add_argument("pages", metavar="PAGE", type=Path, nargs="+")
    arguments = parser.parse_args()
    if arguments.without_missing:
        for page in arguments.pages:
            # Nor what says so, which other readers of Markdown stumble over.
            print(BLOCK.sub(lambda block: "" if missing_services(block[2]) else f"```{block[1]}\n{block[3]}```", page.read_text()), end="")
        return 0
    return max([check(page) for page in arguments.pages])


def missing_services(needs: str | None) -> list[str]:
    return [name for name in (needs or "").split(",") if name and name not in NAMES]


def check(page: Path) -> int:
    text = of_the_system_under_test(page.read_text())
    blocks, skipped, failures = [], 0, 0
    for match in BLOCK.finditer(text):
        line = text[: match.start()].count("\n") + 1
        if absent := missing_services(match[2]):
            skipped += 1
            print(f"{page}:{line}: skipped, there is no service {' and no '.join(absent)}")
        elif match[1] in ("sh", "python", "ts"):  # others are only compiled
            blocks.append((match[1], match[3], line))
    with tempfile.TemporaryDirectory(prefix="examples-") as folder:
        printed = {**shell([block for block in blocks if block[0] == "sh"], Path(folder))}
        for language, code, line in blocks:
            if language != "sh":
                printed[line] = program(language, code, Path(folder))
    for _, code, line in blocks:
        problem = missing(code, *printed[line])
        if problem:
            failures += 1
            print(f"{page}:{line}: {problem}\n{printed[line][0]}")
    print(f"{page}: {len(blocks)} examples, {failures} failures, {skipped} skipped")
    return 1 if failures or not (blocks or skipped) else 0


def of_the_system_under_test(text: str) -> str:
    for port, name in (GATEWAY_PORT, "GATEWAY_URL"), *((one["port"], variable(one["name"])) for one in SERVICES):
        place = f"http://localhost:{port}"
        text = re.sub(rf"(http://)?localhost:{port}", os.environ.get(name, place), text)
    text = text.replace(".local/env", os.environ.get("SERVICES_ENV", f"{ROOT}/.local/env"))
    return text.replace("target/release/server", os.environ.get("SERVER", f"{ROOT}/target/release/server"))


def shell(blocks: list[tuple[str, str, int]], folder: Path) -> dict[int, tuple[str, int]]:
    """What each block printed and how it ended; what follows a block that failed is not run."""
    script = ["set -eu -o pipefail"]
    for _, code, line in blocks:
        script += [f"exec >{folder}/{line} 2>&1", code, f"echo 0 >{folder}/{line}.ended"]
    # Files that an example writes go with it.
    subprocess.run(["bash", "-c", "\n".join(script)], check=False, timeout=300, cwd=folder)
    printed = {}
    for _, _, line in blocks:
        output = folder / str(line)
        ended = (folder / f"{line}.ended").exists()
        printed[line] = (output.read_text() if output.exists() else "not run", 0 if ended else 1)
    return printed


def program(language: str, code: str, folder: Path) -> tuple[str, int]:
    source = folder / f"example.{'py' if language == 'python' else language}"
    source.write_text(code)
    command = [sys.executable, source] if language == "python" else [*os.environ["TS_RUN"].split(), source]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=300, cwd=folder)
    return done.stdout, done.returncode


def missing(code: str, printed: str, status: int) -> str | None:
    if status != 0:
        return "failed"
    at = 0
    for expected in EXPECTED.findall(code):
        found = printed.find(expected, at)
        if found < 0:
            return f"did not print, or not there: {expected}"
        at = found + len(expected)
    return None


if __name__ == "__main__":
    sys.exit(main())
