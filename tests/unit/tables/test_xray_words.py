"""Tables, texts and pages about another X-ray catalogue than Chandra's."""

import pandas as pd
import pyarrow.parquet as pq

from xgamma.provenance.table_metadata import Origin
from xgamma.stages.group_by_fermi import GROUPED_COLUMNS
from xgamma.tables.columns import Column
from xgamma.tables.files import read_columns, read_ecsv, read_parquet
from xgamma.tables.xray_words import CHANDRA_WORDS, XrayWords

XMM = {"name": "xmm", "telescope": "XMM-Newton", "catalog": "4XMM-DR14"}
SAID = XrayWords(**XMM)
COLUMNS = [
    Column("csc_name", "text", "", "Chandra Source Catalog name", "meta.id"),
    Column("num_csc_matches", "int", "", "Chandra sources"),
    Column("exposure", "float", "s", "Exposure, as on the axis of ACIS"),
]


def test_texts_and_names_of_columns_but_no_paths():
    text = SAID.said("Chandra sources (csc_name) of the CSC: tables/csc_fermi_pairs.ecsv, csc/")
    assert text == "XMM-Newton sources (xmm_name) of the XMM: tables/csc_fermi_pairs.ecsv, csc/"
    assert CHANDRA_WORDS.said("Chandra's CSC, csc_name") == "Chandra's CSC, csc_name"


def test_pages_are_read_and_read_aloud_in_these_words():
    page = (
        '<a href="https://cda.harvard.edu/Chandra/csc_name" title="Chandra here">Chandra</a>'
        '<script>var csc_name = "Chandra";</script><img alt="CSC" class="csc_map">csc_ra'
    )
    assert SAID.said_in_html(page) == (
        '<a href="https://cda.harvard.edu/Chandra/csc_name" title="XMM-Newton here">XMM-Newton</a>'
        '<script>var csc_name = "Chandra";</script><img alt="XMM" class="csc_map">xmm_ra'
    )


def test_tables_for_people_are_read_back_under_our_names(tmp_path):
    (tmp_path / "tables").mkdir()
    about = {"archive": "x", "simulated": True, "catalogues": [], "surveys": [], "words": XMM}
    frame = pd.DataFrame({"csc_name": ["a", "b"], "num_csc_matches": [1, 2], "exposure": [5.0, 6]})
    paths = [tmp_path / f"tables/candidates.{kind}" for kind in ("parquet", "ecsv", "csv")]
    Origin.of(about).write(paths, frame, COLUMNS)
    parquet, ecsv, csv = paths
    assert pq.read_schema(parquet).names == ["xmm_name", "num_xmm_matches", "exposure"]
    assert csv.read_text().splitlines()[0] == "xmm_name,num_xmm_matches,exposure"
    assert "description: 4XMM-DR14 name" in ecsv.read_text()
    assert "Exposure, as on the axis" in ecsv.read_text() and "ACIS" not in ecsv.read_text()
    back = read_parquet(parquet, ["num_csc_matches", "csc_name"])
    pd.testing.assert_frame_equal(back, frame[["num_csc_matches", "csc_name"]].astype(back.dtypes))
    assert [c.name for c in read_columns(parquet)] == [c.name for c in COLUMNS]
    assert read_ecsv(ecsv, SAID.columns(COLUMNS))["csc_name"].tolist() == ["a", "b"]


def test_no_column_of_the_grouped_table_keeps_the_name():
    shown = [column.label for column in SAID.columns(GROUPED_COLUMNS)]
    assert len(set(shown)) == len(shown) and not any("csc" in name for name in shown)
    assert [c.label for c in CHANDRA_WORDS.columns(GROUPED_COLUMNS)] == [
        c.name for c in GROUPED_COLUMNS
    ]
