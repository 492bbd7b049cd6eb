"""Each rule sees what is wrong: faults are planted into copies of the manifests, and none may pass."""

import running
import written
from checks import check
from manifests import container


def first(manifests):
    return next(iter(manifests.of("Service").keys() - {"gateway"} & set(manifests.roles())))


def pod(manifests):
    return manifests.pods()[first(manifests)]


def probe(kind, **change):
    return lambda manifests: container(pod(manifests))[kind]["httpGet"].update(change)


def variable(manifests, name, value="x"):
    container(pod(manifests))["env"].append({"name": name, "value": value})


def metric(manifests):
    return [one for one in manifests.of("HorizontalPodAutoscaler")[first(manifests)]["spec"]["metrics"] if one["type"] == "Pods"][0]["pods"]["metric"]


def upstream(manifests):
    for one in container(manifests.pods()["gateway"])["env"]:
        if "value" in one:
            one["value"] = one["value"].replace(".svc.cluster.local:8", ".svc.cluster.local:9", 1)


FAULTS = {
    "a probe of another path": (running.probes, probe("startupProbe", path="/healthz")),
    "a readiness probe of another path": (running.probes, probe("readinessProbe", path="/ready")),
    "a liveness probe that fails with the database": (running.probes, probe("livenessProbe", path="/health/ready")),
    "a container with another port": (running.probes, lambda one: container(pod(one))["ports"][0].update(containerPort=8999)),
    "a metric that nobody has": (running.metrics, lambda one: metric(one).update(name="http_active_requests")),
    "a port without metrics": (running.metrics, lambda one: one.annotations(first(one)).update({"prometheus.io/port": "8999"})),
    "a path without metrics": (running.metrics, lambda one: one.annotations(first(one)).update({"prometheus.io/path": "/metric"})),
    "a variable that is no setting": (written.settings, lambda one: variable(one, "HTTP_CONCURENCY")),
    "a secret that is no file": (written.settings, lambda one: variable(one, "SECRET_KEY")),
    "a file that is no secret": (written.settings, lambda one: variable(one, "HTTP_CONCURRENCY_FILE", "/run/secrets/x")),
    "a key that the Secret has not": (written.settings, lambda one: pod(one)["volumes"][0]["secret"]["items"][0].update(key="DATABASE")),
    "an argument that is no role": (written.settings, lambda one: container(pod(one)).update(args=["serve"])),
    "another port of a container": (written.ports, lambda one: container(pod(one))["ports"][0].update(containerPort=8999)),
    "another port of a Service": (written.ports, lambda one: one.of("Service")[first(one)]["spec"]["ports"][0].update(port=8999)),
    "another port that may be reached": (
        written.ports, lambda one: one.of("NetworkPolicy")[first(one)]["spec"]["ingress"][0]["ports"][0].update(port=8999)),
    "another port that the gateway may reach": (
        written.ports, lambda one: one.of("NetworkPolicy")["gateway"]["spec"]["egress"][1]["ports"][0].update(port=8999)),
    "another port that the gateway sends to": (written.ports, upstream),
    "another user": (written.image, lambda one: pod(one)["securityContext"].update(runAsUser=1000)),
    "another entry point": (written.image, lambda one: container(pod(one)).update(command=["/server"])),
    "a field that does not exist": (written.valid, lambda one: pod(one).update(automountServiceToken=False)),
    "a field of another type": (written.valid, lambda one: container(pod(one))["env"].append({"name": "X", "value": 1})),
    "a budget for nobody": (
        written.whole, lambda one: one.of("PodDisruptionBudget")[first(one)]["spec"]["selector"]["matchLabels"].update({"app.kubernetes.io/name": "x"})),
    "a process without a policy": (
        written.whole, lambda one: one.documents.remove(one.of("NetworkPolicy")["migrate"])),
    "a file system that can be written": (
        written.restricted, lambda one: container(pod(one))["securityContext"].update(readOnlyRootFilesystem=False)),
    "a token of the cluster": (written.restricted, lambda one: pod(one).update(automountServiceAccountToken=True)),
    "no time to end": (written.drain, lambda one: pod(one).update(terminationGracePeriodSeconds=30)),
}


@check
def planted_faults_are_seen():
    def of(rule):
        return written.EXAMPLE if rule.__module__ == "written" else running.CLUSTER.manifests

    for rule in {rule for rule, _ in FAULTS.values()}:
        rule(of(rule))
    unseen = []
    for name, (rule, plant) in FAULTS.items():
        changed = of(rule).copy()
        plant(changed)
        if not running.fails(rule, changed):
            unseen.append(name)
    assert not unseen, unseen
