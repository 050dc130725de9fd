"""What the X-ray catalogue is called in titles, texts and names of columns.

The workflow speaks of Chandra, and its own columns begin with csc. With another catalogue, that is
replaced where something is written for people: in tables, figures and pages. Tables say what their
columns are called here, so that they are read back under these names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # the config knows these words too, and reads no table
    from xgamma.tables.columns import Column

__all__ = ["CHANDRA_WORDS", "XrayWords"]

# not in paths of files, which keep their names, nor in addresses
_NAMED = re.compile(r"(?<![\w/.-])csc_(?!fermi)(?=[a-z])")
_IN_COLUMN = re.compile(r"(?<![a-z])csc(?![a-z])")
_TAGS = re.compile(r"(<script\b.*?</script>|<style\b.*?</style>|<[^>]*>)", re.DOTALL)

_SPOKEN = re.compile(r'(?<= )(alt|title|aria-label)="[^"]*"')


@dataclass(frozen=True)
class XrayWords:
    """The words for an X-ray catalogue.

    Attributes
    ----------
    name : str
        How columns begin that are about its sources: csc.
    telescope : str
        Who has looked: Chandra.
    catalog : str
        Chandra Source Catalog.
    """

    name: str = "csc"
    telescope: str = "Chandra"
    catalog: str = "Chandra Source Catalog"

    def said(self, text: str) -> str:
        """A text of ours in these words.

        >>> XrayWords("xmm", "XMM-Newton", "4XMM").said("CSC name (csc_name) of a Chandra source")
        'XMM name (xmm_name) of a XMM-Newton source'
        """
        if self == CHANDRA_WORDS:
            return text
        text = text.replace(CHANDRA_WORDS.catalog, self.catalog)
        text = text.replace(" of ACIS", "").replace(CHANDRA_WORDS.telescope, self.telescope)
        text = re.sub(r"\bCSC\b", self.name.upper(), text)
        return _NAMED.sub(f"{self.name}_", text)

    def said_in_html(self, page: str) -> str:
        """A page in these words: what is read or read aloud, not scripts and addresses."""
        if self == CHANDRA_WORDS:
            return page
        # with a group in the pattern, what lies between tags has even numbers
        parts = _TAGS.split(page)
        parts[::2] = [self.said(part) for part in parts[::2]]
        parts[1::2] = [_SPOKEN.sub(lambda found: self.said(found[0]), tag) for tag in parts[1::2]]
        return "".join(parts)

    def columns(self, columns: Sequence[Column]) -> list[Column]:
        """Columns as a table shows them to people; `name` stays what they are called here."""
        if self == CHANDRA_WORDS:
            return list(columns)
        return [
            replace(
                column,
                shown=_IN_COLUMN.sub(self.name, column.name),
                description=self.said(column.description),
            )
            for column in columns
        ]


CHANDRA_WORDS = XrayWords()
