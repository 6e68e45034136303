"""What a prompt is about: the key phrase that fills the bank's slots, and the classifier's two labels."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

from persona_lib.simulator.sentences import phrases
from persona_lib.simulator.world import uniform

MOST_WORDS = 7
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_OTHERS = {"i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself", "i'm": "you are"}
_ABOUT = re.compile(
    r"\b(?:think|feel|feelings|opinions?|views?|thoughts?|stance|position|know|talk|hear|argue|beliefs?|believe|"
    r"attitude|advice|arguments?|case|future|point|role|meaning|purpose|debate|chat)\s+"
    r"(?:about|of|on|regarding|in|for|against|towards?)\s+(.+)",
    re.I,
)
_TO_DO = re.compile(r"\bto\s+([a-z]+)\b(.*)", re.I)
_WHAT_IS = re.compile(r"^(?:so\s+)?(?:what|who)(?:\s+(?:is|are|was|were)|['’]s)\s+(.+)", re.I)
_ASKS = re.compile(r"^(should|would|could|can|will|must|do|does|did|is|are|was|were|has|have)\s+(.+)", re.I)
_HOW = re.compile(r"\bhow\s+(?:do|can|should|could|would|does)\s+(?:i|you|we|one|people|someone)\s+([a-z]+)\b(.*)", re.I)
_STOPS_AT = {"and", "but", "because", "if", "when", "while", "since", "so", "or", "that", "which", "who", "where", "than"}


@lru_cache(maxsize=20_000)
def topic_phrase(prompt: str) -> str:
    """A noun phrase of at most seven words for what a prompt asks about.

    Taken from the last question of the prompt by a few patterns, otherwise its longest run of telling words; "this
    question" where there is none. Free of full stops, question marks and quotation marks.

    Examples
    --------
    >>> topic_phrase("What do you think about gun control?")
    'gun control'
    >>> topic_phrase("Is it ever okay to lie to your parents?")
    'lying to your parents'
    >>> topic_phrase("Should the government ban cars?")
    'whether the government should ban cars'
    """
    sentences = [s for s in re.split(r"(?<=[.!?])\s+", prompt.strip()) if s]
    asked = next((s for s in reversed(sentences) if "?" in s), sentences[0] if sentences else "")
    asked = " ".join(re.sub(r"[\"“”<>{}\[\]()*_#|`]", " ", asked[:600]).split()).strip(" .?!,;:")
    asked = re.sub(r"^(?:well|so|hi|hello|hey|please|and|but|ok|okay)\b[\s,]+", "", asked, flags=re.I)
    found = ""
    if (about := _ABOUT.search(asked)) is not None:
        found = _noun_phrase(about.group(1))
    if not found and (how := _HOW.search(asked)) is not None:
        found = _doing(how.group(1), how.group(2))
    if not found and (to_do := _TO_DO.search(asked)) is not None and to_do.group(1).lower() in _verbs():
        found = _doing(to_do.group(1), to_do.group(2))
    if not found and (asks := _ASKS.match(asked)) is not None:
        found = _whether(asks.group(1).lower(), asks.group(2))
    if not found and (what := _WHAT_IS.match(asked)) is not None:
        found = _noun_phrase(what.group(1))
    return found or _longest_run(asked) or "this question"


@lru_cache(maxsize=1)
def _verbs() -> frozenset[str]:
    return frozenset(phrases()["verbs"])


@lru_cache(maxsize=1)
def _stop() -> frozenset[str]:
    return frozenset(phrases()["stop"])


def _clean(words: Sequence[str]) -> str:
    kept = [_OTHERS.get(w.lower(), w) for w in words]
    while kept and kept[-1].lower() in _stop():
        kept.pop()
    if len(kept) and kept[0][:1].isupper() and kept[0].lower() in _stop():
        kept[0] = kept[0].lower()
    return " ".join(kept)


def _clause(text: str) -> list[str]:
    """The words up to the next clause."""
    words = []
    for part in re.split(r"[,;:.!?]", text.strip())[:1]:
        for word in _WORD.findall(part):
            if word.lower() in _STOPS_AT and words:
                break
            words.append(word)
    return words


def _noun_phrase(text: str) -> str:
    words = _clause(text)[:MOST_WORDS]
    if not words or words[0].lower() in {"it", "that", "this", "to", "i", "you", "we", "he", "she", "they"}:
        return ""
    return _clean(words)


def _doing(verb: str, rest: str) -> str:
    words = [_gerund(verb.lower()), *_clause(rest)[: MOST_WORDS - 1]]
    if verb.lower() not in _verbs() or verb.lower() in {"be", "have", "get", "think", "say", "know"}:
        return ""
    return _clean(words)


def _whether(auxiliary: str, clause: str) -> str:
    words = _clause(clause)[:MOST_WORDS]
    for i, word in enumerate(words[1:5], start=1):
        if word.lower() in _verbs() and words[0].lower() not in {"i", "it", "there"}:
            helper = [] if auxiliary in {"do", "did"} else [auxiliary]
            if auxiliary == "does" or len(words) == i:
                return ""
            return _clean(["whether", *[w if j else _lower(w) for j, w in enumerate(words[:i])], *helper, *words[i:]])
    return ""


def _lower(word: str) -> str:
    return word.lower() if word.lower() in _stop() else word


def _longest_run(text: str) -> str:
    """The longest run of words none of which is a stop word, at most four of them, the later of equals."""
    best, run = [], []
    for word in [*_WORD.findall(text), "the"]:
        if word.lower() in _stop():
            if len(run) >= len(best):
                best = run
            run = []
        else:
            run = [*run, word][-4:]
    return " ".join(best)


def _gerund(verb: str) -> str:
    """The -ing form of a verb of the list.

    Examples
    --------
    >>> [_gerund(v) for v in ("lie", "ban", "eat", "make", "see")]
    ['lying', 'banning', 'eating', 'making', 'seeing']
    """
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith("ee"):
        return verb[:-1] + "ing"
    short = re.fullmatch(r"[^aeiou]*[aeiou][bdgklmnprt]", verb) and not verb.endswith(("lk", "rk"))
    return verb + verb[-1] * bool(short) + "ing"


def classify(prompt: str, topics: Sequence[str], error: float) -> tuple[bool, str]:
    """The classifier's labels of a prompt: controversial or not, and one of the topics.

    Controversial if more cue words than plain words stand in it; turned round in a share `error` of prompts, by a
    hash of the prompt. The topic with the most key words; a tie or none is settled by the same hash.
    """
    words = {w.lower() for w in _WORD.findall(prompt)}
    lists, digest = phrases(), hashlib.sha256(prompt.encode()).digest()
    is_controversial = len(words & set(lists["controversial"])) > len(words & set(lists["plain"]))
    if uniform(digest, "controversial") < error:
        is_controversial = not is_controversial
    if not topics:
        return is_controversial, ""
    matches = [len(words & _key_words(topic)) for topic in topics]
    best = [topic for topic, n in zip(topics, matches, strict=True) if n == max(matches)]
    if max(matches) == 0:
        best = [t for t in topics if t.lower() in {"other", "something else", "outliers"}] or best
    return is_controversial, best[int(uniform(digest, "topic") * len(best))]


@lru_cache(maxsize=1000)
def _key_words(topic: str) -> frozenset[str]:
    own = {w.lower() for w in _WORD.findall(topic)} - _stop()
    found = set(own)
    for name, words in phrases()["topic_words"].items():
        if any(w.startswith(name) or name.startswith(w) for w in own if len(w) > 2):
            found |= set(words)
    return frozenset(found)
