"""Policies that play, and go on with newer ones between two actions.

    from detector_runtime.play import GameRules, follow_policies

    policies = follow_policies("models", GameRules(game="demo", rules=...), source="https://...",
                               keys="keys.json")
    player = policies.player()
    action = player.act(entities, status)[0]      # see `policies.player`

How policies decide is `policies`; how a folder follows a publisher, `updates`. Read
`followed_policies`.
"""

from __future__ import annotations

from detector_runtime.play.followed_policies import (
    FollowedPolicies,
    FollowingPlayer,
    follow_policies,
)
from detector_runtime.policies.policy_model import GameRules

__all__ = ["FollowedPolicies", "FollowingPlayer", "GameRules", "follow_policies"]
