"""The client of one endpoint: what it sends, what a reply or an error of the endpoint becomes, no key leaves."""

import json
import logging
import re
import time
import traceback

import pandas as pd
import pytest
from endless import CHOICE, FORMS, KEY, completion

from persona_lib.asking.asker import Asker
from persona_lib.asking.client import AskError, Client
from persona_lib.ledger import sealed
from persona_lib.ledger.live import Ledger
from persona_lib.messages import request as words
from persona_lib.messages.endpoint import Endpoint
from persona_lib.messages.reply import read
from persona_lib.messages.request import Request


class TestWhatIsSent:
    def test_one_chat_completion_with_the_parameters_and_the_sample_as_seed(self, run, server):
        run(["Why?"], samples=3)
        (path, body), headers = server.bodies[0], server.headers_seen[0]
        assert path == "/v1/chat/completions"
        assert body == {
            "model": "m",
            "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Why?"}],
            "temperature": 0.5,
            "seed": 3,
        }
        assert headers["authorization"] == f"Bearer {KEY}"

    def test_no_seed_for_an_endpoint_that_refuses_one(self, run, server):
        assert run(["Why?", "Why?"], samples=[0, 1], seed=False)["status"].tolist() == ["ok", "ok"]
        assert [sorted(body) for _, body in server.bodies] == [["messages", "model", "temperature"]] * 2

    def test_a_template_with_a_schema_asks_for_json_of_it(self, run, server):
        server.plan = {"Why?": [("say", '{"choice": "B"}')]}
        assert run(["Why?"], template="judge")["data"].tolist() == [{"choice": "B"}]
        form = server.bodies[0][1]["response_format"]
        assert form == {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": CHOICE}}

    def test_a_foreign_key_is_not_sent_where_none_is_named(self, run, server, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else-entirely")
        run(["a"], key_variable=None)
        assert "somebody" not in json.dumps(server.headers_seen)


class TestGateways:
    def test_headers_and_query_go_with_every_request_and_nothing_authorizes_where_there_is_no_key(
        self, run, server, monkeypatch
    ):
        """As Azure wants it: the key in a header of its own, the version of the API in the address."""
        monkeypatch.setenv("AZURE_KEY", KEY)
        parts = {"headers": {"api-key": "${AZURE_KEY}", "X-Team": "lab"}, "query": {"api-version": "2024-10-21"}}
        assert run(["a"], key_variable=None, **parts)["status"].tolist() == ["ok"]
        assert server.bodies[0][0] == "/v1/chat/completions?api-version=2024-10-21"
        headers = server.headers_seen[0]
        assert (headers["api-key"], headers["x-team"]) == (KEY, "lab") and "authorization" not in headers

    def test_a_header_may_stand_in_the_place_of_the_key(self, run, server, monkeypatch):
        monkeypatch.setenv("TOKEN", "abc")
        run(["a"], headers={"Authorization": "Basic ${TOKEN}"}, key_variable=None)
        assert server.headers_seen[0]["authorization"] == "Basic abc"

    def test_a_variable_that_is_not_set_is_named_before_anything_is_sent(self, run, server):
        with pytest.raises(AskError, match=r"endpoint large: headers.X-A is not set; export NOT_SET=\.\.\."):
            run(["a"], headers={"X-A": "${NOT_SET}"})
        assert not server.bodies


class TestStatuses:
    # oracle: the protocol's own fields
    @pytest.mark.parametrize(
        ("template", "step", "status", "detail"),
        [
            ("answer", ("say", "Yes."), "ok", ""),
            ("answer", ("body", completion(None, refusal="I will not.")), "refused", "I will not."),
            ("answer", ("body", completion("half", finish="content_filter")), "refused", "content_filter"),
            ("answer", ("error", 400, (), "content_filter"), "refused", "400"),
            ("answer", ("say", ""), "unparsed", "empty reply"),
            ("answer", ("say", None), "unparsed", "empty reply"),
            ("judge", ("say", '{"choice": "A"}'), "ok", ""),
            ("judge", ("say", "I choose A."), "unparsed", "not JSON .*: I choose A."),
            ("judge", ("say", '{"choice": "C"}'), "unparsed", r"not the JSON asked for \(\$.choice: 'C' is not one of"),
            ("judge", ("say", '["A"]'), "unparsed", "is not of type 'object'"),
            ("judge", ("say", '{"choice": NaN}'), "unparsed", "NaN is no JSON value"),
            ("judge", ("body", completion('{"choice": ', finish="length")), "cut_off", "limit of tokens: {.choice"),
            ("answer", ("error", 400), "not_taken", r"400: you sent Bearer \[key\]"),
            ("answer", ("error", 413), "not_taken", "413"),
        ],
    )
    def test_status_detail_and_text(self, run, server, template, step, status, detail):
        server.plan = {"q": [step]}
        reply = run(["q"], template=template, repairs=False).iloc[0]
        assert reply["status"] == status and re.search(detail, reply["detail"])
        assert (reply["text"] == "") == (status != "ok") and (reply["data"] is None) == (template + status != "judgeok")
        run(["q"], template=template, repairs=False)
        assert server.calls["q"] == 1, "a final reply is not asked for again"

    def test_tokens_are_missing_not_zero_where_not_counted(self, run, server):
        server.plan = {"b": [("body", completion("x", usage=None))]}
        tokens = run(["a", "b"])[["tokens_in", "tokens_out"]]
        assert tokens.iloc[0].tolist() == [7, 2] and tokens.iloc[1].isna().all()

    def test_half_characters_become_replacement_characters_wherever_they_stand(self, run, server, tmp_path):
        half = "x\ud83d"
        why = {"type": "object", "properties": {"why": {"type": "string"}}}
        server.plan = {
            "text": [("body", completion(half))],
            "refusal": [("body", completion(None, refusal=half))],
            "filter": [("error", 400, (), "content_filter", half)],
            "model": [("body", completion("x", model=half))],
            "failed": [("error", 500, (), None, half)],
        }
        replies = run(list(server.plan), retries=0, seal="toy.parquet")
        assert replies["text"][0] == "x\ufffd" and replies["detail"][1] == "x\ufffd"
        assert replies["status"].tolist() == ["ok", "refused", "refused", "ok", "failed"]
        assert sealed.check(tmp_path / "toy.parquet")["refused"] == 2
        asked = Request("large", "m", (), {}, 0, why)
        found = words.table([asked], [read(asked, json.dumps(completion('{"why": "x\\ud83d"}')))], index=[0])
        assert found["data"][0] == {"why": "x\ufffd"}

    @pytest.mark.parametrize("n", [True, -1, 2**70, 1.5, "7"])
    def test_a_count_of_tokens_that_is_none_is_missing(self, run, server, tmp_path, n):
        server.plan = {"a": [("body", completion("x", usage={"prompt_tokens": n, "completion_tokens": 1}))]}
        reply = run(["a"], seal="toy.parquet").iloc[0]
        assert pd.isna(reply["tokens_in"]) and reply["tokens_out"] == 1

    @pytest.mark.parametrize("charset", ["latin-1", "utf-16", "nonsense"])
    def test_a_body_is_utf_8_whatever_its_header_says(self, run, server, charset):
        block = json.dumps(completion("日本 é"), ensure_ascii=False).encode()
        server.plan = {"a": [("send", 200, block, (), f"application/json; charset={charset}")]}
        assert run(["a"])["text"].tolist() == ["日本 é"]


class TestStops:
    @pytest.mark.parametrize(
        ("step", "message"),
        [
            (("error", 401), r"endpoint large: the key in TEST_KEY was not accepted \(401: .*\[key\]"),
            (("error", 404), "endpoint large: model m at http://127.0.0.1.* does not take what is sent .404"),
            (("error", 400, (), "unknown_parameter"), "400: unknown_parameter: .*change model, base_url, parameters"),
            (("error", 402), "endpoint large: no credit left"),
        ],
    )
    def test_at_once_where_another_try_would_not_help(self, run, server, step, message):
        server.plan = {"bad": [step]}
        with pytest.raises(AskError, match=message) as error:
            run(["bad"])
        assert KEY not in str(error.value) and "\n" not in str(error.value)
        assert server.calls["bad"] == 1

    def test_one_request_that_is_not_taken_does_not_hold_the_others_and_is_found_in_the_log(self, run, server, caplog):
        server.plan = {"odd": [("error", 422)]}
        replies = run(["a", "odd", "b"])
        assert replies["status"].tolist() == ["ok", "not_taken", "ok"] and replies["text"].tolist() == ["a", "", "b"]
        name = replies["request_hash"][1][:12]
        assert [r for r in caplog.messages if name in r and "odd" in r and KEY not in r]
        assert run(["odd"])["status"].tolist() == ["not_taken"] and server.calls["odd"] == 1, "it is final"

    def test_without_credit(self, run, server):
        server.plan = {"a": [("error", 429, (), "insufficient_quota")]}
        with pytest.raises(AskError, match="no credit left .429: insufficient_quota: you sent"):
            run(["a"])
        assert server.calls["a"] == 1

    def test_where_a_key_is_wanted_and_none_is_named(self, run, server):
        server.plan = {"a": [("error", 401)]}
        with pytest.raises(AskError, match="name its variable in endpoints.large.key_variable"):
            run(["a"], key_variable=None)


class TestBeforeAnythingIsSent:
    def test_a_missing_key_is_named_by_its_variable(self, run, server, monkeypatch):
        monkeypatch.delenv("TEST_KEY")
        with pytest.raises(AskError, match="endpoint large: its key is not set; export TEST_KEY=..."):
            run(["a"])
        assert not server.calls

    def test_a_key_that_cannot_be_one(self, run, monkeypatch):
        monkeypatch.setenv("TEST_KEY", "sk-a\nsk-b")
        with pytest.raises(AskError, match="TEST_KEY holds signs that no key has") as error:
            run(["a"])
        assert "sk-a" not in str(error.value)


class TestInProcessTransport:
    def test_reaches_the_simulator_without_a_socket(self, tmp_path):
        import httpx2

        def answer(request):
            text = json.loads(request.content)["messages"][-1]["content"]
            return httpx2.Response(200, json=completion(text.upper()))

        one = {"large": Endpoint("large", "m", base_url="simulator")}
        rows = pd.DataFrame([{"endpoint": "large", "template": "answer", "slots": {"prompt": "x"}}])
        with (
            Ledger(tmp_path, "toy", shard=0, of=1) as ledger,
            Asker(one, {"answerer": "large"}, FORMS, ledger, transport=httpx2.MockTransport(answer)) as ask,
        ):
            assert ask(rows)["text"].tolist() == ["X"]
        line = json.loads(ledger.path.read_text("utf-8").splitlines()[1])
        assert line["usd"] == 0, "simulated, so free for good"


def test_the_key_is_in_no_file_no_log_and_no_reply(run, server, tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    server.plan = {
        "echo": [("say", f"you said Bearer {KEY}")],
        "refused": [("body", completion(None, refusal=f"not with {KEY}"))],
        "broken": [("body", f"<html>{KEY}".encode())],
        "failed": [("error", 500)],
        "headed": [("said", "yes", [("x-echo", KEY), ("set-cookie", f"key={KEY}")])],
        "busy": [("error", 429, [("Retry-After", KEY)]), ("say", "yes")],
        "judged": [("say", f"I am {KEY}")],
        "escaped": [("body", json.dumps(completion(KEY)).replace("sk-", r"\u0073k\u002d").encode())],
        "twice": [("say", json.dumps({"why": KEY}).replace("sk-secret", r"s\u006B\u002dsecret"))],
    }
    replies = run(list(server.plan), retries=1, seal="toy.parquet")
    assert replies["text"][0] == "you said Bearer [key]" and replies["status"][2] == "failed"
    assert replies["text"].tolist()[-2:] == ["[key]", '{"why": "[key]"}']
    errors = []
    for step in [
        ("error", 401),
        ("error", 404, [("x-echo", KEY)]),
        ("error", 400, (), "unknown_parameter"),
        ("error", 429, (), "insufficient_quota"),
    ]:
        server.plan = {"denied": [step]}
        with pytest.raises(AskError) as error:
            run(["denied"])
        errors.append(error.value)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) >= 3 and not [path for path in written if KEY.encode() in path.read_bytes()]
    seen = capfd.readouterr()
    # with all that is chained to an error, and the values that a traceback may show
    told = [line for error in errors for line in traceback.TracebackException.from_exception(error).format()]
    told += [repr(part) for error in errors for part in (error, error.__cause__, error.__context__)]
    assert KEY not in replies.to_csv() + "".join(told) + caplog.text + seen.out + seen.err
    assert KEY in json.dumps(server.headers_seen), "the oracle: it was really sent"


def test_a_reply_of_backslashes_is_cleaned_in_no_time(monkeypatch):
    monkeypatch.setenv("TEST_KEY", KEY)
    client = Client(Endpoint("large", "m", base_url="http://x/v1", key_variable="TEST_KEY"))
    text, before = "x" + "\\" * 100_000, time.process_time()
    assert client.clean(text) == text and client.clean(text + KEY.replace("-", r"\-")) == "x[key]"
    assert time.process_time() - before < 2, "minutes, if each of them were a beginning"


def test_a_short_stand_in_for_a_key_does_not_eat_text(run, monkeypatch):
    monkeypatch.setenv("TEST_KEY", "EMPTY")
    assert run(["EMPTY is a word"], key_variable="TEST_KEY")["text"].tolist() == ["EMPTY is a word"]
