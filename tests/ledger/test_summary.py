"""What a stage's end says: statuses counted once a request, who answered, and what a reader would not expect."""

import pytest

from persona_lib.ledger.summary import Summary, is_same_model

ROW = {"endpoint": "large", "model": "m", "reply_model": "m", "provider": "", "fingerprint": "", "status": "ok"}
ROW |= {"detail": "", "repairs": None, "finish_reason": "stop", "tokens_in": 3, "tokens_out": 1}


def summary(*changes):
    return Summary(ROW | change for change in changes)


def test_a_request_that_was_repaired_counts_once_as_what_the_repair_became():
    """By hand: one is ok at once, one after a repair, one not even then."""
    rows = [{}, {"status": "unparsed"}, {"status": "ok", "repairs": "a"}, {"status": "unparsed"}]
    found = summary(*rows, {"status": "unparsed", "repairs": "b"})
    assert found.n == 3 and +found.statuses == {"ok": 2, "unparsed": 1}
    assert found.sentence() == "3 requests: 2 ok, 0 refused, 0 cut off, 1 unparsed, 0 not taken, 0 failed"


def test_who_answered_is_told_by_endpoint_model_provider_and_fingerprint():
    found = summary({}, {"provider": "Azure", "fingerprint": "fp_1"}, {"provider": "Azure", "fingerprint": "fp_1"})
    assert found.who() == ["large: replies by m: 1", "large: replies by m of Azure, fingerprint fp_1: 2"]
    assert found.warnings() == []


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"reply_model": "other"}], "endpoint large was asked for m, but other answered"),
        ([{"reply_model": "m-2024-08-06"}, {"reply_model": "m-2024-11-20"}], "endpoint large changed its model on the"),
        ([{"finish_reason": "rainy"}, {"finish_reason": "rainy"}], "2 replies ended with 'rainy', which is not known"),
        ([{"tokens_out": None}], "1 replies came without a count of their tokens"),
    ],
)
def test_what_a_reader_would_not_expect(rows, said):
    (found,) = summary(*rows).warnings()
    assert found.startswith(said)


def test_a_name_that_an_endpoint_gives_cannot_move_the_cursor():
    (line,) = summary({"reply_model": "m\x1b[2J\n" + "x" * 500}).who()
    assert line.isprintable() and len(line) < 100


class TestSameModel:
    # by hand, from the names that providers give
    @pytest.mark.parametrize(
        ("asked", "named"),
        [
            ("gpt-4o", "gpt-4o-2024-08-06"),
            ("openai/gpt-4o", "gpt-4o-2024-08-06"),
            ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
            ("gemini-2.0-flash", "models/gemini-2.0-flash-001"),
            ("gpt-4", "gpt-4-0613"),
            ("meta-llama/llama-3.1-8b-instruct:free", "meta-llama/llama-3.1-8b-instruct"),
            ("SmolLM2", "smollm2"),
            ("sim-large@0123", "sim-large@0123"),
        ],
    )
    def test_a_dated_snapshot_is_the_same(self, asked, named):
        assert is_same_model(asked, named)

    @pytest.mark.parametrize(
        ("asked", "named"),
        [("gpt-4o", "gpt-4o-mini"), ("gpt-4", "gpt-4o"), ("qwen3-8b", "gemma-3"), ("m", "m-32k"), ("a", "")],
    )
    def test_another_is_another(self, asked, named):
        assert not is_same_model(asked, named)
