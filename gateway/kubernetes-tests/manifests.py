"""The manifests as kustomize builds them, and what a test asks of them."""

import base64
import copy
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
KUBECTL, SERVER, NGINX = (os.environ[name] for name in ("KUBECTL", "SERVER", "NGINX_PROGRAM"))
NAME = "app.kubernetes.io/name"


def read(path):
    return (ROOT / path).read_text()


class Manifests:
    """Objects of Kubernetes; a copy may be changed."""

    def __init__(self, documents):
        self.documents = documents

    def copy(self):
        return Manifests(copy.deepcopy(self.documents))

    def of(self, kind):
        """Objects of a kind by their names."""
        return {one["metadata"]["name"]: one for one in self.documents if one["kind"] == kind}

    def pods(self):
        """Specifications of pods, by the names of their Deployments and Jobs."""
        return {name: one["spec"]["template"]["spec"] for name, one in {**self.of("Deployment"), **self.of("Job")}.items()}

    def roles(self):
        """Pods of the program that serve, by their names."""
        return {name: pod for name, pod in self.pods().items() if name not in ("gateway", "migrate")}

    def annotations(self, name):
        return self.of("Deployment")[name]["spec"]["template"]["metadata"].get("annotations", {})

    def config(self, name):
        return self.of("ConfigMap")[name].get("data") or {}

    def secret(self, name):
        return {key: base64.b64decode(value).decode() for key, value in self.of("Secret")[name]["data"].items()}


def container(pod):
    [only] = pod["containers"]
    return only


def port_of(pod):
    [port] = container(pod)["ports"]
    return port["containerPort"]


def upstreams(manifests):
    """Of each service the host and the port that the gateway sends its requests to."""
    [text] = [one["value"] for one in container(manifests.pods()["gateway"])["env"] if one["name"] == "GATEWAY_UPSTREAMS"]
    return {name: (host, int(port)) for name, host, port in re.findall(r"upstream (\S+) \{.* server (\S+):(\d+) ", text)}


def build(folder):
    done = subprocess.run([KUBECTL, "kustomize", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Manifests([one for one in yaml.safe_load_all(done.stdout) if one])


@contextmanager
def project(generated=ROOT / "generated"):
    """A folder with the example overlay and everything it is built from."""
    with tempfile.TemporaryDirectory() as folder:
        for part in ("kubernetes", "gateway"):
            shutil.copytree(generated / part, f"{folder}/generated/{part}")
        shutil.copytree(ROOT / "gateway", f"{folder}/gateway")
        shutil.copytree(ROOT / "docs/kubernetes", f"{folder}/docs/kubernetes")
        # As the documentation has people make it.
        command = re.search(r"^python3 -c .*\n?.*kubernetes/secrets\.env$", read("docs/operations.md"), re.M)[0]
        subprocess.run(command, shell=True, check=True, cwd=folder)
        yield Path(folder)


def example(change=lambda folder: None, generated=ROOT / "generated"):
    """The example overlay, perhaps with other files."""
    with project(generated) as folder:
        change(folder)
        return build(folder / "docs/kubernetes")
