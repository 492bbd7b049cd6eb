"""Images, ports, addresses, volumes, health: what compose.yaml says is what the program and its image do."""

import json
import re
import shutil
import tempfile
from ipaddress import ip_address, ip_network
from pathlib import Path

from configuration import (CONFIG, HADOLINT, PORTS, ROLES, ROOT, SERVED, SERVER, SERVICES, check, configured, equal, help_of, read,
                           run, services_with, targets)

# What is no service of ours, and where everybody looks for it.
PUBLISHED = {"db": 5432, "redis": 6379, "gateway": 8080, "pgadmin": 5050, "prometheus": 9090, "grafana": 3000, "jaeger": 16686, "mailpit": 8025}

@check
def the_tool_takes_it():
    done = configured("-q")
    assert done.returncode == 0 and not done.stderr, done.stderr


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
def ports_are_those_of_the_program():
    for role in ROLES:
        default = int(re.search(rf"--{role}-port <\w+>.*?\[default: (\d+)\]", help_of("all"), re.S)[1])
        equal((PORTS[role], targets(role)), (default, [default] if role in SERVED else []))
    gateway = int(re.search(r"\[env: PORT=?\]\s*\[default: (\d+)\]|--port <PORT>.*?\[default: (\d+)\]",
                            help_of("gateway"), re.S)[2])
    equal(targets("gateway"), [gateway])
    equal(SERVICES["gateway"]["environment"]["GATEWAY_LISTEN"], str(gateway))


@check
def ports_are_published_where_clients_know_them():
    published = {name: int(port["published"]) for name, service in SERVICES.items() for port in service.get("ports", [])}
    equal(published, PUBLISHED | {name: one["port"] for name, one in SERVED.items()})
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
def background_roles_can_be_many():
    for role in set(ROLES) - set(SERVED):
        assert "ports" not in SERVICES[role] and "container_name" not in SERVICES[role]


@check
def health_is_asked_as_the_program_answers():
    entry = json.loads(re.search(r"^ENTRYPOINT (.*)", read("Dockerfile"), re.M)[1])
    assert entry[0] in re.search(r"^COPY --from=build \S+ (\S+)$", read("Dockerfile"), re.M)[1]
    for role in ROLES:
        equal(SERVICES[role]["healthcheck"]["test"], ["CMD", *entry, "health", role])
        # Nobody is there, so it fails; but it knows whom to ask, and where.
        done = run(SERVER, "health", role, "--port", "1")
        assert done.returncode == 1 and f"{role} does not respond on port 1" in done.stderr, done.stderr
    paths = {"gateway": ("8080/health", read("generated/gateway/routes.conf"), '"/health"'),
             "prometheus": ("9090/-/ready", "", "")}
    for name, (address, text, known) in paths.items():
        assert SERVICES[name]["healthcheck"]["test"][-1].endswith(address) and known in text


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


@check
def a_profile_adds_what_it_is_named_for():
    base = set(services_with())
    assert not base & {"jaeger", "mailpit", "contract-tests"}
    for profile, added in ("traces", "jaeger"), ("mail", "mailpit"), ("contract-tests", "contract-tests"):
        equal(set(services_with(profiles=[profile])) - base, {added})


@check
def images_are_pinned():
    for name, service in SERVICES.items():
        assert "build" in service or name in (*ROLES, "migrate") or re.search(r":v?\d[\w.-]*$", service["image"]), service["image"]


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
