"""The console script: errors that a user can put right end with one line, those of the program do not."""

from persona_lib.asking.client import AskError


def test_an_ask_error_is_no_fault_of_the_program():
    from persona_lib import cli

    assert issubclass(AskError, cli.OURS)
