"""CSV of a table as one text: a file gets it in parts."""

from collections.abc import Sequence

import pandas as pd

from xgamma.tables.columns import Column
from xgamma.tables.files import csv_texts


def csv_text(frame: pd.DataFrame, columns: Sequence[Column]) -> str:
    return "".join(csv_texts(frame, columns))
