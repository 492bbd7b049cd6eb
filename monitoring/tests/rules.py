#!/usr/bin/env python3
"""Every alert fires for its fault, alone, and none fires without one; it begins at its number and after its time (edges.py),
looks at what its formula says (recorded.py), and deadlines are those of the documents: cases for `promtool test rules`.

    monitoring/tests/rules.py PROMTOOL

A case is a healthy system in which some series are others; it names what must fire then, and nothing else may.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import edges
import recorded

ROOT = Path(__file__).resolve().parent.parent.parent
RULES = [ROOT / "monitoring/rules/recording.yml", ROOT / "monitoring/rules/alerts.yml",
         ROOT / "generated/monitoring/rules/operations.yml"]
STEPS = 90  # of 15 s
END = "22m"

PORTS = {"tasks": 8000, "shop": 8001, "analytics": 8002, "worker": 8003}


def on(job, name, labels=""):
    """A series of one instance."""
    return f'{name}{{job="{job}",instance="{job}:{PORTS[job]}"{"," + labels if labels else ""}}}'


def always(value):
    return f"{value}x{STEPS}"


def grows(by):
    """A counter, by so much each step."""
    return f"0+{by}x{STEPS}"


def healthy():
    series = {}
    for job in PORTS:
        series |= {
            on(job, "up"): always(1),
            on(job, "process_start_time_seconds"): always(1000),
            on(job, "process_open_fds"): always(50),
            on(job, "process_max_fds"): always(1000),
            on(job, "http_requests_in_flight"): always(3),
            on(job, "http_requests_in_flight_limit"): always(512),
            on(job, "http_requests_shed_total"): always(0),
            on(job, "database_connections", 'pool="reads",state="size"'): always(6),
            on(job, "database_connections", 'pool="reads",state="busy"'): always(2),
            on(job, "postgres_up"): always(1),
            on(job, "postgres_connections"): always(20),
            on(job, "postgres_connections_limit"): always(97),
            on(job, "postgres_transaction_oldest_seconds"): always(1),
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
    series |= requests("shop", "create_order", fast=150, failed=0)
    series |= {
        on("worker", "orders_pending_oldest_seconds"): always(1),
        on("worker", "outbox_oldest_seconds"): always(0.5),
        on("worker", "dead_letters_waiting"): always(0),
        on("worker", "stock_mismatched_products"): always(0),
        on("worker", "orders_inconsistent"): always(0),
        on("worker", "stock_checks_total"): grows(1),
        on("analytics", "page_views_waiting"): always(100),
        on("analytics", "page_views_waiting_limit"): always(20000),
        on("analytics", "page_views_waiting_bytes"): always(1000),
        on("analytics", "page_views_waiting_limit_bytes"): always(16777216),
        on("analytics", "page_views_refused_total"): always(0),
        on("worker", "background_job_overdue_seconds", 'task="relay"'): always(0),
        on("analytics", "page_view_rollups_oldest_unmerged_seconds"): always(9),
        on("analytics", "page_view_counts_mismatched_spans"): always(0),
        on("analytics", "page_view_count_checks_total"): grows(1),
        on("analytics", "page_view_paths"): always(100),
        on("analytics", "page_view_paths_limit"): always(200000),
    }
    return series


def requests(job, operation, fast, failed, slow=0):
    """So many requests each step: below half a second, and of 20 to 30 s, which is beyond what any document allows."""
    bucket = "http_request_duration_seconds_bucket"
    of = f'operation="{operation}"'
    return {
        on(job, "http_requests_total", f'{of},status="200"'): grows(fast + slow - failed),
        on(job, "http_requests_total", f'{of},status="500"'): grows(failed),
        on(job, bucket, f'{of},le="0.5"'): grows(fast),
        on(job, bucket, f'{of},le="20"'): grows(fast),
        on(job, bucket, f'{of},le="30"'): grows(fast + slow),
        on(job, bucket, f'{of},le="+Inf"'): grows(fast + slow),
    }


# name: (series that differ, alerts that fire); None takes a series away.
CASES = {
    "healthy": ({}, []),
    "a few failures": (requests("shop", "create_order", 150, 1), []),
    "one failed request in a quiet hour": (requests("shop", "create_order", 0, 0) | {
        on("shop", "http_requests_total", 'operation="create_order",status="500"'): f"0x60 1x{STEPS - 61}"}, []),
    "error ratio": (requests("shop", "create_order", 150, 15), ["ErrorRatioHigh"]),
    # 6 of 100 are more than a twentieth; 2 are more than a hundredth only.
    "latency": (requests("shop", "create_order", 94, 0, slow=6), ["LatencyHigh", "OperationSlow"]),
    "a slow operation": (requests("shop", "create_order", 98, 0, slow=2), ["OperationSlow"]),
    "shed": ({on("tasks", "http_requests_shed_total"): grows(1)}, ["RequestsShed"]),
    "in flight": ({on("tasks", "http_requests_in_flight"): always(500)}, ["ServiceSaturated"]),
    "pool": ({on("tasks", "database_connections", 'pool="reads",state="busy"'): always(6)}, ["DatabasePoolExhausted"]),
    "a pool in use now and then": (
        {on("tasks", "database_connections", 'pool="reads",state="busy"'): " ".join(["6 0"] * (STEPS // 2))}, []),
    "file descriptors": ({on("shop", "process_open_fds"): always(900)}, ["FileDescriptorsLow"]),
    "queue age": ({on("worker", "orders_pending_oldest_seconds"): f"0+15x{STEPS}"}, ["OrdersWait"]),
    "outbox age": ({on("worker", "outbox_oldest_seconds"): f"0+15x{STEPS}"}, ["OutboxStuck"]),
    "dead letters": ({on("worker", "dead_letters_waiting"): always(1)}, ["DeadLetters"]),
    "oversell": ({on("worker", "stock_mismatched_products"): always(1)}, ["StockMismatch"]),
    "half-reserved orders": ({on("worker", "orders_inconsistent"): always(1)}, ["OrdersInconsistent"]),
    "nobody looks for oversell": ({on("worker", "stock_checks_total"): always(7)}, ["StockNotChecked"]),
    "ingest queue, rows": ({on("analytics", "page_views_waiting"): always(19000)}, ["IngestQueueFilling"]),
    "ingest queue, bytes": ({on("analytics", "page_views_waiting_bytes"): always(16000000)}, ["IngestQueueFilling"]),
    "ingest queue, full": ({on("analytics", "page_views_refused_total"): grows(10)}, ["PageViewsRefused"]),
    "a background job": ({on("worker", "background_job_overdue_seconds", 'task="relay"'): f"0+15x{STEPS}"}, ["BackgroundJobFailing"]),
    "counts that wait": ({on("analytics", "page_view_rollups_oldest_unmerged_seconds"): f"0+15x{STEPS}"}, ["PageViewCountsBehind"]),
    "wrong counts": ({on("analytics", "page_view_counts_mismatched_spans"): always(1)}, ["PageViewCountsWrong"]),
    "nobody looks for wrong counts": ({on("analytics", "page_view_count_checks_total"): always(7)}, ["PageViewCountsNotChecked"]),
    "too many paths": ({on("analytics", "page_view_paths"): always(190000)}, ["PageViewPathsFilling"]),
    "Postgres down": ({on(job, "postgres_up"): always(0) for job in PORTS}, ["PostgresDown"]),
    "Postgres out of reach for one": ({on("shop", "postgres_up"): always(0)}, ["PostgresDown"]),
    "Postgres connections": ({on("tasks", "postgres_connections"): always(90)}, ["PostgresConnectionsHigh"]),
    "Postgres transaction": ({on("tasks", "postgres_transaction_oldest_seconds"): f"0+15x{STEPS}"}, ["PostgresTransactionOld"]),
    "Redis down": ({on("worker", "redis_up", 'purpose="queue"'): always(0)}, ["RedisDown"]),
    "Redis cache down": ({on("analytics", "redis_up", 'purpose="cache"'): always(0)}, ["RedisDown"]),
    "Redis memory": ({on("worker", "redis_memory_used_bytes", 'purpose="queue"'): always(90)}, ["RedisMemoryHigh"]),
    "Redis evicts the queue": ({on("worker", "redis_evicted_keys_total", 'purpose="queue"'): grows(1)}, ["RedisEvicting"]),
    "instance down": ({on("tasks", "up"): always(0)}, ["InstanceDown", "ServiceMissing"]),
    "one of two instances down": ({'up{job="tasks",instance="other:8000"}': always(0)}, ["InstanceDown"]),
    "nobody to be asked": ({on("worker", "up"): None}, ["ServiceMissing"]),
    "restarts": ({on("shop", "process_start_time_seconds"): " ".join(f"{n // 8}" for n in range(STEPS))}, ["InstanceRestarting"]),
    "deployed once": ({on("shop", "process_start_time_seconds"): f"1x60 2x{STEPS - 61}"}, []),
}


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


def declared_deadlines():
    """(service, operation): seconds, read from the documents."""
    for service in ("tasks", "shop", "analytics"):
        document = json.loads((ROOT / f"generated/{service}-api/openapi.json").read_text())
        for item in document["paths"].values():
            for operation in item.values():
                if isinstance(operation, dict) and "operationId" in operation:
                    yield service, operation["operationId"], operation.get("x-deadline-ms", 10_000) / 1000


def deadlines():
    """Every operation's requests take up to its deadline: all use the same share of it, whatever it is."""
    declared = list(declared_deadlines())
    buckets = [on(service, "http_request_duration_seconds_bucket", f'operation="{operation}",le="{le}"')
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
    alerts = set(re.findall(r"alert: (\w+)", RULES[1].read_text()))
    untested = alerts - {alert for _, firing in CASES.values() for alert in firing}
    failed = [f"{alert}: no case makes it fire" for alert in sorted(untested)]
    failed += [*edges.missing(RULES[1]), *recorded.missing(RULES[0])]
    tests = [*(test(name, *case) for name, case in CASES.items()), deadlines()]
    failed += promtool(program, [
        {"rule_files": [str(path) for path in RULES], "evaluation_interval": "30s", "tests": tests},
        edges.promtool_file(RULES[1]),
        recorded.promtool_file(RULES[0]),
    ])
    print("\n".join(failed))
    # As test.sh counts.
    count = len(tests) + len(edges.EDGES) + len(recorded.EXPECTED) + len(alerts)
    print(f"monitoring: {count - len(failed)} passed, {len(failed)} failed (rules)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
