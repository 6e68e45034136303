"""One handler per template: what a simulated model replies to a request.

A reply depends on the model, the messages and the seed of the request, and on nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from persona_lib.simulator import portraits, respondents, revising, surveys, topics, writing
from persona_lib.simulator.formats import smallest
from persona_lib.simulator.forms import Forms, parse_description
from persona_lib.simulator.nearness import VERDICTS, nearer_chances
from persona_lib.simulator.sentences import phrase, phrases
from persona_lib.simulator.world import Model, load, uniform
from persona_lib.tables.descriptions import label_of


@dataclass(frozen=True)
class Call:
    """A request as a handler sees it."""

    slots: Mapping[str, str]
    who: Model
    digest: bytes
    sample: int

    def uniform(self, purpose: str) -> float:
        """A number in [0, 1) of this request and this purpose."""
        return uniform(self.digest, purpose)

    def persona_uniform(self, purpose: str) -> float:
        """A number in [0, 1) of the description alone: whoever asks, the same."""
        return uniform(hashlib.sha256(self.slots["persona"].encode()).digest(), purpose)


@dataclass(frozen=True)
class Reply:
    """What goes back: a text, or a refusal; and the `digest` of the request, by which it was chosen."""

    text: str
    digest: bytes
    refused: bool = False


def digest(model: str, messages: list, sample: int) -> bytes:
    """The hash of all that a reply depends on; the world's version in the model's name does not count."""
    said = json.dumps([model.partition("@")[0], messages, sample], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest()


def write_traits(call: Call) -> str:
    first, second = (int(call.uniform(purpose) * len(phrases()["free_time"])) for purpose in ("first", "second"))
    (does, when), (also, _) = (phrases()["free_time"][i] for i in (first, second))
    more = f" Now and then they {also}." if second != first else ""
    return json.dumps({"personal_time": f"{when}, they {does}.{more}"}, ensure_ascii=False)


def check_consistency(call: Call) -> str:
    lines = [line.partition(":")[0].strip() for line in call.slots["persona"].split("\n") if ":" in line]
    if len(lines) < 2 or call.persona_uniform("consistent") >= load().parameters["inconsistent_share"]:
        return json.dumps({"is_consistent": True, "reason": phrases()["consistent"]})
    first = int(call.persona_uniform("first line") * len(lines))
    second = (first + 1 + int(call.persona_uniform("second line") * (len(lines) - 1))) % len(lines)
    reason = phrases()["inconsistent"].format(first=repr(lines[first]), second=repr(lines[second]))
    return json.dumps({"is_consistent": False, "reason": reason}, ensure_ascii=False)


def classify_prompt(call: Call) -> str:
    listed = [topic.strip() for topic in call.slots["topics"].split("\n") if topic.strip()]
    error = load().parameters["classifier_error"]
    is_controversial, topic = topics.classify(call.slots["prompt"], listed, error)
    return json.dumps({"is_controversial": is_controversial, "topic": topic}, ensure_ascii=False)


def answer(call: Call) -> str:
    return writing.answer(call.slots["prompt"], writing.representative(), call.who, call.digest)


def answer_divergent(call: Call) -> str:
    return writing.divergent(call.slots["prompt"], call.slots["answer"], call.who, call.digest)


def critique_paper(call: Call) -> str:
    return _critique(call, prefers_short=True)


def critique_neutral(call: Call) -> str:
    return _critique(call, prefers_short=False)


def _critique(call: Call, *, prefers_short: bool) -> str:
    persona, prompt, text = (call.slots[name] for name in ("persona", "prompt", "answer"))
    return writing.critique(persona, prompt, text, call.who, call.digest, prefers_short=prefers_short)


def revise(call: Call) -> str:
    slots = call.slots
    return revising.revise(slots["prompt"], slots["answer"], slots["critique"], call.who, call.digest)


def judge(call: Call) -> str:
    chance = respondents.prefer_first(
        call.slots.get("persona", ""), call.slots["answer_a"], call.slots["answer_b"], call.who, sample=call.sample
    )
    return json.dumps({"choice": "A" if call.uniform("choice") < chance else "B"})


def judge_certainty(call: Call) -> str:
    """The choice of `judge`, with how clear the preference was before it was made, in whole steps as people say it."""
    chance = respondents.prefer_first(
        call.slots["persona"], call.slots["answer_a"], call.slots["answer_b"], call.who, sample=call.sample
    )
    choice = "A" if call.uniform("choice") < chance else "B"
    return json.dumps({"choice": choice, "certainty": round(float(100 * respondents.certainty(chance)))})


def nearer(call: Call) -> str:
    slots = call.slots
    chances = nearer_chances(slots["answer"], slots["answer_a"], slots["answer_b"], call.who)
    chosen = int((chances.cumsum() <= call.uniform("nearer")).sum())
    return json.dumps({"nearer": VERDICTS[min(chosen, len(VERDICTS) - 1)]})


def ask_share(call: Call) -> str:
    slots = call.slots
    share = respondents.share_first(slots["people"], slots["answer_a"], slots["answer_b"], call.who)
    return json.dumps({"share_a": round(100 * share)})


def answer_output_only(call: Call) -> str:
    aim = writing.personal(call.slots["persona"], call.who, "description")
    return _telling(writing.answer(call.slots["prompt"], aim, call.who, call.digest), call, "output_only")


def _telling(text: str, call: Call, mode: str) -> str:
    """The answer, with a sentence that gives its reader away in the declared share of answers."""
    lines = parse_description(call.slots["persona"])
    known = [lines[name] for name in ("lifestyle", "defining_quirks") if lines.get(name)]
    if known and call.uniform("explicit") < load().parameters["writing"]["explicit_answers"][mode]:
        value = known[int(call.uniform("which line") * len(known))].rstrip(".")
        return f"{text} {phrase('revision', 'names', call.digest, value=value)}"
    return text


def answer_chain_of_thought(call: Call) -> str:
    aim = writing.personal(call.slots["persona"], call.who, "steps")
    steps = writing.steps(aim, call.slots["prompt"], call.digest)
    answer = writing.answer(call.slots["prompt"], aim, call.who, call.digest)
    return f"{steps}\nANSWER:\n" + _telling(answer, call, "chain_of_thought")


def summarise(call: Call) -> str:
    slots = call.slots
    return portraits.summarise(parse_description(slots["persona"]), slots["prompt"], call.who, call.digest)


def answer_from_summary(call: Call) -> str:
    aim = writing.personal(portraits.describe(call.slots["summary"]), call.who, "summary")
    return writing.answer(call.slots["prompt"], aim, call.who, call.digest)


def examine(call: Call) -> str:
    persona, prompt, text = (call.slots[name] for name in ("persona", "prompt", "answer"))
    if call.uniform("verdict") < respondents.accept(persona, prompt, text, call.who):
        return json.dumps({"needs_revision": False, "reason": phrase("examined", "suits", call.digest)})
    wish = respondents.wishes(persona, text, call.who)[0]
    wanted = writing.pole(wish.dimension, wish.direction)
    reason = phrase("examined", "lacks", call.digest, more=wanted.more, what=wanted.does)
    return json.dumps({"needs_revision": True, "reason": reason})


def find_dropped(call: Call) -> str:
    persona, summary = call.slots["persona"], call.slots["summary"]
    found = portraits.conveyed(parse_description(persona), summary, call.who, call.digest)
    labels = [label_of()[attribute] for attribute, is_conveyed in found.items() if is_conveyed]
    serves = call.uniform("equivalent") < portraits.equivalent_chance(persona, summary, call.who)
    return json.dumps({"conveyed": labels, "is_equivalent": serves})


def survey_persona(call: Call) -> str:
    return _survey_answer(call, call.slots["persona"])


def survey_oneself(call: Call) -> str:
    return _survey_answer(call, "")


def _survey_answer(call: Call, persona: str) -> str:
    options = call.slots["options"].split("\n")
    position = respondents.stand(persona, call.who, sample=call.sample)
    chances = surveys.answer_chances(call.slots["prompt"], options, position)
    chosen = int((chances.cumsum() <= call.uniform("answer")).sum())
    return json.dumps({"answer": options[min(chosen, len(options) - 1)]})


def survey_shares(call: Call) -> str:
    options = call.slots["options"].split("\n")
    shares = surveys.population_shares(call.slots["prompt"], options)
    return json.dumps({"shares": [round(100 * float(share)) for share in shares]})


HANDLERS: Mapping[str, Callable[[Call], str]] = {
    "write_traits": write_traits,
    "check_consistency": check_consistency,
    "classify_prompt": classify_prompt,
    "answer": answer,
    "answer_divergent": answer_divergent,
    "critique_paper": critique_paper,
    "critique_neutral": critique_neutral,
    "revise": revise,
    "revise_again": revise,
    "judge": judge,
    "judge_certainty": judge_certainty,
    "judge_no_persona": judge,
    "nearer": nearer,
    "ask_share": ask_share,
    "answer_output_only": answer_output_only,
    "answer_chain_of_thought": answer_chain_of_thought,
    "summarise": summarise,
    "answer_from_summary": answer_from_summary,
    "examine": examine,
    "find_dropped": find_dropped,
    "survey_persona": survey_persona,
    "survey_oneself": survey_oneself,
    "survey_shares": survey_shares,
}

STRUCTURED = frozenset(
    {
        "write_traits",
        "check_consistency",
        "classify_prompt",
        "judge",
        "judge_certainty",
        "judge_no_persona",
        "nearer",
        "ask_share",
        "examine",
        "find_dropped",
        "survey_persona",
        "survey_oneself",
        "survey_shares",
    }
)


def reply(forms: Forms, who: Model, messages: list[dict], *, sample: int = 0, schema: Mapping | None = None) -> Reply:
    """The model's reply to one request.

    A request that no template made is answered as a question from nobody in particular; with a schema, by the
    smallest value that fits it. Refusals and answers out of form come at the model's declared rates and do not
    depend on what the answer would have been.

    Raises
    ------
    Misfit
        No value that fits the schema of such a request was found.
    """
    noise = digest(who.name, messages, sample)
    if uniform(noise, "refusal") < who.refusal_rate:
        return Reply(phrases()["refusal"], noise, refused=True)
    known = forms.recognise(messages)
    if known is None or known[0] not in HANDLERS:
        prompt = next((str(m["content"]) for m in reversed(messages) if m["role"] == "user"), "")
        call = Call({"prompt": prompt}, who, noise, sample)
        return Reply(answer(call) if schema is None else json.dumps(smallest(schema)), noise)
    name, slots = known
    call = Call(slots, who, noise, sample)
    if uniform(noise, "malformed") < who.malformed_rate:
        if name in STRUCTURED:
            broken = phrases()["malformed"]
            return Reply(broken[int(uniform(noise, "how malformed") * len(broken))], noise)
        if name == "answer_chain_of_thought":
            return Reply(HANDLERS[name](call).replace("\nANSWER:\n", "\n"), noise)
    return Reply(HANDLERS[name](call), noise)
