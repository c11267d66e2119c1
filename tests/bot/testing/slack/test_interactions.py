"""Commands, buttons, menus, views, shortcuts and response_url with Bolt."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import (
    ActionsBlock,
    ButtonElement,
    ContextActionsBlock,
    FeedbackButtonObject,
    FeedbackButtonsElement,
    Option,
    StaticSelectElement,
)
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.testing.slack import FakeSlack
from tests.bot.testing.slack.conftest import Bot, eventually

BLOCKS = [
    ActionsBlock(
        block_id="tools",
        elements=[
            ButtonElement(text="Close", action_id="close", value="42", style="danger"),
            StaticSelectElement(
                action_id="pick", options=[Option(text="Red", value="red"), Option(text="Blue", value="blue")]
            ),
        ],
    ),
    ContextActionsBlock(
        elements=[
            FeedbackButtonsElement(
                action_id="verdict",
                positive_button=FeedbackButtonObject(text="Good", value="up"),
                negative_button=FeedbackButtonObject(text="Bad", value="down"),
            )
        ]
    ),
]

VIEW: dict[str, Any] = {
    "type": "modal",
    "callback_id": "form",
    "title": {"type": "plain_text", "text": "A form"},
    "submit": {"type": "plain_text", "text": "Send"},
    "blocks": [
        {
            "type": "input",
            "block_id": "name",
            "label": {"type": "plain_text", "text": "Name"},
            "element": {"type": "plain_text_input", "action_id": "text", "initial_value": "nobody"},
        },
        {
            "type": "input",
            "block_id": "colour",
            "label": {"type": "plain_text", "text": "Colour"},
            "element": {
                "type": "static_select",
                "action_id": "pick",
                "options": [{"text": {"type": "plain_text", "text": "Red"}, "value": "red"}],
            },
        },
    ],
}


async def test_command_is_acknowledged_and_answered(slack: FakeSlack, bolt: Bot) -> None:
    @bolt.app.command("/ask")
    async def ask(ack: Any, respond: Any, command: dict[str, str]) -> None:
        await ack()
        await respond(f"{command['text']}? {command['channel_name']}", response_type="in_channel")

    async with bolt.connected(slack):
        command = slack.slash("/ask", "what")
        assert await command.acknowledged() is None
        assert (await command.answered())["text"] == "what? general"
    assert command.ack_seconds is not None
    assert command.ack_seconds < 3
    assert [each.text for each in slack.shown(slack.general)] == ["what? general"]
    assert ("response_url", "ok") in slack.requests


async def test_command_that_nobody_knows_is_not_acknowledged(slack: FakeSlack, bolt: Bot) -> None:
    async with bolt.connected(slack):
        command = slack.slash("/unknown")
        with pytest.raises(TimeoutError):
            await command.acknowledged(0.3)
    assert command.acknowledged_at is None


async def test_acknowledgement_can_be_the_answer(slack: FakeSlack, bolt: Bot) -> None:
    @bolt.app.command("/ask")
    async def ask(ack: Any) -> None:
        await ack("only for you")

    async with bolt.connected(slack):
        command = slack.slash("/ask", author="bob")
        assert (await command.answered())["text"] == "only for you"
    assert [each.text for each in slack.ephemerals(slack.general, "bob")] == ["only for you"]
    assert slack.shown(slack.general) == []


async def test_buttons_menus_and_feedback(slack: FakeSlack, client: AsyncWebClient, bolt: Bot) -> None:
    pressed: list[dict[str, Any]] = []

    async def note(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        pressed.append(body)

    for name in ("close", "pick", "verdict"):
        bolt.app.action(name)(note)
    ts = (await client.chat_postMessage(channel=slack.general, text="choose", blocks=BLOCKS))["ts"]
    async with bolt.connected(slack):
        await slack.press(slack.general, ts, "close", author="bob").acknowledged()
        await slack.choose(slack.general, ts, "pick", "blue").acknowledged()
        await slack.feedback(slack.general, ts, "bad").acknowledged()
    close, pick, verdict = [body["actions"][0] for body in pressed]
    assert (close["value"], close["block_id"], close["style"]) == ("42", "tools", "danger")
    assert pressed[0]["user"]["id"] == slack.user("bob")
    assert pressed[0]["message"]["ts"] == pressed[0]["container"]["message_ts"] == ts
    assert pick["selected_option"]["value"] == "blue"
    assert (verdict["type"], verdict["value"]) == ("feedback_buttons", "down")


async def test_what_is_not_there_cannot_be_used(slack: FakeSlack, client: AsyncWebClient) -> None:
    ts = (await client.chat_postMessage(channel=slack.general, text="choose", blocks=BLOCKS))["ts"]
    with pytest.raises(LookupError):
        slack.press(slack.general, ts, "open")
    with pytest.raises(LookupError):
        slack.choose(slack.general, ts, "pick", "green")


async def test_answer_replaces_or_deletes_the_original(
    slack: FakeSlack, client: AsyncWebClient, bolt: Bot
) -> None:
    @bolt.app.action("close")
    async def close(ack: Any, respond: Any) -> None:
        await ack()
        await respond("closed", replace_original=True)

    @bolt.app.action("pick")
    async def pick(ack: Any, respond: Any) -> None:
        await ack()
        await respond(delete_original=True)

    ts = (await client.chat_postMessage(channel=slack.general, text="choose", blocks=BLOCKS))["ts"]
    other = (await client.chat_postMessage(channel=slack.general, text="choose", blocks=BLOCKS))["ts"]
    async with bolt.connected(slack):
        await slack.press(slack.general, ts, "close").answered()
        await slack.choose(slack.general, other, "pick", "red").answered()
    assert [(each.ts, each.text, each.blocks) for each in slack.shown(slack.general)] == [(ts, "closed", ())]


async def test_button_of_an_ephemeral_message(slack: FakeSlack, client: AsyncWebClient, bolt: Bot) -> None:
    @bolt.app.action("close")
    async def close(ack: Any, respond: Any, body: dict[str, Any]) -> None:
        await ack()
        assert body["container"]["is_ephemeral"]
        await respond(delete_original=True)

    await client.chat_postEphemeral(
        channel=slack.general, user=slack.user("ann"), text="choose", blocks=BLOCKS
    )
    (hidden,) = slack.ephemerals(slack.general, "ann")
    async with bolt.connected(slack):
        await slack.press(slack.general, hidden.ts, "close").answered()
    assert slack.ephemerals(slack.general, "ann") == []


async def test_response_url_takes_five_answers_and_expires(slack: FakeSlack, bolt: Bot) -> None:
    command = slack.slash("/ask")
    answers = AsyncWebhookClient(command.response_url)
    statuses = [(await answers.send(text=str(number))).status_code for number in range(6)]
    assert statuses == [200] * 5 + [404]
    late = slack.slash("/ask")
    slack.response_urls.valid_seconds = 0
    assert (await AsyncWebhookClient(late.response_url).send(text="late")).body.count("expired_url")
    nowhere = AsyncWebhookClient(f"{slack.origin}/response/none")
    assert (await nowhere.send(text="x")).status_code == 404


async def test_modal_is_opened_submitted_and_refused(slack: FakeSlack, bolt: Bot) -> None:
    given: list[dict[str, Any]] = []

    @bolt.app.shortcut("report")
    async def report(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=VIEW)

    @bolt.app.view("form")
    async def form(ack: Any, view: dict[str, Any]) -> None:
        given.append(view["state"]["values"])
        if view["state"]["values"]["name"]["text"]["value"] == "nobody":
            await ack(response_action="errors", errors={"name": "Say who."})
        else:
            await ack()

    async with bolt.connected(slack):
        ts = slack.say(slack.general, "bad words")
        shortcut = slack.shortcut("report", slack.general, ts, author="bob")
        assert (await shortcut.answered())["callback_id"] == "form"
        refusal = await slack.submit(shortcut, {}).acknowledged()
        assert refusal == {"response_action": "errors", "errors": {"name": "Say who."}}
        done = slack.submit(shortcut, {"name": {"text": "bob"}, "colour": {"pick": "red"}})
        assert await done.acknowledged() is None
    assert given[1]["name"]["text"] == {"type": "plain_text_input", "value": "bob"}
    assert given[1]["colour"]["pick"]["selected_option"]["value"] == "red"
    assert given[0]["colour"]["pick"]["selected_option"] is None
    assert done.person.name == "bob"


async def test_trigger_is_good_once_and_for_three_seconds(
    slack: FakeSlack, client: AsyncWebClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = slack.slash("/ask")
    await client.views_open(trigger_id=command.trigger_id, view=VIEW)
    for trigger, error in [(command.trigger_id, "exchanged_trigger_id"), ("none", "invalid_trigger_id")]:
        with pytest.raises(SlackApiError, match=error):
            await client.views_open(trigger_id=trigger, view=VIEW)
    late = slack.slash("/ask")
    late.sent_at -= 4
    with pytest.raises(SlackApiError, match="expired_trigger_id"):
        await client.views_open(trigger_id=late.trigger_id, view=VIEW)


@pytest.mark.parametrize(
    "changes",
    [
        {"title": {"type": "plain_text", "text": "t" * 25}},
        {"private_metadata": "m" * 3001},
        {"submit": None},
        {"blocks": [{"type": "divider"}] * 101},
        {"type": "home"},
    ],
)
async def test_views_that_slack_refuses(
    slack: FakeSlack, client: AsyncWebClient, changes: dict[str, Any]
) -> None:
    view = {key: value for key, value in {**VIEW, **changes}.items() if value is not None}
    with pytest.raises(SlackApiError, match="invalid_arguments"):
        await client.views_open(trigger_id=slack.slash("/ask").trigger_id, view=view)


async def test_view_is_updated_unless_it_changed_meanwhile(slack: FakeSlack, client: AsyncWebClient) -> None:
    command = slack.slash("/ask")
    opened = (await client.views_open(trigger_id=command.trigger_id, view=VIEW))["view"]
    changed = {**VIEW, "callback_id": "second"}
    await client.views_update(view_id=opened["id"], hash=opened["hash"], view=changed)
    assert command.view is not None
    assert (command.view["id"], command.view["callback_id"]) == (opened["id"], "second")
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await client.views_update(view_id=opened["id"], hash=opened["hash"], view=changed)
    with pytest.raises(SlackApiError, match="not_found"):
        await client.views_update(view_id="V0", view=changed)


async def test_home_tab(slack: FakeSlack, client: AsyncWebClient, bolt: Bot) -> None:
    blocks = [each.to_dict() for each in BLOCKS[:1]]

    @bolt.app.action("close")
    async def close(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        await client.views_publish(
            user_id=body["user"]["id"], view={"type": "home", "blocks": [{"type": "divider"}]}
        )

    ann = slack.user("ann")
    assert slack.home("ann") is None
    await client.views_publish(user_id=ann, view={"type": "home", "blocks": blocks})
    home = slack.home("ann")
    assert home is not None
    async with bolt.connected(slack):
        slack.open_home("ann")
        await slack.settled()
        assert bolt.events[0]["view"]["id"] == home["id"]
        await slack.press_view(home, "close").acknowledged()
        await eventually(lambda: slack.homes[ann]["blocks"][0]["type"] == "divider")


async def test_view_that_is_closed_tells_only_when_asked(slack: FakeSlack, client: AsyncWebClient) -> None:
    quiet, loud = slack.slash("/ask"), slack.slash("/ask")
    await client.views_open(trigger_id=quiet.trigger_id, view=VIEW)
    await client.views_open(trigger_id=loud.trigger_id, view={**VIEW, "notify_on_close": True})
    assert slack.close(quiet) is None
    closed = slack.close(loud)
    assert closed is not None
    assert closed.payload["view"]["callback_id"] == "form"


async def test_statuses_prompts_and_titles(slack: FakeSlack, client: AsyncWebClient) -> None:
    place = slack.dm("ann")
    ts = slack.say(place, "hello")
    await client.assistant_threads_setStatus(
        channel_id=place, thread_ts=ts, status="thinking…", loading_messages=["Reading"]
    )
    prompts = [{"title": "Ask", "message": "Ask me"}]
    await client.assistant_threads_setSuggestedPrompts(channel_id=place, thread_ts=ts, prompts=prompts)
    await client.assistant_threads_setTitle(channel_id=place, thread_ts=ts, title="A talk")
    assert slack.statuses == [
        {"channel": place, "thread_ts": ts, "status": "thinking…", "loading_messages": ["Reading"]}
    ]
    assert [each["prompts"] for each in slack.prompts] == [prompts]
    assert [each["title"] for each in slack.titles] == ["A talk"]
    with pytest.raises(SlackApiError, match="invalid_arguments"):
        await client.assistant_threads_setSuggestedPrompts(channel_id=place, prompts=prompts * 5)


async def test_answer_that_waits_is_heard(slack: FakeSlack) -> None:
    command = slack.slash("/ask")
    waiting = asyncio.create_task(command.answered())
    await asyncio.sleep(0)
    await AsyncWebhookClient(command.response_url).send(text="late but here")
    assert (await waiting)["text"] == "late but here"
