"""Runs a command with a mail server that keeps what it gets: MAIL_URL leads there, and MAIL_FOLDER is a maildir of what came.

    python3 openapi/client-tests/with_mail.py COMMAND [ARGUMENT...]
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


def main(command):
    # Leave by the way that stops everything.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory(prefix="mail-") as folder:
        port = free_port()
        server = Controller(Mailbox(f"{folder}/mails"), hostname="127.0.0.1", port=port)
        server.start()
        mail = {"MAIL_URL": f"smtp://127.0.0.1:{port}?tls=none", "MAIL_FOLDER": f"{folder}/mails"}
        child = subprocess.Popen(command, env={**os.environ, **mail})
        try:
            return child.wait()
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()
            server.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
