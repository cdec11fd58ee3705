from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

from pipeline.evaluation.comparison.champion import ChampionComparison
from pipeline.evaluation.comparison.paired import compare
from pipeline.evaluation.evaluation import Evaluation
from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.metrics.scores import CURVE, Judgement, score_frames
from pipeline.evaluation.reports.page import curves_svg, report_page
from pipeline.evaluation.reports.report import evaluate
from pipeline.evaluation.reports.tables import markdown
from pipeline.labels.boxes import Box, LabelledBox


class Texts(HTMLParser):
    """Every text of a page, and the images that it names."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.images: list[str] = []
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.images.append(dict(attrs)["src"] or "")


def test_a_page_shows_what_was_taken_for_what(judgement: Judgement) -> None:
    box = Box(0, 0, 10, 10)
    frame = JudgedFrame("a", (LabelledBox(0, box),), (ScoredBox(1, 0.9, box),))
    page = Texts(report_page(evaluate([frame], [], judgement, {})))
    assert "true, and detected as" in page.texts
    assert "wolf" in page.texts
    assert "ship" not in page.texts[page.texts.index("true, and detected as") :]


def test_names_from_files_do_nothing_in_a_page(
    tmp_path: Path, make_frame: Any, judgement: Judgement
) -> None:
    name = "<script>alert('x')</script> #1.png"
    report = evaluate([make_frame(name, 1, missed=2)], [], judgement, {})
    drawn = Image.new("RGB", (20, 20))
    page = Evaluation.write_report(tmp_path, report, [("odd #1", drawn)])
    text = page.read_text("utf-8")
    assert "<script>" not in text
    assert any(name in part for part in Texts(text).texts)
    assert Texts(text).images == ["frames/worst_0_odd%20%231.jpg"]
    assert (tmp_path / "frames" / "worst_0_odd #1.jpg").is_file()


def test_a_frame_whose_name_is_as_long_as_can_be_is_shown(
    tmp_path: Path, make_frame: Any, judgement: Judgement
) -> None:
    stem = "字" * 83
    report = evaluate([make_frame(f"{stem}.png", 1, missed=2)], [], judgement, {})
    page = Evaluation.write_report(tmp_path, report, [(stem, Image.new("RGB", (20, 20)))])
    (shown,) = Evaluation(tmp_path, report).worst()
    assert Texts(page.read_text("utf-8")).images == [f"frames/{quote(shown.name)}"]


def test_the_name_of_the_other_model_is_shown_as_it_is(
    make_frame: Any, judgement: Judgement
) -> None:
    name = "a|b *c* [d](e) & <img src=x>"
    report = evaluate([make_frame("a", 2, missed=1)], [], judgement, {})
    beside = ChampionComparison(version=name, comparison=compare(report.real, report.real))
    page = Texts(report_page(report.model_copy(update={"champion": beside})))
    assert page.images == []
    shown = "".join(page.texts)
    assert f"Beside {name}, on the same 1 real frame:" in shown
    assert f"this model\n{name}\ndifference" in shown


def test_curves_go_down_where_confidence_excludes_what_was_found(judgement: Judgement) -> None:
    box = Box(0, 0, 10, 10)
    frame = JudgedFrame("a", (LabelledBox(0, box),), (ScoredBox(0, 0.52, box),))
    curve = score_frames([frame], judgement).curve
    assert [point.confidence for point in curve] == list(CURVE)
    assert [point.recall for point in curve] == [1.0] * 10 + [0.0] * 9
    assert curve[-1].precision is None
    assert curves_svg(curve).count("<polyline") == 3
    assert "<svg" in curves_svg(())


def test_where_there_is_no_object_no_interval_is_told(judgement: Judgement) -> None:
    box = Box(0, 0, 10, 10)
    frame = JudgedFrame("a", (LabelledBox(0, box),), (ScoredBox(0, 0.9, box),))
    told = markdown(evaluate([frame], [], judgement, {})).splitlines()
    (large,) = (line for line in told if line.startswith("| large |"))
    assert large.endswith("| 0 | 0 | – | – |")
    (small,) = (line for line in told if line.startswith("| small |"))
    assert " to " in small.rpartition("| 1 | 1 |")[2]
