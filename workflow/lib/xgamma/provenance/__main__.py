"""``python -m xgamma.provenance``: bring the dictionary of columns, docs/columns.md, up to date."""

import sys
from pathlib import Path

from xgamma.provenance.dictionary import dictionary_text

DICTIONARY = Path("docs/columns.md")

if not DICTIONARY.parent.is_dir():
    sys.exit(f"xgamma: there is no folder {DICTIONARY.parent}; run this in the project's folder")
text = dictionary_text()
changed = not DICTIONARY.exists() or DICTIONARY.read_text(encoding="utf-8") != text
if changed:
    DICTIONARY.write_text(text, encoding="utf-8")
print(f"{DICTIONARY}: {'is new' if changed else 'nothing has changed'}")
