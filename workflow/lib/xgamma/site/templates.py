"""Templates of the pages, and how numbers look in them.

Every value is escaped, and characters that do not print are shown, not obeyed. A page's policy
(Content-Security-Policy) lets nothing in it run but the scripts that lie beside it, and reaches no
other host: a name with markup in it stays text even if a template forgot to escape it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from xgamma.tables.printable import shortened
from xgamma.tables.xray_words import XrayWords

__all__ = [
    "ASSETS",
    "compact",
    "degrees",
    "factor",
    "odds",
    "probability",
    "render",
    "scientific",
]

# a longer text would flood a page
_LONGEST_TEXT = 2000
_FOLDER = Path(__file__).parent
ASSETS = _FOLDER / "assets"

# `file:` beside `'self'`: opened from a disk, a page has no host that could be its own
_POLICY = (
    "default-src 'none'; script-src {scripts}; style-src 'self' file:{styles}; "
    "img-src 'self' file: data:; base-uri 'none'; form-action 'none'"
)
POLICIES = {
    "plain": _POLICY.format(scripts="'none'", styles=""),
    # the map and the table set styles of their own, and start no code from text
    "interactive": _POLICY.format(scripts="'self' file:", styles=" 'unsafe-inline'"),
}

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def probability(value: float | None) -> str:
    """Three decimals; what would round to 0 or 1 says that it is neither; – for none."""
    if value is None or math.isnan(value):
        return "–"
    if 0 < value < 0.001:
        return "< 0.001"
    if 0.999 < value < 1:
        return "> 0.999"
    return f"{value:.3f}"


def scientific(value: float | None, digits: int = 2) -> str:
    """As 1.25 × 10⁻¹², with so many decimals; – for none."""
    if value is None or math.isnan(value):
        return "–"
    if value == 0 or math.isinf(value):
        return f"{value:g}"
    mantissa, exponent = f"{value:.{digits}e}".split("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPTS)}"


def compact(value: float | None, digits: int = 3) -> str:
    """So many digits that count; – for none."""
    if value is None or math.isnan(value):
        return "–"
    if value != 0 and not 1e-3 <= abs(value) < 1e6:
        return scientific(value, digits - 1)
    return f"{value:,.{digits}g}" if abs(value) < 10**digits else f"{value:,.0f}"


def degrees(value: float | None, digits: int = 4) -> str:
    """An angle with so many decimals; – for none."""
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def factor(logarithm: float | None) -> str:
    """By how much odds grow or shrink: × 12 or ÷ 3.4, from a decimal logarithm."""
    if logarithm is None or math.isnan(logarithm):
        return "–"
    # nothing, if it is 1 to two digits
    sign = "×" if logarithm > -0.003 else "÷"
    return f"{sign} {compact(10 ** min(abs(logarithm), 300), 2)}"


def odds(logarithm: float | None) -> str:
    """Odds as 160 : 1 or 1 : 3.4, from a decimal logarithm."""
    if logarithm is None or math.isnan(logarithm):
        return "–"
    large = compact(10 ** min(abs(logarithm), 300), 2)
    return f"{large} : 1" if logarithm >= 0 else f"1 : {large}"


def _shown(value: Any) -> Any:
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return shortened(value, _LONGEST_TEXT)


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "p": probability,
        "sci": scientific,
        "compact": compact,
        "deg": degrees,
        "factor": factor,
        "odds": odds,
    }
    environment.globals["policies"] = POLICIES
    # keys stay in their order: Bokeh's documents name a thing before they refer to it
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False, "separators": (",", ":")}
    return environment


def render(
    template: str, context: Mapping[str, Any], words: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Fill a template.

    Parameters
    ----------
    template : str
        Its file in the folder of templates.
    context : mapping
        Plain values, lists and mappings of them; `Markup` for charts.
    words : mapping
        For the X-ray catalogue: the attributes of `xgamma.tables.xray_words.XrayWords`.

    Returns
    -------
    str
        A whole page.
    """
    said = XrayWords(**words)
    page = _environment().get_template(template).render({"words": said, **context})
    return said.said_in_html(page)
