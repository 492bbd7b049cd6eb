"""The pods, started: what manifests say of a process, it is asked."""

import http.client
import os
import re
import tempfile
import threading
import time
from contextlib import suppress
from urllib.parse import urlsplit

from checks import check, equal
from manifests import container, example
from pods import Names, Pod, get, until
from written import NAMES_LIVE_SECONDS, services


def with_backends(folder):
    """The example with addresses that there are."""
    overlay = folder / "docs/kubernetes"
    database, redis = urlsplit(os.environ["DATABASE_URL"]), os.environ["REDIS_URL"]
    secrets = (overlay / "secrets.env").read_text()
    secrets = re.sub(r"postgresql://app:[^@]*@\S*", os.environ["DATABASE_URL"], secrets)
    secrets = re.sub(r"postgresql://app(_\S+?):", rf"postgresql://{database.username}\1:", secrets)
    secrets = secrets.replace("@postgres.example:5432/app", f"@{database.hostname}:{database.port}{database.path}")
    (overlay / "secrets.env").write_text(re.sub(r"REDIS_URL=.*", f"REDIS_URL={redis}", secrets))
    settings = (overlay / "kustomization.yaml").read_text()
    (overlay / "kustomization.yaml").write_text(settings.replace("10.244.0.0/16", "127.0.0.0/8"))


