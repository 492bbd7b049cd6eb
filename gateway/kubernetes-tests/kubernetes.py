"""Manifests must be what Kubernetes takes, and what they say of the programs must be what these say of themselves. No cluster is needed: what
the kubelet does with a pod (environment, files, user, probes, SIGTERM) is done with the real programs."""

import signal
import sys

import faults  # noqa: F401  (each brings its checks)
import running
import services  # noqa: F401
import written  # noqa: F401
from checks import make_all

if __name__ == "__main__":
    # Whatever ends it, it ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        code = make_all("kubernetes")
    finally:
        running.CLUSTER.close()
    sys.exit(code)
