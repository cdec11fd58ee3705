"""Curves are an SVG that any browser draws, whatever the figures were."""

import xml.etree.ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.training.curves import (
    BOTTOM,
    TOP,
    Curve,
    CurvePanel,
    curves_svg,
    draw_panels,
)
from pipeline.training.results import EpochMetrics

SVG = "{http://www.w3.org/2000/svg}"

values = st.none() | st.floats(0, 1e6)
epochs = st.builds(
    EpochMetrics,
    seconds=st.just(1.0),
    stage=st.sampled_from(["pretrain", "finetune"]),
    epoch=st.integers(1, 9),
    epochs=st.just(9),
    map50=st.none() | st.floats(0, 1),
    map50_95=st.none() | st.floats(0, 1),
    train_losses=st.dictionaries(st.sampled_from(["box", "cls", "l1"]), values),
    val_losses=st.dictionaries(st.sampled_from(["box", "cls", "l1"]), values),
)


def training(count: int) -> list[EpochMetrics]:
    return [
        EpochMetrics(
            seconds=1.0,
            epoch=number,
            epochs=count,
            map50=number / count,
            map50_95=number / count / 2,
            train_losses={"box": 3.0 / number, "cls": 5.0 / number},
            val_losses={"box": 4.0 / number, "cls": 6.0 / number},
        )
        for number in range(1, count + 1)
    ]


def test_every_figure_has_its_line() -> None:
    drawing = ET.fromstring(curves_svg(training(12)))

    lines = [path for path in drawing.iter(f"{SVG}path") if path.get("fill") == "none"]
    words = {text.text for text in drawing.iter(f"{SVG}text")}
    assert len(lines) == 2 * 2 + 2
    assert {"box", "cls", "mAP50", "mAP50-95"} <= words


def test_a_better_map_is_drawn_higher() -> None:
    _, right = ET.fromstring(curves_svg(training(5))).findall(f"{SVG}g")

    line = next(path for path in right.iter(f"{SVG}path") if path.get("fill") == "none")
    heights = [float(point.split()[1]) for point in line.get("d", "")[1:].split("L")]
    assert heights == sorted(heights, reverse=True)


def test_a_single_epoch_is_a_dot() -> None:
    drawing = ET.fromstring(curves_svg(training(1)))

    assert len(list(drawing.iter(f"{SVG}circle"))) == 2 * 2 + 2


def test_stages_stand_in_a_row_with_a_line_between_them() -> None:
    first = [epoch.model_copy(update={"stage": "pretrain"}) for epoch in training(4)]
    second = [epoch.model_copy(update={"stage": "finetune"}) for epoch in training(3)]

    left, _ = ET.fromstring(curves_svg([*first, *second])).findall(f"{SVG}g")

    lines = [path for path in left.iter(f"{SVG}path") if path.get("class") == "stage"]
    words = [text.text for text in left.iter(f"{SVG}text")]
    assert len(lines) == 1
    assert words.count("pretrain") == words.count("finetune") == 1
    assert words.count("1") == 2, "each stage counts its own epochs"
    assert "3" in words
    drawn = [path.get("d", "") for path in left.iter(f"{SVG}path") if path.get("fill") == "none"]
    assert all(line.count("M") == 2 for line in drawn), "no line leads from one into the other"


def test_the_name_of_a_short_stage_is_not_written_over() -> None:
    short, long = (
        [epoch.model_copy(update={"stage": name}) for epoch in training(count)]
        for name, count in (("strategist", 2), ("executor", 12))
    )
    drawing = ET.fromstring(curves_svg(short + long))
    below = [text for text in drawing.iter(f"{SVG}text") if text.get("y") == str(BOTTOM + 13)]
    assert [text.text for text in below] == ["1", "strategist", "executor", "12"] * 2


def test_what_is_below_zero_is_drawn_from_a_floor() -> None:
    curve = Curve("return", "#000000", (-2.0, 0.0, 2.0))
    panel = CurvePanel("", (curve,), floor=-2.0)
    drawn = draw_panels([panel], training(3))
    middle = (TOP + BOTTOM) / 2
    assert f"{BOTTOM:.1f}L" in drawn
    assert f" {middle:.1f}L" in drawn
    assert f' {TOP:.1f}"' in drawn
    for label in (">-2<", ">0<", ">2<"):
        assert label in drawn


def test_a_single_stage_needs_no_name() -> None:
    assert "<text" in curves_svg(training(3))
    assert ">train<" not in curves_svg(training(3))


def test_a_long_training_stays_small() -> None:
    assert len(curves_svg(training(150))) < 20_000


@settings(deadline=None, max_examples=50)
@given(st.lists(epochs, max_size=5))
def test_any_figures_give_a_drawing(history: list[EpochMetrics]) -> None:
    assert ET.fromstring(curves_svg(history)).tag == f"{SVG}svg"
