"""Documents of the repository as pages: Markdown to HTML, formulas to MathML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

__all__ = ["document"]

# wide tables move under a key or a finger, not the page
_SCROLLS = '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table>\n'


def document(text: str, pages: Mapping[str, str]) -> Markup:
    """A document in Markdown as HTML, with anchors at its headings.

    Parameters
    ----------
    text : str
        Ours: HTML in it is shown as text.
    pages : mapping
        File of the repository -> page of the site. A link to another file becomes plain text,
        for it may not lie beside the pages.
    """
    from markdown_it import MarkdownIt
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    parser = MarkdownIt("commonmark", {"html": False, "typographer": False}).enable("table")
    parser.use(dollarmath_plugin, renderer=_mathml, double_inline=True)
    parser.add_render_rule("fence", _fence)
    for name, tag in (("table_open", _SCROLLS), ("table_close", "</table></div>\n")):
        parser.add_render_rule(name, lambda *_, tag=tag: tag)
    tokens = parser.parse(re.sub(r"<!--.*?-->\n*", "", text, flags=re.DOTALL))
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", anchor(tokens[place + 1].content))
        # cells of tables: the pages' policy has no styles inside of a page
        if "right" in str(token.attrs.pop("style", "")):
            token.attrSet("class", "number")
        for child in token.children or ():
            if child.type == "link_open":
                _redirect(child, pages)
            elif child.type == "image":
                # images of documents are of the demo, and do not lie beside the pages
                child.type, child.children = "text", None
                child.content = f"(Figure in the repository: {child.content}.)"
    return Markup(parser.renderer.render(tokens, parser.options, {}))


def _mathml(formula: str, options: Mapping[str, Any]) -> str:
    """A formula in LaTeX as MathML, which browsers show without scripts."""
    from latex2mathml.converter import convert

    return convert(formula, display="block" if options.get("display_mode") else "inline")


def _fence(renderer, tokens, index, options, environment) -> str:
    """A block of code; of one that is marked as math, the formula."""
    if tokens[index].info.strip() == "math":
        formula = _mathml(tokens[index].content, {"display_mode": True})
        return (
            f'<div class="scroll" tabindex="0" role="group" aria-label="Formula">{formula}</div>\n'
        )
    block = type(renderer).fence(renderer, tokens, index, options, environment)
    return block.replace("<pre>", '<pre tabindex="0">', 1)


def anchor(heading: str) -> str:
    """The name of a heading in links, as hosts of repositories make it."""
    words = re.sub(r"[^\w\- ]", "", heading.lower())
    return words.replace(" ", "-")


def _redirect(link, pages: Mapping[str, str]) -> None:
    target = str(link.attrGet("href") or "")
    if re.match(r"https?://", target):
        link.attrSet("rel", "noopener noreferrer")
        return
    file, hash_mark, place = target.partition("#")
    name = file.rsplit("/", 1)[-1]
    if not file:
        return
    if name in pages:
        link.attrSet("href", f"{pages[name]}{hash_mark}{place}")
    else:
        link.attrs.pop("href", None)
