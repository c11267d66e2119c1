"""The languages people name: their codes, and what they are called in English and in themselves."""

from __future__ import annotations

import re
from functools import cache

_NAMES = """
af Afrikaans Afrikaans|ar Arabic العربية|az Azerbaijani Azərbaycanca|be Belarusian Беларуская
bg Bulgarian Български|bn Bengali বাংলা|bs Bosnian Bosanski|ca Catalan Català|cs Czech Čeština
cy Welsh Cymraeg|da Danish Dansk|de German Deutsch|el Greek Ελληνικά|en English English
eo Esperanto Esperanto|es Spanish Español|et Estonian Eesti|eu Basque Euskara|fa Persian فارسی
fi Finnish Suomi|fr French Français|ga Irish Gaeilge|gl Galician Galego|gu Gujarati ગુજરાતી
he Hebrew עברית|hi Hindi हिन्दी|hr Croatian Hrvatski|hu Hungarian Magyar|hy Armenian Հայերեն
id Indonesian Indonesia|is Icelandic Íslenska|it Italian Italiano|ja Japanese 日本語|ka Georgian ქართული
kk Kazakh Қазақша|km Khmer ខ្មែរ|kn Kannada ಕನ್ನಡ|ko Korean 한국어|la Latin Latina|lt Lithuanian Lietuvių
lv Latvian Latviešu|mk Macedonian Македонски|ml Malayalam മലയാളം|mn Mongolian Монгол|mr Marathi मराठी
ms Malay Melayu|mt Maltese Malti|my Burmese မြန်မာ|ne Nepali नेपाली|nl Dutch Nederlands|no Norwegian Norsk
pa Punjabi ਪੰਜਾਬੀ|pl Polish Polski|pt Portuguese Português|ro Romanian Română|ru Russian Русский
sk Slovak Slovenčina|sl Slovenian Slovenščina|sq Albanian Shqip|sr Serbian Српски|sv Swedish Svenska
sw Swahili Kiswahili|ta Tamil தமிழ்|te Telugu తెలుగు|th Thai ไทย|tl Tagalog Tagalog|tr Turkish Türkçe
uk Ukrainian Українська|ur Urdu اردو|uz Uzbek Oʻzbekcha|vi Vietnamese Việt|zh Chinese 中文
"""
_OTHERS = {
    "nb": "no", "nn": "no", "iw": "he", "fil": "tl", "cmn": "zh", "zho": "zh", "chinois": "zh",
    "eng": "en", "ger": "de", "deu": "de", "fra": "fr", "fre": "fr", "spa": "es", "jpn": "ja",
    "英文": "en", "英语": "en", "中国語": "zh", "汉语": "zh", "普通话": "zh", "德语": "de", "法语": "fr",
    "西班牙语": "es", "日语": "ja", "日文": "ja", "韩语": "ko", "韩文": "ko", "俄语": "ru", "英語": "en",
    "englisch": "en", "französisch": "fr", "spanisch": "es", "anglais": "en", "allemand": "de",
    "inglés": "en", "alemán": "de", "farsi": "fa", "mandarin": "zh", "slovene": "sl", "filipino": "tl",
}  # fmt: skip

_LOCALE = re.compile(r"([a-z]{2,3})(?:-(?:[a-z]{2}|[a-z]{4}|\d{3}))+")


def language_name(code: str) -> str:
    """What a language is called in English; the code itself where it is not known."""
    return _table().get(code, (code, code))[0]


def language_names() -> list[str]:
    """The English names of all languages known by name, sorted."""
    return sorted(english for english, _ in _table().values())


def language_code(word: str) -> str:
    """The ISO 639-1 code of a language given by code, locale (`de-AT`) or name; empty when it is none."""
    folded = word.strip().casefold().replace("_", "-")
    if found := _codes().get(folded):
        return found
    locale = _LOCALE.fullmatch(folded)
    return _codes().get(locale[1], "") if locale else ""


@cache
def _table() -> dict[str, tuple[str, str]]:
    entries = [entry.split() for line in _NAMES.split("\n") for entry in line.split("|") if entry]
    return {code: (english, own) for code, english, own in entries}


@cache
def _codes() -> dict[str, str]:
    codes = {code: code for code in _table()} | _OTHERS
    for code, names in _table().items():
        codes |= dict.fromkeys((name.casefold() for name in names), code)
    return codes
