"""Other documents, other manifests: nothing is edited for a service that comes, goes, or moves."""

import json
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import written
from checks import check, equal
from manifests import ROOT, container, example, port_of, upstreams

# Generated for a folder of documents.
GENERATORS = ("services", "kubernetes")


@contextmanager
def generated(change):
    """The generated folder, where `change` was made to what documents say of services: {name: x-service}."""
    with tempfile.TemporaryDirectory() as folder:
        documents = {}
        for service in written.services():
            documents[service["name"]] = json.loads((ROOT / f"generated/{service['name']}-api/openapi.json").read_text())
        said = {name: document["x-service"] for name, document in documents.items()}
        change(said)
        shutil.copytree(ROOT / "generated/gateway", f"{folder}/gateway")
        (Path(folder) / "services/src").mkdir(parents=True)
        for name, service in said.items():
            document = documents.get(name, {"openapi": "3.0.3", "info": {"title": name, "version": "1.0.0", "description": "A service."}, "paths": {}})
            crate = Path(folder, f"{name}-api")
            crate.mkdir()
            (crate / "openapi.json").write_text(json.dumps({**document, "x-service": service}))
        for generator in GENERATORS:
            subprocess.run(["node", ROOT / f"openapi/generator/{generator}.mjs", folder], check=True)
        yield Path(folder)


def manifests_of(change):
    with generated(change) as folder:
        return example(generated=folder)


@check
def a_changed_port_changes_everything_that_has_it():
    name, port = written.services()[0]["name"], 8799
    before, after = written.EXAMPLE, manifests_of(lambda said: said[name].update(port=port))
    equal((port_of(after.pods()[name]), upstreams(after)[name][1], after.annotations(name)["prometheus.io/port"]), (port, port, str(port)))
    written.valid(after)
    # Against the documents as they are, it is a difference.
    assert port_of(before.pods()[name]) != port
    try:
        written.ports(after)
    except AssertionError:
        return
    raise AssertionError("nobody sees that a port is another one")


@check
def a_service_that_comes_needs_no_edit():
    new = {"port": 8765, "prefix": "new", "environment": ["NEW_THINGS"], "scale": {"new_things_queued": 7},
           "background": [{"name": "new-sweeper", "port": 8766, "about": "Sweeps.", "scale": {"new_things_due": 3}}]}
    after = manifests_of(lambda said: said.update({"new-things": new}))
    written.valid(after)
    written.restricted(after)
    written.drain(after)
    for name, kinds in (("new-things", 5), ("new-sweeper", 4)):
        equal(len([one for one in after.documents if one["metadata"]["name"] == name and one["kind"] != "ConfigMap"]), kinds)
        equal(container(after.pods()[name])["args"], [name])
        equal([one["configMapRef"]["name"].rsplit("-", 1)[0] for one in container(after.pods()[name])["envFrom"]], ["server", "new-things"])
    scaled = {name: [one["pods"]["metric"]["name"] for one in after.of("HorizontalPodAutoscaler")[name]["spec"]["metrics"][1:]] for name in ("new-things", "new-sweeper")}
    equal(scaled, {"new-things": ["http_server_active_requests", "new_things_queued"], "new-sweeper": ["new_things_due"]})
    secret = after.secret(next(iter(after.of("Secret"))))
    assert secret["NEW_SWEEPER_DATABASE_PASSWORD"] in secret["NEW_SWEEPER_DATABASE_URL"]
    keys = {item["key"] for item in after.pods()["migrate"]["volumes"][0]["secret"]["items"]}
    assert {"NEW_THINGS_DATABASE_PASSWORD", "NEW_SWEEPER_DATABASE_PASSWORD"} <= keys


@check
def a_service_that_goes_leaves_nothing():
    everybody = written.services()
    for gone in (*([one] for one in everybody), everybody):
        names = {one["name"] for one in gone}
        after = manifests_of(lambda said: [said.pop(name) for name in names])
        roles = names | {role["name"] for one in gone for role in one["background"]}
        left = [one["metadata"]["name"] for one in after.documents if one["metadata"]["name"].rsplit("-", 1)[0] in roles or one["metadata"]["name"] in roles]
        equal((left, set(upstreams(after)) & names), ([], set()))


@check
def only_who_sends_webhooks_reaches_the_world():
    def send(said):
        said["new-things"] = {"port": 8765, "prefix": "new"}
    quiet = manifests_of(send).of("NetworkPolicy")["new-things"]["spec"]["egress"]
    assert not any("to" in rule for rule in quiet), quiet
    with generated(send) as folder:
        path = folder / "new-things-api/openapi.json"
        webhook = {"told": {"post": {"responses": {"200": {"description": "Ok"}}}}}
        path.write_text(json.dumps({**json.loads(path.read_text()), "x-webhooks": webhook}))
        subprocess.run(["node", ROOT / "openapi/generator/kubernetes.mjs", folder], check=True)
        loud = example(generated=folder).of("NetworkPolicy")["new-things"]["spec"]["egress"]
    [rule] = [rule for rule in loud if "to" in rule]
    assert rule["ports"] == [{"protocol": "TCP", "port": 443}] and "10.0.0.0/8" in rule["to"][0]["ipBlock"]["except"], rule
