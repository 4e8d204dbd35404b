"""Lines of a text file of unknown origin."""

from espnet_bljust.data.text.tokens import read_symbols
from espnet_bljust.disk.text_file import read_lines


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path):
    (tmp_path / "x.txt").write_text("<noise>\n<laugh>\n", encoding="utf-8-sig")
    assert read_lines(tmp_path / "x.txt") == ["<noise>", "<laugh>"] == read_symbols(tmp_path / "x.txt")
