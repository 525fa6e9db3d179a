#!/usr/bin/env python3
"""Prints reports of `chaincity bench --json FILE` as rows of the table in RESULTS.md."""

import json
import sys


def latency(of):
    return " / ".join(f"{of[p]:.0f}" for p in ("p50", "p90", "p99"))


for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as file:
        r = json.load(file)
    half = r.get("half_load")
    cells = [
        f"{r['workload']}, {r['validators']}",
        f"{r['verify_per_core']:,}",
        f"{r['limit_tps']:,}",
        f"{r['committed_tps']:,}" + ("" if r["sustained"] else " of " + f"{r['offered_tps']:,}"),
        f"{100 * r['share_of_limit']:.1f} %",
        r.get("block_transactions", "–"),
        latency(r["latency_ms"]),
        latency(half["latency_ms"]) if half else "–",
        f"{r['cpu_us_per_tx']['total']:,}",
        f"{r['client_cpu_us_per_tx']:,}",
        f"{r['wire_bytes_per_tx']:,}" if "wire_bytes_per_tx" in r else "–",
        f"{r['disk_bytes_per_record']:,}",
        r["rss_mb"],
        f"{r['lost']} / {r['duplicated']}",
    ]
    print("| " + " | ".join(str(cell) for cell in cells) + " |")
