#!/usr/bin/env python3
"""What compose.yaml says of the program, of nginx, of Prometheus and of Grafana must be what these say of themselves: names,
ports, settings, paths. No container is started; what can be asked of the real programs is asked of them."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from ipaddress import ip_address, ip_network
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVER, NGINX, COMPOSE, HADOLINT = (os.environ[name] for name in ("SERVER", "NGINX_PROGRAM", "COMPOSE", "HADOLINT"))
ROLES = ("tasks", "shop", "analytics", "worker")
# Of the reference, and where it published them.
PUBLISHED = {"db": 5432, "redis": 6379, "tasks": 8000, "shop": 8001, "analytics": 8002, "gateway": 8080, "pgadmin": 5050,
             "prometheus": 9090, "grafana": 3000, "jaeger": 16686}
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, **options)


def configured(env_file, *arguments, profiles=()):
    # Nothing of this shell's: only the file tells.
    bare = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    chosen = [word for profile in profiles for word in ("--profile", profile)]
    return run(COMPOSE, "--env-file", env_file, *chosen, "config", *arguments, env=bare)


def compose():
    # Whatever its profile.
    done = configured(".env.example", "--format", "json", profiles=["*"])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


CONFIG = compose()
SERVICES = CONFIG["services"]


def read(path):
    return (ROOT / path).read_text()


def help_of(role):
    done = run(SERVER, role, "--help")
    assert done.returncode == 0, done.stderr
    return done.stdout


def settings_of(role):
    """Names of the environment variables it reads."""
    return set(re.findall(r"\[env: (\w+)", help_of(role)))


def port_of(role):
    return int(re.search(rf"--{role}-port <\w+>.*?\[default: (\d+)\]", help_of("all"), re.S)[1])


def targets(service):
    return [port["target"] for port in SERVICES[service].get("ports", [])]


def equal(found, wanted):
    assert found == wanted, f"{found!r} instead of {wanted!r}"


@check
def the_tool_takes_it():
    done = configured(".env.example", "-q")
    assert done.returncode == 0 and not done.stderr, done.stderr


@check
def nothing_starts_without_secrets():
    named = re.findall(r"\$\{(\w+):\?", read("compose.yaml"))
    example = read(".env.example")
    for name in named:
        assert re.search(rf"^{name}=.+", example, re.M), f"{name} is not in .env.example"
        with tempfile.NamedTemporaryFile("w", suffix=".env") as file:
            file.write(re.sub(rf"^{name}=.*\n", "", example, flags=re.M))
            file.flush()
            assert name in configured(file.name, "-q").stderr, f"it starts without {name}"


@check
def the_example_secrets_are_refused_in_production():
    given = {name: value for name, value in SERVICES["tasks"]["environment"].items() if value is not None}
    # Without a word on what it is: it is a production.
    bare = {"PATH": os.environ["PATH"], **given}
    own = secrets.token_hex(32)
    with tempfile.TemporaryDirectory() as nowhere:
        for changed, refusal in ({}, "SECRET_KEY"), ({"SECRET_KEY": own}, "password of Postgres"):
            done = subprocess.run([Path(ROOT, SERVER), "tasks"], capture_output=True, text=True, cwd=nowhere, env=bare | changed,
                                  timeout=30)
            assert done.returncode != 0 and refusal in done.stderr, done.stderr


@check
def passwords_of_consoles_are_looked_at_before_they_start():
    given = {name: value for name, value in SERVICES["migrate"]["environment"].items() if value is not None}
    for console, setting, name in (("grafana", "GF_SECURITY_ADMIN_PASSWORD", "GRAFANA_PASSWORD"),
                                   ("pgadmin", "PGADMIN_DEFAULT_PASSWORD", "PGADMIN_PASSWORD")):
        equal(SERVICES[console]["environment"][setting], given[name])
        equal(SERVICES[console]["depends_on"]["migrate"]["condition"], "service_completed_successfully")
        own = {known: secrets.token_hex(32) for known in given if known.endswith("_PASSWORD") and known != name}
        with tempfile.TemporaryDirectory() as nowhere:
            done = subprocess.run([Path(ROOT, SERVER), "migrate"], capture_output=True, text=True, cwd=nowhere,
                                  env={"PATH": os.environ["PATH"], **given, **own}, timeout=30)
        assert done.returncode != 0 and name in done.stderr, done.stderr


@check
def a_development_in_containers_is_refused_until_somebody_wants_it():
    given = {name: value for name, value in SERVICES["tasks"]["environment"].items() if value is not None}
    # A container is reached from outside of it.
    bound = re.search(r"^ENV BIND_ADDRESS=(\S+)", read("Dockerfile"), re.M)[1]
    bare = {"PATH": os.environ["PATH"], **given, "ENVIRONMENT": "development", "BIND_ADDRESS": bound}
    with tempfile.TemporaryDirectory() as nowhere:
        for more, refusal in ({}, "PUBLIC_DEVELOPMENT"), ({"PUBLIC_DEVELOPMENT": "true"}, "SECRET_KEY"):
            for role in ("tasks", "migrate") if not more else ("tasks",):
                done = subprocess.run([Path(ROOT, SERVER), role], capture_output=True, text=True, cwd=nowhere, env=bare | more, timeout=30)
                assert done.returncode != 0 and refusal in done.stderr, done.stderr


@check
def what_the_file_says_of_production_arrives():
    with tempfile.NamedTemporaryFile("w", suffix=".env") as file:
        file.write(read(".env.example") + "ENVIRONMENT=production\nRETENTION_DAYS=30\nRESERVATION_SECONDS=60\n")
        file.flush()
        services = json.loads(configured(file.name, "--format", "json").stdout)["services"]
    for role in (*ROLES, "migrate"):
        equal(services[role]["environment"]["ENVIRONMENT"], "production")
    equal(services["analytics"]["environment"]["RETENTION_DAYS"], "30")
    equal(services["worker"]["environment"]["RESERVATION_SECONDS"], "60")


@check
def one_image_for_every_role():
    # Built once, by the one that all others wait for.
    equal([name for name, service in SERVICES.items() if "build" in service], ["migrate"])
    equal(SERVICES["migrate"]["build"]["dockerfile"], "Dockerfile")
    equal(Path(SERVICES["migrate"]["build"]["context"]), ROOT)
    image = SERVICES["migrate"]["image"]
    built = {name: service for name, service in SERVICES.items() if service["image"] == image}
    equal(set(built), {*ROLES, "migrate"})
    commands = set(re.findall(r"^  ([a-z-]+) ", run(SERVER, "--help").stdout, re.M))
    for name, service in built.items():
        equal(service["command"], [name])
        assert name in commands, f"no such subcommand: {name}"
        if name != "migrate":
            equal(service["depends_on"]["migrate"]["condition"], "service_completed_successfully")
        assert service["read_only"] and service["cap_drop"] == ["ALL"]


@check
def settings_are_those_of_the_program():
    for name in (*ROLES, "migrate"):
        unknown = set(SERVICES[name]["environment"]) - settings_of(name)
        assert not unknown, f"{name} does not know {unknown}"


@check
def ports_are_those_of_the_program():
    for role in ROLES:
        equal(targets(role), [] if role == "worker" else [port_of(role)])
    gateway = int(re.search(r"\[env: PORT=?\]\s*\[default: (\d+)\]|--port <PORT>.*?\[default: (\d+)\]",
                            help_of("gateway"), re.S)[2])
    equal(targets("gateway"), [gateway])
    equal(SERVICES["gateway"]["environment"]["GATEWAY_LISTEN"], str(gateway))
    exposed = {int(port) for port in re.search(r"^EXPOSE (.*)", read("Dockerfile"), re.M)[1].split()}
    equal(exposed, {port_of(role) for role in ROLES})


@check
def ports_are_published_where_clients_know_them():
    published = {name: int(port["published"]) for name, service in SERVICES.items() for port in service.get("ports", [])}
    equal(published, PUBLISHED)
    # Others come by the gateway.
    for name in set(published) - {"gateway"}:
        equal(SERVICES[name]["ports"][0].get("host_ip"), "127.0.0.1")


@check
def nobody_takes_the_address_of_the_gateway():
    [network] = CONFIG["networks"]["default"]["ipam"]["config"]
    address = ip_address(SERVICES["gateway"]["networks"]["default"]["ipv4_address"])
    subnet, given = ip_network(network["subnet"]), ip_network(network["ip_range"])
    assert address in subnet and given.subnet_of(subnet) and address not in given, network
    assert given.num_addresses > 64


@check
def workers_can_be_many():
    worker = SERVICES["worker"]
    assert "ports" not in worker and "container_name" not in worker


@check
def health_is_asked_as_the_program_answers():
    entry = json.loads(re.search(r"^ENTRYPOINT (.*)", read("Dockerfile"), re.M)[1])
    assert entry[0] in re.search(r"^COPY --from=build \S+ (\S+)$", read("Dockerfile"), re.M)[1]
    for role in ROLES:
        equal(SERVICES[role]["healthcheck"]["test"], ["CMD", *entry, "health", role])
        # Nobody is there, so it fails; but it knows whom to ask, and where.
        done = run(SERVER, "health", role, "--port", "1")
        assert done.returncode == 1 and f"{role} does not answer on port 1" in done.stderr, done.stderr
    paths = {"gateway": ("8080/health", read("generated/gateway/routes.conf"), '"/health"'),
             "prometheus": ("9090/-/ready", "", "")}
    for name, (address, text, known) in paths.items():
        assert SERVICES[name]["healthcheck"]["test"][-1].endswith(address) and known in text


@check
def servers_are_named_as_they_are():
    environment, database = SERVICES["shop"]["environment"], SERVICES["db"]["environment"]
    assert environment["POSTGRES_SERVER"] in SERVICES
    migrate = SERVICES["migrate"]["environment"]
    equal({name: migrate[name] for name in database}, database)
    # The owner is for migrations alone; each service has the role and the password that they make.
    for role in ROLES:
        own = SERVICES[role]["environment"]
        equal(own["POSTGRES_DB"], database["POSTGRES_DB"])
        equal(own["POSTGRES_USER"], f"{database['POSTGRES_USER']}_{role}")
        equal(own["POSTGRES_PASSWORD"], migrate[f"{role.upper()}_DATABASE_PASSWORD"])
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


@check
def every_process_has_the_time_to_end():
    for role in ROLES:
        equal(SERVICES[role]["stop_grace_period"], "30s")


@check
def only_the_gateway_is_believed():
    address = SERVICES["gateway"]["networks"]["default"]["ipv4_address"]
    for role in ROLES:
        equal(SERVICES[role]["environment"]["TRUSTED_PROXIES"], address)


@check
def what_is_mounted_is_there():
    mounted = [(name, volume) for name, service in SERVICES.items() for volume in service.get("volumes", [])]
    for name, volume in mounted:
        if volume["type"] == "bind":
            assert Path(volume["source"]).exists(), f"{name}: {volume['source']}"
            assert volume.get("read_only"), f"{name} can write {volume['source']}"
        else:
            assert volume["source"] in CONFIG["volumes"]


def inside(service, path):
    """What a container sees at a path, as a path here."""
    for volume in SERVICES[service]["volumes"]:
        if volume["type"] == "bind" and Path(path).is_relative_to(volume["target"]):
            return Path(volume["source"]) / Path(path).relative_to(volume["target"])
    raise AssertionError(f"{service} has nothing at {path}")


@check
def prometheus_finds_its_files_and_everybody():
    flags = dict(flag.split("=", 1) for flag in SERVICES["prometheus"]["command"])
    config = Path(flags["--config.file"])
    text = inside("prometheus", config).read_text()
    for pattern in re.findall(r"^  - (.*\.yml)$", text, re.M):
        folder = Path(os.path.normpath(config.parent / pattern)).parent
        assert list(inside("prometheus", folder).glob("*.yml")), f"no rules at {folder}"
    asked = re.findall(r"job_name: (\w+)\n    dns_sd_configs: \[\{names: \[(\w+)\], type: A, port: (\d+)", text)
    equal({job: (name, int(port)) for job, name, port in asked}, {role: (role, port_of(role)) for role in ROLES})
    assert flags["--storage.tsdb.path"] in {volume["target"] for volume in SERVICES["prometheus"]["volumes"]}


@check
def grafana_finds_its_files_and_prometheus():
    provisioning = Path("/etc/grafana/provisioning")
    source = inside("grafana", provisioning / "datasources/prometheus.yml").read_text()
    equal(re.search(r"url: (.*)", source)[1], f"http://prometheus:{targets('prometheus')[0]}")
    uid = re.search(r"uid: (.*)", source)[1]
    dashboards = re.search(r"path: ([^}]*)\}", inside("grafana", provisioning / "dashboards/dashboards.yml").read_text())[1]
    files = list(inside("grafana", dashboards).glob("*.json"))
    equal(len(files), 5)
    for file in files:
        equal(set(re.findall(r'"type": "prometheus",\s*"uid": "([^"]*)"', file.read_text())), {uid})
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert inside("grafana", home).exists(), home


@check
def the_gateway_is_given_everything_its_template_wants():
    environment = SERVICES["gateway"]["environment"]
    template = inside("gateway", "/etc/nginx/templates/nginx.conf.template").read_text()
    given = {name for name in environment if re.match(environment["NGINX_ENVSUBST_FILTER"], name)}
    equal(set(re.findall(r"\$\{(\w+)\}", template)), given)
    for role in ("tasks", "shop", "analytics"):
        assert f"server {role}:{port_of(role)} " in environment[f"GATEWAY_{role.upper()}"]


def nginx_takes(environment, certificate=None):
    """Whether the gateway's configuration, made as its container makes it, is one."""
    with tempfile.TemporaryDirectory() as folder:
        text = inside("gateway", "/etc/nginx/templates/nginx.conf.template").read_text()
        # Only this test's own folder is there to be written to, and this nginx has the image's module built in.
        equal(environment["GATEWAY_MODULES"], "load_module modules/ngx_http_js_module.so;")
        for name, value in {**environment, "GATEWAY_TEMP": folder, "GATEWAY_MODULES": ""}.items():
            text = text.replace(f"${{{name}}}", value)
        Path(folder, "nginx.conf").write_text(text.replace("/tls/", f"{certificate}/"))
        for name in ("problems.conf", "problem-headers.conf", "cors.js", "traces.js", "kept-answers.js"):
            Path(folder, name).symlink_to(inside("gateway", f"/etc/nginx/{name}"))
        Path(folder, "generated").symlink_to(inside("gateway", "/etc/nginx/generated"))
        done = run(NGINX, "-t", "-e", "stderr", "-p", f"{folder}/", "-c", f"{folder}/nginx.conf")
        assert done.returncode == 0, done.stderr
        return text