class Cluster:
    """Everything that runs, from the first check that needs it to the end of all."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        # Processes run as nobody in particular.
        os.chmod(self.folder.name, 0o711)
        self.manifests = example(with_backends)
        self.manifests.names = self.names = Names()
        [self.namespace] = self.manifests.of("Namespace")
        self.pods, self.number = {}, 0

    def pod(self, name):
        self.number += 1
        pod = Pod(self.manifests, name, self.number, self.folder.name)
        self.pods.setdefault(name, []).append(pod)
        return pod

    def endpoints(self, name, *pods):
        self.names.addresses[f"{name}.{self.namespace}.svc.cluster.local"] = [pod.address for pod in pods]

    def all(self):
        return [pod for pods in self.pods.values() for pod in pods]

    def close(self):
        for pod in self.all():
            pod.stop()
        self.names.close()
        self.folder.cleanup()


CLUSTER = Cluster()
ROLES = tuple(CLUSTER.manifests.roles())


def probes(manifests):
    """Each probe of each manifest finds what it asks for."""
    for name, pods in CLUSTER.pods.items():
        if name == "migrate":
            continue
        said = container(manifests.pods()[name])
        [(_, port)] = [(one["name"], one["containerPort"]) for one in said["ports"]]
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            asked = said[kind]["httpGet"]
            equal(asked["port"], "http")
            try:
                status, *_ = get(pods[0].address, port, asked["path"], said[kind]["timeoutSeconds"])
            except OSError as error:
                raise AssertionError(f"{name}: nobody at port {port}: {error}") from error
            assert status == 200, f"{name}: {kind} of {asked['path']} gets {status}"
        paths = {kind: said[kind]["httpGet"]["path"] for kind in ("livenessProbe", "readinessProbe")}
        # The first must not depend on others, the second must.
        if name != "gateway":
            equal(paths, {"livenessProbe": "/health", "readinessProbe": "/health/ready"})


def metrics(manifests):
    """Where Prometheus looks, there is every metric that decides how many processes there are."""
    for name in ROLES:
        at = manifests.annotations(name)
        try:
            status, _, text = get(CLUSTER.pods[name][0].address, int(at["prometheus.io/port"]), at["prometheus.io/path"])
        except OSError as error:
            raise AssertionError(f"{name}: {error}") from error
        assert status == 200 and at["prometheus.io/scrape"] == "true", f"{name}: {at} gets {status}"
        known = set(re.findall(r"^(\w+)(?:\{\S*\})? \S+$", text, re.M))
        scaled = [one["pods"]["metric"]["name"] for one in manifests.of("HorizontalPodAutoscaler")[name]["spec"]["metrics"] if one["type"] == "Pods"]
        assert set(scaled) <= known, f"{name} has no {set(scaled) - known}"


@check
def processes_wait_for_the_job_that_migrates():
    """Neither an init container nor a right to ask the cluster: an old process stays until a new one is ready, and that is when the job is done."""
    for name in ROLES:
        CLUSTER.pod(name).start()
    for name in ROLES:
        [pod] = CLUSTER.pods[name]
        until(lambda: pod.status("/health") == 200)
        status, _, report = pod.ask("/health/ready")
        assert status == 503, f"{name} is ready without a schema: {report}"
    CLUSTER.pod("migrate").run()
    for name in ROLES:
        [pod] = CLUSTER.pods[name]
        until(lambda: pod.status("/health/ready") == 200)
        equal((pod.report()["status"], pod.process.poll()), ("ok", None))


@check
def the_gateway_passes_on_what_it_is_asked():
    for name in CLUSTER.manifests.of("Service"):
        if name != "gateway":
            CLUSTER.endpoints(name, *CLUSTER.pods[name])
    gateway = CLUSTER.pod("gateway").start()
    until(lambda: gateway.status("/health") == 200)
    for service in services():
        # It resolves names after it has started.
        until(lambda: gateway.status(f"/{service['prefix']}/openapi.json") == 200, 10)


@check
def probes_ask_what_the_process_answers():
    probes(CLUSTER.manifests)


@check
def autoscalers_use_metrics_that_there_are():
    # Of the worker's queue it knows a moment later.
    with suppress(AssertionError):
        until(lambda: not fails(metrics, CLUSTER.manifests), 15)
    metrics(CLUSTER.manifests)


def fails(rule, manifests):
    """Why a rule does not hold; nothing when it does."""
    try:
        rule(manifests)
    except AssertionError as error:
        return str(error) or "it does not hold"
    return None


@check
def nothing_is_written_outside_of_volumes():
    for name in (*ROLES, "gateway"):
        equal(CLUSTER.pods[name][0].written_files(), [])


@check
def a_pod_that_is_replaced_fails_nobody():
    """From SIGTERM on its address stays known for as long as names live; the gateway's connections and new ones are served."""
    name = next(iter(CLUSTER.manifests.of("Service").keys() - {"gateway"} & set(ROLES)))
    [prefix] = [one["prefix"] for one in services() if one["name"] == name]
    [old], gateway = CLUSTER.pods[name], CLUSTER.pods["gateway"][0]
    new = CLUSTER.pod(name).start()
    until(lambda: new.status("/health/ready") == 200)
    CLUSTER.endpoints(name, old, new)
    answers, failed, over = {"gateway": 0, "old": 0}, [], threading.Event()

    def ask(who, port_of, path):
        while not over.is_set():
            try:
                status, *_ = port_of.ask(path)
            except (OSError, http.client.HTTPException) as error:
                status = repr(error)
            if status == 200:
                answers[who] += 1
            elif not over.is_set():
                failed.append((who, status, time.monotonic() - begun))
            time.sleep(0.01)

    begun = time.monotonic()
    asking = [threading.Thread(target=ask, args=("gateway", gateway, f"/{prefix}/openapi.json"), daemon=True) for _ in range(4)]
    for one in asking:
        one.start()
    try:
        time.sleep(2.5)
        took, code = replaced(name, old, new, answers)
        time.sleep(1)
    finally:
        over.set()
    for one in asking:
        one.join()
    equal((failed, code), ([], 0))
    assert took < old.spec["terminationGracePeriodSeconds"], took
    assert answers["gateway"] > 200 and answers["old"] > 50, answers
    CLUSTER.pods[name].remove(old)


def replaced(name, old, new, answers):
    """Ends a pod as the cluster does; how long that took, and its exit code."""
    kept = http.client.HTTPConnection(old.address, old.port(), timeout=5)
    equal(get(None, None, "/health", connection=kept)[1].get("connection"), None)
    [delay] = [int(one["value"]) / 1000 for one in container(old.spec)["env"] if one["name"] == "SHUTDOWN_DRAIN_MS"]
    told = time.monotonic()
    old.terminate()
    # The longest that anybody may be told of it: then it is forgotten.
    gone = threading.Timer(NAMES_LIVE_SECONDS, CLUSTER.endpoints, (name, new))
    gone.daemon = True
    gone.start()
    time.sleep(0.2)
    equal(get(None, None, "/health", connection=kept)[1].get("connection"), "close")
    equal((old.status("/health/ready"), old.report()["status"]), (503, "draining"))
    # Whoever comes to it directly is served until the delay is over.
    while time.monotonic() < told + delay - 0.3:
        equal((old.status("/health/ready"), old.status("/openapi.json")), (503, 200))
        answers["old"] += 1
        time.sleep(0.02)
    code = old.process.wait(old.spec["terminationGracePeriodSeconds"] - delay)
    assert time.monotonic() >= told + delay
    return time.monotonic() - told, code
