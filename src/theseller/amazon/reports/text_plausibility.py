"""Check that decoded text is plausible in its expected languages.

That is the evidence for an encoding that nothing names. Nearly every byte string decodes in
Windows-1250, -1252 and -1254, so decoding proves nothing. The result proves something: ``Ko³dra``
is no word of any language that is written in Windows-1252, and ``Kołdra`` is one of Polish. A
reading fits if its words keep to the letters of one of its languages, and its signs are where signs
may be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

CP1250, CP1252, CP1254, CP932 = "cp1250", "cp1252", "cp1254", "cp932"

#: Letters beyond a-z, by language: German, French, Spanish, Italian, Portuguese, Catalan, Dutch,
#: Swedish and Finnish, Danish and Norwegian. The more alphabets count, the less a word proves.
_WESTERN = (
    "äöüß",
    "àâæçéèêëîïôœùûü",
    "áéíóúüñ",
    "àèéìíîòóùú",
    "àáâãçéêíóôõú",
    "àèéíïòóúüç",
    "áäéèëêïíóöôúü",
    "åäöéüà",
    "æøåéóòôüö",
)
_POLISH = ("ąćęłńóśźż",)
#: Letters that Windows-1250 and -1252 have in the same places.
_SHARED_WITH_POLISH = ("äöüßáéíóúâçëîô",)
#: ``ź`` after a consonant other than d is ``ü`` of another code page.
_NOT_POLISH = re.compile(r"[bcfghjklmnprstwzćłńśżź]ź")
_TURKISH = ("çğıöşüâîû",)

_WORD = re.compile(r"[^\W\d_]+")
_FOREIGN = re.compile(r"[^\x00-\x7f]")
_SIGN = re.compile(r"[^\x00-\x7f\w]")
_RUN = re.compile(r"[^\x00-\x7f]{2,}")
#: Letters beyond a-z that follow one another in western words; others do not.
_WESTERN_PAIR = re.compile(
    r"ç[ãõáâéêóàèíú]|ñ[áéíóú]|[äöüáéíóåøæ]ß|é[éâîôàê]|[äöå]{2}|[æøå]{2}|[ëïöü][ëèé]"
)
#: Where letters are in no western word, but other languages' letters in their place are: Polish
#: ``œci`` and ``pêdzel``, Czech ``èaj`` and ``døevo``, Hungarian ``szõlõ``, Romanian ``brânzã``.
_MISPLACED = re.compile(
    r"œ(?![uildstn])|[èø][aeiou]|[aeo]è|ê(?!$|[tmvlpnrqgsx]|ch)|õ(?!e)"
    r"|ã(?!$|[oens])|ã.*[âáéíóúêô]|[âáéíóúêô].*ã"
)
#: Pairs of consonants that are German at the most, whose letters beyond a-z are these four.
_EASTERN_PAIR = re.compile(r"sz|cz|rz|dz|zs")
_GERMAN = frozenset("äöüß")
#: Signs that are numbers, units or punctuation where they are right: ``cm³``, ``1½``, ``Nº``,
#: ``¿…?``.
_IN_PLACE = re.compile(
    r"(?:(?<=\d)|(?<=\d )|\b)(?:[kcdm]?m|ft|in|yd)[²³](?!\w)"
    r"|(?<=\d)[²³](?!\w)"
    r"|(?<![^\W\d_])[¼½¾](?!\w)"
    r"|(?:(?<=\d)|(?<=\d\.)|(?<=\b[Nn]))[ªº](?!\w)"
    r"|‹[^‹›\n]*›|›[^‹›\n]*‹"
    r"|(?<!\w)¿(?=[^?\n]*\?)|(?<!\w)¡(?=[^!\n]*!)"
)
_ANYWHERE = frozenset(
    "\u2018\u2019\u00b4\u2013\u2014\u00ae\u2122\u00a9\u00b0\u00b7\u00a0\u00ab\u00bb\u00ad"
)
_NOT_INSIDE_WORDS = frozenset("\u201c\u201d\u2022\u2026\u00d7\u00f7")
_NOT_AFTER_LETTERS = frozenset("\u201e\u201a\u00b1\u00a7\u2020\u2030")
_NO_EVIDENCE = re.compile(r"(?<=[a-z])[\u2013\u2014](?=[a-z])")
_MONEY = frozenset("€£¥¢")
#: One word or sign in so many may contradict: titles quote foreign names.
_TOLERATED = 10


def reads_as_text(text: str, codec: str) -> bool:
    """Return whether `text` is plausible in the languages of `codec`.

    The text was decoded from that codec. Single letters, and dashes between small letters, are no
    evidence: where there is nothing else, nothing fits.

    Args:
        text: cells, one a line.
        codec: ``cp1250`` (Polish), ``cp1252`` (western Europe, Americas) or ``cp1254`` (Turkish).
    """
    text, in_place = _IN_PLACE.subn(" ", text)
    text = _NO_EVIDENCE.sub(" ", text.replace("µ", "u"))
    words = [word for word in _WORD.findall(text) if not word.isascii() and len(word) > 1]
    signs = [
        _sign_fits(
            found[0], text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
        )
        for found in _SIGN.finditer(text)
    ]
    wrong = sum(not _WORD_FITS[codec](word) for word in words) + signs.count(False)
    seen = len(words) + len(signs) + in_place
    return seen > 0 and wrong * _TOLERATED <= seen


def _sign_fits(sign: str, before: str, after: str) -> bool:
    if sign in _MONEY:
        return not before.isalpha() and not after.isalpha()
    if sign in _NOT_INSIDE_WORDS:
        return not (before.isalpha() and after.isalpha())
    return sign in _ANYWHERE or (sign in _NOT_AFTER_LETTERS and not before.isalpha())


def _keeps_to(word: str, alphabets: Sequence[str]) -> bool:
    """Return whether one alphabet has all letters of `word`.

    And no capital beyond A-Z is inside it.
    """
    foreign = frozenset(_FOREIGN.findall(word.replace("İ", "ı").lower()))
    if not word.isupper() and any(letter.isupper() and not letter.isascii() for letter in word[1:]):
        return False
    return any(foreign <= frozenset(alphabet) for alphabet in alphabets)


def _western(word: str) -> bool:
    lower = word.lower()
    if word[0] in "ŠŽ" and word[1:].isascii():  # Names: Škoda, Žižek.
        return True
    if _EASTERN_PAIR.search(lower) and not _GERMAN.issuperset(_FOREIGN.findall(lower)):
        return False
    if _MISPLACED.search(lower) or not all(
        _WESTERN_PAIR.fullmatch(run) for run in _RUN.findall(lower)
    ):
        return False
    return _keeps_to(word, _WESTERN)


def _polish(word: str) -> bool:
    if _keeps_to(word, _POLISH) and not _NOT_POLISH.search(word.lower()):
        return len(word) <= 4 or bool(re.search(r"[A-Za-z]", word))
    return _keeps_to(word, _SHARED_WITH_POLISH) and _western(word)


def _turkish(word: str) -> bool:
    return _keeps_to(word, _TURKISH) or _western(word)


_WORD_FITS: dict[str, Callable[[str], bool]] = {CP1250: _polish, CP1252: _western, CP1254: _turkish}


def reads_as_japanese(data: bytes) -> bool:
    """Return whether `data` is Japanese text in Shift JIS.

    Else it may be text of another encoding that decodes by chance: Chinese, Korean and EUC-JP
    become half-width kana; a western letter takes the ASCII letter after it for its second byte.
    Neither gives many letters of the first two blocks whose second byte is above 0x7f.
    """
    pairs: list[bytes] = []
    half = 0
    for letter in _FOREIGN.findall(data.decode(CP932, "ignore")):
        encoded = letter.encode(CP932, "ignore")
        half += len(encoded) == 1
        if len(encoded) == 2:
            pairs.append(encoded)
    # In EUC-JP, 0x8e and another byte are one half-width letter.
    common = sum(
        0x81 <= pair[0] <= 0x9F and not (pair[0] == 0x8E and 0xA1 <= pair[1] <= 0xDF)
        for pair in pairs
    )
    high = sum(pair[1] >= 0x80 for pair in pairs)
    return common >= 2 and common * 2 > len(pairs) + half // 2 and high * 4 >= len(pairs)
