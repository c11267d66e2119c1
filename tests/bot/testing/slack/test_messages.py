"""What the bot writes and reads, through the real client."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.testing.slack import FakeSlack


async def refused(call: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def test_token_tells_who_the_bot_is(slack: FakeSlack, client: AsyncWebClient) -> None:
    answer = await client.auth_test()
    assert (answer["team_id"], answer["user_id"]) == (slack.team_id, slack.bot_user_id)
    assert "chat:write" in answer.headers["X-OAuth-Scopes"]


async def test_wrong_and_missing_tokens_are_refused(slack: FakeSlack) -> None:
    assert await refused(AsyncWebClient("xoxb-no", base_url=slack.api_url).auth_test()) == "invalid_auth"
    assert await refused(AsyncWebClient(base_url=slack.api_url).auth_test()) == "not_authed"


async def test_app_token_opens_connections_and_nothing_else(slack: FakeSlack, client: AsyncWebClient) -> None:
    opened = await client.apps_connections_open(app_token=slack.app_token)
    assert opened["url"].startswith("ws://127.0.0.1:")
    assert await refused(client.apps_connections_open(app_token=slack.bot_token)) == "not_allowed_token_type"
    assert await refused(client.team_info(token=slack.app_token)) == "not_allowed_token_type"


async def test_scope_that_is_missing_is_named(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.scopes.discard("team:read")
    with pytest.raises(SlackApiError) as caught:
        await client.team_info()
    assert caught.value.response["needed"] == "team:read"


async def test_post_update_delete(slack: FakeSlack, client: AsyncWebClient) -> None:
    posted = await client.chat_postMessage(
        channel=slack.general, text="one", unfurl_links=False, unfurl_media=False
    )
    shown = slack.shown(slack.general)
    assert [(each.text, each.ts, each.unfurl_links) for each in shown] == [("one", posted["ts"], False)]
    await client.chat_update(channel=slack.general, ts=posted["ts"], text="two")
    assert [(each.text, each.edited) for each in slack.shown(slack.general)] == [("two", True)]
    await client.chat_delete(channel=slack.general, ts=posted["ts"])
    assert slack.shown(slack.general) == []
    again = client.chat_update(channel=slack.general, ts=posted["ts"], text="three")
    assert await refused(again) == "message_not_found"
    assert ("chat.postMessage", "ok") in slack.requests
    assert ("chat.update", "message_not_found") in slack.requests
    assert slack.posts[0]["text"] == "one"


async def test_other_peoples_messages_are_not_the_bots_to_change(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    ts = slack.say(slack.general, "mine")
    update = client.chat_update(channel=slack.general, ts=ts, text="yours")
    assert await refused(update) == "cant_update_message"
    assert await refused(client.chat_delete(channel=slack.general, ts=ts)) == "cant_delete_message"


async def test_metadata_is_told_only_when_asked_for(slack: FakeSlack, client: AsyncWebClient) -> None:
    mark = {"event_type": "part", "event_payload": {"k": "key-1"}}
    await client.chat_postMessage(channel=slack.general, text="marked", metadata=mark)
    plain = await client.conversations_history(channel=slack.general)
    assert "metadata" not in plain["messages"][0]
    marked = await client.conversations_history(channel=slack.general, include_all_metadata=True)
    assert marked["messages"][0]["metadata"] == mark
    broken = client.chat_postMessage(channel=slack.general, text="x", metadata={"event_type": "part"})
    assert await refused(broken) == "invalid_metadata_format"


async def test_threads(slack: FakeSlack, client: AsyncWebClient) -> None:
    question = slack.say(slack.general, "question")
    answer = await client.chat_postMessage(channel=slack.general, text="answer", thread_ts=question)
    top = await client.conversations_history(channel=slack.general)
    assert [(each["ts"], each["reply_count"]) for each in top["messages"]] == [(question, 1)]
    thread = await client.conversations_replies(channel=slack.general, ts=question)
    assert [each["text"] for each in thread["messages"]] == ["question", "answer"]
    assert thread["messages"][1]["parent_user_id"] == slack.user("ann")
    assert [each.text for each in slack.shown(slack.general, question)] == ["answer"]
    assert slack.shown(slack.general, "1.000000") == []
    wrong = client.chat_postMessage(channel=slack.general, text="x", thread_ts=answer["ts"])
    assert await refused(wrong) == "cannot_reply_to_message"
    unknown = client.chat_postMessage(channel=slack.general, text="x", thread_ts="1.000000")
    assert await refused(unknown) == "thread_not_found"


async def test_history_has_bounds_and_pages(slack: FakeSlack, client: AsyncWebClient) -> None:
    written = [slack.say(slack.general, f"message {number}") for number in range(5)]
    pages = [
        [each["ts"] for each in page["messages"]]
        async for page in await client.conversations_history(channel=slack.general, limit=2)
    ]
    newest = list(reversed(written))
    assert pages == [newest[:2], newest[2:4], newest[4:]]
    later = await client.conversations_history(channel=slack.general, oldest=written[2])
    assert [each["ts"] for each in later["messages"]] == newest[:2]
    bounded = await client.conversations_history(
        channel=slack.general, oldest=written[1], latest=written[3], inclusive=True
    )
    assert [each["ts"] for each in bounded["messages"]] == newest[1:4]


async def test_messages_from_while_the_bot_was_away_are_in_history_alone(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    slack.say(slack.general, "old", ts="1700000000.000100", deliver=False)
    assert slack.unacknowledged == []
    told = await client.conversations_history(channel=slack.general)
    assert [each["ts"] for each in told["messages"]] == ["1700000000.000100"]


async def test_what_people_type_is_escaped_as_slack_does(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.say(slack.general, "a < b & https://example.com/?x=1&y=2 <@U123ABC>")
    told = (await client.conversations_history(channel=slack.general))["messages"][0]
    assert told["text"] == "a &lt; b &amp; <https://example.com/?x=1&amp;y=2> <@U123ABC>"
    elements = told["blocks"][0]["elements"][0]["elements"]
    assert elements[0] == {"type": "text", "text": "a < b & "}
    assert elements[1] == {"type": "link", "url": "https://example.com/?x=1&y=2"}
    assert elements[-1] == {"type": "user", "user_id": "U123ABC"}


@pytest.mark.parametrize(
    ("sent", "pinged"),
    [
        ({"text": "<!channel> <@U123ABC456> <!subteam^S123ABC>"}, 3),
        ({"text": "&lt;!channel&gt; @here"}, 0),
        ({"text": "@here and @channel", "link_names": True}, 2),
        ({"text": "@bob", "parse": "full"}, 1),
        ({"text": "x", "blocks": [{"type": "markdown", "text": "<!here>"}]}, 1),
        (
            {"text": "x", "blocks": [{"type": "section", "text": {"type": "plain_text", "text": "<!here>"}}]},
            0,
        ),
    ],
)
async def test_mentions_that_would_ping_are_counted(
    slack: FakeSlack, client: AsyncWebClient, sent: dict[str, Any], pinged: int
) -> None:
    await client.chat_postMessage(channel=slack.general, **sent)
    assert len(slack.shown(slack.general)[0].mentions_effective) == pinged


async def test_links_are_previewed_unless_both_previews_are_off(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    await client.chat_postMessage(channel=slack.general, text="see https://evil.example/?q=secret")
    await client.chat_postMessage(
        channel=slack.general, text="see https://evil.example/", unfurl_links=False, unfurl_media=False
    )
    previews = [each.previews for each in slack.shown(slack.general)]
    assert previews == [("https://evil.example/?q=secret",), ()]


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"markdown_text": "x" * 12_001}, "msg_too_long"),
        ({"text": "x", "markdown_text": "y"}, "markdown_text_conflict"),
        ({"text": "x", "blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"text": "x", "blocks": [{"type": "unheard of"}]}, "invalid_blocks"),
        ({"text": "x", "blocks": [{"type": "markdown", "text": "y" * 12_001}]}, "invalid_blocks"),
        ({"text": "x", "blocks": [{"type": "markdown", "text": "y" * 7_000}] * 2}, "invalid_blocks"),
        (
            {"text": "x", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "y" * 3001}}]},
            "invalid_blocks",
        ),
    ],
)
async def test_messages_that_slack_refuses(
    slack: FakeSlack, client: AsyncWebClient, sent: dict[str, Any], error: str
) -> None:
    assert await refused(client.chat_postMessage(channel=slack.general, **sent)) == error
    empty = client.api_call("chat.postMessage", json={"channel": slack.general, "text": "  "})
    assert await refused(empty) == "no_text"
    assert slack.shown(slack.general) == []


def button(**changes: Any) -> dict[str, Any]:
    text = {"type": "plain_text", "text": "Press"}
    return {"type": "button", "text": text, "action_id": "press", "value": "1", **changes}


@pytest.mark.parametrize(
    "elements",
    [
        [button(action_id="a" * 256)],
        [button(value="v" * 2001)],
        [button(), button()],
        [button(text={"type": "plain_text", "text": "t" * 76})],
        [button(text={"type": "mrkdwn", "text": "t"})],
        [button(action_id=f"a{number}") for number in range(26)],
        [{"type": "static_select", "action_id": "a", "options": []}],
    ],
)
async def test_elements_that_slack_refuses(
    slack: FakeSlack, client: AsyncWebClient, elements: list[dict[str, Any]]
) -> None:
    blocks = [{"type": "actions", "elements": elements}]
    assert (
        await refused(client.chat_postMessage(channel=slack.general, text="x", blocks=blocks))
        == "invalid_blocks"
    )


async def test_places_the_bot_may_not_write_to(slack: FakeSlack, client: AsyncWebClient) -> None:
    secret = slack.add_channel("secret", private=True, member=False)
    public = slack.add_channel("public", member=False)
    other = slack.add_channel("other", team=slack.add_workspace("Other").team_id)
    for channel, error in [
        (secret, "channel_not_found"),
        (other, "channel_not_found"),
        (public, "not_in_channel"),
    ]:
        assert await refused(client.chat_postMessage(channel=channel, text="x")) == error


async def test_ephemeral_is_seen_by_one_person(slack: FakeSlack, client: AsyncWebClient) -> None:
    await client.chat_postEphemeral(channel=slack.general, user=slack.user("ann"), text="psst")
    assert [each.text for each in slack.ephemerals(slack.general, "ann")] == ["psst"]
    assert slack.ephemerals(slack.general, "bob") == []
    assert slack.shown(slack.general) == []


async def test_streaming(slack: FakeSlack, client: AsyncWebClient) -> None:
    question = slack.say(slack.dm("ann"), "tell me")
    stream = await client.chat_stream(channel=slack.dm("ann"), thread_ts=question, buffer_size=1)
    await stream.append(markdown_text="**Hello** ")
    shown = slack.shown(slack.dm("ann"), question)
    assert [(each.text, each.streaming) for each in shown] == [("**Hello** ", True)]
    update = client.chat_update(channel=slack.dm("ann"), ts=shown[0].ts, text="other")
    assert await refused(update) == "streaming_state_conflict"
    mark = {"event_type": "part", "event_payload": {"k": "1"}}
    await stream.stop(markdown_text="world", metadata=mark)
    (shown_at_last,) = slack.shown(slack.dm("ann"), question)
    assert (shown_at_last.text, shown_at_last.streaming) == ("**Hello** world", False)
    assert shown_at_last.metadata == mark
    late = client.chat_appendStream(channel=slack.dm("ann"), ts=shown_at_last.ts, markdown_text="more")
    assert await refused(late) == "message_not_in_streaming_state"


async def test_streaming_in_a_channel_must_name_whom_it_answers(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    question = slack.say(slack.general, "tell me")
    nobody = client.chat_startStream(channel=slack.general, thread_ts=question)
    assert await refused(nobody) == "missing_recipient_team_id"
    await client.chat_startStream(
        channel=slack.general,
        thread_ts=question,
        recipient_team_id=slack.team_id,
        recipient_user_id=slack.user("ann"),
    )
    assert [each.streaming for each in slack.shown(slack.general)] == [True]


async def test_looking_up_people_and_places(slack: FakeSlack, client: AsyncWebClient) -> None:
    ann, general = slack.user("ann"), slack.general
    slack.add_channel("elsewhere", member=False)
    assert (await client.users_info(user=ann))["user"]["name"] == "ann"
    assert (await client.conversations_info(channel=general))["channel"]["name"] == "general"
    opened = await client.conversations_open(users=[ann])
    assert opened["channel"]["id"] == slack.dm("ann")
    own = await client.users_conversations(types="public_channel,im")
    assert {each["id"] for each in own["channels"]} == {general, slack.dm("ann")}
    assert len((await client.conversations_list())["channels"]) == 2
    who = await client.auth_test()
    assert (await client.bots_info(bot=who["bot_id"]))["bot"]["user_id"] == slack.bot_user_id
    assert (await client.team_info())["team"]["id"] == slack.team_id
    link = await client.chat_getPermalink(channel=general, message_ts=slack.say(general, "here"))
    assert general in link["permalink"]


async def test_reactions_count_once(slack: FakeSlack, client: AsyncWebClient) -> None:
    ts = (await client.chat_postMessage(channel=slack.general, text="x"))["ts"]
    await client.reactions_add(channel=slack.general, timestamp=ts, name="eyes")
    again = client.reactions_add(channel=slack.general, timestamp=ts, name="eyes")
    assert await refused(again) == "already_reacted"
    assert slack.shown(slack.general)[0].reactions == {"eyes": 1}
    await client.reactions_remove(channel=slack.general, timestamp=ts, name="eyes")
    assert slack.shown(slack.general)[0].reactions == {}


async def test_two_workspaces_have_their_own_people_and_tokens(slack: FakeSlack) -> None:
    other = slack.add_workspace("Other")
    there = slack.add_channel("general", team=other.team_id)
    client = AsyncWebClient(other.bot_token, base_url=slack.api_url)
    await client.chat_postMessage(channel=there, text="hello there")
    assert [each.text for each in slack.shown(there)] == ["hello there"]
    assert (await client.auth_test())["team_id"] == other.team_id
    assert slack.user("ann") != slack.user("ann", team=other.team_id)


async def test_repeated_tells_what_people_see_twice(slack: FakeSlack, client: AsyncWebClient) -> None:
    for text in ("once", "twice", "twice"):
        await client.chat_postMessage(channel=slack.general, text=text)
    assert slack.repeated() == [(slack.general, None, "twice")]
