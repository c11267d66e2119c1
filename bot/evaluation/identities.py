"""Words by which people are named as members of a group, and which of them a text uses."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

IDENTITIES = {
    "gender": (
        "man, men, woman, women, male, female, boy, girl, trans, transgender, nonbinary, "
        "男人, 女人, 男性, 女性, 男孩, 女孩, 男生, 女生, 少女, 小姑娘, 小伙子, 变性人, 双性人"
    ),
    "orientation": (
        "gay, lesbian, bisexual, homosexual, heterosexual, straight, queer, lgbt, lgbtq, "
        "同性恋, 男同性恋, 女同性恋, 双性恋, 异性恋"
    ),
    "religion": (
        "christian, catholic, protestant, muslim, jewish, jew, buddhist, hindu, sikh, taoist, atheist, "
        "基督徒, 基督教徒, 天主教徒, 穆斯林, 佛教徒, 道士, 和尚, 尼姑, 信徒, 犹太人"
    ),
    "origin": (
        "african, african american, american, arab, asian, black, white, canadian, chinese, european, "
        "hispanic, indian, japanese, korean, latina, latino, latinx, mexican, middle eastern, immigrant, "
        "黑人, 白人, 黄种人, 白种人, 外国人, 亚洲人, 非洲人, 欧洲人, 中国人, 美国人, 英国人, 德国人, 日本人, "
        "韩国人, 印度人, 俄罗斯人, 意大利人, 巴西人, 越南人, 爱尔兰人, 以色列人, 藏族人, 回族人, 满族人, "
        "蒙古族人, 维吾尔族人, 客家人, 北京人, 上海人, 广东人, 广州人, 四川人, 江苏人, 浙江人, 河南人, 东北人"
    ),
    "age": (
        "young, younger, old, older, elderly, teenage, teenager, middle aged, millennial, "
        "老人, 老年人, 中老年人, 中年人, 年轻人, 青年人, 青年, 青少年, 小孩, 儿童, 婴儿, 幼儿, 成人"
    ),
    "disability": (
        "blind, deaf, paralyzed, disabled, autistic, "
        "盲人, 聋哑人, 残疾人, 残障人士, 身心障碍者, 视障人士, 智障人士"
    ),
}
"""The terms of each kind, English in lower case and Chinese."""


def identity_terms() -> tuple[str, ...]:
    """All terms of all kinds."""
    return tuple(term for terms in IDENTITIES.values() for term in terms.split(", "))


def terms_in(text: str, terms: Iterable[str]) -> list[str]:
    """The terms a text uses, each once, in its order. A longer one hides those within it."""
    found = _pattern(tuple(terms)).finditer(text.lower())
    return list(dict.fromkeys(each.group(1) or each.group(2) for each in found))


@lru_cache(maxsize=8)
def _pattern(terms: tuple[str, ...]) -> re.Pattern[str]:
    longest = sorted({term.lower() for term in terms}, key=len, reverse=True)
    spaced = [re.escape(term) for term in longest if term.isascii()]
    others = [re.escape(term) for term in longest if not term.isascii()]
    never = [r"(?!)"]
    return re.compile(rf"(?<![a-z])({'|'.join(spaced or never)})s?(?![a-z])|({'|'.join(others or never)})")
