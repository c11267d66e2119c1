"""Which language a flag stands for, where people put it under a message."""

from __future__ import annotations

from collections.abc import Mapping

_LANDS = """
af ZA|ar SA EG AE DZ BH IQ JO KW LB LY MA OM PS QA SD SY TN YE|az AZ|be BY|bg BG|bn BD|bs BA|cs CZ
da DK GL|de DE AT CH LI|el GR CY|en GB US AU CA IE NZ|es ES MX AR BO CL CO CR CU DO EC GT HN NI PA PE PR PY SV
es UY VE|et EE|fa IR|fi FI|fr FR BE BF BJ CD CG CI GA GF GN GP HT MC ML MQ NE RE SN TG|he IL|hi IN|hr HR|hu HU
hy AM|id ID|is IS|it IT SM VA|ja JP|ka GE|kk KZ|km KH|ko KR KP|lt LT|lv LV|mk MK|mn MN|ms MY BN|mt MT|my MM
ne NP|nl NL SR AW CW|no NO|pl PL|pt PT BR AO CV MZ ST|ro RO MD|ru RU|sk SK|sl SI|sq AL XK|sr RS ME
sv SE|sw KE TZ|th TH|tl PH|tr TR|uk UA|ur PK|uz UZ|vi VN|zh CN TW HK MO SG
"""
"""A language and the lands whose flags stand for it: for each land the one most people there read."""

_PARTS = {"gbeng": "en", "gbsct": "en", "gbwls": "cy"}
REGIONAL_A, TAG_A, BLACK_FLAG, END = 0x1F1E6, 0xE0061, "\U0001f3f4", "\U000e007f"


def reactions() -> Mapping[str, Mapping[str, str]]:
    """For each flag the arguments of translate."""
    entries = [entry.split() for line in _LANDS.splitlines() for entry in line.split("|") if entry]
    lands = {_flag(land): language for language, *lands in entries for land in lands}
    parts = {_flag_of_part(part): language for part, language in _PARTS.items()}
    return {flag: {"language": language} for flag, language in (lands | parts).items()}


def _flag(land: str) -> str:
    return "".join(chr(REGIONAL_A + ord(letter) - ord("A")) for letter in land)


def _flag_of_part(part: str) -> str:
    return BLACK_FLAG + "".join(chr(TAG_A + ord(letter) - ord("a")) for letter in part) + END
