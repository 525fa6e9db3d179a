#!/usr/bin/env python3
"""Prints reports of `chaincity bench --workload size --json FILE`, `--workload process` or
`--workload disclosure`, side by side, with the growth from the first to the last, as a table of RESULTS.md."""

import json
import sys

reports = []
for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as file:
        reports.append(json.load(file))


def at(*path):
    def value(report):
        for part in path:
            report = report.get(part, {})
        return report if report != {} else None

    return value


CASES = [
    ("Open cases", at("cases", "open_cases")),
    ("Terms that end at one instant", at("cases", "deadlines")),
    ("Beginning them, cases a second", at("cases", "load_per_s")),
    ("Steps a second", at("steps_per_s")),
    ("Transactions committed, tps", at("committed_tps")),
    ("– p50, ms", at("latency_ms", "p50")),
    ("– p99, ms", at("latency_ms", "p99")),
    ("Steps a transaction", at("cases", "steps_per_tx")),
    ("Processor time of a transaction, µs of all nodes", at("cpu_us_per_tx", "total")),
    ("– executing it", at("cpu_us_per_tx", "execution")),
    ("List of tasks at half load, p50, ms", at("cases", "task_list_ms", "p50")),
    ("– p99, ms", at("cases", "task_list_ms", "p99")),
    ("Steps at half load, p50, ms", at("cases", "half_load_latency_ms", "p50")),
    ("– p99, ms", at("cases", "half_load_latency_ms", "p99")),
    ("Terms carried out after, p50, ms", at("cases", "timer_lag_ms", "p50")),
    ("– p99, ms", at("cases", "timer_lag_ms", "p99")),
    ("– the last, ms", at("cases", "timer_lag_ms", "max")),
    ("– seen by queries, ms", at("cases", "timers_queried_ms")),
    ("Disk, bytes a version", at("disk_bytes_per_record")),
    ("Peak memory, MB", at("rss_mb")),
    ("Steps and cases that differ", at("cases", "cases_differing")),
]
SIZE = [
    ("Units with their rights", at("at_size", "units")),
    ("Import, units a second", at("at_size", "import_per_s")),
    ("Import, seconds", at("at_size", "import_seconds")),
    ("Registrations committed, tps", at("at_size", "register", "committed_tps")),
    ("– p50, ms", at("at_size", "register", "latency_ms", "p50")),
    ("– p99, ms", at("at_size", "register", "latency_ms", "p99")),
    ("Transfers committed, tps", at("at_size", "transfer", "committed_tps")),
    ("– p50, ms", at("at_size", "transfer", "latency_ms", "p50")),
    ("– p99, ms", at("at_size", "transfer", "latency_ms", "p99")),
    ("Query by key at half load, p50, ms", at("at_size", "query_by_key_ms", "p50")),
    ("– p99, ms", at("at_size", "query_by_key_ms", "p99")),
    ("Query by index at half load, p50, ms", at("at_size", "query_by_index_ms", "p50")),
    ("– p99, ms", at("at_size", "query_by_index_ms", "p99")),
    ("Disk, bytes a version", at("disk_bytes_per_record")),
    ("Disk, bytes a signed byte", at("disk_to_signed")),
    ("Processor time of an imported unit, µs of all nodes", at("cpu_us_per_tx", "total")),
    ("Peak memory, MB", at("rss_mb")),
    ("Restart until it answers, ms", at("at_size", "restart_ready_ms")),
    ("– until it has caught up, ms", at("at_size", "restart_caught_up_ms")),
    ("Snapshot until its state is level, ms", at("at_size", "snapshot_state_ms")),
    ("– until its history is whole, ms", at("at_size", "snapshot_history_ms")),
    ("– until its queries are level, ms", at("at_size", "snapshot_queries_ms")),
]


def disclosure(*path):
    return at("disclosure", *path)


def registering(kind):
    return [
        ("– before the window: sealing and signing, nodes", disclosure(kind, "preparing_nodes_us")),
        ("– – client", disclosure(kind, "preparing_client_us")),
        ("– in the window, nodes", disclosure(kind, "window", "cpu_us_per_tx", "total")),
        ("– – client", disclosure(kind, "client_us")),
        ("– committed, tps", disclosure(kind, "window", "committed_tps")),
        ("– p50, ms", disclosure(kind, "window", "latency_ms", "p50")),
        ("– p99, ms", disclosure(kind, "window", "latency_ms", "p99")),
    ]


def opened(kind):
    ranks = ["p50", "p90", "p99"]
    return [(f"– {rank}, ms", disclosure(kind, "latency_ms", rank)) for rank in ranks]


DISCLOSURE = [
    ("Deeds that are asked for", disclosure("records")),
    ("A registration in clear, µs of processor time", disclosure("clear", "total_us")),
    *registering("clear"),
    ("An encrypted registration, µs of processor time", disclosure("encrypted", "total_us")),
    *registering("encrypted"),
    ("Encrypted to clear", disclosure("cost_ratio")),
    ("Accesses opened a second", disclosure("accesses", "committed_tps")),
    *opened("accesses"),
    ("– processor time of an access, µs of all nodes", disclosure("accesses", "cpu_us_per_tx", "total")),
    ("– – of it the release agent", disclosure("accesses", "cpu_us_per_tx", "release")),
    ("– – client", disclosure("access_client_us")),
    ("From the click until it is opened, quiet, accesses a second", disclosure("quiet", "offered_tps")),
    *opened("quiet"),
    ("The same beside encrypted registrations, tps", disclosure("half_load_tps")),
    *opened("half_load"),
    ("Accesses asked", disclosure("asked")),
    ("– not answered once, or with other values", disclosure("answers_differing")),
    ("Peak memory, MB", at("rss_mb")),
]

KINDS = {"cases": CASES, "disclosure": DISCLOSURE}
table = next((rows for kind, rows in KINDS.items() if kind in reports[0]), SIZE)
for title, of in table:
    values = [of(report) for report in reports]
    growth = f"× {values[-1] / values[0]:.2f}" if values[0] and values[-1] is not None else "–"
    known = ["–" if value is None else value for value in values]
    cells = [f"{v:,.1f}" if isinstance(v, float) else v if v == "–" else f"{v:,}" for v in known]
    print("| " + " | ".join([title, *cells, growth]) + " |")
