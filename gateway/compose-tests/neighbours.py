"""nginx, Prometheus, Grafana and the tests: what each is told of the services, it finds."""

import os
import re
import sys
import tempfile
from pathlib import Path

from configuration import (NGINX, PORTS, ROLES, ROOT, SERVED, SERVICES, check, equal, inside, read, run, services_with, targets,
                           variable)

@check
def prometheus_finds_its_files_and_everybody():
    flags = dict(flag.split("=", 1) for flag in SERVICES["prometheus"]["command"])
    config = Path(flags["--config.file"])
    text = inside("prometheus", config).read_text()
    for pattern in re.findall(r"^  - (.*\*\.yml)$", text, re.M):
        folder = Path(os.path.normpath(config.parent / pattern)).parent
        assert list(inside("prometheus", folder).glob("*.yml")), f"no rules at {folder}"
    jobs = re.search(r"^scrape_config_files:\n  - (.*\.yml)$", text, re.M)[1]
    jobs = inside("prometheus", os.path.normpath(config.parent / jobs)).read_text()
    asked = re.findall(r"job_name: (\S+)\n    dns_sd_configs: \[\{names: \[(\S+)\], type: A, port: (\d+)", jobs)
    equal({job: (name, int(port)) for job, name, port in asked}, {role: (role, port) for role, port in PORTS.items()})
    assert flags["--storage.tsdb.path"] in {volume["target"] for volume in SERVICES["prometheus"]["volumes"]}


@check
def grafana_finds_its_files_and_prometheus():
    provisioning = Path("/etc/grafana/provisioning")
    source = inside("grafana", provisioning / "datasources/prometheus.yml").read_text()
    equal(re.search(r"url: (.*)", source)[1], f"http://prometheus:{targets('prometheus')[0]}")
    uid = re.search(r"uid: (.*)", source)[1]
    dashboards = re.search(r"path: ([^}]*)\}", inside("grafana", provisioning / "dashboards/dashboards.yml").read_text())[1]
    files = list(inside("grafana", dashboards).glob("*.json"))
    assert {f"service-{name}" for name in SERVED} < {file.stem for file in files}, files
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
    upstreams = re.findall(r"upstream (\S+) \{.* server (\S+):(\d+) ", environment["GATEWAY_UPSTREAMS"])
    equal(upstreams, [(name, name, str(PORTS[name])) for name in SERVED])


def nginx_takes(environment, certificate=None):
    """Whether the gateway's configuration, made as its container makes it, is one."""
    with tempfile.TemporaryDirectory() as folder:
        text = inside("gateway", "/etc/nginx/templates/nginx.conf.template").read_text()
        # Only this test's own folder is there to be written to, and this nginx has the image's module built in.
        equal(environment["GATEWAY_MODULES"], "load_module modules/ngx_http_js_module.so;")
        for name, value in {**environment, "GATEWAY_TEMP": folder, "GATEWAY_MODULES": ""}.items():
            text = text.replace(f"${{{name}}}", value)
        Path(folder, "nginx.conf").write_text(text.replace("/tls/", f"{certificate}/"))
        for name in ("access-log.conf", "problems.conf", "problem-headers.conf", "cors.js", "traces.js", "kept-answers.js"):
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
    with tempfile.TemporaryDirectory() as folder:
        made = run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
                   "-keyout", f"{folder}/tls.key", "-out", f"{folder}/tls.crt")
        assert made.returncode == 0, made.stderr
        gateway = services_with(f"TLS_CERTIFICATE={folder}/tls.crt", f"TLS_KEY={folder}/tls.key")["gateway"]
        mounted = {volume["target"]: volume["source"] for volume in gateway["volumes"]}
        equal([mounted[f"/tls/tls.{kind}"] for kind in ("crt", "key")], [f"{folder}/tls.crt", f"{folder}/tls.key"])
        text = nginx_takes(gateway["environment"], certificate=folder)
        assert re.search(r"listen 8080 ssl;", text)


@check
def everybody_tells_the_collector_of_traces():
    endpoint = re.search(r"OTEL_EXPORTER_OTLP_ENDPOINT=(http://\S+) docker compose --profile traces up", read("docs/operations.md"))[1]
    equal(endpoint, "http://jaeger:4318")
    services = services_with(f"OTEL_EXPORTER_OTLP_ENDPOINT={endpoint}", profiles=["traces"])
    for role in ROLES:
        equal(services[role]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"], endpoint)
    equal(services["gateway"]["environment"]["GATEWAY_OTLP"], endpoint)
    assert "jaeger" in services


@check
def mail_is_caught_where_a_profile_says_so():
    url = re.search(r"MAIL_URL='(smtp://\S+)' docker compose --profile mail up", read("docs/operations.md"))[1]
    equal(url, "smtp://mailpit:1025?tls=none")
    services = services_with(f"MAIL_URL={url}", profiles=["mail"])
    assert "mailpit" in services and any(services[role]["environment"].get("MAIL_URL") == url for role in ROLES)


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
    equal(service["command"], list(SERVED))
    for name in SERVED:
        equal(environment[variable(name, "URL")], f"http://{name}:{PORTS[name]}")
        equal(service["depends_on"][name]["condition"], "service_healthy")
    # As the container starts it: it finds its way, asks for nothing to be installed, and fails where nobody answers.
    nobody = {variable(name, "URL"): "http://127.0.0.1:1" for name in SERVED}
    with tempfile.TemporaryDirectory() as folder:
        tools = ROOT / ".local/tools/contract-tests"
        done = run(sys.executable, program, *service["command"], timeout=60, env={
            "PATH": os.environ["PATH"], "PYTHONPATH": str(tools), **{name: value for name, value in environment.items() if value is not None}, **nobody,
            "SCHEMATHESIS_DOCKER_IMAGE": "test", "CONTRACT_TESTS_REPORTS": folder})
    if tools.exists():
        assert "Connection refused" in done.stderr, done.stderr
