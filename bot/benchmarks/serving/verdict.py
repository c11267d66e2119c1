"""What a contest says in a few numbers."""

from __future__ import annotations

from statistics import median
from typing import Any

from bot.benchmarks.serving.contest import HALF, SATURATED, Contest, Row
from bot.benchmarks.serving.loads import CHAT
from bot.benchmarks.serving.stage import LIMIT, OURS

NAIVE = "naive"


def verdict(contest: Contest) -> dict[str, Any]:
    """Shares of the limit on chat messages, times, and the table behind them."""
    shares = {row["system"]: row["share_of_limit"] for row in contest.table if is_saturated(row)}
    peers = {name: share for name, share in shares.items() if name not in (OURS, LIMIT)}
    best = max(peers, key=lambda name: peers[name], default=None)
    own = [row for row in contest.table if row["system"] == OURS]
    half = next((row for row in own if row["rate"] == HALF), {})
    lags = [row["loop_lag_p99_ms"] for row in own]
    return {
        "share_of_limit": shares[OURS],
        "best_peer": best,
        "best_peer_share": peers.get(best or ""),
        "times_best_peer": round(shares[OURS] / peers[best], 2) if best else None,
        "naive_share": peers.get(NAIVE),
        "p99_half_load_ms": half.get("p99_ms"),
        "longest_batch_ms": half.get("longest_batch_ms"),
        "idle_ratio": contest.own["idle_ratio"],
        "loop_lag_p99_ms": round(median(lags), 2) if lags else None,
        "alert_p99_batches": contest.own["alerts"]["alert_p99_batches"],
        "engine": contest.own["device"].partition(",")[0],
        "device": contest.own["device"].partition(",")[2].strip(),
        "alerts": contest.own["alerts"],
        "idle_ms": contest.own["idle_ms"],
        "direct_ms": contest.own["direct_ms"],
        "padding": contest.own["padding"],
        "card": of_the_card(contest),
        "left_out": contest.missing,
        "table": contest.table,
    }


def is_saturated(row: Row) -> bool:
    """Whether a row is of a burst of chat messages."""
    return bool(row["rate"] == SATURATED and row["mix"] == CHAT)


def of_the_card(contest: Contest) -> Row:
    """Our messages and tokens a second as shares of what a graphics card would allow; empty without one."""
    card: Row = contest.own.get("card", {})
    if not card:
        return {}
    row = next(each for each in contest.table if each["system"] == OURS and is_saturated(each))
    messages = row["throughput"]
    tokens = messages * card["tokens_per_message"]
    return card | {
        "messages_per_s": messages,
        "tokens_per_s": round(tokens),
        "share_of_matrix_rate": round(tokens / card["matrix_tokens_per_s"], 4),
        "share_of_memory_rate": round(tokens / card["memory_tokens_per_s"], 4),
        "share_of_reading": round(messages / card["reading_messages_per_s"], 4),
    }
