"""Token buckets: a burst up to the limit, then an even flow."""

from bot import Author, Channel, Message
from bot.guards.limits import Limits, TokenBuckets
from bot.message import now
from bot.settings import LimitSettings


def test_bucket_allows_the_limit_then_one_per_interval() -> None:
    moment = [0.0]
    buckets = TokenBuckets(6, clock=lambda: moment[0])
    assert [buckets.wait("ann") for _ in range(6)] == [0.0] * 6
    assert buckets.wait("ann") == 10.0
    assert buckets.wait("bob") == 0.0
    moment[0] = 10.0
    assert buckets.wait("ann") == 0.0
    assert buckets.wait("ann") > 0


def test_zero_means_no_limit() -> None:
    assert not any(TokenBuckets(0).wait("ann") for _ in range(1000))


def _message(platform: str) -> Message:
    return Message("k", Channel(platform, "room"), Author("ann"), "hi", now())


def test_the_terminal_has_no_limit() -> None:
    limits = Limits(LimitSettings(person_per_minute=1))
    assert limits.wait(_message("web")) == 0.0
    assert limits.wait(_message("web")) > 0.0
    assert not any(limits.wait(_message("terminal")) for _ in range(10))
