"""What a prompt is about: the key phrase that fills the bank's slots, and the classifier's two labels."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cache, lru_cache

from persona_lib.simulator.sentences import phrases, subjects
from persona_lib.simulator.world import uniform

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_OTHERS = {"i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself", "am": "are"}
_ABOUT = re.compile(
    r"\b(?:think|feel|feelings|opinions?|views?|thoughts?|stance|position|know|talk|hear|argue|beliefs?|believe|"
    r"attitude|advice|arguments?|case|future|point|meaning|purpose|debate|chat)\s+"
    r"(?:about|of|on|regarding|in|for|against|towards?)\s+(.+)",
    re.I,
)
_TO_DO = re.compile(r"\bto\s+([a-z]+)\b(.*)", re.I)
_WHAT_IS = re.compile(r"^(?:what|who)(?:\s+(?:is|are|was|were)|['’]s)\s+(.+)", re.I)
_YOURS = re.compile(r"\b(?:do|should|could|would|can|will|must)\s+(?:i|you|we|one)\s+([a-z]+)\b(.*)", re.I)
_VERDICT = re.compile(r"(?:should|is|are|do|does|did|was|were|has|have|would|could|can(?! you))\b(?! there)", re.I)
_THAT = re.compile(r"^(?:is|was|does|would)\s+it\b.*?\s(?:that|if|when)\s+(.+)", re.I)
_CLAUSE = re.compile(r"^(why\s+)?(should|would|could|can|will|must|do|does|is|are|was|were)\s+(.+)", re.I)


@lru_cache(maxsize=20_000)
def topic_phrase(prompt: str) -> str:
    """A noun phrase for what a prompt asks about.

    Taken from the last question of the prompt by a few patterns, otherwise its longest run of telling words; "this
    question" where there is none. Free of full stops, question marks and quotation marks.

    Examples
    --------
    >>> topic_phrase("What do you think about gun control?")
    'gun control'
    >>> topic_phrase("Is it ever okay to lie to your parents?")
    'lying to your parents'
    >>> topic_phrase("Should the government ban cars?")
    'the question whether the government should ban cars'
    """
    sentences = [s for s in re.split(r"(?<=[.!?])\s+", prompt.strip()) if s]
    asked = next((s for s in reversed(sentences) if "?" in s), sentences[0] if sentences else "")
    asked = " ".join(re.sub(r"[\"“”<>{}\[\]()*_#|`]", " ", asked[:600]).split()).strip(" .?!,;:")
    asked = re.sub(r"^(?:well|so|hi|hello|hey|please|and|but|ok|okay)\b[\s,]+", "", asked, flags=re.I)
    found = ""
    if (about := _ABOUT.search(asked)) is not None:
        found = _noun_phrase(about.group(1))
    if not found and (yours := _YOURS.search(asked)) is not None:
        found = _doing(yours.group(1), yours.group(2))
    if not found and (to_do := _TO_DO.search(asked)) is not None:
        found = _doing(to_do.group(1), to_do.group(2))
    if not found and (that := _THAT.match(asked)) is not None:
        found = _cut(["the", "idea", "that", *_clause(that.group(1))], 15)
    if not found and (clause := _CLAUSE.match(asked)) is not None:
        found = _question("why" if clause.group(1) else "whether", clause.group(2).lower(), clause.group(3))
    if not found and (what := _WHAT_IS.match(asked)) is not None:
        found = _noun_phrase(what.group(1))
    return found or _longest_run(asked) or "this question"


@cache
def _listed(name: str) -> frozenset[str]:
    return frozenset(phrases()[name])


def _cut(words: Sequence[str], most: int) -> str:
    """The words up to a number, seen from the one who answers, without a dangling end."""
    kept = [_OTHERS.get(w.lower(), w) for w in words[:most]]
    while kept and kept[-1].lower() in _listed("dangling"):
        kept.pop()
    return " ".join(kept)


def _clause(text: str) -> list[str]:
    """The words up to the next clause."""
    words = []
    for word in _WORD.findall(re.split(r"[,;:.!?]", text.strip())[0]):
        if word.lower() in _listed("next_clause") and words:
            break
        words.append(word)
    return words


def _noun_phrase(text: str) -> str:
    words = _clause(text)
    if not words or words[0].lower() in {"it", "that", "this", "to", "i", "you", "we", "he", "she", "they"}:
        return ""
    return _cut(words, 7)


def _doing(verb: str, rest: str) -> str:
    """`lying to your parents` from `lie` and `to my parents`; nothing for a verb that says too little."""
    if verb.lower() not in _listed("verbs") - {"be", "have", "get", "think", "say", "know", "blame", "believe"}:
        return ""
    return _cut([_gerund(verb.lower()), *_clause(rest)], 10)


def _question(asks: str, auxiliary: str, text: str) -> str:
    """`the question whether X should Y` from `should` and `X Y`; nothing where X's end is not found."""
    words = _clause(text)
    if not words or words[0].lower() in {"i", "it", "there", "you", "we", "this", "that"}:
        return ""
    begins = _listed("predicates") if auxiliary in {"is", "are", "was", "were"} else _listed("verbs")
    is_state = auxiliary in {"is", "are", "was", "were"}
    after = [*words[1:], ""]
    end = next(
        (
            i
            for i, word in enumerate(words[:7])
            if i and (word.lower() in begins or (is_state and _is_bent(word) and after[i] not in {"a", "an"}))
        ),
        0,
    )
    if len(words) == 2 and is_state:
        end = 1
    if not end:
        return ""
    subject = [words[0].lower() if words[0].lower() in _listed("stop") else words[0], *words[1:end]]
    helper, rest = [auxiliary], words[end:]
    if auxiliary == "do":
        helper = []
    elif auxiliary == "does":
        helper, rest = [], [rest[0] + ("es" if rest[0].endswith(("s", "sh", "ch", "x", "o")) else "s"), *rest[1:]]
    return _cut(["the", "question", asks, *subject, *helper, *rest], 15)


