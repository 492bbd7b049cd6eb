#!/usr/bin/env python3
"""Cases for `promtool test rules`: every alert fires for its fault, and only for it, at its threshold and after its duration (edges.py);
recorded series have the right values (recorded.py), and deadlines are those of the documents.

    monitoring/tests/rules.py PROMTOOL

A case is a healthy system in which some series differ; it lists the alerts that must fire, and no others may. Services have their own
cases: HEALTHY and CASES in impl/NAME/monitoring/tests/expectations.py.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import edges
import recorded
from series import PORTS, ROOT, SERVICES, STEPS, always, grows, on, operations, owns, rule_files

RECORDING = [*rule_files("recording"), ROOT / "generated/monitoring/rules/instances.yml"]
ALERTS = rule_files("alerts")
RULES = [*RECORDING, *ALERTS, ROOT / "generated/monitoring/rules/operations.yml"]
END = "22m"
OWN = owns("expectations.py").values()
# Which it is does not matter; two of them, where there are two.
JOB, OTHER = next(iter(PORTS)), next(reversed(PORTS))
# An operation that may take so long that its healthy requests are far from its deadline.
_, SERVICE, OPERATION = max(
    (seconds, service["name"], operation) for service in SERVICES for operation, seconds in operations(service["name"]))


def healthy():
    series = {}
    for job in PORTS:
        series |= {
            on(job, "up"): always(1),
            on(job, "process_start_time_seconds"): always(1000),
            on(job, "process_open_fds"): always(50),
            on(job, "process_max_fds"): always(1000),
            on(job, "http_server_active_requests"): always(3),
            on(job, "http_server_active_requests_limit"): always(512),
            on(job, "http_server_requests_shed_total"): always(0),
            on(job, "response_contract_violations_total", f'operation="{OPERATION}"'): always(0),
            on(job, "db_client_connection_max", 'db_client_connection_pool_name="reads"'): always(6),
            on(job, "db_client_connections", 'db_client_connection_pool_name="reads",db_client_connection_state="used"'): always(2),
            on(job, "postgres_up"): always(1),
            on(job, "postgres_writable"): always(1),
            on(job, "db_client_connections", 'db_client_connection_pool_name="writes",db_client_connection_state="abandoned"'): always(0),
            on(job, "rate_limit_local_fallbacks_total"): always(0),
            on(job, "postgres_connections"): always(20),
            on(job, "postgres_connections_limit"): always(97),
            on(job, "postgres_oldest_transaction_age_seconds"): always(1),
            on(job, "redis_up", 'purpose="queue"'): always(1),
            on(job, "redis_memory_used_bytes", 'purpose="queue"'): always(10),
            on(job, "redis_memory_limit_bytes", 'purpose="queue"'): always(100),
            on(job, "redis_evicted_keys_total", 'purpose="queue"'): always(0),
            # A cache that is full, and throws away, is as it should be.
            on(job, "redis_up", 'purpose="cache"'): always(1),
            on(job, "redis_memory_used_bytes", 'purpose="cache"'): always(99),
            on(job, "redis_memory_limit_bytes", 'purpose="cache"'): always(100),
            on(job, "redis_evicted_keys_total", 'purpose="cache"'): grows(5),
        }
    series |= requests(SERVICE, OPERATION, fast=150, failed=0)
    series |= {on(OTHER, "background_job_overdue_seconds", 'task="relay"'): always(0)}
    series |= {on(OTHER, "secret_files_rejected"): always(0)}
    for service in OWN:
        series |= service.HEALTHY
    return series


def requests(job, operation, fast, failed, slow=0):
    """So many requests each step: below half a second, and of 20 to 30 s, which is beyond what any document allows."""
    bucket = "http_server_request_duration_seconds_bucket"
    of = f'operation="{operation}"'
    return {
        on(job, "http_server_requests_total", f'{of},http_response_status_code="200"'): grows(fast + slow - failed),
        on(job, "http_server_requests_total", f'{of},http_response_status_code="500"'): grows(failed),
        on(job, bucket, f'{of},le="0.5"'): grows(fast),
        on(job, bucket, f'{of},le="20"'): grows(fast),
        on(job, bucket, f'{of},le="30"'): grows(fast + slow),
        on(job, bucket, f'{of},le="+Inf"'): grows(fast + slow),
    }


# name: (series that differ, alerts that fire); None takes a series away.
CASES = {
    "healthy": ({}, []),
    "a few failures": (requests(SERVICE, OPERATION, 150, 1), []),
    "one failed request in a quiet hour": (requests(SERVICE, OPERATION, 0, 0) | {
        on(SERVICE, "http_server_requests_total", f'operation="{OPERATION}",http_response_status_code="500"'): f"0x60 1x{STEPS - 61}"}, []),
    "error ratio": (requests(SERVICE, OPERATION, 150, 15), ["HighErrorRate"]),
    # 6 of 100 are more than a twentieth; 2 are more than a hundredth only.
    "latency": (requests(SERVICE, OPERATION, 94, 0, slow=6), ["HighLatency", "OperationNearDeadline"]),
    "a slow operation": (requests(SERVICE, OPERATION, 98, 0, slow=2), ["OperationNearDeadline"]),
    "an answer that its document does not have": (
        {on(SERVICE, "response_contract_violations_total", f'operation="{OPERATION}"'): grows(1)}, ["ResponseContractViolated"]),
    "shed": ({on(JOB, "http_server_requests_shed_total"): grows(1)}, ["RequestsShed"]),
    "in flight": ({on(JOB, "http_server_active_requests"): always(500)}, ["ServiceSaturated"]),
    "pool": ({on(JOB, "db_client_connections", 'db_client_connection_pool_name="reads",db_client_connection_state="used"'): always(6)}, ["DatabasePoolExhausted"]),
    "a pool in use now and then": (
        {on(JOB, "db_client_connections", 'db_client_connection_pool_name="reads",db_client_connection_state="used"'): " ".join(["6 0"] * (STEPS // 2))}, []),
    "file descriptors": ({on(JOB, "process_open_fds"): always(900)}, ["FileDescriptorsNearLimit"]),
    "a background job": ({on(OTHER, "background_job_overdue_seconds", 'task="relay"'): f"0+15x{STEPS}"}, ["BackgroundJobFailing"]),
    "a secret's file": ({on(OTHER, "secret_files_rejected"): always(1)}, ["SecretFileRejected"]),
    "Postgres down": ({on(job, "postgres_up"): always(0) for job in PORTS}, ["PostgresDown"]),
    "Postgres out of reach for one": ({on(JOB, "postgres_up"): always(0)}, ["PostgresDown"]),
    "Postgres read-only": ({on(job, "postgres_writable"): always(0) for job in PORTS}, ["PostgresReadOnly"]),
    "Postgres awaits a standby": ({on(JOB, "db_client_connections", 'db_client_connection_pool_name="writes",db_client_connection_state="abandoned"'): always(2)}, ["PostgresWritesAwaitStandby"]),
    "limits of each process": ({on(JOB, "rate_limit_local_fallbacks_total"): grows(1)}, ["RateLimitsNotShared"]),
    "Postgres connections": ({on(JOB, "postgres_connections"): always(90)}, ["PostgresConnectionsNearLimit"]),
    "Postgres transaction": ({on(JOB, "postgres_oldest_transaction_age_seconds"): f"0+15x{STEPS}"}, ["PostgresLongTransaction"]),
    "Redis down": ({on(OTHER, "redis_up", 'purpose="queue"'): always(0)}, ["RedisDown"]),
    "Redis cache down": ({on(OTHER, "redis_up", 'purpose="cache"'): always(0)}, ["RedisDown"]),
    "Redis memory": ({on(OTHER, "redis_memory_used_bytes", 'purpose="queue"'): always(90)}, ["RedisMemoryNearLimit"]),
    "Redis evicts the queue": ({on(OTHER, "redis_evicted_keys_total", 'purpose="queue"'): grows(1)}, ["RedisEvicting"]),
    "instance down": ({on(JOB, "up"): always(0)}, ["InstanceDown", "ServiceDown"]),
    "one of two instances down": ({f'up{{job="{JOB}",instance="other:8000"}}': always(0)}, ["InstanceDown"]),
    "nobody to be asked": ({on(OTHER, "up"): None}, ["ServiceDown"]),
    "restarts": ({on(JOB, "process_start_time_seconds"): " ".join(f"{n // 8}" for n in range(STEPS))}, ["InstanceRestarting"]),
    "deployed once": ({on(JOB, "process_start_time_seconds"): f"1x60 2x{STEPS - 61}"}, []),
}
for service in OWN:
    CASES |= service.CASES


def test(name, differing, firing):
    series = {name: values for name, values in (healthy() | differing).items() if values is not None}
    return {
        "name": name,
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{
            # promtool tells the expression that failed, not always the case.
            "expr": f'count by (alertname) (ALERTS{{alertstate="firing"}}) > bool 0 # {name}',
            "eval_time": END if name != "one failed request in a quiet hour" else "17m",
            "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in firing],
        }],
    }


def deadlines():
    """Every operation's requests take up to its deadline: all use the same share of it, whatever it is."""
    declared = [(service["name"], *operation) for service in SERVICES for operation in operations(service["name"])]
    buckets = [on(service, "http_server_request_duration_seconds_bucket", f'operation="{operation}",le="{le}"')
               for service, operation, deadline in declared for le in (deadline, "+Inf")]
    return {
        "name": "deadlines are those of the documents",
        "interval": "15s",
        "input_series": [{"series": series, "values": grows(1)} for series in buckets],
        "promql_expr_test": [{
            "expr": "round(job_operation:deadline_used:ratio5m, 0.0001)",
            "eval_time": "7m",
            "exp_samples": [{"labels": f'{{job="{service}",operation="{operation}"}}', "value": 0.99}
                            for service, operation, _ in declared],
        }],
    }


