"""What people wrote is summed up for whoever asks: quoted, linked, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot import Attachment, EventKind
from bot.message import now
from bot.testing import Harness
from storage import NewAttachment

PLANNING = (
    "ann: The release of the billing module is planned for next week.",
    "bob: The billing tests still fail on the payment server, so the release is at risk.",
    "cat: Let's move the release to Friday the 12th.",
    "bob: Sounds good to me.",
    "ann: We decided to drop the old payment server after the release.",
    "bob: Who can update the billing documentation?",
    "cat: I can update the documentation tomorrow.",
    "ann: Does anyone know the password of the staging database?",
    "bob: No idea, sorry.",
)
CHINESE = (
    "安: 新版本的支付模块计划下周发布。",
    "波: 支付模块的测试在服务器上还没有通过，发布有风险。",
    "卡: 我们决定把发布推迟到周五。",
    "波: 好的，同意。",
    "安: 谁来更新支付模块的文档？",
    "波: 测试服务器需要升级，支付模块的测试才能通过。",
    "安: 有人知道测试数据库的密码吗？",
)


def sections(answer: str) -> dict[str, list[str]]:
    """The points of an answer by their section."""
    found: dict[str, list[str]] = {}
    for block in re.split(r"^\*\*(?=[^*]+\*\*$)", answer, flags=re.MULTILINE)[1:]:
        name, _, points = block.partition("**\n")
        found[name] = [line[2:] for line in points.splitlines() if line.startswith("- ")]
    return found


async def test_key_points_decisions_and_open_questions_are_told_apart(talk: Any) -> None:
    heard = await talk.hear(*PLANNING)
    answer = await talk.ask("/summarize")
    told = sections(answer)
    assert answer.startswith("Summary of 9 messages by 3 people.\n")
    assert list(told) == ["Key points", "Decisions", "Open questions"]
    links = [f"([message](https://chat.example/{message.key}))" for message in heard]
    assert told["Decisions"] == [
        f"**Cat**: Let's move the release to Friday the 12th. {links[2]}",
        f"**Ann**: We decided to drop the old payment server after the release. {links[4]}",
    ]
    assert told["Open questions"] == [
        f"**Ann**: Does anyone know the password of the staging database? {links[7]}"
    ]
    assert any("billing" in point for point in told["Key points"])


async def test_chinese_talk_is_summed_up_in_chinese(talk: Any) -> None:
    await talk.hear(*CHINESE)
    answer = await talk.ask("/summarize")
    told = sections(answer)
    assert answer.startswith("摘要：3人的7条消息。")
    assert list(told) == ["要点", "决定", "待解决的问题"]
    assert [point.partition(" (")[0] for point in told["决定"]] == ["**卡**：我们决定把发布推迟到周五。"]
    assert any("密码" in point for point in told["待解决的问题"])


async def test_without_models_words_decide(talk: Any, harness: Harness) -> None:
    harness.models.down = True
    await talk.hear(*PLANNING)
    told = sections(await talk.ask("/summarize"))
    assert told["Key points"]
    assert len(told["Decisions"]) == 2


async def test_every_point_is_a_quotation_of_the_message_it_links_to(talk: Any) -> None:
    heard = await talk.hear(*PLANNING)
    texts = {message.key: (message.author.name, message.text) for message in heard}
    points = [point for each in sections(await talk.ask("/summarize")).values() for point in each]
    assert len(points) >= 4
    for point in points:
        match = re.fullmatch(r"\*\*(.+?)\*\*: (.+) \(\[message\]\(https://chat\.example/(.+)\)\)", point)
        assert match
        name, text = texts[match[3]]
        assert name == match[1]
        assert match[2] in text


@pytest.mark.parametrize("words", ["what did I miss?", "我错过了什么？", "summarize this conversation"])
async def test_it_is_found_by_what_people_say(talk: Any, words: str) -> None:
    await talk.hear(*PLANNING)
    answer = await talk.ask(words)
    assert re.search(r"Summary of 9 messages|摘要：3人的9条消息", answer)


async def test_what_was_missed_begins_after_the_askers_own_last_message(talk: Any) -> None:
    await talk.hear("zoe: Good morning, the coffee machine is broken again.", *PLANNING[:6])
    assert (await talk.ask("/summarize")).startswith("Summary of 6 messages by 3 people")
    assert (await talk.ask("/summarize since I last read", author="ann")).startswith("There is too little")
    assert "nobody wrote" in await talk.ask("/summarize since I last read")


async def test_few_missed_messages_go_with_earlier_ones(talk: Any) -> None:
    await talk.hear(*PLANNING[:5], "zoe: I will be away for lunch today.", *PLANNING[5:7])
    assert (await talk.ask("/summarize")).startswith("Summary of 8 messages by 4 people")


async def test_a_number_of_messages(talk: Any) -> None:
    await talk.hear(*PLANNING)
    assert (await talk.ask("/summarize last 4")).startswith("Summary of 4 messages by 3 people")
    assert (await talk.ask("/recap 5 messages")).startswith("Summary of 4 messages by 3 people"), (
        "not the command"
    )


async def test_a_span_of_time(talk: Any) -> None:
    talk.moment = now() - timedelta(days=9)
    await talk.hear(*PLANNING[:4])
    talk.moment = now() - timedelta(minutes=30)
    await talk.hear(*PLANNING[4:])
    assert (await talk.ask("/summarize 2 hours")).startswith("Summary of 5 messages")
    assert (await talk.ask("/summarize all")).startswith("Summary of 9 messages")
    assert (await talk.ask("总结一下最近两小时的消息")).startswith("摘要：3人的5条消息")


async def test_from_a_message_on_by_its_menu(talk: Any) -> None:
    heard = await talk.hear(*PLANNING)
    assert (await talk.call_upon(heard[3])).startswith("Summary of 6 messages")


async def test_an_older_message_that_was_just_shown_keeps_its_place(talk: Any, harness: Harness) -> None:
    heard = await talk.hear(*PLANNING[:4])
    older = harness.message("The payment server was bought in spring.", author="dan", direct=False)
    older = replace(older, sent_at=heard[0].sent_at - timedelta(days=3), kind=EventKind.SEEN)
    await harness.hand_in(older)
    assert (await talk.call_upon(older)).startswith("Summary of 5 messages by 4 people")


async def test_from_here_without_a_message_says_how(talk: Any) -> None:
    assert "Reply to it" in await talk.ask("/summarize from here")


async def test_a_thread_is_summed_up_alone_and_its_channel_on_request(talk: Any) -> None:
    await talk.hear(*PLANNING[:6])
    await talk.hear(*PLANNING[6:], *PLANNING[:1], thread="t1")
    assert (await talk.ask("/summarize", thread="t1")).startswith("Summary of 4 messages")
    assert (await talk.ask("/summarize channel", thread="t1")).startswith("Summary of 6 messages")


async def test_a_thread_that_the_question_opened_means_its_channel(talk: Any) -> None:
    await talk.hear(*PLANNING)
    assert (await talk.ask("what did I miss?", thread="fresh")).startswith("Summary of 9 messages")


async def test_other_channels_stay_closed(talk: Any, harness: Harness) -> None:
    secret = harness.message("The secret launch is on Monday.", author="eve", channel="secret", direct=False)
    await harness.hand_in(secret)
    await talk.hear(*PLANNING)
    for words in ("/summarize all", "/summarize channel", "/summarize today"):
        assert "secret" not in await talk.ask(words)
    asking = harness.message("/summarize from here", author="zoe", direct=False, mention=True)
    (refused,) = await harness.hand_in(replace(asking, reply_to=secret.key))
    assert "From which message?" in refused.text


async def test_a_summary_does_not_take_the_thread_over(talk: Any, harness: Harness) -> None:
    await talk.hear(*PLANNING, thread="t1")
    await talk.ask("/summarize", thread="t1")
    further = harness.message("I will book the room.", author="bob", thread="t1", direct=False)
    assert await harness.hand_in(further) == []


async def test_the_bots_answers_settle_questions_but_are_not_quoted_among_people(
    talk: Any, harness: Harness
) -> None:
    await talk.hear(*PLANNING[:5])
    question = harness.message("/help why", author="bob", direct=False)
    await harness.hand_in(question)
    answer = await talk.ask("/summarize")
    assert "parley" not in answer
    assert answer.startswith("Summary of 5 messages by 3 people.")


async def test_a_talk_with_the_bot_alone_quotes_both_but_no_earlier_summary(talk: Any) -> None:
    for text in (
        "the billing release is planned for Friday",
        "the billing tests fail on Friday",
        "/help why",
    ):
        await talk.alone(text)
    first = await talk.alone("/summarize all")
    assert first.text.startswith("Summary of 5 messages by 1 person and me.")
    again = await talk.alone("/summarize all")
    assert again.text == first.text


async def test_deleted_messages_are_not_quoted(talk: Any, harness: Harness) -> None:
    heard = await talk.hear(*PLANNING)
    await harness.hand_in(harness.delete(heard[4]))
    assert "drop the old payment server" not in await talk.ask("/summarize all")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((), "There is nothing to summarise: nobody wrote anything there."),
        (
            ("ann: Hello everyone.", "bob: Hi Ann."),
            "There is too little to summarise: 2 messages by 2 people.",
        ),
        (("ann: ok", "bob: 👍", "ann: 👍 👍", "bob: ..."), "There is too little to summarise: 4 messages"),
    ],
)
async def test_nothing_and_too_little(talk: Any, lines: tuple[str, ...], words: str) -> None:
    await talk.hear(*lines)
    assert words in await talk.ask("/summarize all")


async def test_a_pasted_talk_and_a_pasted_text(talk: Any) -> None:
    pasted = "\n".join(line.replace("ann:", "Ann:") for line in PLANNING)
    told = sections((await talk.alone(f"/summarize {pasted}")).text)
    assert "**Ann**: We decided to drop the old payment server after the release." in told["Decisions"]
    text = "\n\n".join(line.partition(": ")[2] for line in PLANNING[:5])
    answer = (await talk.alone(f"/summarize {text}")).text
    assert answer.startswith("Summary of the text.")
    assert all(not point.startswith("**") for point in sections(answer)["Key points"])


async def test_a_document_is_quoted_with_its_passages(talk: Any, harness: Harness) -> None:
    text = "# Leave\n\n" + " ".join(
        f"Every employee has {days} days of leave a year." for days in (20, 25, 30)
    )
    await harness.bot.library.add_file("handbook.md", text.encode())
    reply = await talk.alone("/summarize document handbook.md")
    assert reply.text.startswith("Summary of handbook.md.")
    assert re.search(r"- Every employee has \d+ days of leave a year\. \[1\]", reply.text)
    assert reply.citations[0].document == "handbook.md"
    by_part = await talk.alone("/summarize document handbook")
    assert by_part.text == reply.text
    assert (
        "There is no document 'rules' here: handbook.md."
        in (await talk.alone("/summarize document rules")).text
    )


async def test_a_document_of_somebody_else_is_not_there(talk: Any, harness: Harness) -> None:
    await harness.bot.library.add_file("diary.md", b"Dear diary, today was fine.", scope="test:bob")
    assert "There is no document" in (await talk.alone("/summarize document diary.md", author="ann")).text
    assert "Summary of diary.md" in (await talk.alone("/summarize document diary.md", author="bob")).text


async def test_words_that_mean_nothing_are_answered_with_what_can_be_said(talk: Any) -> None:
    answer = await talk.ask("/summarize the price of tea")
    assert "I cannot tell what 'the price of tea' means." in answer
    assert "since yesterday" in answer


async def test_spans_and_documents_are_offered_while_typing(harness: Harness) -> None:
    await harness.bot.library.add_file("handbook.md", b"Every employee has leave.")
    message = harness.message("")
    suggest: Callable[..., Any] = harness.bot.answering.suggest
    assert await suggest(message, "summarize", "what", "hand") == ["document handbook.md"]
    assert "since yesterday" in await suggest(message, "summarize", "what", "")


async def test_names_and_quotations_cannot_break_the_list(talk: Any, harness: Harness) -> None:
    await talk.hear(*PLANNING[:2])
    odd = harness.message("> quoted\nWe decided to sell\nthe billing module. ```\ncode", direct=False)
    odd = replace(odd, author=replace(odd.author, id="odd", name="**Bo*b**\n- x"))
    await harness.hand_in(odd)
    answer = await talk.ask("/summarize all")
    assert "- **Bob - x**: We decided to sell (" in answer
    assert "```" not in answer
    assert "quoted" not in answer


async def test_a_text_of_one_paragraph_is_summed_up_by_its_sentences(talk: Any) -> None:
    paragraph = " ".join(line.partition(": ")[2] for line in PLANNING)
    assert (await talk.alone(f"/summarize {paragraph}")).text.startswith("Summary of the text.")
    short = "words and more words " * 15
    assert "There is too little to summarise. It is quicker" in (await talk.alone(f"/summarize {short}")).text


# --- links and files ---


async def test_the_link_of_a_message_means_what_was_said_from_it_on(talk: Any) -> None:
    heard = await talk.hear(*PLANNING)
    link = f"https://chat.example/{heard[3].key}"
    assert (await talk.ask(f"/summarize {link}")).startswith("Summary of 6 messages")
    assert (await talk.ask(f"summarize this thread <{link}> please")).startswith("Summary of 6 messages")


async def test_the_link_of_a_message_with_a_thread_means_the_thread(talk: Any, harness: Harness) -> None:
    opening = await talk.hear("ann: Where shall we have the billing release party?")
    await talk.hear(*PLANNING[:4], thread=opening[0].key.rpartition(":")[2])
    await talk.hear(*PLANNING[4:])
    answer = await talk.ask(f"/summarize https://chat.example/{opening[0].key}")
    assert answer.startswith("Summary of 5 messages")


@pytest.mark.parametrize(
    "address", ["https://chat.example/test:nowhere", "https://example.org/page", "http://127.0.0.1:8080/"]
)
async def test_other_addresses_are_refused_with_a_reason(talk: Any, address: str) -> None:
    await talk.hear(*PLANNING)
    answer = await talk.ask(f"/summarize {address}")
    assert "no message of this channel at that address" in answer
    assert "fetch no web pages" in answer


async def test_links_into_other_channels_lead_nowhere(talk: Any, harness: Harness) -> None:
    secret = harness.message("The secret launch is on Monday.", author="eve", channel="secret", direct=False)
    await harness.hand_in(secret)
    answer = await talk.ask(f"/summarize https://chat.example/{secret.key}")
    assert "no message of this channel" in answer


LEAVE = "# Leave\n\n" + " ".join(f"Every employee has {days} days of leave a year." for days in (20, 25, 30))


@pytest.mark.parametrize("words", ["/summarize", "/summarize this file", "总结一下这个文件"])
async def test_a_file_sent_with_the_command_is_summed_up_and_not_kept(
    talk: Any, harness: Harness, words: str
) -> None:
    file = NewAttachment("f1", "leave.md", "text/markdown", LEAVE.encode())
    message = replace(
        harness.message(words), attachments=(Attachment("f1", "leave.md", "text/markdown", len(LEAVE)),)
    )
    await harness.bot.accept(message, [file])
    await harness.finished(message.key)
    (sent,) = [each for each in harness.connector.sent.values() if each.message.key == message.key]
    assert re.match(r"Summary of leave\.md\.|摘要：《leave\.md》。", sent.reply.text)
    assert re.search(r"- Every employee has \d+ days of leave a year\. \[1\]", sent.reply.text)
    assert sent.reply.citations[0].document == "leave.md"
    assert await harness.bot.library.documents() == []


async def test_a_file_that_cannot_be_read_is_said(talk: Any, harness: Harness) -> None:
    file = NewAttachment("f1", "a.exe", "application/octet-stream", b"MZ")
    message = replace(
        harness.message("/summarize"), attachments=(Attachment("f1", "a.exe", "application/octet-stream", 2),)
    )
    await harness.bot.accept(message, [file])
    await harness.finished(message.key)
    (sent,) = [each for each in harness.connector.sent.values() if each.message.key == message.key]
    assert "Files ending in .exe cannot be read." in sent.reply.text
