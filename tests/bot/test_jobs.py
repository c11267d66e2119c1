"""Jobs: when they are due, and that each time they run once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot import ticking
from bot.errors import BadSettings, BrokenPlugin
from bot.jobs import Job, Schedule, job
from bot.observers import WatchContext
from bot.settings import Settings, load_settings
from bot.steps import Span
from bot.ticking import Ticking
from storage import Fenced, open_store

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = timedelta(days=7)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "last", "upcoming"),
    [
        (Schedule(every=timedelta(hours=1)), "2026-03-02 10:30", "2026-03-02 11:30"),
        (Schedule(at="09:00"), "2026-03-02 08:59", "2026-03-02 09:00"),
        (Schedule(at="09:00"), "2026-03-02 09:00", "2026-03-03 09:00"),
        (Schedule(at="9:00"), "2026-12-31 10:00", "2027-01-01 09:00"),
        (Schedule(at="mon 09:00"), "2026-03-02 09:00", "2026-03-09 09:00"),  # a Monday
        (Schedule(at="mon 09:00"), "2026-03-02 08:00", "2026-03-02 09:00"),
        (Schedule(at="sun 23:59"), "2026-03-02 09:00", "2026-03-08 23:59"),
        (Schedule(every=WEEK, at="mon 09:00"), "2026-03-02 09:00", "2026-03-09 09:00"),
        (Schedule(every=2 * WEEK, at="mon 09:00"), "2026-03-02 09:00", "2026-03-16 09:00"),
        (Schedule(every=2 * WEEK, at="mon 09:00"), "2026-03-04 13:00", "2026-03-09 09:00"),
        (Schedule(every=timedelta(hours=1), at="09:00"), "2026-03-02 09:00", "2026-03-03 09:00"),
    ],
)
def test_the_next_time(schedule: Schedule, last: str, upcoming: str) -> None:
    assert schedule.next(at(last)) == at(upcoming)


def test_times_of_day_are_the_operators_and_summer_time_moves_them_not() -> None:
    schedule = Schedule(every=WEEK, at="mon 09:00")
    before = datetime(2026, 3, 23, 9, tzinfo=BERLIN)
    after = datetime(2026, 3, 30, 9, tzinfo=BERLIN)
    assert schedule.next(before, BERLIN) == after
    assert after.astimezone(UTC) - before.astimezone(UTC) == WEEK - timedelta(hours=1)
    assert schedule.next(datetime(2026, 10, 19, 9, tzinfo=BERLIN), BERLIN) == datetime(
        2026, 10, 26, 9, tzinfo=BERLIN
    )
    assert Schedule(at="09:00").next(at("2026-01-01 00:00"), timezone(timedelta(hours=-5))) == at(
        "2026-01-01 14:00"
    )


def test_a_time_that_a_night_skips_or_repeats_comes_once_a_day() -> None:
    schedule = Schedule(at="02:30")
    for night in (at("2026-03-27 12:00"), at("2026-10-23 12:00")):
        moments, last = [], night
        for _ in range(4):
            last = schedule.next(last, BERLIN)
            moments.append(last)
        gaps = [(b - a).total_seconds() / 3600 for a, b in pairwise(moments)]
        assert all(22 < gap < 26 for gap in gaps), gaps


def test_what_was_missed_counts_once() -> None:
    hourly, weekly = Schedule(every=timedelta(hours=1)), Schedule(at="mon 09:00")
    assert hourly.due(at("2026-03-02 10:00"), at("2026-03-02 10:59")) is None
    assert hourly.due(at("2026-03-02 10:00"), at("2026-03-05 10:10")) == at("2026-03-05 10:00")
    assert weekly.due(at("2026-03-02 09:00"), at("2026-03-09 08:59")) is None
    assert weekly.due(at("2026-03-02 09:00"), at("2026-04-01 00:00")) == at("2026-03-30 09:00")
    assert weekly.due(at("2026-03-02 09:00"), at("2026-03-01 00:00")) is None


@pytest.mark.parametrize(
    ("time", "words"),
    [
        ({}, "needs a time"),
        ({"every": timedelta(0)}, "at least a second"),
        ({"at": "25:00"}, "not '25:00'"),
        ({"at": "monday 09:00"}, "'mon 09:00'"),
        ({"at": "Mon 09:00"}, "'mon 09:00'"),
    ],
)
def test_a_time_that_cannot_be_is_refused(time: dict[str, object], words: str) -> None:
    with pytest.raises(BrokenPlugin, match=words):

        @job(**time)  # type: ignore[arg-type]
        async def digest(context: WatchContext) -> None:
            """Digest."""


def test_a_declaration_needs_a_name_a_docstring_and_async() -> None:
    async def bare(context: WatchContext) -> None:
        pass

    def plain(context: WatchContext) -> None:
        """Plain."""

    with pytest.raises(BrokenPlugin, match="give it a docstring"):
        job(at="09:00")(bare)
    with pytest.raises(BrokenPlugin, match="async def"):
        job(at="09:00")(plain)  # type: ignore[arg-type]
    with pytest.raises(BrokenPlugin, match="small letters"):
        job(at="09:00", name="The Digest")(bare)


def test_the_zone_of_the_settings_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "parley.toml"
    file.write_text('time_zone = "Europe/Berlin"\n')
    assert load_settings(file).time_zone == "Europe/Berlin"
    file.write_text('time_zone = "Middle/Earth"\n')
    with pytest.raises(BadSettings, match="'Middle/Earth' is no time zone"):
        load_settings(file)
    assert Settings().time_zone == ""


class Clock:
    """A present that tests set."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment


