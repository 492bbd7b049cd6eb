"""Threshold, duration and severity of each alert. The recorded series of an alert are given directly, so that no window or sum
blurs the moment: at its threshold it is inactive, just beyond it pending, then firing, and at the threshold inactive again.

The numbers are repeated here by hand, so that a change in alerts.yml is deliberate: change both. Those of
a service's own alerts are EDGES in impl/NAME/monitoring/tests/expectations.py. Values need not be possible (an `up` of 0.999): the
threshold is what is tested.
"""

import re

from series import owns

STEP = 5  # seconds between samples and evaluations
REST = 60  # seconds an alert is watched beyond the time it waits
BEYOND = 0.001  # of the number; of 1, where the number is 0

# alert, severity, seconds it waits, what it looks at, beyond which number it fires, what must be so as well
EDGES = [
    ("InstanceDown", "warning", 60, 'up{job="a"}', "<", 1),
    ("ServiceDown", "critical", 60, 'job:up:sum{job="a"}', "<", 1),
    ("InstanceRestarting", "warning", 0, "instance:process_starts:changes15m", ">", 2),
    # A ratio of next to nothing is noise.
    ("HighErrorRate", "critical", 120, 'job:http_server_request_errors:ratio5m{job="a"}', ">", 0.02,
     'job:http_server_requests:rate5m{job="a"}', 0.06),
    ("HighErrorRate", "critical", 120, 'job:http_server_requests:rate5m{job="a"}', ">", 0.05,
     'job:http_server_request_errors:ratio5m{job="a"}', 0.03),
    ("HighLatency", "warning", 300, 'job:http_server_request_duration_seconds:p95_5m{job="a"}', ">", 1),
    ("OperationNearDeadline", "warning", 300, 'job_operation:deadline_used:ratio5m{job="a"}', ">", 0.5),
    ("ResponseContractViolated", "warning", 0, 'job_operation:response_contract_violations:rate5m{job="a",operation="b"}', ">", 0),
    ("RequestsShed", "warning", 120, 'job:http_server_requests_shed:rate5m{job="a"}', ">", 0),
    ("ServiceSaturated", "warning", 120, "instance:http_server_active_requests:ratio", ">", 0.8),
    ("DatabasePoolExhausted", "warning", 120, "instance_pool:db_client_connections_used:ratio5m", ">", 0.9),
    ("FileDescriptorsNearLimit", "warning", 120, "instance:process_open_fds:ratio", ">", 0.8),
    ("BackgroundJobFailing", "warning", 60, 'job_task:background_job_overdue_seconds:max{job="a",task="relay"}', ">", 120),
    ("SecretFileRejected", "warning", 60, 'job:secret_files_rejected:max{job="a"}', ">", 0),
    ("PostgresDown", "critical", 30, 'job:postgres_up:min{job="a"}', "<", 1),
    ("PostgresReadOnly", "critical", 30, 'job:postgres_writable:min{job="a"}', "<", 1),
    ("PostgresWritesAwaitStandby", "critical", 60, 'job:db_client_connections_abandoned:max{job="a"}', ">", 0),
    ("PostgresConnectionsNearLimit", "warning", 120, "postgres:connections:ratio", ">", 0.85),
    ("PostgresLongTransaction", "warning", 60, "postgres:oldest_transaction_age_seconds:max", ">", 300),
    ("RedisDown", "warning", 30, 'job_purpose:redis_up:min{job="a",purpose="cache"}', "<", 1),
    ("RateLimitsNotShared", "warning", 60, 'job:rate_limit_local_fallbacks:rate5m{job="a"}', ">", 0),
    ("RedisMemoryNearLimit", "warning", 120, 'purpose:redis_memory_used:ratio{purpose="queue"}', ">", 0.8),
    ("RedisEvicting", "warning", 0, 'purpose:redis_evicted_keys:increase15m{purpose="queue"}', ">", 0),
]
EDGES += [edge for module in owns("expectations.py").values() for edge in module.EDGES]


def held(value, seconds):
    """A sample every step; promtool takes `1x2` for three."""
    return f"{value}x{seconds // STEP - 1}"


def group(alert, severity, waits, series, direction, number, *also):
    """A group of promtool's: at the number, for longer than the alert waits; beyond it; and back."""
    beyond = number + (number or 1) * (BEYOND if direction == ">" else -BEYOND)
    begins = waits + REST
    ends = begins + waits + REST
    inputs = {series: " ".join([held(number, begins), held(beyond, ends - begins), held(number, REST)])}
    if also:
        inputs |= {also[0]: held(also[1], ends + REST)}

    def at(second, state=None):
        labels = f'{{alertname="{alert}",alertstate="{state}",severity="{severity}"}}'
        return {
            "expr": "count by (alertname, alertstate, severity) (ALERTS)",
            "eval_time": f"{second}s",
            "exp_samples": [{"labels": labels, "value": 1}] if state else [],
        }

    pending = [at(begins, "pending"), at(begins + waits - STEP, "pending")] if waits else []
    return {
        "name": f"{alert}: {series} {direction} {number} for {waits} s",
        "interval": f"{STEP}s",
        "input_series": [{"series": name, "values": values} for name, values in inputs.items()],
        "promql_expr_test": [
            at(begins - STEP), *pending, at(begins + waits, "firing"), at(ends - STEP, "firing"), at(ends)],
    }


def promtool_file(alerts):
    """Asks of the alerts alone: what they look at is given."""
    return {
        "rule_files": [str(path) for path in alerts],
        "evaluation_interval": f"{STEP}s",
        "tests": [group(*edge) for edge in EDGES],
    }


def missing(alerts):
    """Alerts of which not every comparison has an edge."""
    for block in (block for path in alerts for block in re.split(r"^ +- alert: ", path.read_text(), flags=re.M)[1:]):
        name = block.split("\n", 1)[0]
        comparisons = len(re.findall(r" (?:[<>]=?|[!=]=) ", re.search(r"^ +expr: (.+)$", block, re.M)[1]))
        edges = sum(edge[0] == name for edge in EDGES)
        if comparisons != edges:
            yield f"{name}: {comparisons} comparisons, {edges} edges"
