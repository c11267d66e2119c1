"""People talk to the bot on Slack: in channels, threads and directly."""

import asyncio

import pytest
from pydantic import SecretStr

from bot import EventKind
from bot.connectors.slack.markup import escaped
from storage import InboxState
from tests.bot.connectors.slack.conftest import Run, Talk, words


async def test_a_mention_is_answered_in_a_thread_of_its_own(talk: Talk) -> None:
    ts = await talk.say(talk.slack.general, "echo hello", mention_bot=True)
    (shown,) = talk.slack.shown(talk.slack.general)
    assert (words(shown), shown.thread_ts) == ("hello", ts)
    message = await talk.bot.store.history.message(talk.key(talk.slack.general, ts))
    assert message is not None
    assert message.conversation == f"slack:{talk.slack.team_id}.{talk.slack.general}/{ts}"
    assert (message.text, message.author_name) == ("echo hello", "ann")
    assert message.author == f"{talk.slack.team_id}.{talk.slack.user('ann')}"


async def test_a_follow_up_in_a_thread_needs_no_mention_and_keeps_its_skill(talk: Talk) -> None:
    channel = talk.slack.general
    ts = await talk.say(channel, "/echo one", mention_bot=True)
    await talk.say(channel, "and two", thread=ts)
    await talk.say(channel, "and three", thread=ts, author="ben")
    assert talk.texts(channel, ts) == ["one", "and two", "and three"]


async def test_what_is_not_for_the_bot_is_observed_and_not_answered(talk: Talk) -> None:
    ts = await talk.say(talk.slack.general, "good morning all")
    assert await talk.bot.store.inbox.state(talk.key(talk.slack.general, ts)) is InboxState.NO_REPLY_NEEDED
    assert talk.slack.shown(talk.slack.general) == []


async def test_a_direct_message_is_answered_in_its_thread(talk: Talk) -> None:
    channel = talk.slack.dm("ann")
    ts = await talk.say(channel, "echo just us")
    (shown,) = talk.slack.shown(channel, ts)
    assert words(shown) == "just us"


async def test_message_and_mention_of_the_same_message_are_one(talk: Talk) -> None:
    for number in range(10):
        await talk.say(talk.slack.general, f"echo {number}", mention_bot=True)
    assert talk.texts(talk.slack.general) == [str(number) for number in range(10)]
    assert len(talk.accepted) == 10


async def test_a_mention_with_a_file_keeps_its_file_whichever_event_is_first(talk: Talk) -> None:
    for number in range(5):
        await talk.say(
            talk.slack.general,
            "read",
            mention_bot=True,
            files=[("a.txt", f"file {number}".encode(), "text/plain")],
        )
    assert talk.texts(talk.slack.general) == [f"file {number}" for number in range(5)]


async def test_the_same_event_ten_times_is_answered_once(talk: Talk) -> None:
    ts = talk.slack.say(talk.slack.general, "echo once", mention_bot=True)
    payload = talk.slack.payload(talk.slack.general, ts)
    for _ in range(10):
        talk.slack.socket_mode.send(payload, 2)
    await talk.slack.settled()
    await talk.finished(talk.key(talk.slack.general, ts))
    assert talk.texts(talk.slack.general) == ["once"]


async def test_bots_and_the_bot_itself_are_not_answered(talk: Talk) -> None:
    channel = talk.slack.general
    ts = await talk.say(channel, "echo loop", mention_bot=True, is_bot=True)
    await talk.say(channel, "/echo mine", mention_bot=True)
    await talk.slack.settled()
    assert talk.texts(channel) == ["mine"]
    taken = [each.author.is_bot for each in talk.accepted]
    assert taken == [True, False], "its own posts are not even observed"
    assert await talk.bot.store.inbox.state(talk.key(channel, ts)) is InboxState.NO_REPLY_NEEDED


async def test_an_edit_counts_and_a_preview_is_none(talk: Talk) -> None:
    channel = talk.slack.general
    ts = await talk.say(channel, "look at https://example.com", mention_bot=False)
    talk.slack.unfurl(channel, ts)
    await talk.slack.settled()
    message = await talk.bot.store.history.message(talk.key(channel, ts))
    assert message is not None
    assert not message.edited
    talk.slack.edit(channel, ts, "look away")
    await talk.slack.settled()
    message = await talk.bot.store.history.message(talk.key(channel, ts))
    assert message is not None
    assert (message.text, message.edited) == ("look away", True)


