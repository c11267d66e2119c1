"""Questions, decisions and agreement are told by their form, in English and Chinese."""

from __future__ import annotations

import pytest

from plugins.summarization.forms import asks, assents, decides, knows_not, proposes


@pytest.mark.parametrize(
    "sentence",
    [
        "Who can update the docs?",
        "when is the release",
        "does anyone know how to restart the server",
        "So can we ship it on Friday?",
        "谁来更新文档？",
        "测试服务器可以用吗",
        "请问发布时间",
    ],
)
def test_questions(sentence: str) -> None:
    assert asks(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "How are you?",
        "You moved it to Friday, right?",
        "really?",
        "???",
        "What I want is a new server.",
        "I know how to restart the server.",
        "服务器没那么多",
        "你好吗？",
        "what did I miss?",
    ],
)
def test_no_questions(sentence: str) -> None:
    assert not asks(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "We decided to postpone the release.",
        "It was agreed that Ann writes the report.",
        "Decision: we use PostgreSQL.",
        "OK, let's go with the second design.",
        "So we're going to use the new server.",
        "The committee has approved the budget.",
        "我们决定推迟发布。",
        "就这么定了",
        "大家一致同意用新方案",
    ],
)
def test_decisions(sentence: str) -> None:
    assert decides(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "We have not decided yet.",
        "We haven't agreed on the budget.",
        "If we decide to postpone it, tell Ann.",
        "Did we agree on Friday?",
        "We need to decide about the budget.",
        "I totally agree with Bob.",
        "我们还没决定。",
        "是否决定推迟？",
        "The server is slow today.",
    ],
)
def test_no_decisions(sentence: str) -> None:
    assert not decides(sentence)


def test_proposals_and_agreement() -> None:
    assert proposes("Let's meet on Friday.")
    assert proposes("我们周五开会吧")
    assert not proposes("I let the cat out.")
    assert assents("Sounds good to me")
    assert assents("好的")
    assert not assents("I am against it")
    assert knows_not("No idea, sorry.")
    assert knows_not("不知道")
    assert not knows_not("It is in the handbook.")
