"""Where clones of this checkout, which tests make, are compiled to."""

import os
import shutil
import subprocess
import tomllib
from pathlib import Path

# Of what cargo compiles: no executables, which are large and ours.
LIBRARIES = {".rlib", ".rmeta", ".so", ".dylib", ".d"}


def target_of_clone(root, name):
    """The folder NAME below the checkout's target folder. Not that itself, nor its build folder: cargo tells crates apart by their place within
    the workspace and their age, so it would take what was compiled from a clone for what is here. What is the same in both, the dependencies, is
    linked once."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", root / "target")).absolute()
    ours, there = target / "debug", target / name / "debug"
    if not there.exists() and (ours / "deps").exists():
        listed = subprocess.run(["git", "-C", root, "ls-files", "*Cargo.toml"], check=True, capture_output=True, text=True).stdout.splitlines()
        packages = [tomllib.loads((root / path).read_text()).get("package", {}) for path in listed if (root / path).exists()]
        crates = {package.get("name", "").replace("-", "_") for package in packages}
        for entry in [*(ours / ".fingerprint").iterdir(), *(ours / "build").iterdir(), *(ours / "deps").iterdir()]:
            crate = entry.name.rsplit("-", 1)[0].replace("-", "_")
            if crates.isdisjoint({crate, crate.removeprefix("lib")}) and (entry.is_dir() or entry.suffix in LIBRARIES):
                link(entry, there / entry.relative_to(ours))
    there.mkdir(parents=True, exist_ok=True)
    return there.parent


def link(source, to):
    if source.is_dir():
        shutil.copytree(source, to)
    else:
        to.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, to)
