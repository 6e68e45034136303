"""The console script: errors that a user can put right end with one line, those of the program do not."""

import logging
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from persona_lib import cli
from persona_lib.asking.client import AskError
from persona_lib.commands.inputs import UsageError
from persona_lib.ledger.errors import ReplayMiss

ROOT = Path(__file__).parents[1]


def test_an_ask_error_is_no_fault_of_the_program():
    assert issubclass(AskError, cli.OURS)


@pytest.fixture
def ends(monkeypatch):
    """A command that ends with an error; gives what the console script makes of it."""

    def ended(error, *more):
        def raises(chosen):
            raise error

        def add_arguments(parser):
            parser.add_argument("--log")
            parser.set_defaults(run=raises)

        monkeypatch.setitem(cli.COMMANDS, "broken", (add_arguments, "ends with an error", "persona broken"))
        return cli.main(["broken", *more])

    return ended


@pytest.mark.parametrize(
    ("error", "said", "status"),
    [
        (UsageError("two\nlines"), "persona: two lines", 1),
        (ReplayMiss("no answer"), "persona: no answer", 1),
        (OSError(28, "No space left on device"), "persona: [Errno 28] No space left on device", 1),
        (UsageError(""), "persona: UsageError", 1),
        (KeyboardInterrupt(), "persona: interrupted; what was answered is kept, the same command goes on", 130),
    ],
)
def test_what_a_user_can_put_right_is_one_line(ends, capsys, error, said, status):
    assert ends(error) == status
    seen = capsys.readouterr()
    assert seen.err == f"{said}\n" and seen.out == ""


def test_a_fault_of_the_program_is_raised_and_stands_in_the_log_with_its_trace(ends, tmp_path, capsys):
    before = logging.getLogger().handlers[:]
    try:
        with pytest.raises(ZeroDivisionError):
            ends(ZeroDivisionError("planted"), "--log", str(tmp_path / "new" / "x.log"))
    finally:
        for handler in set(logging.getLogger().handlers) - set(before):
            handler.close()
        logging.getLogger().handlers[:] = before
    told = (tmp_path / "new" / "x.log").read_text("utf-8")
    assert "a fault of the program" in told and "Traceback" in told and "planted" in told


def test_every_command_says_what_it_does_and_takes_help(capsys):
    for name, (_, about, _) in cli.COMMANDS.items():
        assert about and not about.endswith(".")
        with pytest.raises(SystemExit) as end:
            cli.main([name, "--help"])
        assert end.value.code == 0 and f"persona {name}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["guess"], ["plan"], ["collect", "pool"], ["plan", "--guess"]])
def test_what_is_no_command_ends_with_status_2(capsys, arguments):
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 2 and "usage: persona" in capsys.readouterr().err


def test_as_a_module_its_status_is_that_of_the_process():
    command = [sys.executable, "-m", "persona_lib.cli", "plan", "none.yaml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr == "persona: none.yaml: no such file\n"


class TestHelp:
    def shown(self, capsys, *command):
        with pytest.raises(SystemExit) as end:
            cli.main([*command, "--help"])
        assert end.value.code == 0
        return " ".join(capsys.readouterr().out.split())

    def test_of_the_script_has_an_example_of_each_command(self, capsys):
        said = self.shown(capsys)
        assert all(example in said for _, _, example in cli.COMMANDS.values())

    @pytest.mark.parametrize("name", cli.COMMANDS)
    def test_an_example_is_one_that_the_command_takes(self, name, capsys):
        """Oracle: the parser of the command itself."""
        example = cli.COMMANDS[name][2]
        words = shlex.split(example.rpartition("| ")[2])
        assert words[:2] == ["persona", name] and example in self.shown(capsys, name)
        assert cli._parser().parse_args(words[1:]).run is not None

    @pytest.mark.parametrize(
        ("command", "defaults"),
        [
            (["collect"], ["which shard, from 0 (default: 0)", "data/reference/prices.csv)"]),
            (["census", "download"], ["where the files go (default: data/raw)", "5-year file (default: 1)"]),
            (["simulate"], ["printed as the only line (default: 0)"]),
        ],
    )
    def test_defaults_are_shown_and_an_option_without_one_has_none(self, capsys, command, defaults):
        said = self.shown(capsys, *command)
        assert all(default in said for default in defaults)
        assert "default: None" not in said and "default: False" not in said and "default: []" not in said
