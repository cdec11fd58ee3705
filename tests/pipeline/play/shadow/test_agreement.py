"""How often policies would have done what was done."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.play.demonstrations import UNSTATED
from pipeline.play.policies.cloning import ClonedPolicies, CloneError
from pipeline.play.shadow.agreement import agreement


def test_agreement_is_what_cloning_measures_on_the_same_session(policies, old):
    cloned = ClonedPolicies.read(policies)
    (held_out,) = (one for one in old if one.name in cloned.held_out_sessions)
    found = agreement(policies, [held_out])
    assert found.act == cloned.policies["executor"].measures["act"]
    assert found.target == cloned.policies["tactician"].measures["accuracy"]
    assert found.goal == cloned.policies["strategist"].measures["accuracy"]


def test_no_goal_is_agreed_with_where_none_is_stated(policies, old):
    silent = replace(old[0], goals=np.full(len(old[0]), UNSTATED, np.int8))
    assert agreement(policies, [silent]).goal is None


def test_a_folder_without_policies_is_refused(tmp_path, old):
    with pytest.raises(CloneError, match="cannot be read"):
        agreement(tmp_path, old)
