"""What a prompt is about: the key phrase that fills the bank's slots, and the classifier's two labels."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache

from persona_lib.simulator.sentences import phrases
from persona_lib.simulator.world import uniform

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*(?:(?<=s)['’](?=\s))?")
_OTHERS = {"i": "you", "me": "you", "my": "your", "myself": "yourself", "am": "are"}
_ABOUT = re.compile(
    r"\b(?:think|feel|feelings|opinions?|views?|thoughts?|stance|know|talk|hear|argue|beliefs?|believe|attitude|advice|"
    r"arguments?|debate|chat|complain(?: too much)?)\s+(?:about|of|on|regarding|in|for|against|towards?)\s+(.+)",
    re.I,
)
_OBJECT = re.compile(
    r"(?:^|\b(?:please|me|you|let['’]s|i\s+would)\s+)"
    r"(?:discuss|explain|describe|summarise|summarize|compare|plan|write|like|give\s+me)\s+(.+)",
    re.I,
)
_BELIEF = re.compile(
    r"^(?:(?:do|would|did)\s+you\s+(?:\w+ly\s+)?(?:think|believe|say)\s+(?:that\s+)?"
    r"|(?:i\s+(?:think|believe|feel)|convince\s+me)\s+that\s+)(.+)",
    re.I,
)
_IT_IS = re.compile(r"^(?:is|was|would|how\b.*)\b.*?\bit\b.*?\b(not\s+)?to\s+([a-z]+)\b(.*)", re.I)
_TO_DO = re.compile(r"\b(?:allowed|able|free|need|right|duty)\s+to\s+([a-z]+)\b(.*)", re.I)
_EITHER = re.compile(r"^(?:what|which|who)\b[^,:]*[,:]\s*(.+?),?\s+or\s+(.+)", re.I)
_WHAT_IS = re.compile(r"^(?:what|who)(?:\s+(?:is|are|was|were)|['’]s)\s+(.+)", re.I)
_YOURS = re.compile(
    r"^(?!what\s+can\b).*?\b(?:do|should|could|would|can|will|must)\s+(?:i|you|we|one)\s+(?:ever\s+)?([a-z]+)\b(.*)",
    re.I,
)
_THAT = re.compile(r"^(is|was|does|would)\s+it\s+(.*?\s(?:that|if|when)\s+.+)", re.I)
_CLAUSE = re.compile(
    r"^(?:(why|how)\s+)?(should|would|could|can|will|must|do|does|did|has|is|are|was|were)\s+(.+)", re.I
)
_STATES = frozenset({"is", "are", "was", "were"})
_VAGUE = frozenset({"be", "have", "get", "think", "say", "know", "blame", "believe", "do", "like", "need", "want"})
_ADVERBS = frozenset({"still", "ever", "really", "just", "also", "always", "never", "both", "often", "all"})
_PLACED = frozenset(
    {"in", "of", "on", "at", "for", "with", "from", "by", "to", "as", "during", "about", "against", "between", "within"}
)
_DETERMINERS = frozenset({"a", "an", "the"})
_OWNED = frozenset({"my", "your", "our", "his", "her", "their"})
_RELATIVE = frozenset({"who", "that", "which", "whose"})
_POINTS_BACK = frozenset({"they", "them", "their", "he", "him", "his", "she", "her"})
_AUXILIARIES = frozenset(
    {"does", "do", "is", "are", "should", "would", "will", "can", "could", "has", "have", "not", "to"}
)
_LATER = frozenset({"because", "if", "when", "while", "since", "so", "but"})
_NOUNS_TOO = frozenset({"tax", "care", "love", "vote"})  # nouns as often as verbs
_MANY = frozenset({"people", "children", "men", "women", "police"})
_MOST_WORDS = 18
_VERDICT = re.compile(r"(?:should|is|are|do|does|did|was|were|has|have|would|could|can(?! you))\b(?! there)", re.I)


@lru_cache(maxsize=20_000)
def topic_phrase(prompt: str) -> str:
    """A noun phrase for what a prompt asks about.

    Taken from the last question of the prompt by a few patterns; `this question` where none fits.
    Free of full stops, question marks and quotation marks.

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
    asked = re.sub(r"\s+(?:to|for)\s+(?:me|us)$", "", asked, flags=re.I)
    asked = re.sub(r"^(?:well|so|hi|hello|hey|please|and|but|ok|okay)\b[\s,]+", "", asked, flags=re.I)
    return next(filter(None, _readings(asked)), "this question")


