"""What the kubelet and the cluster's DNS do, with plain processes: each pod has a loopback address of its own."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

from manifests import NGINX, SERVER, container, port_of, read

START_SECONDS = 30


def address(number):
    """Of this process alone: others use 127.0.0.1."""
    return f"127.{64 + os.getpid() % 64}.{os.getpid() // 64 % 250}.{number}"


def get(host, port, path, timeout=15, connection=None):
    """Status, headers and body; on a connection of its own unless there is one."""
    one = connection or http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        one.request("GET", path)
        answer = one.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
    finally:
        if connection is None:
            one.close()


def until(what, seconds=START_SECONDS):
    end = time.monotonic() + seconds
    while True:
        with suppress(OSError, http.client.HTTPException):
            if what():
                return
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def reachable(program):
    """Whether any user may start it."""
    return os.geteuid() == 0 and all(folder.stat().st_mode & 0o001 for folder in Path(program).resolve().parents)


class Pod:
    """A pod with its files below `folder`, as its manifest says."""

    def __init__(self, manifests, name, number, folder):
        self.manifests, self.name, self.address = manifests, name, address(number)
        self.spec = manifests.pods()[name]
        self.container = container(self.spec)
        self.folder = Path(folder, f"{name}-{number}")
        self.folder.mkdir()
        self.process = None
        self.mount()

    def mount(self):
        volumes = {one["name"]: one for one in self.spec["volumes"]}
        for mount in sorted(self.container["volumeMounts"], key=lambda one: one["mountPath"]):
            volume, at = volumes[mount["name"]], self.path(mount["mountPath"])
            if "secret" in volume:
                known = self.manifests.secret(volume["secret"]["secretName"])
                files = {item["path"]: known[item["key"]] for item in volume["secret"]["items"]}
                mode = volume["secret"]["defaultMode"]
            else:
                files, mode = self.manifests.config(volume["configMap"]["name"]) if "configMap" in volume else {}, 0o444
            if "subPath" in mount:
                at.parent.mkdir(parents=True, exist_ok=True)
                self.write(at, files[mount["subPath"]], mode)
                continue
            at.mkdir(parents=True, exist_ok=True)
            at.chmod(0o777 if "emptyDir" in volume else 0o755)
            for file, text in files.items():
                self.write(at / file, text, mode)

    def write(self, file, text, mode):
        file.write_text(text)
        file.chmod(mode)
        if os.geteuid() == 0:
            os.chown(file, 0, self.spec["securityContext"]["fsGroup"])

    def path(self, path):
        """What the pod has at a path, as a path here."""
        return self.folder / path.lstrip("/")

    def environment(self):
        given = {}
        for one in self.container.get("envFrom", []):
            given |= self.manifests.config(one["configMapRef"]["name"])
        for one in self.container["env"]:
            if "value" in one:
                given[one["name"]] = re.sub(r"\$\((\w+)\)", lambda found: given.get(found[1], found[0]), one["value"])
            elif reference := one["valueFrom"].get("configMapKeyRef"):
                given[one["name"]] = self.manifests.config(reference["name"])[reference["key"]]
            else:
                assert one["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.namespace"}}
                [given[one["name"]]] = self.manifests.of("Namespace")
        mounts = [mount["mountPath"] for mount in self.container["volumeMounts"]]
        # Files of the pod are below its folder.
        return {name: str(self.path(value)) if name.endswith("_FILE") and any(value.startswith(f"{one}/") for one in mounts) else value
                for name, value in given.items()}

    def start(self):
        if self.name == "gateway":
            command, environment = self.nginx(), {}
        else:
            [entry] = re.findall(r'^ENTRYPOINT \["(\S+)"\]$', read("Dockerfile"), re.M)
            assert entry.endswith(f"/{Path(SERVER).name}")
            # The image listens on every address; here others do so as well.
            command, environment = [SERVER, *self.container["args"]], {**self.environment(), "BIND_ADDRESS": self.address}
        user = {}
        if reachable(command[0]):
            context = self.spec["securityContext"]
            user = {"user": context["runAsUser"], "group": context["runAsGroup"], "extra_groups": [context["fsGroup"]]}
        log = (self.folder / "log").open("w")
        self.process = subprocess.Popen(command, env={"PATH": os.environ["PATH"], **environment}, cwd=self.folder, stdout=log, stderr=log, **user)
        return self

    def nginx(self):
        """The image fills in the template; here with another name server, and an address of its own."""
        given = self.environment()
        text = self.path("/etc/nginx/templates/nginx.conf.template").read_text()
        assert given["NGINX_ENVSUBST_OUTPUT_DIR"] == "/etc/nginx" and given["GATEWAY_TEMP"] == "/tmp"
        given["GATEWAY_RESOLVER"], names = re.subn(r"kube-dns\.kube-system\.svc\.cluster\.local", f"127.0.0.1:{self.manifests.names.port}", given["GATEWAY_RESOLVER"])
        assert names == 1
        # This nginx has the module built in.
        given |= {"GATEWAY_MODULES": "", "GATEWAY_TEMP": str(self.path("/tmp")), "GATEWAY_LISTEN": f"{self.address}:{given['GATEWAY_LISTEN']}",
                  "GATEWAY_LOG": str(self.path("/tmp/access.log")), "GATEWAY_USER": "" if reachable(NGINX) or os.geteuid() else "user root;"}
        for name, value in given.items():
            if re.match(given["NGINX_ENVSUBST_FILTER"], name):
                text = text.replace(f"${{{name}}}", value)
        etc = self.path("/etc/nginx")
        (etc / "nginx.conf").write_text(text)
        return [NGINX, "-e", "stderr", "-p", f"{etc}/", "-c", f"{etc}/nginx.conf", "-g", "daemon off;"]

    def run(self):
        """To its end, as a job."""
        code = self.start().process.wait(START_SECONDS)
        assert code == 0, self.log()

    def log(self):
        return (self.folder / "log").read_text()[-2000:]

    def port(self):
        return port_of(self.spec)

    def ask(self, path):
        return get(self.address, self.port(), path)

    def status(self, path):
        return self.ask(path)[0]

    def report(self):
        return json.loads(self.ask("/health/ready")[2])

    def written_files(self):
        """Files that it has open to write, outside of its volumes: where there is none, the file system may be read-only."""
        volatile = {str(self.path(mount["mountPath"])) for mount in self.container["volumeMounts"]}
        found = []
        for file in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with suppress(OSError):
                target = os.readlink(file)
                flags = int(re.search(r"^flags:\s+(\d+)", Path(f"/proc/{self.process.pid}/fdinfo/{file.name}").read_text(), re.M)[1], 8)
                own = target.startswith("/dev/") or target == str(self.folder / "log") or any(target.startswith(one) for one in volatile)
                if flags & os.O_ACCMODE and target.startswith("/") and not own:
                    found.append(target)
        return found

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def stop(self):
        if self.process and self.process.poll() is None:
            # The workers of a killed nginx would stay.
            self.process.send_signal(signal.SIGTERM if self.name == "gateway" else signal.SIGKILL)
            self.process.wait(30)


class Names:
    """The cluster's name server, for addresses of headless Services."""

    def __init__(self):
        self.addresses = {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                query, client = self.socket.recvfrom(512)
            except OSError:
                return
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode())
                at += 1 + query[at]
            question = query[12:at + 5]
            found = self.addresses.get(".".join(labels))
            # A response to what was asked, with so many addresses; or that there is no such name.
            head = query[:2] + (b"\x84\x00" if found is not None else b"\x84\x03") + b"\0\1" + len(found or ()).to_bytes(2, "big") + b"\0\0\0\0"
            answers = b"".join(b"\xc0\x0c\0\1\0\1" + (5).to_bytes(4, "big") + b"\0\4" + socket.inet_aton(one) for one in found or ())
            self.socket.sendto(head + question + answers, client)

    def close(self):
        self.socket.close()
