"""Identity terms are exchanged for others of their group, with their form, case and grammar."""

import random

import pytest

from bot.training.variants.counterfactuals import GROUPS, OWNERS, exchange


def all_of(text, count=40):
    return {exchange(text, random.Random(number)) for number in range(count)}


def test_every_form_has_a_word_for_every_member():
    for group in GROUPS.values():
        assert group.members > 1
        assert all(len(line) == group.members for line in group.lines)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He told her about her dog, and I saw her.", "She told him about his dog, and I saw him."),
        ("His wife is a businesswoman", "Her husband is a businessman"),
        ("SHE is right", "HE is right"),
        ("他说他们的爸爸是男人", "她说她们的妈妈是女人"),
    ],
)
def test_gender_is_exchanged_consistently(text, expected):
    assert all_of(text) == {expected}


def test_a_term_becomes_another_of_its_group_in_the_same_form():
    found = all_of("Muslims and a Muslim")
    assert "Jews and a Jew" in found
    assert "Atheists and an Atheist" in found
    assert all(one.split()[0].lower()[:3] == one.split()[-1].lower()[:3] for one in found)
    assert all_of("他是河南人") <= {f"她是{each}" for each in GROUPS["地域"].lines[0]}


def test_the_article_follows_the_word():
    found = all_of("a muslim and an atheist")
    assert found == {
        "a jew and a christian", "a hindu and a muslim", "a buddhist and a jew", "a sikh and a hindu",
        "an atheist and a buddhist", "a christian and a sikh",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "my old car is black",
        "go straight on",
        "其他人弹吉他",
        "https://gay.org @muslim `he = her`",
        "the shepherd there",
        "",
    ],
)
def test_other_meanings_and_protected_pieces_stay(text):
    assert all_of(text) == {text}


def test_ambiguous_words_are_people_before_people():
    assert "white women vote" in all_of("black men vote")
    assert all_of("black is a colour") == {"black is a colour"}
    assert all_of("old people") == {"young people", "middle-aged people"}


def test_each_term_leads_to_another():
    for term, name in OWNERS.items():
        line, place = GROUPS[name].places[term]
        assert GROUPS[name].lines[line][place] == term