def _is_bent(word: str) -> bool:
    """Whether a word looks like a participle or a comparative."""
    return len(word) > 4 and word.endswith(("ing", "ed", "ier"))


def _longest_run(text: str) -> str:
    """The longest run of words none of which is a stop word, at most four of them, the later of equals."""
    best, run = [], []
    for word in [*_WORD.findall(text), "the"]:
        if word.lower() in _listed("stop"):
            if len(run) >= len(best):
                best = run
            run = []
        else:
            run = [*run, word][-4:]
    return _cut(best, 4)


def _gerund(verb: str) -> str:
    """The -ing form of a verb of the list.

    Examples
    --------
    >>> [_gerund(v) for v in ("lie", "ban", "eat", "make", "quit")]
    ['lying', 'banning', 'eating', 'making', 'quitting']
    """
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith("ee"):
        return verb[:-1] + "ing"
    short = re.fullmatch(r"(?:[^aeiou]|qu)*[aeiou][bdgklmnprt]", verb)
    return verb + verb[-1] * bool(short) + "ing"


@lru_cache(maxsize=20_000)
def subject_of(prompt: str) -> str:
    """The subject, a key of `subjects.yaml`, most of whose words a prompt holds; the first of equals, `life` if none.

    Examples
    --------
    >>> subject_of("Should vaccines be mandatory?"), subject_of("Why?")
    ('health', 'life')
    """
    words = _stems(prompt)
    counts = {subject: len(words & found) for subject, found in _subject_words().items()}
    return max(counts, key=counts.get)


@cache
def _subject_words() -> dict[str, frozenset[str]]:
    listed = phrases()["topic_words"]
    return {
        subject: frozenset(_stems(" ".join(word for name in spec["words"] for word in listed[name])))
        for subject, spec in subjects().items()
    }


def classify(prompt: str, topics: Sequence[str], error: float) -> tuple[bool, str]:
    """The classifier's labels of a prompt: controversial or not, and one of the topics.

    Controversial if it asks for a verdict (Should, Is, Would ...) or holds a cue word, and holds no more plain words
    than that; turned round in a share `error` of prompts, by a hash of the prompt. The topic with the most key words;
    a tie or none is settled by the same hash.

    Examples
    --------
    >>> classify("Should abortion be legal?", ["Cooking", "Discussions on Abortion"], error=0.0)
    (True, 'Discussions on Abortion')
    """
    words, digest = _stems(prompt), hashlib.sha256(prompt.encode("utf-8", "replace")).digest()
    asks = any(_VERDICT.match(sentence) for sentence in re.split(r"(?<=[.!?,])\s+", prompt))
    is_controversial = asks + len(words & _stemmed("controversial")) > len(words & _stemmed("plain"))
    if uniform(digest, "controversial") < error:
        is_controversial = not is_controversial
    if not topics:
        return is_controversial, ""
    matches = [len(words & _key_words(topic)) for topic in topics]
    best = [topic for topic, n in zip(topics, matches, strict=True) if n == max(matches)]
    return is_controversial, best[int(uniform(digest, "topic") * len(best))]


def _stems(text: str) -> set[str]:
    """The words of a text in lower case, without a plural s."""
    return {word.removesuffix("s") for word in re.findall(r"[^\W\d_]+", text.lower())}


@cache
def _stemmed(name: str) -> frozenset[str]:
    return frozenset(_stems(" ".join(phrases()[name])))


@lru_cache(maxsize=1000)
def _key_words(topic: str) -> frozenset[str]:
    own = _stems(topic) - _stems(" ".join(phrases()["stop"]))
    found = set(own)
    for name, words in phrases()["topic_words"].items():
        if name.removesuffix("s") in own:
            found |= _stems(" ".join(words))
    return frozenset(found)
