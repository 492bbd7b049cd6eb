"""What can be told from manifests alone, and from what the programs say of themselves: schemas, ports, settings, secrets, rights."""

import json
import re
import subprocess

import kubernetes_validate
from checks import check, equal
from manifests import NAME, ROOT, SERVER, container, example, port_of, read, upstreams

EXAMPLE = example()
# The oldest has every field that is used, and the newest all of them still.
VERSIONS = ("1.28", kubernetes_validate.latest_version().rpartition(".")[0])
# Until a name is asked for again, CoreDNS says the same: kubernetes plugin, `ttl`.
NAMES_LIVE_SECONDS = 5


def valid(manifests):
    for one in manifests.documents:
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(one, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                raise AssertionError(f"{one['kind']} {one['metadata']['name']}, {version}: {error.message}") from error


def whole(manifests):
    """Nobody is forgotten: of each kind there is one for each process, and selectors find it."""
    roles, pods = set(manifests.roles()), manifests.pods()
    listed = {one["name"] for service in services() for one in (service, *service["background"])}
    equal(roles, listed)
    for kind, names in (("PodDisruptionBudget", {*roles, "gateway"}), ("HorizontalPodAutoscaler", {*roles, "gateway"}),
                        ("NetworkPolicy", {*roles, "gateway", "migrate"}), ("Service", {one["name"] for one in services()} | {"gateway"})):
        equal(set(manifests.of(kind)), names)
    for name in pods:
        template = {**manifests.of("Deployment"), **manifests.of("Job")}[name]["spec"]["template"]
        selectors = [manifests.of("NetworkPolicy")[name]["spec"]["podSelector"]["matchLabels"]]
        if name != "migrate":
            deployment = manifests.of("Deployment")[name]["spec"]
            selectors += [deployment["selector"]["matchLabels"], manifests.of("PodDisruptionBudget")[name]["spec"]["selector"]["matchLabels"]]
            selectors += [one["labelSelector"]["matchLabels"] for one in pods[name]["topologySpreadConstraints"]]
            equal(manifests.of("HorizontalPodAutoscaler")[name]["spec"]["scaleTargetRef"], {"apiVersion": "apps/v1", "kind": "Deployment", "name": name})
            # Whoever applies them again does not undo what the autoscaler has done.
            assert "replicas" not in deployment, name
        selectors += [one["spec"]["selector"] for service, one in manifests.of("Service").items() if service == name]
        for selector in selectors:
            equal((selector, selector[NAME]), (template["metadata"]["labels"], name))


def services():
    return json.loads(read("generated/services.json"))


def ports(manifests):
    """The port of a container is that of its Service, of those who may come, of the gateway, of Prometheus."""
    policies, targets = manifests.of("NetworkPolicy"), upstreams(manifests)
    namespace = {one["metadata"].get("namespace") for one in manifests.documents if one["kind"] == "Deployment"}.pop()
    equal(targets, {one["name"]: (f"{one['name']}.$(NAMESPACE).svc.cluster.local", one["port"]) for one in services()})
    assert namespace, "the overlay has a namespace"
    sent = {}
    for rule in policies["gateway"]["spec"]["egress"]:
        for peer in rule.get("to", []):
            sent[peer["podSelector"]["matchLabels"][NAME]] = [one["port"] for one in rule["ports"]]
    equal(sent, {name: [port] for name, (_, port) in targets.items()})
    for name in (*manifests.roles(), "gateway"):
        port = port_of(manifests.pods()[name])
        equal([(one["name"], one["containerPort"]) for one in container(manifests.pods()[name])["ports"]], [("http", port)])
        equal([[one["port"] for one in rule["ports"]] for rule in policies[name]["spec"]["ingress"]], [[port]])
        if service := manifests.of("Service").get(name):
            equal(service["spec"]["ports"], [{"name": "http", "port": port, "targetPort": "http"}])
        if name in manifests.roles():
            equal(manifests.annotations(name), {"prometheus.io/scrape": "true", "prometheus.io/port": str(port), "prometheus.io/path": "/metrics"})
    equal(manifests.config(envs(manifests.pods()["gateway"])[0])["GATEWAY_LISTEN"], str(port_of(manifests.pods()["gateway"])))


def envs(pod):
    return [one["configMapRef"]["name"] for one in container(pod).get("envFrom", [])]


def help_of(role):
    done = subprocess.run([SERVER, role, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"no such role: {role}"
    return done.stdout


def settings(manifests):
    """Every variable is a setting of the process, and what is a secret is in a file."""
    for name, pod in manifests.pods().items():
        if name == "gateway":
            continue
        equal(container(pod)["args"], [name])
        # The values of secrets are not in the help.
        told = dict(re.findall(r"\[env: (\w+)(=?)", help_of(name)))
        secrets = {f"{setting}_FILE" for setting, shown in told.items() if not shown}
        given = {one["name"] for one in container(pod)["env"]} | {key for one in envs(pod) for key in manifests.config(one)}
        unknown = given - secrets - {setting for setting, shown in told.items() if shown}
        assert not unknown, f"{name} does not know {unknown}"
        [volume] = [one["secret"] for one in pod["volumes"] if one["name"] == "secrets"]
        known = manifests.secret(volume["secretName"])
        missing = {item["key"] for item in volume["items"]} - set(known)
        assert not missing, f"{name}: the Secret has no {missing}"
        equal({item["path"] for item in volume["items"]}, {one.removesuffix("_FILE") for one in given & secrets})
        # The owner's password is for migrations alone, and each process has its own.
        others = {item["key"] for item in volume["items"] if item["key"].endswith("_DATABASE_URL")}
        equal(others, {f"{name.upper().replace('-', '_')}_DATABASE_URL"})


def image(manifests):
    """Who runs it, and what is run, are the image's."""
    last = read("Dockerfile").rsplit("\nFROM ", 1)[1]
    [user] = re.findall(r"^USER (\d+):\d+$", last, re.M)
    for name, pod in manifests.pods().items():
        assert "command" not in container(pod), f"{name}: the image has an entry point"
        if name != "gateway":
            equal((container(pod)["image"], pod["securityContext"]["runAsUser"]), ("registry.example/schema-first-server:1.0.0", int(user)))
    [wanted] = re.findall(r"^    image: (nginxinc/\S+)$", read("compose.base.yaml"), re.M)
    # The user of this image.
    equal((container(manifests.pods()["gateway"])["image"], manifests.pods()["gateway"]["securityContext"]["runAsUser"]), (wanted, 101))
    placeholders = set(re.findall(r"\$\{(\w+)\}", read("gateway/nginx.conf.template")))
    pod = manifests.pods()["gateway"]
    named = {one["name"] for one in container(pod)["env"]} | set(manifests.config(envs(pod)[0]))
    equal({name for name in named if name.startswith("GATEWAY_")}, placeholders)


def restricted(manifests):
    """Kubernetes' Pod Security Standard of that name, and more."""
    for name, pod in manifests.pods().items():
        context, rights = pod["securityContext"], container(pod)["securityContext"]
        assert context["runAsNonRoot"] and context["runAsUser"] and context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        equal(rights, {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}})
        equal((pod["automountServiceAccountToken"], pod["enableServiceLinks"]), (False, False))
        assert {"hostNetwork", "hostPID", "hostIPC", "initContainers"}.isdisjoint(pod), name
        assert all(set(one) <= {"name", "emptyDir", "secret", "configMap"} for one in pod["volumes"]), name
        assert all(one["emptyDir"].get("sizeLimit") for one in pod["volumes"] if "emptyDir" in one), name
        for part in ("requests", "limits"):
            equal(set(container(pod)["resources"][part]), {"cpu", "memory"})
        for one in pod["volumes"]:
            if "secret" in one:
                equal((one["secret"]["defaultMode"], context["fsGroup"]), (0o440, context["runAsGroup"]))


def drain(manifests):
    """A process goes on for longer than its address is known, and is not killed before it has ended by itself."""
    [longest] = re.findall(r"SHUTDOWN_GRACE_PERIOD: Duration = Duration::from_secs\((\d+)\)", read("impl/platform/serving/src/http/serve.rs"))
    [resolved] = re.findall(r" valid=(\d+)s ", manifests.config(envs(manifests.pods()["gateway"])[0])["GATEWAY_RESOLVER"])
    for name, pod in manifests.pods().items():
        if name == "migrate":
            continue
        if name == "gateway":
            [_, delay] = container(pod)["lifecycle"]["preStop"]["exec"]["command"]
        else:
            [delay] = [int(one["value"]) / 1000 for one in container(pod)["env"] if one["name"] == "SHUTDOWN_DRAIN_MS"]
        assert pod["terminationGracePeriodSeconds"] >= float(delay) + int(longest) + 10, name
        if name in upstreams(manifests):
            assert float(delay) > NAMES_LIVE_SECONDS + int(resolved) + 1, name


@check
def kubernetes_takes_them():
    valid(EXAMPLE)
    # What is stored of an object, and of what `kubectl apply` was told, has a limit.
    for name, one in EXAMPLE.of("ConfigMap").items():
        assert sum(map(len, (one.get("data") or {}).values())) < 900_000, name


@check
def every_process_has_everything():
    whole(EXAMPLE)


@check
def a_port_is_the_same_wherever_it_is_written():
    ports(EXAMPLE)


@check
def every_variable_is_a_setting_and_every_secret_a_file():
    settings(EXAMPLE)


@check
def the_image_is_run_as_it_was_made():
    image(EXAMPLE)


@check
def pods_have_no_rights():
    restricted(EXAMPLE)


@check
def a_process_is_given_the_time_to_end():
    drain(EXAMPLE)


@check
def the_secrets_of_the_example_are_not_in_the_repository():
    assert not (ROOT / "docs/kubernetes/secrets.env").exists() or "secrets.env" in read(".gitignore").splitlines()
    values = list(EXAMPLE.secret(next(iter(EXAMPLE.of("Secret")))).values())
    assert not any("change-me" in value for value in values), "an example is left"