async def test_a_deleted_message_is_not_answered(talk: Talk) -> None:
    channel = talk.slack.dm("ann")
    ts = talk.slack.say(channel, "wait 20 never")
    await talk.eventually(lambda: talk.slack.statuses)
    talk.slack.delete(channel, ts)
    await talk.slack.settled()
    assert await talk.finished(talk.key(channel, ts)) is InboxState.ERASED
    assert talk.slack.shown(channel) == []


async def test_an_edit_or_deletion_that_comes_first_is_kept(talk: Talk) -> None:
    channel = talk.slack.dm("ann")
    first = talk.slack.say(channel, "echo old", deliver=False)
    second = talk.slack.say(channel, "echo gone", deliver=False)
    late = [talk.slack.payload(channel, each) for each in (first, second)]
    talk.slack.edit(channel, first, "echo new")
    talk.slack.delete(channel, second)
    await talk.slack.settled()
    for payload in late:
        talk.slack.socket_mode.send(payload)
    await talk.slack.settled()
    await talk.finished(talk.key(channel, first))
    await asyncio.sleep(0.2)
    assert talk.texts(channel) == ["new"]
    assert await talk.bot.store.inbox.state(talk.key(channel, second)) is InboxState.ERASED


async def test_a_thumb_under_an_answer_is_feedback(talk: Talk) -> None:
    channel = talk.slack.dm("ann")
    ts = await talk.say(channel, "echo good?")
    (shown,) = talk.slack.shown(channel)
    talk.slack.react(channel, shown.ts, "+1::skin-tone-3", author="ben")
    await talk.slack.settled()
    await asyncio.sleep(0.2)
    assert await talk.bot.store.feedback.of(f"{talk.key(channel, ts)}|echo|1")
    assert (talk.accepted[-1].kind, talk.accepted[-1].text) == (EventKind.REACTED, "👍")


async def test_names_and_links_are_read_as_people_see_them(talk: Talk) -> None:
    channel = talk.slack.general
    ben = talk.slack.user("ben")
    ts = await talk.say(
        channel, f"<@{ben}> and <#{channel}|general> see <https://a.example/x|this> & <!here>"
    )
    message = await talk.bot.store.history.message(talk.key(channel, ts))
    assert message is not None
    assert message.text == "@ben and #general see this (https://a.example/x) & @here"


async def test_names_that_do_not_come_delay_nothing(talk: Talk) -> None:
    talk.slack.slow_next("users.info", 5)
    began = asyncio.get_running_loop().time()
    await talk.say(talk.slack.dm("cat"), "echo quick", author="cat")
    assert asyncio.get_running_loop().time() - began < 2
    assert talk.texts(talk.slack.dm("cat")) == ["quick"]


async def test_one_bot_serves_two_workspaces(run: Run) -> None:
    async with run() as talk:
        slack = talk.slack
        assert talk.connector.status() == "ok"
    other = slack.add_workspace("Other")
    channel = slack.add_channel("general", team=other.team_id)
    async with run(more_bot_tokens=(SecretStr(other.bot_token),)) as talk:
        here = await talk.say(slack.general, "echo here", mention_bot=True)
        there = await talk.say(channel, "echo there", mention_bot=True)
        assert talk.texts(slack.general) == ["here"]
        assert talk.texts(channel) == ["there"]
        authors = set()
        for place, ts in ((slack.general, here), (channel, there)):
            message = await talk.bot.store.history.message(talk.key(place, ts))
            assert message is not None
            authors.add(message.author)
        assert len(authors) == 2, "the same name in two teams is two people"


async def test_an_event_of_a_team_without_a_token_is_left_out(talk: Talk) -> None:
    other = talk.slack.add_workspace("Strangers")
    channel = talk.slack.add_channel("lobby", team=other.team_id)
    talk.slack.say(channel, "echo hello", mention_bot=True)
    await talk.slack.settled()
    assert talk.slack.shown(channel) == []


@pytest.mark.parametrize("text", ["<!channel>", "<!here> <@U123ABC> <!subteam^S1|x>", "@everyone & <b>"])
async def test_nothing_the_bot_says_mentions_or_previews(talk: Talk, text: str) -> None:
    channel = talk.slack.dm("ann")
    said = f"{text} https://evil.example/?q=1 [x](https://evil.example/y)"
    talk.slack.slash("/parley", f"echo {escaped(said)}", channel=channel)
    (shown,) = await talk.eventually(lambda: talk.slack.shown(channel))
    assert shown.mentions_effective == ()
    assert shown.previews == ()
    assert (shown.unfurl_links, shown.unfurl_media) == (False, False)
    assert text in words(shown)
    assert "x (https://evil.example/y)" in words(shown)
