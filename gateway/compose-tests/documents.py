"""Other documents, other containers: nothing is edited for a service that comes or goes."""

import json
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from configuration import COMPOSE, ROOT, SERVED, check, equal


@contextmanager
def project(documents):
    """A folder with what containers are made from, of these documents: {name: x-service}."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("compose.yaml", "compose.base.yaml", ".env.example"):
            shutil.copy(ROOT / name, folder)
        (Path(folder) / "generated").mkdir()
        for name, service in documents.items():
            crate = Path(folder, f"generated/{name}-api")
            crate.mkdir()
            info = {"title": name.title(), "version": "1.0.0", "description": "A service."}
            (crate / "openapi.json").write_text(json.dumps({"info": info, "paths": {}, "x-service": service}))
        subprocess.run(["node", ROOT / "openapi/generator/compose.mjs", f"{folder}/generated"], check=True)
        Path(folder, "new.env").write_text("".join(Path(folder, name).read_text() for name in (".env.example", "generated/env.example")))
        yield Path(folder)


def containers(folder, env_file="new.env"):
    done = subprocess.run([Path(ROOT, COMPOSE), "--env-file", env_file, "config", "--format", "json"], cwd=folder, capture_output=True,
                          text=True, env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")})
    return (json.loads(done.stdout)["services"] if done.returncode == 0 else None), done.stderr


def declared(name):
    served = SERVED[name]
    return {key: served[key] for key in ("port", "prefix", "background", "environment") if served[key]}


@check
def a_service_that_comes_needs_no_edit():
    new = {"port": 8765, "prefix": "new", "environment": ["NEW_THINGS"],
           "background": [{"name": "new-sweeper", "port": 8766, "about": "Sweeps."}]}
    with project({name: declared(name) for name in SERVED}) as folder:
        before, fault = containers(folder)
        assert before, fault
    with project({**{name: declared(name) for name in SERVED}, "new-things": new}) as folder:
        after, fault = containers(folder)
        assert after, fault
        equal(set(after) - set(before), {"new-things", "new-sweeper"})
        for role in ("new-things", "new-sweeper"):
            equal(after[role]["command"], [role])
            assert "NEW_THINGS" in after[role]["environment"] and "NEW_THINGS" not in after["migrate"]["environment"]
        equal(after["migrate"]["environment"]["NEW_SWEEPER_DATABASE_PASSWORD"], "change-me-new-sweeper")
        equal(after["new-things"]["environment"]["POSTGRES_PASSWORD"], "change-me-new-things")
        equal(after["gateway"]["depends_on"]["new-things"]["condition"], "service_healthy")
        # Whoever has made `.env` before is told what is missing in it.
        lines = Path(folder, "new.env").read_text().splitlines()
        Path(folder, "old.env").write_text("\n".join(line for line in lines if not line.startswith("NEW_THINGS_DATABASE_PASSWORD=")))
        started, fault = containers(folder, "old.env")
        assert started is None and "NEW_THINGS_DATABASE_PASSWORD is missing a value: must be set in .env, as generated/env.example has it" in fault


@check
def a_service_that_goes_leaves_nothing():
    for gone in (*([name] for name in SERVED), list(SERVED)):
        with project({name: declared(name) for name in SERVED if name not in gone}) as folder:
            found, fault = containers(folder)
            assert found, fault
            roles = {one["name"] for name in gone for one in (SERVED[name], *SERVED[name]["background"])}
            assert not roles & set(found), found.keys()
            for container in found.values():
                assert not roles & set(container.get("depends_on") or {}), container
                named = {f"{role.upper().replace('-', '_')}_DATABASE_PASSWORD" for role in roles}
                assert not named & set(container.get("environment") or {}), container


@check
def another_file_is_read_alone():
    # As ever: what compose.yaml includes would be filled in from `.env` as well, if it did not say otherwise.
    with project({name: declared(name) for name in SERVED}) as folder:
        Path(folder, ".env").write_text("RATE_LIMITS=off\nTLS_KEY=/somewhere\n")
        found, fault = containers(folder)
        assert found, fault
        assert "/somewhere" not in json.dumps(found) and not any(
            (one.get("environment") or {}).get("RATE_LIMITS") for one in found.values()), "it has read .env, too"
