#!/usr/bin/env python3
"""Prints what `run` measured as a table: ours beside PostgreSQL with one chain and with a chain a unit."""

import json
import os
import sys

folder = sys.argv[1]


def read(name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return json.load(file)


print("| Workload | System | Committed, tps | Latency ms, p50 / p90 / p99 | Ours to it |")
print("|---|---|---|---|---|")
for workload in ("register", "transfer", "import"):
    ours = read(f"ours-{workload}.json")
    rows = [(f"chaincity, {ours['validators']} validators", ours)]
    for chain, name in (("all", "one chain"), ("unit", "a chain for each unit")):
        rows.append((f"PostgreSQL, {name}", read(f"peer-{workload}-{chain}.json")))
    for name, report in rows:
        latency = " / ".join(f"{report['latency_ms'][p]:.0f}" for p in ("p50", "p90", "p99"))
        ratio = ours["committed_tps"] / max(report["committed_tps"], 1)
        print(f"| {workload} | {name} | {report['committed_tps']:,} | {latency} | {ratio:.2f} |")
