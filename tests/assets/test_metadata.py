from __future__ import annotations

from markdown_it import MarkdownIt

from assets.core.metadata import literal, table

HOSTILE = "![x](http://127.0.0.1/a.png) `b` *c* _d_ <i>e</i> [f](javascript:g) | h \\| &amp; ~~i~~"


def test_what_somebody_else_wrote_is_no_markdown_in_a_table() -> None:
    shown = table(["label"], [[literal(HOSTILE)]]).value
    page = MarkdownIt("gfm-like", {"linkify": False}).render(str(shown))
    for tag in ("<img", "<a ", "<code", "<em", "<i>", "<s>"):
        assert tag not in page
    assert page.count("<td>") == 1
    assert "![x](http://127.0.0.1/a.png) `b` *c*" in page
