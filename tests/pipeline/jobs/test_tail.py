"""Lines of a growing file come once, whole and in order, however they were written."""

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.jobs.tail import LineTail, without_colours

lines = st.lists(st.text(st.characters(exclude_characters="\n\r", codec="utf-8"), max_size=8))


@settings(deadline=None, max_examples=60)
@given(lines, st.lists(st.integers(0, 60), max_size=6))
def test_every_line_comes_once_wherever_the_writer_pauses(
    written: list[str], pauses: list[int]
) -> None:
    content = "".join(f"{line}\n" for line in written).encode()
    cuts = sorted({min(pause, len(content)) for pause in pauses} | {0, len(content)})
    with TemporaryDirectory() as folder:
        file = Path(folder) / "log.txt"
        tail = LineTail(file)
        seen = []
        for start, end in pairwise(cuts):
            with file.open("ab") as stream:
                stream.write(content[start:end])
            seen += list(tail.new_lines())
        seen += list(tail.last_lines())

    assert seen == written


def test_a_last_line_without_an_end_comes_when_nobody_writes_any_more(tmp_path: Path) -> None:
    file = tmp_path / "log.txt"
    tail = LineTail(file)
    file.write_bytes(b"one\ntw")

    assert list(tail.new_lines()) == ["one"]
    assert list(tail.last_lines()) == ["tw"]
    assert list(tail.last_lines()) == []


def test_what_an_earlier_run_wrote_is_not_told_again(tmp_path: Path) -> None:
    file = tmp_path / "log.txt"
    file.write_text("old\n", encoding="utf-8")
    tail = LineTail(file)

    with file.open("a", encoding="utf-8") as stream:
        stream.write("new\n")

    assert list(tail.new_lines()) == ["new"]


def test_colours_are_taken_off() -> None:
    assert without_colours("\x1b[34m\x1b[1mtrain: \x1b[0mfast \r") == "train: fast"