def promtool(program, files):
    """What it says against them; nothing when all is well."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{number}.yml") for number in range(len(files))]
        for path, content in zip(paths, files):
            path.write_text(json.dumps(content))  # JSON is YAML.
        done = subprocess.run([program, "test", "rules", *paths], capture_output=True, text=True)
    return [f"{done.stdout}{done.stderr}"] if done.returncode != 0 else []


def main(program):
    alerts = set(re.findall(r"alert: (\w+)", "".join(path.read_text() for path in ALERTS)))
    untested = alerts - {alert for _, firing in CASES.values() for alert in firing}
    failed = [f"{alert}: no case makes it fire" for alert in sorted(untested)]
    failed += [*edges.missing(ALERTS), *recorded.missing(RECORDING)]
    tests = [*(test(name, *case) for name, case in CASES.items()), deadlines()]
    failed += promtool(program, [
        {"rule_files": [str(path) for path in RULES], "evaluation_interval": "30s", "tests": tests},
        edges.promtool_file(ALERTS),
        recorded.promtool_file(RECORDING),
    ])
    print("\n".join(failed))
    # As test.sh counts.
    count = len(tests) + len(edges.EDGES) + len(recorded.EXPECTED) + len(alerts)
    print(f"monitoring: {count - len(failed)} passed, {len(failed)} failed (rules)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
