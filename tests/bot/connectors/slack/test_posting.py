"""Replies on their way out: every answer of Slack's, lost answers, limits, long texts, dead tokens."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.connectors.pacing import Pace
from bot.connectors.slack import SlackConnector
from bot.connectors.slack.connector import POSTS_A_SECOND, POSTS_AT_ONCE, _fault
from bot.connectors.slack.parts import MOST_PARTS, PART_CHARACTERS, parts_of
from bot.errors import SignInRefused
from bot.message import Citation, Reply
from bot.testing.slack import Dice, FakeSlack
from tests.bot.connectors.slack.conftest import Run, Talk, relax, running, slack_settings, words

POST = "chat.postMessage"


async def outbox_states(talk: Talk) -> list[str]:
    """Those parts that are not sent."""
    return [str(part.state) for part in await talk.bot.store.outbox.pending(("slack",), 100)]


def calls(talk: Talk, method: str = POST) -> int:
    return sum(name == method for name, _ in talk.slack.requests)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (429, {"Retry-After": "0.2"}, None),
        (429, {"Retry-After": "0"}, None),
        (200, {}, {"ok": False, "error": "ratelimited"}),
        (429, {"Retry-After": "1", "Content-Type": "text/html"}, "<html>slow down</html>"),
    ],
)
async def test_a_reply_that_is_too_early_is_sent_later(
    talk: Talk, status: int, headers: dict[str, str], body: Any
) -> None:
    """F19."""
    talk.slack.fail_next(POST, status, body, headers)
    await talk.say(talk.slack.dm("ann"), "echo later")
    assert talk.texts(talk.slack.dm("ann")) == ["later"]
    assert talk.bot.delivery.in_doubt == 0


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"ok": False, "error": "internal_error"}),
        (502, "<html>Bad Gateway</html>"),
        (503, "<html>Service Unavailable</html>"),
        (200, {"ok": False, "error": "fatal_error"}),
        (200, "no json at all"),
        (200, b"\x1f\x8b\x08 not gzip"),
        (0, None),
    ],
)
async def test_a_failure_is_looked_up_and_sent_again(talk: Talk, status: int, body: Any) -> None:
    """F20: nothing was taken, so it is sent again once that is known."""
    talk.slack.fail_next(POST, status, body, {"Content-Type": "application/json"} if status == 200 else {})
    await talk.say(talk.slack.dm("ann"), "echo once")
    assert talk.texts(talk.slack.dm("ann")) == ["once"]
    assert talk.bot.delivery.in_doubt == 1
    assert calls(talk, "conversations.replies") >= 1


@pytest.mark.parametrize("channel_kind", ["direct", "channel"])
async def test_an_answer_that_is_lost_is_found_in_the_history(talk: Talk, channel_kind: str) -> None:
    """F20: Slack took it and did not say so. Nothing is doubled, nothing is in doubt."""
    channel = talk.slack.dm("ann") if channel_kind == "direct" else talk.slack.general
    talk.slack.lose_next(POST)
    await talk.say(channel, "echo once", mention_bot=channel_kind == "channel")
    assert talk.texts(channel) == ["once"]
    assert talk.bot.delivery.in_doubt == 0
    assert calls(talk) == 1


async def test_slack_is_asked_until_its_history_answers(talk: Talk) -> None:
    talk.slack.lose_next(POST)
    talk.slack.fail_next("conversations.replies", 500)
    talk.slack.fail_next("conversations.replies", 429, headers={"Retry-After": "0.1"})
    await talk.say(talk.slack.dm("ann"), "echo once")
    assert talk.texts(talk.slack.dm("ann")) == ["once"]
    assert calls(talk) == 1


async def test_a_reply_in_doubt_is_held_where_that_is_wanted(run: Run) -> None:
    async with run(in_doubt="hold") as talk:
        talk.slack.fail_next(POST, 500)
        await talk.say(talk.slack.dm("ann"), "echo held")
        assert talk.texts(talk.slack.dm("ann")) == []
        assert talk.connector.held == 1
        talk.slack.lose_next(POST)
        await talk.say(talk.slack.dm("ann"), "echo found")
        assert talk.texts(talk.slack.dm("ann")) == ["found"]


async def test_no_library_sends_a_post_twice(talk: Talk) -> None:
    """Fact 3: slack_sdk would try a reset connection again, and show the reply twice."""
    talk.slack.lose_next(POST, 1)
    await talk.say(talk.slack.dm("ann"), "echo once")
    assert len(talk.slack.posts) == 1


@pytest.mark.parametrize("error", ["channel_not_found", "is_archived", "not_in_channel", "msg_too_long"])
async def test_what_slack_will_never_take_is_given_up(talk: Talk, error: str) -> None:
    talk.slack.fail_next(POST, 200, {"ok": False, "error": error})
    channel = talk.slack.dm("ann")
    await talk.say(channel, "echo refused")
    await talk.say(channel, "echo next")
    assert talk.texts(channel) == ["next"]
    assert await outbox_states(talk) == []


async def test_blocks_that_slack_does_not_take_are_left_out(talk: Talk) -> None:
    talk.slack.fail_next(POST, 200, {"ok": False, "error": "invalid_blocks"})
    await talk.say(talk.slack.dm("ann"), "echo **plainly**")
    (shown,) = talk.slack.shown(talk.slack.dm("ann"))
    assert (words(shown), shown.blocks) == ("plainly", ())


async def test_random_faults_lose_and_double_nothing(tmp_path: Path) -> None:
    dice = Dice(busy=0.05, broken=0.05, lost_answer=0.06, duplicate=0.1, reorder=0.1)
    async with FakeSlack(dice=dice, seed=3).serving() as slack:
        slack.faults.retry_after = 0
        async with running(slack, tmp_path) as talk:
            channels = [slack.add_channel(f"room-{number}") for number in range(6)]
            sent = {
                (channel, f"number {number}"): slack.say(channel, f"/echo number {number}")
                for number in range(10)
                for channel in channels
            }
            for (channel, _), ts in sent.items():
                await talk.finished(talk.key(channel, ts))
            shown = [(channel, text) for channel in channels for text in talk.texts(channel)]
            assert sorted(shown) == sorted(sent)
            assert slack.violations == []


# --- dead tokens ---


@pytest.mark.parametrize("error", ["invalid_auth", "account_inactive", "token_revoked"])
async def test_a_token_that_is_no_good_ends_the_connector_with_a_hint(
    slack: FakeSlack, tmp_path: Path, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    """F16: one attempt, and then it stops."""
    slack.revoke(error)
    async with running(slack, tmp_path, wait=False) as talk:
        await talk.eventually(lambda: "stopped" in talk.bot.duty.states()["slack"])
        assert [method for method, _ in slack.requests] == ["auth.test"]
    assert "Install App" in caplog.text
    assert slack.bot_token not in caplog.text
    slack.restore()


async def test_an_app_token_that_is_no_good_ends_the_connector(
    slack: FakeSlack, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(slack, tmp_path, wait=False, app_token=SecretStr("xapp-wrong")) as talk:
        await talk.eventually(lambda: "stopped" in talk.bot.duty.states()["slack"])
        assert calls(talk, "apps.connections.open") <= 2, "one for each of the two places"
    assert "connections:write" in caplog.text


async def test_a_token_revoked_while_running_stops_it_and_loses_no_reply(run: Run) -> None:
    async with run() as talk:
        channel = talk.slack.dm("ann")
        ts = talk.slack.say(channel, "wait 0.5 kept")
        await talk.eventually(lambda: talk.slack.statuses)
        talk.slack.revoke("token_revoked", team=talk.slack.team_id)
        await talk.eventually(lambda: "stopped" in talk.bot.duty.states()["slack"])
        assert calls(talk) == 1
    talk.slack.restore()
    async with run() as talk:
        await talk.finished(talk.key(channel, ts))
        assert talk.texts(channel) == ["kept"]


async def test_one_dead_workspace_does_not_end_the_others(run: Run, slack: FakeSlack) -> None:
    other = slack.add_workspace("Other")
    there = slack.add_channel("general", team=other.team_id)
    async with run(more_bot_tokens=(SecretStr(other.bot_token),)) as talk:
        slack.revoke("account_inactive", team=other.team_id)
        slack.say(there, "echo lost", mention_bot=True)
        await asyncio.sleep(0.5)
        await talk.say(slack.general, "echo here", mention_bot=True)
        assert talk.texts(slack.general) == ["here"]
        assert talk.connector.status() == "ok"
    slack.restore()


async def test_a_scope_that_is_missing_is_named(
    slack: FakeSlack, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    slack.scopes -= {"chat:write"}
    async with running(slack, tmp_path) as talk:
        await talk.say(slack.dm("ann"), "echo unheard")
        assert "needs chat:write" in caplog.text
        assert await outbox_states(talk) == [], "it is given up, not tried for ever"


# --- limits ---


async def test_replies_keep_slacks_limits(slack: FakeSlack, tmp_path: Path) -> None:
    """P4 on a scale of 20: a strict Slack with a post each 50 ms per channel, 240 replies, no 429."""
    faster = 20
    slack.strict = True
    slack.limits.post_seconds = 1 / faster
    async with running(slack, tmp_path, posts=Pace(POSTS_A_SECOND * faster, POSTS_AT_ONCE)) as talk:
        await relax(talk)
        channels = [slack.add_channel(f"room-{number}") for number in range(12)]
        for number in range(20):
            for channel in channels:
                slack.say(channel, f"/echo {number}")
        await slack.settled(30)
        await talk.eventually(lambda: all(len(slack.shown(each)) == 20 for each in channels))
        assert slack.limited == 0
        for channel in channels:
            assert talk.texts(channel) == [str(number) for number in range(20)]


# --- long replies ---


def test_a_short_reply_is_one_part() -> None:
    reply = Reply("short", citations=(Citation("d", "1", "t"),))
    assert parts_of(reply) == [reply]


@pytest.mark.parametrize("length", [8_010, 20_000, 38_000])
def test_a_long_reply_is_cut_and_bears_its_sources_last(length: int) -> None:
    reply = Reply("word " * (length // 5), citations=(Citation("d", "1", "t"),))
    parts = parts_of(reply)
    assert 1 < len(parts) <= MOST_PARTS
    assert all(len(each.text) <= PART_CHARACTERS for each in parts)
    assert [bool(each.citations) for each in parts] == [False] * (len(parts) - 1) + [True]
    assert " ".join(" ".join(each.text for each in parts).split()) == reply.text.strip()


async def test_a_very_long_reply_is_a_beginning_and_a_file(talk: Talk) -> None:
    """F26."""
    channel = talk.slack.dm("ann")
    long = "word " * 10_000
    ts = await talk.say(channel, f"echo {long}")
    begin, whole = talk.slack.shown(channel, ts)
    assert words(begin).startswith("word word")
    assert "answer.md" in words(begin)
    (file,) = whole.files
    assert (file.title, file.content.decode()) == ("answer.md", long.strip())


async def test_a_file_whose_sharing_was_lost_is_found_again(talk: Talk) -> None:
    channel = talk.slack.dm("ann")
    talk.slack.lose_next("files.completeUploadExternal")
    await talk.say(channel, "echo " + "word " * 10_000)
    assert len(talk.slack.shown(channel)) == 2
    assert talk.bot.delivery.in_doubt == 0


@pytest.mark.parametrize("alone", ["", " yes"])
async def test_a_file_comes_after_its_answer(talk: Talk, alone: str) -> None:
    channel = talk.slack.general
    ts = await talk.say(channel, f"/parcel notes.de.md{alone}", mention_bot=True)
    place = talk.slack.dm("ann") if alone else channel
    shown = talk.slack.shown(place, None if alone else ts)
    (file,) = [file for each in shown for file in each.files]
    assert (file.title, file.content.decode()) == ("notes.de.md", "the content of notes.de.md 你好")
    assert file.name.startswith("notes.de-")
    assert file.name.endswith(".md")
    said = talk.slack.ephemerals(channel) if alone else shown
    assert "Here is notes.de.md." in words(said[0])


@pytest.mark.parametrize("alone", ["", " yes"])
async def test_a_file_that_was_shared_unseen_is_shared_once(talk: Talk, alone: str) -> None:
    talk.slack.lose_next("files.completeUploadExternal")
    ts = await talk.say(talk.slack.general, f"/parcel notes.md{alone}", mention_bot=True)
    place = talk.slack.dm("ann") if alone else talk.slack.general
    shown = talk.slack.shown(place, None if alone else ts)
    assert len([file for each in shown for file in each.files]) == 1
    assert talk.bot.delivery.in_doubt == 0


async def test_long_code_is_shown_whole(talk: Talk) -> None:
    channel = talk.slack.dm("ann")
    code = "\n".join(f"line {number} < & >" for number in range(1500))
    await talk.say(channel, f"echo ```\n{code}\n```")
    kinds = [block["type"] for shown in talk.slack.shown(channel) for block in shown.blocks]
    assert set(kinds) == {"rich_text", "context_actions"}
    shown_lines = "\n".join(talk.texts(channel))
    assert "line 0 < & >" in shown_lines
    assert "line 1499 < & >" in shown_lines


# --- links ---


async def test_messages_have_addresses(talk: Talk) -> None:
    team, channel = talk.slack.team_id, talk.slack.general
    link = talk.connector.link(f"slack:{team}.{channel}", f"slack:{team}:{channel}:1700000000.000100")
    assert link == f"https://fake.slack.com/archives/{channel}/p1700000000000100"
    inside = talk.connector.link(f"slack:{team}.{channel}/1.2", f"slack:{team}:{channel}:1700000000.000100")
    assert inside.endswith(f"?thread_ts=1.2&cid={channel}")
    assert talk.connector.link(f"slack:{team}.{channel}", "slack:T9:C1:1.2") == ""
    assert talk.connector.community(f"slack:{team}.{channel}/1.2") == f"slack:{team}"
    assert talk.connector.link(f"slack:{team}.{channel}", f"slack:{team}:{channel}:1.2|echo|1") == ""


# --- nothing of it in the log ---


async def test_logs_hold_no_text_and_no_token(
    slack: FakeSlack, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with running(slack, tmp_path) as talk:
        slack.fail_next(POST, 500)
        await talk.say(slack.dm("ann"), "echo xyzzy-secret-words")
    assert "xyzzy" not in caplog.text
    assert slack.bot_token not in caplog.text
    assert slack.app_token not in caplog.text
    assert "ticket-" not in caplog.text


def test_sign_in_refused_is_raised_out_of_groups() -> None:
    error = SignInRefused("no")
    group = BaseExceptionGroup("all", [ExceptionGroup("some", [ValueError(), error])])
    assert _fault(group) is error
    assert _fault(ExceptionGroup("some", [ValueError()])) is None


def test_the_account_is_the_tokens_and_does_not_show_it(slack: FakeSlack, tmp_path: Path) -> None:
    connector = SlackConnector(slack_settings(slack, tmp_path))
    assert len(connector.account) == 16
    assert connector.account not in slack.bot_token
