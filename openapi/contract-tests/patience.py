"""A service whose machine is others' for a moment may say that it is busy. It is asked once more then, which `run` tells.

Only so often in a run, and only what says when to come back: a second refusal in a row is a failure, and so is the next one
when all of the run's patience is used up.
"""

import json
import os
import time
from pathlib import Path
from urllib.parse import urlsplit

import requests

# Of a whole run, which is several processes.
RETRIES = json.loads((Path(__file__).parent / "retries.json").read_text())
BUSY = RETRIES["codes"]
LONGEST_PAUSE_SECONDS = RETRIES["longest_pause_seconds"]
MOST = RETRIES["most_in_a_run"]
NOTES = os.environ["BUSY_NOTES"]

send_once = requests.Session.send


def send(session, request, **arguments):
    answer = send_once(session, request, **arguments)
    if not may_be_repeated(request) or not is_busy(answer) or not noted(request, answer):
        return answer
    time.sleep(int(answer.headers["Retry-After"]))
    return send_once(session, request, **arguments)


def may_be_repeated(request):
    return request.body is None or isinstance(request.body, (bytes, str))


def is_busy(answer):
    wait = answer.headers.get("Retry-After", "")
    problem = "problem+json" in answer.headers.get("Content-Type", "")
    return answer.status_code == 503 and problem and wait.isdigit() and int(wait) <= LONGEST_PAUSE_SECONDS and answer.json().get("code") in BUSY


def noted(request, answer):
    """Whether there was patience left."""
    with open(NOTES, "a+", encoding="utf-8") as notes:
        notes.seek(0)
        number = len(notes.readlines()) + 1
        if number > MOST:
            return False
        path = urlsplit(request.url).path
        notes.write(f"FLAKY {number}/{MOST} [contract] {request.method} {path}: {answer.json()['code']}, then asked again\n")
    return True


requests.Session.send = send
