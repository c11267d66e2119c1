"""Commands, buttons, menus, dialogs, shortcuts, feedback, the home tab."""

import asyncio
from typing import Any

import pytest

from bot import Call, EventKind
from bot.testing.slack import Interaction, Shown
from tests.bot.connectors.slack.conftest import Run, Talk, words


async def panel(talk: Talk, channel: str) -> Shown:
    await talk.say(channel, "/panel", mention_bot=True)
    (shown,) = talk.slack.shown(channel)
    return shown


def key(talk: Talk, interaction: Interaction) -> str:
    return f"slack:{talk.slack.team_id}:{interaction.trigger_id}"


async def test_a_command_calls_a_skill_and_is_seen_with_its_answer(talk: Talk) -> None:
    interaction = talk.slack.slash("/parley", "echo hello &lt;you&gt;")
    assert await interaction.acknowledged() == {"response_type": "in_channel"}
    await talk.finished(key(talk, interaction))
    assert talk.texts(talk.slack.general) == ["hello <you>"]
    (message,) = talk.accepted
    assert (message.text, message.call) == ("/echo hello <you>", Call("echo", (("text", "hello <you>"),)))
    assert message.author.name == "ann"


async def test_a_command_without_a_skill_goes_to_the_router(talk: Talk) -> None:
    interaction = talk.slack.slash("/parley", "what is this?")
    await talk.finished(key(talk, interaction))
    (message,) = talk.accepted
    assert (message.text, message.call, message.mentions_bot) == ("what is this?", None, True)


@pytest.mark.parametrize("text", ["", "help", "  help "])
async def test_a_bare_command_helps(talk: Talk, text: str) -> None:
    interaction = talk.slack.slash("/parley", text)
    await talk.finished(key(talk, interaction))
    assert "echo" in talk.texts(talk.slack.general)[0]


async def test_a_hidden_answer_is_seen_by_its_asker_alone(talk: Talk) -> None:
    interaction = talk.slack.slash("/parley", "whisper secret")
    assert not await interaction.acknowledged()
    await talk.finished(key(talk, interaction))
    assert talk.slack.shown(talk.slack.general) == []
    (answer,) = interaction.responses
    assert (answer["response_type"], answer["text"]) == ("ephemeral", "psst: secret")


async def test_a_hidden_answer_to_a_mention_is_seen_by_its_asker_alone(talk: Talk) -> None:
    await talk.say(talk.slack.general, "/whisper secret", mention_bot=True)
    assert talk.slack.shown(talk.slack.general) == []
    assert [words(each) for each in talk.slack.ephemerals(talk.slack.general, "ann")] == ["psst: secret"]
    assert talk.slack.ephemerals(talk.slack.general, "ben") == []


async def test_a_hidden_answer_whose_address_is_used_up_still_comes(talk: Talk) -> None:
    talk.slack.fail_next("response_url", 404, "used_url")
    interaction = talk.slack.slash("/parley", "whisper secret")
    await talk.finished(key(talk, interaction))
    assert [words(each) for each in talk.slack.ephemerals(talk.slack.general, "ann")] == ["psst: secret"]


async def test_a_command_is_answered_where_the_bot_is_no_member(talk: Talk) -> None:
    channel = talk.slack.add_channel("closed", private=True, member=False)
    interaction = talk.slack.slash("/parley", "echo still", channel=channel)
    await talk.finished(key(talk, interaction))
    answer = interaction.responses[-1]
    assert (answer["response_type"], answer["text"]) == ("in_channel", "still")


async def test_a_command_that_lacks_a_parameter_opens_its_form(talk: Talk) -> None:
    interaction = talk.slack.slash("/parley", "repeat")
    await interaction.acknowledged()
    view = interaction.view
    assert view is not None
    assert [block["block_id"] for block in view["blocks"] if block["type"] == "input"] == ["times", "text"]
    submitted = talk.slack.submit(view, {"times": {"answer": "3"}, "text": {"answer": "ho"}})
    await talk.eventually(lambda: talk.texts(talk.slack.general))
    assert talk.texts(talk.slack.general) == ["ho ho ho"]
    assert not await submitted.acknowledged()
    (message,) = talk.accepted
    assert message.text == "/repeat 3 ho"


