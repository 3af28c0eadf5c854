"""Takes what a sentence says is absent out of it: ``a beach without people`` is ``a beach`` less ``people``.

A vector of a sentence hardly knows ``no``: to the model ``without people`` is about people. What is absent is therefore
subtracted, as ``-people`` would be. English only, and careful: a ``no`` or ``not`` that means something else (``no
parking sign``, ``not far from``, ``no one``) stays where it is. ``semblance evaluate negation`` measures both.

    absence = cue [determiner] thing {("or" | "nor" | "and") ["no" | determiner] thing}
    cue     = "without" | ["with"] "no" | "not" determiner | "not wearing" | "does not have" | …
    thing   = one to three words up to a word of the closed classes, a verb's -ing, or punctuation
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*")
_DETERMINER = r"(?:an?|any|the|his|her|its|their|my|your|single)"
_VERB = r"(?:wear|hav|show|includ|contain|us|carry|hold)"
_CUE = re.compile(
    rf"""\b(?:
        without(?:\s+{_VERB}ing)?(?:\s+{_DETERMINER})*
      | (?:with|has|have|having|contains?|wears?|wearing|there(?:\s+is|\s+are|['’]s))\s+no
      | (?:(?:do|does|did|is|are|was|were)(?:\s+not|n['’]t)|not)\s+(?:{_VERB}e?|{_VERB}ing|carry)(?:\s+{_DETERMINER})*
      | (?:not|(?:is|are|was|were)n['’]t)(?:\s+{_DETERMINER})+
      | no
    )\s+""",
    re.IGNORECASE | re.VERBOSE,
)
_MORE = re.compile(
    rf"\s*(?:,\s*)?(?:(?:or|nor|and)\s+(?:no\s+|without\s+)?|,\s*no\s+)(?:{_DETERMINER}\s+)*", re.IGNORECASE
)
_AND, _NO = (re.compile(rf"\b{word}\b", re.IGNORECASE) for word in ("and", "no"))
_BESIDE = re.compile(
    r"\s+(?:on(?=\s*(?:[,.;!?]|$|\s(?:is|are|was|were)\b|\s\w+ing\b))|"
    r"(?:at\s+all|whatsoever|around|anywhere|nearby|visible|present|in\s+(?:it|them|sight|view|the\s+(?:picture|photo|"
    r"image|background)))(?=\s*(?:[,.;!?]|$)))",
    re.IGNORECASE,
)
"""What only says again that something is absent."""
_LONGEST = 3

_CLOSED = frozenset(
    """
    a an the this that these those some any each every both all another such same own no not nor or and but if because
    while although though than so whether as i me my we us our you your he him his she her hers it its they them their
    who whom whose which what where when why how am is are was were be been being has have had do does did will would
    shall should can could may might must about above across after against along amid among around at atop away before
    behind below beneath beside besides between beyond by down during except for from in inside into like near next of
    off on onto out outside over past per since through throughout to toward towards under underneath until up upon via
    with within without here there then now just only also too very more most less least quite rather still yet again
    almost one body
    """.split()  # noqa: SIM905
)
_IDIOMS = {
    "no": frozenset(
        """
        one body longer more matter doubt idea wonder way where sooner such less other problem thanks thank reason
        means particular time end good use need chance fun big deal questions question strings entry access exit
        trespassing vacancy admittance parking smoking hitter contest brainer go u-turn
        """.split()  # noqa: SIM905
    ),
    "not": frozenset(
        """
        same only best first last lot bit problem big fan chance moment word thing soul right usual way whole case
        least most one few other little much good bad
        """.split()  # noqa: SIM905
    ),
    "without": frozenset(
        """
        doubt question exception end fail warning effort delay purpose reason regard notice avail hesitation words
        permission limits borders equal help much care many more
        """.split()  # noqa: SIM905
    ),
}
"""What follows a cue that says something else, by the cue."""
_SIGNS = frozenset(
    "sign signs symbol signal zone area tape policy rule rules button lane man land line".split()  # noqa: SIM905
)
"""The last words of compounds that begin with ``no``: a ``no parking sign`` is there."""
_SAID = re.compile(
    r"(?:\b(?:say|says|said|saying|reads?|reading|stating|states|written|words?|labell?ed|called|named|titled|yes|hear|"
    r"see|speak|or|in|of|by|for|under|at|to|a|an|the)\W+|\b(?:signs?|notices?|posters?)\b.*|[#\d]\s*)$",
    re.IGNORECASE,
)
"""Before ``no``: it is said, written or part of a phrase."""
_FORBIDDEN = re.compile(r"\s+(?:are\s+|is\s+)?(?:allowed|permitted|beyond|past)\b", re.IGNORECASE)
"""Behind a thing: it is forbidden, not absent."""
_NOUNS_IN_ING = frozenset(
    """
    clothing building ceiling railing string ring king wing spring swing thing lighting icing frosting topping bedding
    earring painting flooring covering awning sibling
    """.split()  # noqa: SIM905
)
_VERBS = frozenset(
    verb + ending
    for verb in """
    climb ride play run stand sit walk lay lie jump skateboard swim hold look perform pose dance leap wait eat drink
    sleep fly hang lean rest throw catch hit kick pull push chase lead carry wear watch work talk smile move stop turn
    """.split()  # noqa: SIM905
    for ending in ("", "s")
) | {"catches", "pushes", "watches", "carries"}
"""What people and animals in pictures do, behind ``no shirt``."""
_DANGLING = re.compile(
    r"(?:^|\s+|(?<=,))(?:with|but|and|or|nor|that|which|who|has|have|having|is|are|was|were|there|it|this|wearing|"
    r"showing|do|does|did|just|,)\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Absence:
    """Something that a sentence says is absent.

    Attributes:
        thing: what it is.
        source: the words that say so, as they were written.
    """

    thing: str
    source: str


def split_absences(sentence: str) -> tuple[str, tuple[Absence, ...]]:
    """Return what a sentence says is there, with single spaces, and what it says is absent, in its order."""
    kept, absences, start = [], [], 0
    for cue in _CUE.finditer(sentence):
        if cue.start() < start:
            continue
        things, end = _things(sentence, cue)
        if not things:
            continue
        source = " ".join(sentence[cue.start() : end].split())
        absences += [Absence(thing, source) for thing in things]
        if beside := _BESIDE.match(sentence, end):
            end = beside.end()
        kept.append(_without_dangling(sentence[start : cue.start()]))
        start = end
    rest = " ".join(" ".join([*kept, sentence[start:]]).split())
    return _whole(rest) if absences else sentence, tuple(absences)


def _whole(rest: str) -> str:
    """Tidy what remains; without a letter it is nothing."""
    rest = re.sub(r"\s+(?=[,.;!?])", "", re.sub(r"^(?:[\s,.;!?]|(?:on|in|at|of|around|here)\b)+", "", rest, flags=re.I))
    return rest if re.search(r"\w|\0", rest) else ""


def _things(sentence: str, cue: re.Match[str]) -> tuple[list[str], int]:
    """Return the things that a cue takes away, and where their names end; none where it means something else."""
    kind = next(kind for kind in ("without", "not", "no") if re.search(rf"\b{kind}\b|n['’]t", cue[0], re.IGNORECASE))
    if cue[0].strip().lower() == "no" and _SAID.search(sentence[: cue.start()]):
        return [], cue.end()
    singular = bool(re.search(r"\ban?\s+$", cue[0], re.IGNORECASE))
    words, end = _thing(sentence, cue.end(), singular=singular)
    if not words or words[0].lower() in _IDIOMS[kind] or (len(words) > 1 and words[-1].lower() in _SIGNS):
        return [], cue.end()
    if words[0].lower().endswith("ing") and words[0].lower() not in _NOUNS_IN_ING:
        return [], cue.end()
    if _FORBIDDEN.match(sentence, end):
        return [], cue.end()
    things = [" ".join(words)]
    while more := _MORE.match(sentence, end):
        determined = more[0].rstrip().lower().endswith((" a", " an", " the"))
        if _AND.search(more[0]) and not _NO.search(more[0]) and (determined or kind != "without"):
            break
        words, after = _thing(sentence, more.end(), singular=determined)
        if not words or words[0].lower().endswith("ing"):
            break
        things.append(" ".join(words))
        end = after
    return things, end


def _thing(sentence: str, start: int, *, singular: bool) -> tuple[list[str], int]:
    """Read the words of one thing; behind ``a`` a word in -s is a verb's: ``without a shirt runs``."""
    words: list[str] = []
    end = start
    while len(words) < _LONGEST and (word := _WORD.match(sentence, start)):
        lower = word[0].lower()
        if lower in _CLOSED or (words and _is_verb(lower, singular=singular)):
            break
        words.append(word[0])
        end = word.end()
        space = re.match(r"[ \t]+", sentence[end:])
        if not space:
            break
        start = end + space.end()
    return words, end


def _is_verb(word: str, *, singular: bool) -> bool:
    """Tell whether a word behind a noun is likely to go on with the sentence."""
    if word in _VERBS or (word.endswith("ing") and word not in _NOUNS_IN_ING):
        return True
    if word.endswith("ed"):
        return len(word) > len("sleds")
    return singular and word.endswith("s") and not word.endswith(("ss", "us", "is"))


def _without_dangling(text: str) -> str:
    """Drop the words at the end of a text that lead to what was taken away."""
    while (shorter := _DANGLING.sub("", text.rstrip(" ,"))) != text:
        text = shorter
    return text