@check
def nginx_takes_the_gateway():
    text = nginx_takes(SERVICES["gateway"]["environment"])
    assert re.search(r"listen 8080;", text)


@check
def nginx_takes_the_gateway_with_tls():
    with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile("w", suffix=".env") as file:
        made = run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
                   "-keyout", f"{folder}/tls.key", "-out", f"{folder}/tls.crt")
        assert made.returncode == 0, made.stderr
        file.write(read(".env.example") + f"TLS_CERTIFICATE={folder}/tls.crt\nTLS_KEY={folder}/tls.key\n")
        file.flush()
        gateway = json.loads(configured(file.name, "--format", "json").stdout)["services"]["gateway"]
        mounted = {volume["target"]: volume["source"] for volume in gateway["volumes"]}
        equal([mounted[f"/tls/tls.{kind}"] for kind in ("crt", "key")], [f"{folder}/tls.crt", f"{folder}/tls.key"])
        text = nginx_takes(gateway["environment"], certificate=folder)
        assert re.search(r"listen 8080 ssl;", text)


@check
def a_profile_adds_what_it_is_named_for():
    base = set(json.loads(configured(".env.example", "--format", "json").stdout)["services"])
    assert not base & {"jaeger", "contract-tests"}
    for profile, added in ("traces", "jaeger"), ("contract-tests", "contract-tests"):
        done = configured(".env.example", "--format", "json", profiles=[profile])
        equal(set(json.loads(done.stdout)["services"]) - base, {added})