def _readings(asked: str) -> Iterator[str]:
    """What each pattern makes of a question, '' where it does not fit."""
    if found := _EITHER.match(asked):
        yield _choice(found[1], found[2])
    if found := _ABOUT.search(asked):
        yield _noun_phrase(found[1])
    if found := _BELIEF.match(asked):
        yield _fitted("the idea that", _clause(found[1]))
    if found := _OBJECT.search(asked):
        yield _noun_phrase(found[1])
    if found := _YOURS.search(asked):
        yield _doing(found[1], found[2], known=False)
    if found := _IT_IS.match(asked):
        doing = _doing(found[2], found[3], known=False, vague=True)
        yield f"not {doing}" if found[1] and doing else doing
    if (found := _TO_DO.search(asked)) and not _POINTS_BACK & set(found[2].lower().split()):
        yield _doing(found[1], found[2], known=True)
    if found := _THAT.match(asked):
        yield _fitted("the question whether it", [found[1].lower(), *_clause(found[2])])
    if found := _CLAUSE.match(asked):
        yield _question((found[1] or "whether").lower(), found[2].lower(), found[3])
    if found := _WHAT_IS.match(asked):
        yield _noun_phrase(found[1])


@cache
def _listed(name: str) -> frozenset[str]:
    return frozenset(phrases()[name])


def _seen_by_another(words: Sequence[str]) -> list[str]:
    """The words as the one who answers says them: `your boss` for `my boss`."""
    return [_OTHERS.get(word.lower(), word) for word in words]


def _fitted(start: str, words: Sequence[str]) -> str:
    """The words after a start if they are few enough, else up to the last clause that fits, without a dangling end.

    Examples
    --------
    >>> _fitted("the question whether", "cats are better than dogs".split())
    'the question whether cats are better than dogs'
    """
    room = _MOST_WORDS - len(start.split())
    kept = list(words)
    if len(kept) > room:
        ends = [i for i in range(2, room + 1) if kept[i].lower() in _listed("next_clause")]
        kept = kept[: ends[-1] if ends else room]
        while kept and kept[-1].lower() in _listed("dangling"):
            kept.pop()
    return " ".join([*start.split(), *_seen_by_another(kept)])


def _clause(text: str, opens: frozenset[str] = frozenset()) -> list[str]:
    """The words up to a mark, a second question, or one of the words that open what is not wanted."""
    words = _WORD.findall(re.split(r"[,;:.!?]", text.strip())[0])
    low = [word.lower() for word in words]
    for i in range(1, len(words)):
        asks_again = low[i] in {"or", "and"} and low[i + 1 : i + 2] and low[i + 1] in _AUXILIARIES
        if low[i] in opens or asks_again:
            return words[:i]
    return words


def _noun_phrase(text: str) -> str:
    """What a text begins with, as one thing: `the matter of taxes` for `taxes`."""
    text = re.sub(r"^some\s+", "", text, flags=re.I)
    is_pair = re.match(r"\w+(?:\s+\w+)?\s+between\b", text)
    words = _clause(text, _listed("next_clause") - ({"and"} if is_pair else set()))[:9]
    while words and words[-1].lower() in _listed("dangling"):
        words.pop()
    if all(word.lower() in _listed("stop") for word in words):
        return ""
    if words[0].lower() in {*_POINTS_BACK, "it", "that", "this", "to", "i", "you", "we", "how", "what"}:
        return ""
    head = next((i for i, word in enumerate(words) if i and word.lower() in _PLACED | {"these", "today"}), len(words))
    ends = words[head - 1].lower()
    is_many = words[0].lower() in {"both", "many", "my"} or ends in _MANY or re.search(r"(?<![siu])(?<!ic)s$", ends)
    return " ".join(["the", "matter", "of"] * bool(is_many) + _seen_by_another(words))


def _choice(one: str, other: str) -> str:
    """`the choice between cats and dogs` from `cats` and `dogs`; nothing for what is long or says too little."""
    sides = [_clause(one), _clause(other)]
    if any(not 0 < len(words) <= 5 or words[0].lower() in _listed("stop") - _DETERMINERS - _OWNED for words in sides):
        return ""
    return " ".join(["the choice between", *_seen_by_another(sides[0]), "and", *_seen_by_another(sides[1])])


