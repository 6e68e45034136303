"""The console script: errors that a user can put right end with one line, those of the program do not."""

import argparse
import logging
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
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
        (
            OSError(28, "No space left on device"),
            "persona: No space left on device; make room and give the same command again; what was answered is kept",
            1,
        ),
        (FileNotFoundError(2, "No such file", "a"), "persona: a: No such file; name a file or folder that is there", 1),
        (PermissionError(13, "Denied", "a"), "persona: a: Denied; see to whom it belongs, or name another", 1),
        (ConnectionError("gone"), "persona: gone", 1),
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
    said = capsys.readouterr().err
    assert end.value.code == 2 and "usage: persona" in said and said.endswith("--help shows an example\n")


def test_as_a_module_its_status_is_that_of_the_process():
    command = [sys.executable, "-m", "persona_lib.cli", "plan", "none.yaml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("persona: none.yaml: no such file; name a ")


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and all those of its commands and their ways."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from parsers(each)


def lacks(parser: argparse.ArgumentParser) -> list[str]:
    """What the help of a command does not say: its purpose, an example that it takes, each option and its default."""
    found = [] if parser.description else ["its purpose"]
    example = (parser.epilog or "").partition("example:\n")[2].strip()
    words = shlex.split(example.rpartition("| ")[2])
    if not words or not " ".join(words).startswith(parser.prog):
        found.append("an example")
    shown = " ".join(parser.format_help().split())
    for action in parser._actions:
        if isinstance(action, (argparse._HelpAction, argparse._SubParsersAction)):
            continue
        if not action.help:
            found.append(f"what {action.dest} is")
        is_optional = action.option_strings and not action.required and action.nargs != 0
        if is_optional and action.default in (None, "", []):
            told = r"\b(not given|which)\b"
            found += [] if re.search(told, action.help or "") else [f"what happens without {action.dest}"]
        elif is_optional and "(default: " not in shown:
            found.append(f"the default of {action.dest}")
    return found


def test_no_command_and_no_way_of_one_lacks_purpose_example_and_defaults():
    """The console script itself has an example of each command in place of one."""
    _, *commands = parsers(cli._parser())
    assert len(commands) >= len(cli.COMMANDS) + 3
    assert {each.prog: lacks(each) for each in commands if lacks(each)} == {}


def test_an_example_of_each_way_is_taken_by_its_parser():
    for parser in parsers(cli._parser()):
        example = (parser.epilog or "").rpartition("example:\n")[2].strip()
        if parser.prog != "persona":
            words = shlex.split(example.rpartition("| ")[2])
            assert cli._parser().parse_args(words[1:]).run is not None, example


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda parser: setattr(parser, "description", None), "its purpose"),
        (lambda parser: setattr(parser, "epilog", None), "an example"),
        (lambda parser: parser.add_argument("--new"), "what new is"),
        (lambda parser: parser.add_argument("--new", help="new"), "what happens without new"),
        (lambda parser: parser.add_argument("file"), "what file is"),
    ],
)
def test_a_command_that_lacks_one_is_seen(change, said):
    parser = next(each for each in parsers(cli._parser()) if each.prog == "persona seal")
    assert lacks(parser) == []
    change(parser)
    assert said in lacks(parser)


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
            (
                ["census", "download"],
                ["where the files go (default: data/raw)", "5-year file (default: 1)", "(default: p h)"],
            ),
            (["simulate"], ["printed as the only line (default: 0)"]),
        ],
    )
    def test_defaults_are_shown_and_an_option_without_one_has_none(self, capsys, command, defaults):
        said = self.shown(capsys, *command)
        assert all(default in said for default in defaults)
        assert "default: None" not in said and "default: False" not in said and "default: []" not in said
