"""A sentence of a model is kept where what was said supports it, and told with its sources."""

from __future__ import annotations

import time

import pytest

from bot.testing import FakeModels
from plugins.summarization.support import Sources
from plugins.summarization.turns import Turn

TALK = [
    Turn("Ann", "The release of the billing module is planned for the 12th of May.", key="0"),
    Turn("Bob", "The payment tests still fail on the staging server.", key="1"),
    Turn("Cat", "Let's have lunch at the new pizza place.", key="2"),
    Turn("Ann", "Then we move the release to the 19th.", key="3"),
    Turn(
        "parley", "The handbook says that releases need a second pair of eyes.", by_bot=True, quotable=False
    ),
]


async def sources(sentence: str, turns: list[Turn] = TALK, *, down: bool = False) -> list[str] | None:
    models = FakeModels()
    models.down = down
    (found,) = await Sources(turns).check([sentence], models, seconds=5)
    return None if found is None else [each.key for each in found.sources]


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize(
    ("sentence", "keys"),
    [
        ("The payment tests fail on the staging server.", ["1"]),
        ("Ann moves the release of the billing module to the 19th.", ["0", "3"]),
        ("Bob says the payment tests still fail on the staging server.", ["1"]),
        ("The board has resigned over the merger in Brazil.", None),
        ("The payment tests of Dave fail on the staging server.", None),
        ("The release of the billing module is planned for the 13th of May.", None),
        ("", None),
        ("12 🎉", None),
    ],
)
async def test_a_sentence_stands_on_what_says_it(sentence: str, keys: list[str] | None, down: bool) -> None:
    assert await sources(sentence, down=down) == keys


async def test_chinese_goes_by_words() -> None:
    talk = [Turn("安", "新版本的支付模块计划下周发布。", key="0"), Turn("波", "今天吃披萨。", key="1")]
    assert await sources("支付模块的新版本下周发布。", talk) == ["0"]
    assert await sources("董事会因为合并辞职了。", talk) is None


async def test_facts_of_far_parts_are_not_put_together() -> None:
    filler = [
        Turn("x", f"We talk about the weather and the garden once more, {'ab'[n % 2]}.") for n in range(60)
    ]
    talk = [
        Turn("Bob", "I buy the house.", key="0"),
        *filler,
        Turn("Cat", "The price is 300 dollars.", key="1"),
    ]
    assert await sources("Bob buys the house for 300 dollars.", talk) is None


async def test_a_long_talk_is_held_against_quickly() -> None:
    talk = [
        Turn(f"p{number % 9}", f"word{number} and other things are said here again") for number in range(2000)
    ]
    begun = time.monotonic()
    models = FakeModels()
    found = await Sources(talk).check(["word7 and other things are said"] * 20, models, seconds=5)
    assert time.monotonic() - begun < 10
    assert all(each is not None for each in found)
    assert sum(map(len, models.asked)) < 200
