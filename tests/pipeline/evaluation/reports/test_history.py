from __future__ import annotations

from xml.etree import ElementTree

from pipeline.evaluation.metrics.intervals import Interval
from pipeline.evaluation.reports.history import MOST_SHOWN, PastModel, history_svg

SVG = "{http://www.w3.org/2000/svg}"


def test_every_model_has_a_point_and_what_is_known_of_its_interval() -> None:
    models = [
        PastModel("1 <May>", 0.5, None),
        PastModel("2 May", 0.75, Interval(low=0.7, high=0.8)),
    ]
    root = ElementTree.fromstring(history_svg(models))
    first, second = root.findall(f"{SVG}circle")
    assert float(first.get("cy")) > float(second.get("cy")), "a better one stands higher"
    assert [line.get("opacity") for line in root.findall(f"{SVG}line")].count("0.5") == 1
    assert "1 <May>" in [text.text for text in root.iter(f"{SVG}text")]


def test_the_newest_are_shown() -> None:
    models = [PastModel(f"day {n}", 0.5, None) for n in range(MOST_SHOWN + 5)]
    svg = history_svg(models)
    assert "day 4<" not in svg
    assert f"day {MOST_SHOWN + 4}<" in svg
