"""``python -m xgamma.config``: bring the table of keys in ``config/README.md`` up to date."""

import sys
from pathlib import Path

from xgamma.config.key_table import update_key_table
from xgamma.errors import XgammaError

README = Path("config/README.md")

try:
    changed = update_key_table(README)
except (XgammaError, OSError) as error:
    sys.exit(f"xgamma: {error}; run this in the project's folder")
print(f"{README}: {'the table is new' if changed else 'nothing has changed'}")
