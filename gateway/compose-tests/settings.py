"""Secrets and settings: what each container is given is what its program knows, and nothing starts with secrets that everybody knows."""

import os
import re
import secrets
import subprocess
import tempfile
from pathlib import Path

from configuration import (ROLES, ROOT, SERVED, SERVER, SERVICES, check, configured, equal, given, read, services_with, settings_of,
                           variable)

# Any of them, where it is the program that is asked.
ONE = ROLES[0]

@check
def nothing_starts_without_secrets():
    files = "".join(map(read, ("compose.yaml", "compose.base.yaml", "generated/compose.yaml")))
    example = read(".env.example") + read("generated/env.example")
    named = set(re.findall(r"\$\{(\w+):\?", files))
    assert named >= {variable(role, "DATABASE_PASSWORD") for role in ROLES}
    for name in named:
        assert re.search(rf"^{name}=.+", example, re.M), f"{name} is in no example"
        refused = configured("-q", without=name)
        assert refused.returncode != 0 and f"{name} is missing a value: must be set in .env" in refused.stderr, f"it starts without {name}"


@check
def the_example_secrets_are_refused_in_production():
    # Without a word on what it is: it is a production.
    bare = {"PATH": os.environ["PATH"], **given(ONE)}
    own = secrets.token_hex(32)
    with tempfile.TemporaryDirectory() as nowhere:
        for changed, refusal in ({}, "SECRET_KEY"), ({"SECRET_KEY": own}, "password of Postgres"):
            done = subprocess.run([Path(ROOT, SERVER), ONE], capture_output=True, text=True, cwd=nowhere, env=bare | changed,
                                  timeout=30)
            assert done.returncode != 0 and refusal in done.stderr, done.stderr


@check
def passwords_of_consoles_are_looked_at_before_they_start():
    environment = given("migrate")
    for console, setting, name in (("grafana", "GF_SECURITY_ADMIN_PASSWORD", "GRAFANA_PASSWORD"),
                                   ("pgadmin", "PGADMIN_DEFAULT_PASSWORD", "PGADMIN_PASSWORD")):
        equal(SERVICES[console]["environment"][setting], environment[name])
        equal(SERVICES[console]["depends_on"]["migrate"]["condition"], "service_completed_successfully")
        own = {known: secrets.token_hex(32) for known in environment if known.endswith("_PASSWORD") and known != name}
        with tempfile.TemporaryDirectory() as nowhere:
            done = subprocess.run([Path(ROOT, SERVER), "migrate"], capture_output=True, text=True, cwd=nowhere,
                                  env={"PATH": os.environ["PATH"], **environment, **own}, timeout=30)
        assert done.returncode != 0 and name in done.stderr, done.stderr


@check
def a_development_in_containers_is_refused_until_somebody_wants_it():
    # A container is reached from outside of it.
    bound = re.search(r"^ENV BIND_ADDRESS=(\S+)", read("Dockerfile"), re.M)[1]
    bare = {"PATH": os.environ["PATH"], **given(ONE), "ENVIRONMENT": "development", "BIND_ADDRESS": bound}
    with tempfile.TemporaryDirectory() as nowhere:
        for more, refusal in ({}, "PUBLIC_DEVELOPMENT"), ({"PUBLIC_DEVELOPMENT": "true"}, "SECRET_KEY"):
            for role in (ONE, "migrate") if not more else (ONE,):
                done = subprocess.run([Path(ROOT, SERVER), role], capture_output=True, text=True, cwd=nowhere, env=bare | more, timeout=30)
                assert done.returncode != 0 and refusal in done.stderr, done.stderr


@check
def what_the_file_says_of_production_arrives():
    own = {name: str(number) for number, name in enumerate(sorted({name for one in SERVED.values() for name in one["environment"]}))}
    services = services_with("ENVIRONMENT=production", *(f"{name}={value}" for name, value in own.items()))
    for role in (*ROLES, "migrate"):
        equal(services[role]["environment"]["ENVIRONMENT"], "production")
    # Of each service's own settings its processes hear, and nobody else.
    for name, service in SERVED.items():
        for role in (name, *(one["name"] for one in service["background"])):
            equal({setting: services[role]["environment"].get(setting) for setting in own},
                  {setting: own[setting] if setting in service["environment"] else None for setting in own})


@check
def settings_are_those_of_the_program():
    for name in (*ROLES, "migrate"):
        unknown = set(SERVICES[name]["environment"]) - settings_of(name)
        assert not unknown, f"{name} does not know {unknown}"


@check
def servers_are_named_as_they_are():
    environment, database = SERVICES[ONE]["environment"], SERVICES["db"]["environment"]
    assert environment["POSTGRES_SERVER"] in SERVICES
    migrate = SERVICES["migrate"]["environment"]
    equal({name: migrate[name] for name in database}, database)
    # The owner is for migrations alone; each service has the role and the password that they make.
    for role in ROLES:
        own = SERVICES[role]["environment"]
        equal(own["POSTGRES_DB"], database["POSTGRES_DB"])
        equal(own["POSTGRES_USER"], f"{database['POSTGRES_USER']}_{role}")
        equal(own["POSTGRES_PASSWORD"], migrate[variable(role, "DATABASE_PASSWORD")])
        assert database["POSTGRES_PASSWORD"] not in own.values(), role
    for setting, service, wanted in (
        ("REDIS_URL", "redis", {"--appendonly": "yes", "--maxmemory-policy": "noeviction"}),
        ("CACHE_REDIS_URL", "redis-cache", {"--appendonly": "no", "--maxmemory-policy": "allkeys-lru"}),
    ):
        command = SERVICES[service]["command"]
        flags = dict(zip(command[1::2], command[2::2]))
        equal({name: flags[name] for name in wanted}, wanted)
        assert "--maxmemory" in flags
        equal(environment[setting], f"redis://:{flags['--requirepass']}@{service}:6379/0")
