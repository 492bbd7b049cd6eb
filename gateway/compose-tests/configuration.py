"""compose.yaml as the tool reads it, and what the programs say of themselves."""

import json
import os
import re
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from checks import check, equal  # noqa: F401  (for all that know the configuration)

ROOT = Path(__file__).resolve().parents[2]
SERVER, NGINX, COMPOSE, HADOLINT = (os.environ[name] for name in ("SERVER", "NGINX_PROGRAM", "COMPOSE", "HADOLINT"))
# Services by their names, with what the documents say of them; roles are theirs and those in the background.
SERVED = {one["name"]: one for one in json.loads((ROOT / "generated/services.json").read_text())}
PORTS = {one["name"]: one["port"] for service in SERVED.values() for one in (service, *service["background"])}
ROLES = tuple(PORTS)


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, **options)


def read(path):
    return (ROOT / path).read_text()


def variable(name, what):
    """A variable of a service's."""
    return f"{name.upper().replace('-', '_')}_{what}"


@contextmanager
def env_file(*lines, without=None):
    """What the documentation has people make of the examples, and more; perhaps without a variable."""
    text = read(".env.example") + read("generated/env.example")
    if without:
        text = re.sub(rf"^{without}=.*\n", "", text, flags=re.M)
    with tempfile.NamedTemporaryFile("w", suffix=".env") as file:
        file.write("\n".join([text, *lines, ""]))
        file.flush()
        yield file.name


def configured(*arguments, lines=(), without=None, profiles=()):
    # Nothing of this shell's: only the file tells.
    bare = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    chosen = [word for profile in profiles for word in ("--profile", profile)]
    with env_file(*lines, without=without) as file:
        return run(COMPOSE, "--env-file", file, *chosen, "config", *arguments, env=bare)


def services_with(*lines, profiles=()):
    """The containers, where `.env` has more lines."""
    done = configured("--format", "json", lines=lines, profiles=profiles)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["services"]


def compose():
    # Whatever its profile.
    done = configured("--format", "json", profiles=["*"])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


CONFIG = compose()
SERVICES = CONFIG["services"]


def help_of(role):
    program = Path(SERVER).with_name("dev") if role == "gateway" else SERVER
    done = run(program, role, "--help")
    assert done.returncode == 0, done.stderr
    return done.stdout


def settings_of(role):
    """Names of the environment variables it reads."""
    return set(re.findall(r"\[env: (\w+)", help_of(role)))


def targets(service):
    return [port["target"] for port in SERVICES[service].get("ports", [])]


def inside(service, path):
    """What a container sees at a path, as a path here."""
    for volume in SERVICES[service]["volumes"]:
        if volume["type"] == "bind" and Path(path).is_relative_to(volume["target"]):
            return Path(volume["source"]) / Path(path).relative_to(volume["target"])
    raise AssertionError(f"{service} has nothing at {path}")


def given(service):
    """The environment that a container is given."""
    return {name: value for name, value in SERVICES[service]["environment"].items() if value is not None}
