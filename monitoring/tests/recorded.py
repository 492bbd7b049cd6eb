"""What is recorded, computed from what services tell: every series of recording.yml has the value that follows by hand. Those of a
service's own are GIVEN and EXPECTED in impl/NAME/monitoring/tests/expectations.py.

It is asked at second 1750, between two samples (each 15 s). The five minutes before have samples 97 to 116: counters grow
otherwise before them and change their pace within, so that another window gives another value.
"""

import re

from series import PORTS, counter, gauge, owns, steady, two

ASKED = 1750

REQUESTS, BUCKET = "http_server_requests_total", "http_server_request_duration_seconds_bucket"
GIVEN = {
    # Two of three; and nobody at first.
    **{f'up{{job="{job}",instance="{instance}"}}': f"_x19 {value}x110"
       for job in PORTS for instance, value in (("a", 1), ("b", 1), ("c", 0))},
    # Of three starts (samples 40, 60, 100) two are in the last quarter of an hour (samples 57 to 116).
    'process_start_time_seconds{job="some"}': "1x39 2x19 3x39 4x29",
    'process_open_fds{job="some"}': gauge(30),
    'process_max_fds{job="some"}': gauge(40),
    'process_cpu_seconds_total{job="some"}': counter(0.5),
    # Two operations, and what is none of clients.
    f'{REQUESTS}{{job="some",operation="a",http_response_status_code="200"}}': counter(6),
    f'{REQUESTS}{{job="some",operation="b",http_response_status_code="404"}}': counter(3),
    f'{REQUESTS}{{job="some",operation="a",http_response_status_code="500"}}': counter(0.75, before=1000),
    f'{REQUESTS}{{job="some",operation="b",http_response_status_code="503"}}': counter(0.25, before=1000),
    **{f'{REQUESTS}{{job="some",operation="{probe}",http_response_status_code="503"}}': counter(7) for probe in ("health", "ready", "metrics")},
    # 90 of 100 within 1 s, 96 within 2 s, all within 4 s; those of one instance all within 1 s.
    **{f'{BUCKET}{{job="some",operation="a",instance="a",le="{le}"}}': counter(60) for le in ("1", "2", "4", "+Inf")},
    f'{BUCKET}{{job="some",operation="a",instance="b",le="1"}}': counter(30, before=50),
    f'{BUCKET}{{job="some",operation="a",instance="b",le="2"}}': counter(36),
    f'{BUCKET}{{job="some",operation="a",instance="b",le="4"}}': steady(40, before=1000),
    f'{BUCKET}{{job="some",operation="a",instance="b",le="+Inf"}}': steady(40, before=1000),
    **{f'{BUCKET}{{job="some",operation="{probe}",le="{le}"}}': counter(1000)
       for probe in ("health", "ready", "metrics") for le in ("1", "2", "4", "+Inf")},
    'job_operation:deadline_seconds{job="some",operation="a"}': gauge(14),
    'response_contract_violations_total{job="some",operation="a",instance="a"}': counter(1),
    'response_contract_violations_total{job="some",operation="a",instance="b"}': counter(4),
    'http_server_requests_shed_total{job="some",instance="a"}': counter(1),
    'http_server_requests_shed_total{job="some",instance="b"}': counter(2),
    'http_server_active_requests{job="some"}': gauge(64),
    'http_server_active_requests_limit{job="some"}': gauge(512),
    # 9 before, then 2 in one half of the five minutes and 4 in the other.
    'db_client_connections{job="some",db_client_connection_pool_name="reads",db_client_connection_state="used"}': "9x96 2x9 4x29",
    'db_client_connection_max{job="some",db_client_connection_pool_name="reads"}': gauge(6),
    **two("postgres_connections", 50, 60),
    **two("postgres_connections_limit", 100, 80),
    **two("postgres_oldest_transaction_age_seconds", 11, 12),
    'background_job_overdue_seconds{job="some",instance="a",task="relay"}': gauge(1),
    'background_job_overdue_seconds{job="some",instance="b",task="relay"}': gauge(2),
    **two("secret_files_rejected", 0, 1),
    'postgres_up{job="some",instance="a"}': gauge(1),
    'postgres_up{job="some",instance="b"}': gauge(0),
    'postgres_writable{job="some",instance="a"}': gauge(1),
    'postgres_writable{job="some",instance="b"}': gauge(0),
    'db_client_connections{job="some",instance="a",db_client_connection_pool_name="writes",db_client_connection_state="abandoned"}': gauge(2),
    'db_client_connections{job="some",instance="b",db_client_connection_pool_name="writes",db_client_connection_state="abandoned"}': gauge(3),
    'rate_limit_local_fallbacks_total{job="some",instance="a"}': counter(1),
    'rate_limit_local_fallbacks_total{job="some",instance="b"}': counter(2),
    'redis_up{job="some",instance="a",purpose="queue"}': gauge(1),
    'redis_up{job="some",instance="b",purpose="queue"}': gauge(0),
    'redis_up{job="some",instance="a",purpose="cache"}': gauge(1),
    'redis_memory_used_bytes{instance="a",purpose="queue"}': gauge(10),
    'redis_memory_used_bytes{instance="b",purpose="queue"}': gauge(30),
    'redis_memory_limit_bytes{instance="a",purpose="queue"}': gauge(40),
    'redis_memory_limit_bytes{instance="b",purpose="queue"}': gauge(40),
    'redis_evicted_keys_total{instance="a",purpose="queue"}': counter(1),
    'redis_evicted_keys_total{instance="b",purpose="queue"}': counter(2),
}

