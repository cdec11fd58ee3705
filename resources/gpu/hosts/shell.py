"""Commands that every login shell passes on, and their output without what the shell says itself.

An SSH server hands a command to the account's login shell: bash, fish, tcsh or any other, after its
start-up files, which may greet. Two rules make all of them alike:

* The login shell sees one simple command, `exec /bin/sh -c '...' sh '...'`, whose words hold only
  characters that no shell treats specially within single quotes. Everything else travels as octal
  escapes, which `printf %b` of the POSIX shell turns back. So fish (which reads backslashes before
  quotes), csh (which replaces `!` and ends a word at a line break) and zsh hand on the same bytes.
* Both streams carry a random mark before and after what the command itself writes.

Sources: POSIX.1-2017, `printf` (%b); fish-shell 3.6, "Quotes"; tcsh(1) 6.24, "History substitution"
and "Lexical structure".
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

WORD_CHARACTERS = 800
"""Longest word; the csh of BSD refuses more than about a thousand characters."""
_ESCAPED = re.compile(rb"[^A-Za-z0-9 _./:,=+%@-]")
_BOOT = 'eval "$(printf %b "$@")"'


def new_mark() -> str:
    """What no greeting holds."""
    return secrets.token_hex(12)


def through_sh(command: str, mark: str) -> str:
    """A command of a POSIX shell, fit for any login shell, its output between marks.

    Args:
        command: for `/bin/sh`; its standard input is that of the whole, its exit status as well.
        mark: of `new_mark`. It never stands in the command as it does in the output, so a shell
            that repeats its commands does not forge it.
    """
    tell = f"printf '<%s>' {mark}; printf '<%s>' {mark} >&2"
    script = f"{tell}; ({command}\n); code=$?; {tell}; exit $code"
    words = " ".join(f"'{word}'" for word in _words(script))
    return f"exec /bin/sh -c '{_BOOT}' sh {words}"


class Between:
    """Takes what lies between two marks out of a stream that comes in pieces.

    Attributes:
        before: what came before the first mark.
        begun, ended: whether the marks were met.
    """

    def __init__(self, mark: str) -> None:
        """Nothing has come yet."""
        self._mark = f"<{mark}>".encode()
        self._held = b""
        self.before = b""
        self.begun = self.ended = False

    def take(self, piece: bytes) -> bytes:
        """What of all that has come so far lies between the marks and was not returned yet."""
        if self.ended:
            return b""
        held = self._held + piece if self._held else piece
        if not self.begun:
            head, found, held = held.partition(self._mark)
            if not found:
                self._held = head
                return b""
            self.before, self.begun = head, True
        inside, found, _ = held.partition(self._mark)
        if found:
            self.ended, self._held = True, b""
            return inside
        # A mark may have come in part.
        keep = _possible_beginning(inside, self._mark)
        self._held = inside[len(inside) - keep :]
        return inside[: len(inside) - keep]

    def rest(self) -> bytes:
        """What was held back, once no more comes."""
        held, self._held = self._held, b""
        if not self.begun:
            self.before = held
            return b""
        return held


def _possible_beginning(content: bytes, mark: bytes) -> int:
    """How many of the last bytes could be the first ones of a mark."""
    lengths = range(len(mark) - 1, 0, -1)
    return next((length for length in lengths if content.endswith(mark[:length])), 0)


def _words(script: str) -> Iterator[str]:
    """A script in octal escapes, cut into words, none of them within an escape."""
    word = ""
    escaped = _ESCAPED.sub(lambda match: b"\\0%03o" % match[0][0], script.encode())
    for part in re.findall(r"\\0\d{3}|[^\\]", escaped.decode("ascii")):
        if len(word) + len(part) > WORD_CHARACTERS:
            yield word
            word = ""
        word += part
    yield word
