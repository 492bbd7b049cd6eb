"""What is recorded, computed from what services tell: every series of recording.yml has the value that follows by hand.

It is asked at second 1750, between two samples (each 15 s). The five minutes before have samples 97 to 116: counters grow
otherwise before them and change their pace within, so that another window gives another value.
"""

import re

ASKED = 1750


def pieces(*parts):
    """Counter: (samples, growth each) one after the other, from 0."""
    value, text = 0, []
    for samples, growth in parts:
        text.append(f"{value + growth}+{growth}x{samples - 1}")
        value += samples * growth
    return " ".join(text)


def counter(rate, before=100):
    """So much a second in the last five minutes: 285 in 285 s, from sample 97 to 116, times the rate."""
    return pieces((98, before * rate), (11, 23 * rate), (30, 4 * rate))


def steady(rate, before=100):
    """The same, at one pace."""
    return pieces((98, before * rate), (41, 15 * rate))


def gauge(value):
    return f"{value}x130"


JOBS = ("tasks", "shop", "analytics", "worker")
REQUESTS, BUCKET = "http_requests_total", "http_request_duration_seconds_bucket"
GIVEN = {
    # Two of three; and nobody at first.
    **{f'up{{job="{job}",instance="{instance}"}}': f"_x19 {value}x110"
       for job in JOBS for instance, value in (("a", 1), ("b", 1), ("c", 0))},
    # Of three starts (samples 40, 60, 100) two are in the last quarter of an hour (samples 57 to 116).
    'process_start_time_seconds{job="shop"}': "1x39 2x19 3x39 4x29",
    'process_open_fds{job="shop"}': gauge(30),
    'process_max_fds{job="shop"}': gauge(40),
    'process_cpu_seconds_total{job="shop"}': counter(0.5),
    # Two operations, and what is none of clients.
    f'{REQUESTS}{{job="shop",operation="a",status="200"}}': counter(6),
    f'{REQUESTS}{{job="shop",operation="b",status="404"}}': counter(3),
    f'{REQUESTS}{{job="shop",operation="a",status="500"}}': counter(0.75, before=1000),
    f'{REQUESTS}{{job="shop",operation="b",status="503"}}': counter(0.25, before=1000),
    **{f'{REQUESTS}{{job="shop",operation="{probe}",status="503"}}': counter(7) for probe in ("health", "ready", "metrics")},
    # 90 of 100 within 1 s, 96 within 2 s, all within 4 s; those of one instance all within 1 s.
    **{f'{BUCKET}{{job="shop",operation="a",instance="a",le="{le}"}}': counter(60) for le in ("1", "2", "4", "+Inf")},
    f'{BUCKET}{{job="shop",operation="a",instance="b",le="1"}}': counter(30, before=50),
    f'{BUCKET}{{job="shop",operation="a",instance="b",le="2"}}': counter(36),
    f'{BUCKET}{{job="shop",operation="a",instance="b",le="4"}}': steady(40, before=1000),
    f'{BUCKET}{{job="shop",operation="a",instance="b",le="+Inf"}}': steady(40, before=1000),
    **{f'{BUCKET}{{job="shop",operation="{probe}",le="{le}"}}': counter(1000)
       for probe in ("health", "ready", "metrics") for le in ("1", "2", "4", "+Inf")},
    'job_operation:deadline_seconds{job="shop",operation="a"}': gauge(14),
    'http_requests_shed_total{job="shop",instance="a"}': counter(1),
    'http_requests_shed_total{job="shop",instance="b"}': counter(2),
    'http_requests_in_flight{job="shop"}': gauge(64),
    'http_requests_in_flight_limit{job="shop"}': gauge(512),
    # 9 before, then 2 in one half of the five minutes and 4 in the other.
    'database_connections{job="shop",pool="reads",state="busy"}': "9x96 2x9 4x29",
    'database_connections{job="shop",pool="reads",state="size"}': gauge(6),
    'page_views_waiting{job="analytics"}': gauge(1),
    'page_views_waiting_limit{job="analytics"}': gauge(4),
    'page_views_waiting_bytes{job="analytics"}': gauge(1),
    'page_views_waiting_limit_bytes{job="analytics"}': gauge(8),
    'page_views_refused_total{job="analytics",instance="a"}': counter(2),
    'page_views_refused_total{job="analytics",instance="b"}': counter(3),
    **{f'{name}{{instance="{instance}"}}': gauge(value)
       for name, one, other in (("orders_pending_oldest_seconds", 3, 4), ("outbox_oldest_seconds", 5, 6),
                                ("dead_letters_waiting", 7, 8), ("stock_mismatched_products", 9, 10),
                                ("orders_inconsistent", 13, 14),
                                ("page_view_rollups_oldest_unmerged_seconds", 13, 14),
                                ("page_view_counts_mismatched_spans", 15, 16),
                                ("page_view_paths", 40, 50), ("page_view_paths_limit", 100, 100),
                                ("postgres_connections", 50, 60), ("postgres_connections_limit", 100, 80),
                                ("postgres_transaction_oldest_seconds", 11, 12))
       for instance, value in (("a", one), ("b", other))},
    'stock_checks_total{instance="a"}': counter(1),
    'stock_checks_total{instance="b"}': counter(1),
    'page_view_count_checks_total{instance="a"}': counter(1),
    'page_view_count_checks_total{instance="b"}': counter(1),
    'background_job_overdue_seconds{job="shop",instance="a",task="relay"}': gauge(1),
    'background_job_overdue_seconds{job="shop",instance="b",task="relay"}': gauge(2),
    **{f'order_decision_seconds_bucket{{instance="a",le="{le}"}}': counter(60) for le in ("1", "2", "+Inf")},
    'order_decision_seconds_bucket{instance="b",le="1"}': counter(30, before=50),
    'order_decision_seconds_bucket{instance="b",le="2"}': steady(40, before=1000),
    'order_decision_seconds_bucket{instance="b",le="+Inf"}': steady(40, before=1000),
    'postgres_up{job="shop",instance="a"}': gauge(1),
    'postgres_up{job="shop",instance="b"}': gauge(0),
    'redis_up{job="shop",instance="a",purpose="queue"}': gauge(1),
    'redis_up{job="shop",instance="b",purpose="queue"}': gauge(0),
    'redis_up{job="shop",instance="a",purpose="cache"}': gauge(1),
    'redis_memory_used_bytes{instance="a",purpose="queue"}': gauge(10),
    'redis_memory_used_bytes{instance="b",purpose="queue"}': gauge(30),
    'redis_memory_limit_bytes{instance="a",purpose="queue"}': gauge(40),
    'redis_memory_limit_bytes{instance="b",purpose="queue"}': gauge(40),
    'redis_evicted_keys_total{instance="a",purpose="queue"}': counter(1),
    'redis_evicted_keys_total{instance="b",purpose="queue"}': counter(2),
}

