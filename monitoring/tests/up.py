#!/usr/bin/env python3
"""`dev up --monitoring`: Prometheus asks every replica that was started, and ends with everything else."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

from series import PORTS, ROOT

SERVER = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug/server"
DEV = SERVER.with_name("dev")
NAMES = (*PORTS, "gateway", "prometheus")
PATIENCE = 120  # seconds


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def answering(url):
    """How many instances of each job answer Prometheus, as it says."""
    try:
        with urlopen(f"{url}/api/v1/query?query=count%20by%20(job)%20(up%20%3D%3D%201)", timeout=5) as answer:
            result = json.load(answer)["data"]["result"]
    except OSError:
        return None
    return {one["metric"]["job"]: int(one["value"][1]) for one in result}


def main():
    ports = dict(zip(NAMES, free_ports(len(NAMES))))
    url = f"http://127.0.0.1:{ports['prometheus']}"
    checks = []
    with tempfile.TemporaryDirectory(prefix="up-") as folder, open(f"{folder}/out", "w+") as log:
        command = [DEV, "with-backends", "--no-fsync", DEV, "up", "--monitoring", "--replicas", "2", "--workers", "2",
                   "--dir", f"{folder}/up"]
        for name, port in ports.items():
            command += [f"--{name}-port", str(port)]
        environment = {**os.environ, "ENVIRONMENT": "development", "PROMETHEUS_INTERVAL": "1s"}
        up = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            wanted = dict.fromkeys(PORTS, 2)
            deadline = time.monotonic() + PATIENCE
            # The file is there when it has said that everything is.
            while (found := answering(url)) != wanted or not Path(folder, "up/env").exists():
                if up.poll() is not None or time.monotonic() > deadline:
                    break
                time.sleep(0.2)
            checks.append(("every replica answers Prometheus", found == wanted))
            for role in wanted:
                while True:
                    asked = subprocess.run([SERVER, "health", role, "--port", str(ports[role])], capture_output=True, text=True)
                    if asked.returncode == 0 or time.monotonic() > deadline:
                        break
                    time.sleep(0.2)
                checks.append((f"`server health {role}` finds it ready: {asked.stderr}", asked.returncode == 0))
        finally:
            up.send_signal(signal.SIGTERM)
            outcome = up.wait()
        log.seek(0)
        text = log.read()
    checks.append(("it ends well", outcome == 0))
    checks.append(("it says where Prometheus is", f"127.0.0.1:{ports['prometheus']}" in text))
    checks.append(("Prometheus is gone", answering(url) is None))
    failed = [what for what, holds in checks if not holds]
    print("\n".join(f"not so: {what}" for what in failed) + (f"\n{text}" if failed else ""))
    print(f"monitoring: {len(checks) - len(failed)} passed, {len(failed)} failed (up)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
