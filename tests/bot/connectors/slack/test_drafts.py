"""Answers that appear while they are written, and the signs of life before."""

import asyncio

import pytest

from bot.testing.slack import Shown
from tests.bot.connectors.slack.conftest import Run, Talk, words

TEXT = "one two three four five six"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.connectors.slack.drafts.APART_SECONDS", 0.3)


def streaming(talk: Talk, channel: str) -> list[Shown]:
    return [each for each in talk.slack.shown(channel) if each.streaming]


async def test_an_answer_grows_and_becomes_the_final_one(talk: Talk) -> None:
    channel = talk.slack.general
    ts = talk.slack.say(channel, f"compose {TEXT}", mention_bot=True)
    (draft,) = await talk.eventually(lambda: streaming(talk, channel))
    assert TEXT.startswith(words(draft))
    assert draft.thread_ts == ts
    await talk.eventually(lambda: any(len(words(each)) > 8 for each in streaming(talk, channel)))
    await talk.finished(talk.key(channel, ts))
    (final,) = talk.slack.shown(channel)
    assert (words(final), final.ts, final.streaming) == (TEXT, draft.ts, False)
    assert final.metadata is not None
    assert final.metadata["event_payload"] == {"k": f"{talk.key(channel, ts)}|compose|1"}
    assert len(talk.slack.posts) == 0, "the draft became the answer"


async def test_the_answer_replaces_a_draft_that_a_crash_left(run: Run) -> None:
    async with run(drain=0.0) as talk:
        channel = talk.slack.dm("ann")
        ts = talk.slack.say(channel, f"compose {TEXT}")
        (draft,) = await talk.eventually(lambda: streaming(talk, channel))
    assert streaming(talk, channel)
    async with run() as talk:
        await talk.finished(talk.key(channel, ts))
        (final,) = talk.slack.shown(channel)
        assert (words(final), final.ts, final.streaming) == (TEXT, draft.ts, False)


async def test_a_draft_that_slack_did_not_tell_of_is_replaced_after_a_crash(run: Run) -> None:
    async with run(drain=0.0) as talk:
        channel = talk.slack.dm("ann")
        talk.slack.lose_next("chat.startStream")
        ts = talk.slack.say(channel, f"compose {TEXT}")
        (draft,) = await talk.eventually(lambda: streaming(talk, channel))
    async with run() as talk:
        await talk.finished(talk.key(channel, ts))
        (final,) = talk.slack.shown(channel)
        assert (words(final), final.ts, final.streaming) == (TEXT, draft.ts, False)


async def test_a_lost_answer_to_the_update_shows_the_answer_once(talk: Talk) -> None:
    channel = talk.slack.dm("ann")
    talk.slack.lose_next("chat.update")
    await talk.say(channel, f"compose {TEXT}")
    assert talk.texts(channel) == [TEXT]
    assert talk.bot.delivery.in_doubt == 0


@pytest.mark.parametrize(
    "method", ["chat.startStream", "chat.appendStream", "chat.stopStream", "chat.update"]
)
@pytest.mark.parametrize("lost", [True, False])
async def test_no_fault_of_a_stream_doubles_or_loses_the_answer(talk: Talk, method: str, lost: bool) -> None:
    channel = talk.slack.dm("ann")
    if lost:
        talk.slack.lose_next(method)
    else:
        talk.slack.fail_next(method, 500)
    await talk.say(channel, f"compose {TEXT}")
    assert talk.texts(channel) == [TEXT]
    assert streaming(talk, channel) == []


async def test_where_streams_are_refused_the_answer_comes_whole(talk: Talk) -> None:
    channel = talk.slack.dm("ann")
    talk.slack.fail_next("chat.startStream", 200, {"ok": False, "error": "unknown_method"})
    await talk.say(channel, f"compose {TEXT}")
    await talk.say(channel, f"compose {TEXT}")
    assert talk.texts(channel) == [TEXT, TEXT]
    assert sum(method == "chat.startStream" for method, _ in talk.slack.requests) == 1


async def test_a_draft_mentions_nobody(talk: Talk) -> None:
    channel = talk.slack.dm("ann")
    talk.slack.slash("/parley", "compose &lt;!channel&gt; &lt;@U123ABC&gt; x y", channel=channel)
    ts = await talk.say(channel, "/compose see <b> & so on")
    for shown in talk.slack.shown(channel):
        assert shown.mentions_effective == ()
    assert talk.texts(channel, ts) == ["see <b> & so on"]


async def test_a_deleted_question_takes_its_draft_along(talk: Talk) -> None:
    channel = talk.slack.dm("ann")
    ts = talk.slack.say(channel, f"compose {TEXT} seven eight nine ten")
    await talk.eventually(lambda: streaming(talk, channel))
    talk.slack.delete(channel, ts)
    await talk.eventually(lambda: talk.slack.shown(channel) == [])
    await talk.slack.settled()
    await asyncio.sleep(0.5)
    assert talk.slack.shown(channel) == []


async def test_a_status_says_that_it_is_worked_on(talk: Talk) -> None:
    channel = talk.slack.dm("ann")
    ts = talk.slack.say(channel, "wait 0.5 done")
    (status,) = await talk.eventually(lambda: talk.slack.statuses)
    assert (status["thread_ts"], status["status"]) == (ts, "is thinking…")
    await talk.finished(talk.key(channel, ts))


async def test_where_there_is_no_status_the_answer_comes_anyway(talk: Talk) -> None:
    channel = talk.slack.dm("ann")
    talk.slack.fail_next("assistant.threads.setStatus", 200, {"ok": False, "error": "unknown_method"})
    await talk.say(channel, "echo one")
    await talk.say(channel, "echo two")
    assert talk.texts(channel) == ["one", "two"]
    assert talk.slack.statuses == []
