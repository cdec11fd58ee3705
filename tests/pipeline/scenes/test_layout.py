"""Which images a set has, and where they go."""

import pytest

from pipeline.games.sections.scenes import SceneRules
from pipeline.scenes.dataset.layout import shards, subset_of


@pytest.mark.parametrize(("images", "size"), [(1, 50), (50, 50), (51, 50), (40, 7)])
def test_shards_cover_every_index_once(images, size):
    covered = [n for shard in shards(images, size) for n in range(shard.first, shard.stop)]
    assert covered == list(range(images))
    assert sum(shard.images for shard in shards(images, size)) == images


@pytest.mark.parametrize("fraction", [0.0, 0.5, 0.8, 0.85, 1.0])
def test_validation_images_are_spread_over_the_set_in_their_share(fraction, pack):
    rules: SceneRules = pack(train_fraction=fraction).scenes
    subsets = [subset_of(index, rules) for index in range(200)]
    for part in (subsets[:100], subsets[100:]):
        assert part.count("train") == pytest.approx(100 * fraction, abs=1)