async def test_a_form_says_what_is_wrong_in_it(talk: Talk) -> None:
    interaction = talk.slack.slash("/parley", "repeat")
    await interaction.acknowledged()
    assert interaction.view is not None
    wrong = {"times": {"answer": "many"}, "text": {"answer": "ho"}}
    answer = await talk.slack.submit(interaction.view, wrong).acknowledged()
    assert answer is not None
    assert answer["response_action"] == "errors"
    assert "number" in answer["errors"]["times"]
    assert talk.accepted == []


async def test_pressing_says_the_command(talk: Talk) -> None:
    channel = talk.slack.general
    shown = await panel(talk, channel)
    interaction = talk.slack.press(channel, shown.ts, "control-0", author="ben")
    await talk.finished(key(talk, interaction))
    assert talk.texts(channel) == ["Choose:", "again"]
    assert talk.slack.shown(channel)[1].thread_ts == shown.thread_ts
    assert talk.accepted[-1].author.id == f"{talk.slack.team_id}.{talk.slack.user('ben')}"


async def test_choosing_says_the_command_of_the_choice(talk: Talk) -> None:
    channel = talk.slack.general
    shown = await panel(talk, channel)
    menu = next(each for block in shown.blocks for each in block.get("elements", []) if "options" in each)
    interaction = talk.slack.choose(channel, shown.ts, "control-2", menu["options"][1]["value"])
    await talk.finished(key(talk, interaction))
    assert talk.texts(channel)[-1] == "second"


async def test_a_button_that_asks_opens_a_form_whose_answer_comes_into_the_thread(talk: Talk) -> None:
    channel = talk.slack.general
    shown = await panel(talk, channel)
    interaction = talk.slack.press(channel, shown.ts, "control-1")
    await interaction.acknowledged()
    talk.slack.submit(interaction, {"times": {"answer": "2"}, "text": {"answer": "hey"}})
    await talk.eventually(lambda: len(talk.slack.shown(channel)) == 2)
    answer = talk.slack.shown(channel)[-1]
    assert (words(answer), answer.thread_ts) == ("hey hey", shown.thread_ts)


async def test_buttons_work_after_a_restart(run: Run) -> None:
    async with run() as talk:
        channel = talk.slack.general
        shown = await panel(talk, channel)
    async with run() as talk:
        interaction = talk.slack.press(channel, shown.ts, "control-0")
        await talk.finished(key(talk, interaction))
        assert talk.texts(channel) == ["Choose:", "again"]


async def test_a_control_that_is_gone_is_excused(talk: Talk) -> None:
    channel = talk.slack.general
    shown = await panel(talk, channel)
    for block in talk.slack.message(channel, shown.ts).blocks:
        for element in block.get("elements", []):
            if element.get("action_id") == "control-0":
                element["value"] = "no such part"
    interaction = talk.slack.press(channel, shown.ts, "control-0")
    await talk.eventually(lambda: interaction.responses)
    assert "any more" in interaction.responses[0]["text"]
    assert interaction.responses[0]["response_type"] == "ephemeral"


async def test_the_same_press_delivered_twice_is_one(talk: Talk) -> None:
    channel = talk.slack.general
    shown = await panel(talk, channel)
    interaction = talk.slack.press(channel, shown.ts, "control-0")
    talk.slack.carry(interaction)
    await talk.finished(key(talk, interaction))
    await asyncio.sleep(0.2)
    assert talk.texts(channel) == ["Choose:", "again"]


