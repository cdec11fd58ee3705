from pathlib import Path

from tests.pipeline.games.match_table import match_table, read_names
from tests.pipeline.games.test_installed import PACK


def test_names_are_read_with_and_without_their_extension(tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("b_gate_x1\nb_house_west_x1.sld\nb_gate_x2\n\n", encoding="utf-8")
    assert read_names(names, PACK) == ("b_gate", "b_house_west")


def test_classes_list_their_files_and_the_rest_is_counted_by_prefix() -> None:
    stems = ["b_house_west", "b_house_east", "new_b_c", "s_flag_a", "s_flag_b", "b_ruin"]
    rows = [line.split("\t") for line in match_table(PACK, stems).splitlines()]
    cells = {row[1]: (row[2], row[5]) for row in rows[1:]}
    assert cells["house"] == ("2", "b_house_east b_house_west")
    assert cells["farm"] == ("0", "")
    assert cells["expansion"] == ("1", "new_b:1")
    assert cells["excluded"] == ("1", "b_ruin:1")
    assert cells["unmatched"] == ("2", "s_flag:2")


def test_what_a_class_would_take_of_a_group_is_counted_beside_it() -> None:
    rules = PACK.sprites.model_copy(update={"apart": {"eastern": ["*_east"]}})
    pack = PACK.model_copy(update={"sprites": rules})
    lines = match_table(pack, ["b_house_west", "b_house_east"]).splitlines()
    house = next(line.split("\t") for line in lines if line.startswith("class\thouse"))
    assert house[2:4] == ["1", "1"]


def test_the_digest_changes_with_the_files() -> None:
    assert match_table(PACK, ["b_gate"]) != match_table(PACK, ["b_house_west"])