@check
def images_are_pinned():
    for name, service in SERVICES.items():
        assert "build" in service or name in (*ROLES, "migrate") or re.search(r":v?\d[\w.-]*$", service["image"]), service["image"]


@check
def everybody_tells_the_collector_of_traces():
    endpoint = re.search(r"OTEL_EXPORTER_OTLP_ENDPOINT=(http://\S+) docker compose --profile traces up", read("docs/operations.md"))[1]
    equal(endpoint, "http://jaeger:4318")
    with tempfile.NamedTemporaryFile("w", suffix=".env") as file:
        file.write(read(".env.example") + f"OTEL_EXPORTER_OTLP_ENDPOINT={endpoint}\n")
        file.flush()
        services = json.loads(configured(file.name, "--format", "json", profiles=["traces"]).stdout)["services"]
    for role in ROLES:
        equal(services[role]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"], endpoint)
    equal(services["gateway"]["environment"]["GATEWAY_OTLP"], endpoint)
    assert "jaeger" in services


@check
def contract_tests_are_those_without_containers():
    service = SERVICES["contract-tests"]
    [pinned] = re.findall(r"^schemathesis==(\S+)", read("openapi/contract-tests/requirements.txt"), re.M)
    equal(service["image"], f"schemathesis/schemathesis:{pinned}")
    program = inside("contract-tests", service["entrypoint"][1])
    equal(program, ROOT / "openapi/contract-tests/run")
    environment = service["environment"]
    hooks = re.search(r'^hooks = "(.*)"', read("openapi/contract-tests/schemathesis.toml"), re.M)[1]
    equal(inside("contract-tests", environment["SCHEMATHESIS_HOOKS"]), program.parent / hooks)
    for role in ("tasks", "shop", "analytics"):
        equal(environment[f"{role.upper()}_URL"], f"http://{role}:{port_of(role)}")
        equal(service["depends_on"][role]["condition"], "service_healthy")
    # As the container starts it: it finds its way, asks for nothing to be installed, and fails where nobody answers.
    nobody = {f"{role.upper()}_URL": "http://127.0.0.1:1" for role in ("tasks", "shop", "analytics")}
    with tempfile.TemporaryDirectory() as folder:
        tools = ROOT / ".local/tools/contract-tests"
        done = run(sys.executable, program, *service["command"], timeout=60, env={
            "PATH": os.environ["PATH"], "PYTHONPATH": str(tools), **{name: value for name, value in environment.items() if value is not None}, **nobody,
            "SCHEMATHESIS_DOCKER_IMAGE": "test", "CONTRACT_TESTS_REPORTS": folder})
    if tools.exists():
        assert "Connection refused" in done.stderr, done.stderr


@check
def the_image_runs_as_nobody_in_particular():
    last = read("Dockerfile").rsplit("\nFROM ", 1)[1]
    user = re.search(r"^USER (\d+)", last, re.M)
    assert user and int(user[1]) != 0
    ignored = read(".dockerignore").splitlines()
    assert "*" in ignored and not any(line.startswith(("!.env", "!.local", "!.git")) for line in ignored)


@check
def what_the_image_is_built_from_is_a_whole_workspace():
    with tempfile.TemporaryDirectory() as folder:
        for line in read(".dockerignore").splitlines():
            if line.startswith("!"):
                path = line[1:]
                copy = shutil.copytree if Path(ROOT, path).is_dir() else shutil.copy
                Path(folder, path).parent.mkdir(exist_ok=True)
                copy(Path(ROOT, path), Path(folder, path))
        done = run("cargo", "metadata", "--locked", "--offline", "--no-deps", "--format-version=1",
                   f"--manifest-path={folder}/Cargo.toml")
        assert done.returncode == 0, done.stderr
        for source in Path(folder, "impl").glob("**/*.rs"):
            for file in re.findall(r'include_str!\("([^"]+)"\)', source.read_text()):
                assert Path(source.parent, file).exists(), f"{source.relative_to(folder)} includes {file}"


@check
def hadolint_takes_the_dockerfile():
    done = run(HADOLINT, "--no-color", "Dockerfile")
    assert done.returncode == 0, done.stdout


def main():
    failed = 0
    for function in CHECKS:
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok      {name}")
        except Exception as error:  # the next one is made all the same
            failed += 1
            print(f"FAILED  {name}: {type(error).__name__}: {error}")
    print(f"compose: {len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
