"""The progress bar: what it counts and says, and where it is silent."""

import sys

from persona_lib.asking.progress import Progress
from persona_lib.messages.request import Reply


class TestProgress:
    class Spent:
        def spent(self):
            return 1.5

        def remaining(self):
            return None

    def test_says_failures_repeats_and_cost(self):
        bar = Progress("feedback", budget=self.Spent(), quiet=True)
        bar.count([Reply("failed"), Reply("ok", "x")], n_retries=3)
        assert bar.cost(3) == "1 failed, 3 tried again, cost 1.50 USD, to go unknown"

    def test_counts_what_is_known_and_grows_beyond_what_was_expected(self, capsys, monkeypatch):
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        bar = Progress("feedback", n_expected=5)
        bar.expect(4, n_known=1)
        bar.count([Reply("ok", "x")], n_retries=0)
        bar.expect(4, n_known=4)
        bar.close()
        shown = capsys.readouterr().err
        assert "1/5" in shown and "6/8" in shown and "feedback" in shown

    def test_no_bar_where_there_is_no_terminal(self, capsys):
        bar = Progress("feedback", n_expected=5)
        bar.expect(1, n_known=0)
        bar.count([Reply("ok", "x")], n_retries=0)
        bar.say("line")
        bar.close()
        assert capsys.readouterr().err == ""