SHOP, NONE = '{job="shop"}', "{}"
EXPECTED = {
    "job:up:sum": {f'{{job="{job}"}}': 2 for job in JOBS},
    "instance:process_starts:changes15m": {SHOP: 2},
    "instance:process_open_fds:ratio": {SHOP: 0.75},
    "instance:process_cpu_seconds:rate5m": {SHOP: 0.5},
    "job:http_requests:rate5m": {SHOP: 10},
    "job:http_request_errors:ratio5m": {SHOP: 0.1},
    "job:http_request_duration_seconds:p95_5m": {SHOP: 1.833},  # five sixths of the way from 1 to 2
    "job_operation:http_request_duration_seconds:p99_5m": {'{job="shop",operation="a"}': 3.5},
    "job_operation:deadline_used:ratio5m": {'{job="shop",operation="a"}': 0.25},
    "job:http_requests_shed:rate5m": {SHOP: 3},
    "instance:http_requests_in_flight:ratio": {SHOP: 0.125},
    "instance_pool:database_connections_busy:ratio5m": {'{job="shop",pool="reads"}': 0.5},
    "instance:page_views_waiting:ratio": {'{job="analytics"}': 0.25},
    "instance:page_views_waiting_bytes:ratio": {'{job="analytics"}': 0.125},
    "job:page_views_refused:rate5m": {'{job="analytics"}': 5},
    "pipeline:orders_pending_oldest_seconds:max": {NONE: 4},
    "pipeline:outbox_oldest_seconds:max": {NONE: 6},
    "pipeline:dead_letters_waiting:max": {NONE: 8},
    "pipeline:stock_mismatched_products:max": {NONE: 10},
    "pipeline:orders_inconsistent:max": {NONE: 14},
    # In 585 s (samples 77 to 116) 2000 and 285, so much more in 600; of two.
    "pipeline:stock_checks:increase10m": {NONE: 4687.179},
    "analytics:page_view_count_checks:increase10m": {NONE: 4687.179},
    "job_task:background_job_overdue_seconds:max": {'{job="shop",task="relay"}': 2},
    "analytics:page_view_rollups_oldest_unmerged_seconds:max": {NONE: 14},
    "analytics:page_view_counts_mismatched_spans:max": {NONE: 16},
    "analytics:page_view_paths:ratio": {NONE: 0.5},
    "pipeline:order_decision_seconds:p95_5m": {NONE: 1.5},
    "job:postgres_up:min": {SHOP: 0},
    "postgres:connections:ratio": {NONE: 0.6},
    "postgres:transaction_oldest_seconds:max": {NONE: 12},
    "job_purpose:redis_up:min": {'{job="shop",purpose="queue"}': 0, '{job="shop",purpose="cache"}': 1},
    "purpose:redis_memory_used:ratio": {'{purpose="queue"}': 0.75},
    # In 885 s (samples 57 to 116) 4000 and 285, so much more in 900; of the one that evicts more.
    "purpose:redis_evicted_keys:increase15m": {'{purpose="queue"}': 8715.254},
}


def asks(series, second, samples):
    return {
        "expr": f"round({series}, 0.001) # {series}",
        "eval_time": f"{second}s",
        "exp_samples": [{"labels": labels, "value": value} for labels, value in samples.items()],
    }


def promtool_file(recording):
    nobody = asks("job:up:sum", 200, {f'{{job="{job}"}}': 0 for job in JOBS})
    return {
        "rule_files": [str(recording)],
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
    recorded = set(re.findall(r"record: '?([\w:]+)", recording.read_text()))
    return [f"{series}: no value is expected" for series in sorted(recorded ^ set(EXPECTED))]
