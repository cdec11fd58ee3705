from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detector_runtime.classify.confidence import Logistic, against, either

shares = st.floats(0, 1)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_probability_is_never_certain(weight: float, value: float) -> None:
    assert 0 < Logistic((weight,), 1.0).probability((value,)) < 1


@given(shares, shares)
def test_a_second_step_with_the_same_name_never_takes_away(first: float, second: float) -> None:
    assert max(first, second) - 1e-12 <= either(first, second) <= 1


@given(shares, shares)
def test_a_second_step_with_another_name_never_adds(first: float, second: float) -> None:
    assert 0 <= against(first, second) <= first + 1e-9


def test_of_two_names_the_one_that_is_likelier_stays_so() -> None:
    assert against(0.9, 0.6) > against(0.6, 0.9)
    assert against(0.9, 0.0) == 0.9


def test_what_was_drawn_from_a_logistic_is_found_again() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(0, 2, (20_000, 2))
    true = Logistic((1.5, -0.7), 0.4)
    likely = np.array([true.probability(one) for one in values])
    found = Logistic.fit(values, rng.random(len(values)) < likely)
    assert np.allclose(found.weights, true.weights, atol=0.1)
    assert abs(found.bias - true.bias) < 0.1


def test_outcomes_that_can_be_told_apart_without_error_keep_weights_finite() -> None:
    values = np.arange(10.0)[:, None]
    found = Logistic.fit(values, values[:, 0] > 4)
    assert found.probability((9.0,)) > 0.9
    assert found.probability((0.0,)) < 0.1
    assert np.isfinite(found.weights).all()