class Recorded:
    """Steps that keep what was asked, move the mark, and fail as often as told."""

    def __init__(self, store: object, failures: int = 0) -> None:
        self.taken: list[Span] = []
        self.failures = failures
        self._store = store

    async def take(
        self, job: Job, span: Span, moment: datetime, call: Callable[[object], Awaitable[object]]
    ) -> None:
        if self.failures:
            self.failures -= 1
            raise ValueError("not yet")
        self.taken.append(span)
        await self._store.notes.write("watching", {"job:p/digest": span.after})  # type: ignore[attr-defined]


@pytest.fixture
def digest() -> Job:
    @job(at="mon 09:00")
    async def digest(context: WatchContext) -> None:
        """Digest."""

    return Job(digest.name, digest.function, digest.summary, digest.schedule, plugin="p")


async def test_a_job_runs_once_each_time_whatever_is_missed_or_fails(
    sqlite_url: str, digest: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticking, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(ticking, "LONGEST_SLEEP", 0.02)
    clock = Clock(at("2026-03-04 12:00"))
    async with open_store(sqlite_url) as store:
        steps = Recorded(store, failures=3)
        running = asyncio.create_task(Ticking(digest, store, steps, UTC, clock).run())  # type: ignore[arg-type]
        await asyncio.sleep(0.1)
        assert steps.taken == []
        clock.moment = at("2026-03-09 09:00")
        await until(lambda: len(steps.taken) == 1)
        await asyncio.sleep(0.1)
        assert [each.after for each in steps.taken] == ["2026-03-09T09:00:00+00:00"]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        clock.moment = at("2026-04-01 12:00")  # three Mondays later
        again = asyncio.create_task(Ticking(digest, store, steps, UTC, clock).run())  # type: ignore[arg-type]
        await until(lambda: len(steps.taken) == 2)
        await asyncio.sleep(0.1)
        assert [each.after for each in steps.taken[1:]] == ["2026-03-30T09:00:00+00:00"]
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)


async def test_a_step_taken_by_another_is_no_failure_for_ever(
    sqlite_url: str, digest: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes at the same due time: the loser hears Fenced, looks again and finds it done."""
    monkeypatch.setattr(ticking, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(ticking, "LONGEST_SLEEP", 0.02)
    async with open_store(sqlite_url) as store:
        steps = Recorded(store)
        clock = Clock(at("2026-03-04 12:00"))
        await store.watching.begin("job:p/digest", clock.moment.isoformat())
        clock.moment = at("2026-03-09 10:00")
        taken: list[str] = []

        async def beaten(job: Job, span: Span, moment: datetime, call: object) -> None:
            taken.append(span.after)
            await store.notes.write("watching", {"job:p/digest": span.after})
            raise Fenced("another was faster")

        monkeypatch.setattr(steps, "take", beaten)
        running = asyncio.create_task(Ticking(digest, store, steps, UTC, clock).run())  # type: ignore[arg-type]
        await until(lambda: bool(taken))
        await asyncio.sleep(0.1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert taken == ["2026-03-09T09:00:00+00:00"]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)
