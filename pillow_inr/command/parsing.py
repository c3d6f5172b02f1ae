"""What is read of a command line: argparse, but that what was likely meant is named beside what is not known."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from collections.abc import Collection, Iterable, Sequence

_NUMBER = re.compile(r"-\d+|-\d*\.\d+")  # as argparse knows negative ones
_NEAR = 0.65  # of difflib's ratio: --loss is not --jobs
# What other programs call it.
_OTHER_OPTIONS = {"-v": "--version", "-V": "--version", "-?": "--help", "version": "--version", "help": "--help"}
_OTHER_COMMANDS = {
    "check": "verify",
    "compare": "verify",
    "compress": "encode",
    "convert": "encode",
    "decompress": "decode",
    "display": "view",
    "identify": "info",
    "show": "view",
}


class Parser(argparse.ArgumentParser):
    """Its errors name what was likely meant; `read` looks for what is not known before anything that is missing."""

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """What the words say; leaves by SystemExit after an error or --help, as argparse does."""
        words = list(words)
        self._check(words)
        return self.parse_args(words)

    def _check(self, words: Sequence[str]) -> None:
        """End with an error at the first word that is not known, whatever else is missing."""
        commands = self._commands()
        waiting = ""  # the option whose value is next
        for at, word in enumerate(words):
            if word == "--":
                return
            if not _is_option(word):
                if commands and not waiting:
                    if word not in commands:
                        self.error(self._no_command(word, words[at + 1 :], commands))
                    commands[word]._check(words[at + 1 :])
                    return
                waiting = ""
                continue
            action = self._action(word)
            if action is None:
                if waiting:
                    got = f"got {word[:99]!r}; one with a dash is {waiting}=VALUE"
                    self.error(f"argument {waiting}: expected a value, {got}")
                self.error(self._no_option(word))
            if action.dest in ("help", "version"):
                return
            is_bare = (word.startswith("--") and "=" not in word) or len(word) == 2  # else its value is in it
            waiting = word if is_bare and action.nargs is None else ""
        if commands:
            self.print_help(sys.stderr)
            self.exit(2, f"\n{self.prog}: error: expected a command\n")

    def _commands(self) -> dict[str, Parser]:
        found = [action for action in self._actions if isinstance(action, argparse._SubParsersAction)]
        return {name: each for action in found for name, each in action.choices.items() if isinstance(each, Parser)}

    def _action(self, word: str) -> argparse.Action | None:
        """The option that a word stands for; of several letters, the first that takes a value, or the last."""
        known = self._option_string_actions
        name = word.partition("=")[0]
        if name in known:
            return known[name]
        if word[:2] == "--":
            near = [own for own in known if own.startswith(name)]
            return known[near[0]] if near else None  # argparse says so if there are several
        if f"-{name}" in known:  # -output would be -o utput
            return None
        letters = [known.get(f"-{letter}") for letter in word[1:]]
        return next((action for action in letters if action is None or action.nargs is None), letters[-1])

    def _no_option(self, word: str) -> str:
        name = word.partition("=")[0]
        unknown = f"unknown option {name[:99]!r}"
        own = [option for option in self._option_string_actions if option.startswith("--")]
        bare = name.lstrip("-").replace("_", "-").lower()
        begun = [option for option in own if option[2] == bare] if len(name) == 2 else []
        likely = _OTHER_OPTIONS.get(word, "") or (begun[0] if len(begun) == 1 else meant(bare, own))
        if likely in own:
            return f"{unknown}; did you mean {likely!r}?"
        if self._commands():
            return f"{unknown}; the options of a command stand behind its name"
        return f"{unknown}; {self.prog} --help lists those there are"

    def _no_command(self, word: str, rest: Sequence[str], commands: Collection[str]) -> str:
        unknown = f"unknown command {word[:99]!r}"
        if word in _OTHER_OPTIONS:
            behind = [name for name in rest if name in commands and word == "help"]
            return f"{unknown}; did you mean {' '.join([self.prog, *behind[:1], _OTHER_OPTIONS[word]])!r}?"
        likely = meant(word.lower(), commands) or _OTHER_COMMANDS.get(word, "")
        if likely in commands:
            return f"{unknown}; did you mean {likely!r}?"
        if "encode" in commands and (os.path.exists(word) or os.path.splitext(word)[1]):
            command = "view" if word.lower().endswith(".inr") else "encode"
            return f"expected a command before files, like '{self.prog} {command} FILE', got {word[:99]!r}"
        return f"{unknown}; expected one of {', '.join(commands)}"

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is None or value in action.choices:
            return
        words = [str(choice) for choice in action.choices]
        raise argparse.ArgumentError(action, f"expected one of {', '.join(words)}, got {str(value)[:99]!r}")


def meant(word: str, known: Iterable[str]) -> str:
    """The known word that is nearest to one that is not, its dashes at the front aside; empty if none is near."""
    bare = {own.lstrip("-"): own for own in known}
    return next((bare[near] for near in difflib.get_close_matches(word, bare, n=1, cutoff=_NEAR)), "")


def _is_option(word: str) -> bool:
    """Whether argparse looks for such an option: not if there is a space in its name, or if it is a number."""
    return len(word) > 1 and word[0] == "-" and " " not in word.partition("=")[0] and not _NUMBER.fullmatch(word)