def _doing(verb: str, rest: str, *, known: bool, vague: bool = False) -> str:
    """`lying to your parents` from `lie` and `to my parents`; nothing for what is no verb, or says too little.

    known: the verb must be of the list. vague: `be` and its like will do if something follows.
    """
    verb, words = verb.lower(), _clause(rest, frozenset({"than"}))
    low = [word.lower() for word in words]
    if low[:1] and low[0] in _POINTS_BACK:
        return ""
    again = (i for i in range(len(low) - 1) if low[i] in {"and", "or"} and low[i + 1] in _listed("verbs"))
    words = words[: next(again, len(words))]
    if verb in _VAGUE and not (vague and words) or verb in (_listed("stop") - _listed("verbs")):
        return ""
    if not known and verb not in _listed("verbs") and verb.endswith(("er", "est", "ly")):
        return ""
    if known and (verb not in _listed("verbs") or not words):
        return ""
    return _fitted(_gerund(verb), words)


def _question(asks: str, auxiliary: str, text: str) -> str:
    """`the question whether X should Y` from `should` and `X Y`; nothing where X's end is not found."""
    words = _clause(text)
    if len(words) < 2 or words[0].lower() in {"i", "it", "you", "we", "this", "that"}:
        return ""
    end = 1 if words[0].lower() == "there" else _end_of_subject(words, is_state=auxiliary in _STATES)
    if not end:
        return ""
    subject, rest = words[:end], words[end:]
    while len(subject) > 1 and subject[-1].lower() in _ADVERBS:
        rest.insert(0, subject.pop())
    if subject[0].lower() in _listed("stop"):
        subject[0] = subject[0].lower()
    helper = [] if auxiliary in {"do", "does"} else [auxiliary]
    if auxiliary == "does":
        at = next((i for i, word in enumerate(rest) if word.lower() not in _ADVERBS), 0)
        rest[at] = _third_person(rest[at])
    return _fitted(f"the question {asks}", [*subject, *helper, *rest])


def _third_person(verb: str) -> str:
    if verb == "have":
        return "has"
    return verb + ("es" if verb.endswith(("s", "sh", "ch", "x", "o")) else "s")


def _end_of_subject(words: Sequence[str], *, is_state: bool) -> int:
    """How many words the subject of a question has, read after its auxiliary; 0 if that is not clear."""
    low = [word.lower() for word in words]
    relative = next((i for i, word in enumerate(low) if word in _RELATIVE), len(low))
    places = [*range(1, relative), *range(relative + 3, len(low))]
    opened = next((i for i, word in enumerate(low) if word in _LATER), len(low))
    for i in range(1, opened):
        if not is_state and low[i] == "be" and low[i - 1] != "to":
            return i
    for i in places:
        if words[i][0].isupper() or low[i - 1] in _DETERMINERS | _PLACED:
            continue
        if not is_state and low[i] in _listed("verbs") and "-" not in low[i - 1]:
            is_noun = low[i] in _NOUNS_TOO and low[i + 1 : i + 2] and low[i + 1] in _listed("verbs")
            return i + bool(is_noun)
        is_told = low[i] in _listed("predicates") or (_is_bent(low[i]) and low[(i + 1) % len(low)] not in {"a", "an"})
        if is_state and is_told and low[i] not in _PLACED and (i > 1 or not low[0].endswith("ing")):
            return i
    return len(low) - 1 if is_state and len(low) <= 8 and low[-2] not in _DETERMINERS | _PLACED else 0


def _is_bent(word: str) -> bool:
    """Whether a word looks like a participle or a comparative."""
    return len(word) > 4 and word.endswith(("ing", "ed", "ier"))


def _gerund(verb: str) -> str:
    """The -ing form of a verb of the list.

    Examples
    --------
    >>> [_gerund(v) for v in ("lie", "ban", "eat", "make", "quit", "travel")]
    ['lying', 'banning', 'eating', 'making', 'quitting', 'traveling']
    """
    if verb == "be":
        return "being"
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith("ee"):
        return verb[:-1] + "ing"
    short = re.fullmatch(r"(?:[^aeiou]|qu)*[aeiou][bdgklmnprt]", verb)
    return verb + verb[-1] * (bool(short) or verb in _listed("stressed_at_the_end")) + "ing"


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
    """The words of a text in lower case, without a plural s; words of three letters keep theirs: his is not hi."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    return {word.removesuffix("s") if len(word) > 3 else word for word in words}


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
