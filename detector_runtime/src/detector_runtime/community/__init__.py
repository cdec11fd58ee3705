"""Icons, screens and texts named by a community model, which is kept up to date meanwhile.

    from detector_runtime.community import follow_community_model

    community = follow_community_model("models", source="https://...", keys="keys.json")
    answers = community.match(crops)      # `classify.chain.IconMatch` of each
    kind = community.screen_type(screenshot)
    ship = community.read_text("ship_type", "F1eet Escort", valid=ships)

How anything is named is `classify`; how a folder follows a publisher, `updates`. Read `following`.
"""

from __future__ import annotations

from detector_runtime.community.following import CommunityClassifiers, follow_community_model

__all__ = ["CommunityClassifiers", "follow_community_model"]