async def test_a_shortcut_calls_a_skill_upon_a_message(talk: Talk) -> None:
    channel = talk.slack.general
    ts = talk.slack.say(channel, "make this louder", deliver=False)
    interaction = talk.slack.shortcut("shout", channel, ts, author="ben")
    await talk.finished(key(talk, interaction))
    (shown,) = talk.slack.shown(channel)
    assert (words(shown), shown.thread_ts) == ("MAKE THIS LOUDER", ts)
    seen, call = talk.accepted
    assert (seen.kind, seen.key) == (EventKind.SEEN, talk.key(channel, ts))
    assert (call.reply_to, call.call) == (seen.key, Call("shout"))
    talk.slack.delete(channel, ts)
    await talk.slack.settled()
    erased = await talk.bot.store.history.message(seen.key)
    assert erased is not None
    assert (erased.text, erased.deleted) == ("", True)


async def test_a_hidden_shortcut_answers_its_caller_alone(talk: Talk) -> None:
    channel = talk.slack.general
    ts = await talk.say(channel, "quietly")
    interaction = talk.slack.shortcut("whisper", channel, ts)
    await talk.finished(key(talk, interaction))
    assert talk.slack.shown(channel) == []
    assert interaction.responses[0]["text"] == "psst: quietly"


async def test_a_shortcut_upon_an_answer_of_the_bot(talk: Talk) -> None:
    channel = talk.slack.dm("ann")
    await talk.say(channel, "echo mine")
    (shown,) = talk.slack.shown(channel)
    interaction = talk.slack.shortcut("shout", channel, shown.ts)
    await talk.finished(key(talk, interaction))
    assert talk.texts(channel) == ["mine", "MINE"]


@pytest.mark.parametrize(("value", "thumb"), [("good", 1), ("bad", -1)])
async def test_feedback_is_kept_with_the_answer(talk: Talk, value: str, thumb: int) -> None:
    channel = talk.slack.general
    ts = await talk.say(channel, "echo well?", mention_bot=True)
    (shown,) = talk.slack.shown(channel)
    await talk.slack.feedback(channel, shown.ts, value, author="ben").acknowledged()

    async def given() -> list[Any]:
        return await talk.bot.store.feedback.of(f"{talk.key(channel, ts)}|echo|1")

    async with asyncio.timeout(5):
        while not (found := await given()):
            await asyncio.sleep(0.02)
    assert [(each.author, each.value) for each in found] == [
        (f"{talk.slack.team_id}.{talk.slack.user('ben')}", thumb)
    ]
    assert len(talk.slack.shown(channel)) == 1


async def test_feedback_is_not_asked_for_what_no_skill_said(talk: Talk) -> None:
    channel = talk.slack.dm("ann")
    await talk.say(channel, "/nosuch")
    (shown,) = talk.slack.shown(channel)
    assert [block["type"] for block in shown.blocks] == ["rich_text"]


async def test_the_home_tab_tells_the_skills_and_how_to_call_them(talk: Talk) -> None:
    talk.slack.open_home("ann")
    view = await talk.eventually(lambda: talk.slack.home("ann"))
    text = str(view["blocks"])
    assert "/parley echo TEXT" in text
    assert "Say the same again." in text


async def test_the_messages_tab_suggests_what_to_ask(talk: Talk) -> None:
    talk.slack.open_messages("ann")
    await talk.eventually(lambda: talk.slack.prompts)
    (suggested,) = talk.slack.prompts
    assert suggested["channel"] == talk.slack.dm("ann")
    assert 1 <= len(suggested["prompts"]) <= 4


async def test_an_interaction_nobody_knows_is_acknowledged(talk: Talk) -> None:
    channel = talk.slack.general
    ts = await talk.say(channel, "here")
    await talk.slack.shortcut("somebody-elses", channel, ts).acknowledged()
    talk.slack.open_messages("ann", looking_at=channel)
    await talk.slack.settled()
    assert talk.slack.undelivered == []