SOME, NONE = '{job="some"}', "{}"
EXPECTED = {
    "job:up:sum": {f'{{job="{job}"}}': 2 for job in PORTS},
    "instance:process_starts:changes15m": {SOME: 2},
    "instance:process_open_fds:ratio": {SOME: 0.75},
    "instance:process_cpu_seconds:rate5m": {SOME: 0.5},
    "job:http_server_requests:rate5m": {SOME: 10},
    "job:http_server_request_errors:ratio5m": {SOME: 0.1},
    "job:http_server_request_duration_seconds:p95_5m": {SOME: 1.833},  # five sixths of the way from 1 to 2
    "job_operation:http_server_request_duration_seconds:p99_5m": {'{job="some",operation="a"}': 3.5},
    "job_operation:response_contract_violations:rate5m": {'{job="some",operation="a"}': 5},
    "job_operation:deadline_used:ratio5m": {'{job="some",operation="a"}': 0.25},
    "job:http_server_requests_shed:rate5m": {SOME: 3},
    "instance:http_server_active_requests:ratio": {SOME: 0.125},
    "instance_pool:db_client_connections_used:ratio5m": {'{job="some",db_client_connection_pool_name="reads"}': 0.5},
    "job_task:background_job_overdue_seconds:max": {'{job="some",task="relay"}': 2},
    "job:secret_files_rejected:max": {NONE: 1},
    "job:postgres_up:min": {SOME: 0},
    "job:postgres_writable:min": {SOME: 0},
    "job:db_client_connections_abandoned:max": {SOME: 3},
    "job:rate_limit_local_fallbacks:rate5m": {SOME: 3},
    "postgres:connections:ratio": {NONE: 0.6},
    "postgres:oldest_transaction_age_seconds:max": {NONE: 12},
    "job_purpose:redis_up:min": {'{job="some",purpose="queue"}': 0, '{job="some",purpose="cache"}': 1},
    "purpose:redis_memory_used:ratio": {'{purpose="queue"}': 0.75},
    # In 885 s (samples 57 to 116) 4000 and 285, so much more in 900; of the one that evicts more.
    "purpose:redis_evicted_keys:increase15m": {'{purpose="queue"}': 8715.254},
}
for service in owns("expectations.py").values():
    GIVEN |= service.GIVEN
    EXPECTED |= service.EXPECTED


def asks(series, second, samples):
    return {
        "expr": f"round({series}, 0.001) # {series}",
        "eval_time": f"{second}s",
        "exp_samples": [{"labels": labels, "value": value} for labels, value in samples.items()],
    }


def promtool_file(recording):
    """Asks of recording rules alone, among them those of instances, which are generated."""
    nobody = asks("job:up:sum", 200, {f'{{job="{job}"}}': 0 for job in PORTS})
    return {
        "rule_files": [str(path) for path in recording],
        "evaluation_interval": "50s",
        "tests": [{
            "name": "what is recorded",
            "interval": "15s",
            "input_series": [{"series": series, "values": values} for series, values in GIVEN.items()],
            "promql_expr_test": [nobody, *(asks(series, ASKED, samples) for series, samples in EXPECTED.items())],
        }],
    }


def missing(recording):
    """Series that nobody expects."""
    recorded = set(re.findall(r"\brecord\W+([\w:]+)", "".join(path.read_text() for path in recording)))
    return [f"{series}: no value is expected" for series in sorted(recorded ^ set(EXPECTED))]
