"""The figures of a comparison: names, goals, and the table that a person reads."""

import statistics

# Name, unit, and the goal: ("ratio", at most), ("value", Medallion's at most), ("rate", ratio at least) or None.
FIGURES = [
    ("start, empty directory: first answer", "ms", ("value", 50)),
    ("start, empty directory: new topic's first acknowledged write", "ms", None),
    ("start, 100 partitions: first answer", "ms", None),
    ("start, 100 partitions: every partition acknowledged a write", "ms", None),
    ("stop, 100 partitions, after the load", "ms", None),
    ("memory idle (resident)", "MiB", ("value", 24)),
    ("memory under load (most ever resident)", "MiB", ("value", 150)),
    ("CPU idle", "ms/s", None),
    ("produce 100 B acks=1: rate", "MB/s", ("rate", 1.0)),
    ("produce 100 B acks=1: server CPU", "s/GB", None),
    ("produce 100 B acks=all: rate", "MB/s", ("rate", 1.0)),
    ("produce 100 B acks=all: server CPU", "s/GB", None),
    ("produce 1 KiB acks=1: rate", "MB/s", ("rate", 1.0)),
    ("produce 1 KiB acks=1: server CPU", "s/GB", ("ratio", 0.5)),
    ("produce 1 KiB acks=all: rate", "MB/s", ("rate", 1.0)),
    ("produce 1 KiB acks=all: server CPU", "s/GB", ("ratio", 0.5)),
    ("read 100 B: rate", "MB/s", ("rate", 1.0)),
    ("read 100 B: server CPU", "s/GB", None),
    ("read 1 KiB: rate", "MB/s", ("rate", 1.0)),
    ("read 1 KiB: server CPU", "s/GB", ("ratio", 0.5)),
]


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "count": len(values)}


def summarize(pairs, listed=FIGURES):
    """Median and spread of each figure, of both servers and of the ratio within each pair."""
    summary = {}
    for name, unit, goal in listed:
        seen = [(m[name], k[name]) for m, k in pairs if name in m and name in k]
        if not seen:
            continue
        ratios = [m / k for m, k in seen if k > 0]
        summary[name] = {
            "unit": unit,
            "medallion": spread([m for m, _ in seen]),
            "kafka": spread([k for _, k in seen]),
            "ratio": spread(ratios) if ratios else None,
            "goal": goal_text(goal),
            "met": is_met(goal, [m for m, _ in seen], ratios),
        }
    return summary


def goal_text(goal):
    forms = {"value": "≤ {}", "ratio": "≤ {}× Kafka", "rate": "≥ {}× Kafka"}
    return forms[goal[0]].format(goal[1]) if goal else ""


def is_met(goal, medallion, ratios):
    """By the median."""
    if not goal:
        return None
    kind, limit = goal
    if kind == "value":
        return statistics.median(medallion) <= limit
    if kind == "ratio":
        return statistics.median(ratios) <= limit
    return statistics.median(ratios) >= limit


def number(value):
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(values):
    if values is None:
        return "-"
    return f"**{number(values['median'])}** ({number(values['min'])} – {number(values['max'])})"


def table(summary):
    lines = [
        "| figure | unit | Medallion: median (min – max) | Kafka: median (min – max) | ratio pair by pair | goal | met |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in summary.items():
        met = {None: "", True: "yes", False: "**no**"}[row["met"]]
        cells = [name, row["unit"], cell(row["medallion"]), cell(row["kafka"]), cell(row["ratio"]), row["goal"], met]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
