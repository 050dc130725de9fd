"""Survey sources around the targets: the same table however and from whomever it is asked.

Expected rows come from looking at every pair of positions with the angle between their
unit vectors; the service is a fake one on a port (see fake_tap), and the demo archive.
"""

import dataclasses
import io

import numpy as np
import pandas as pd
import pytest
from astropy.io.votable import from_table
from astropy.table import Table
from fake_tap import Field, SurveySky, votable
from small_archive import make_frames, write_archive
from small_survey import (
    CSC_RADIUS,
    FIRST_ID,
    RADIUS,
    SURVEY,
    make_pairs,
    make_stars,
    one_shard,
    survey_sky,
    targets_of,
)

from xgamma.archive.client import TapClient, TapError
from xgamma.archive.connect import simulated
from xgamma.archive.surveys import SurveyTable
from xgamma.errors import XgammaError
from xgamma.stages.enrich_shard import enrich_targets, shard_columns
from xgamma.stages.merge_enrichment import merge_shards
from xgamma.tables.files import read_columns, read_parquet, write_parquet

PAIR_COLUMNS = [
    *("fermi_name", "fermi_ra", "fermi_dec"),
    *("csc_name", "csc_ra", "csc_dec", "csc_error_r0"),
]


def angle(ra1, dec1, ra2, dec2):
    """Angle between two directions in degrees, by vectors."""

    def vector(ra, dec):
        ra, dec = np.radians(ra), np.radians(dec)
        return np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])

    a, b = vector(ra1, dec1), vector(ra2, dec2)
    return np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b))


def stars_at(ids, ra, dec):
    return pd.DataFrame(
        {
            "source_id": ids,
            "ra": ra,
            "dec": dec,
            "phot_g_mean_mag": np.float32(10),
            "phot_variable_flag": "",
        }
    )


def expected_rows(pairs, stars, nearest):
    """(around, fermi, csc, rank, id, sep) by looking at everything."""
    rows = []
    fermi = pairs.drop_duplicates("fermi_name")
    targets = [("fermi", f.fermi_name, "", f.fermi_ra, f.fermi_dec, RADIUS)
               for f in fermi.itertuples()]  # fmt: skip
    targets += [("csc", p.fermi_name, p.csc_name, p.csc_ra, p.csc_dec, CSC_RADIUS)
                for p in pairs.itertuples()]  # fmt: skip
    for around, name, csc, ra, dec, radius in targets:
        near = sorted(
            (sep, s.source_id)
            for s in stars.itertuples()
            if (sep := angle(ra, dec, s.ra, s.dec)) <= radius
        )
        kept = near[:nearest] if around == "fermi" else near
        rows += [
            (around, name, csc, rank, star, sep * 3600, len(near))
            for rank, (sep, star) in enumerate(kept, 1)
        ]
    return sorted(rows)


@pytest.fixture
def stars():
    return make_stars()


@pytest.fixture
def client(fake_tap, stars):
    fake_tap.answer = survey_sky(stars)
    return TapClient("gaia", fake_tap.url)


def test_rows_are_those_of_looking_at_everything(client, stars):
    """Catches a wrong radius or unit, a global TOP, ranks by row order, lost and double rows."""
    pairs = make_pairs()
    found, _, _ = enrich_targets(client, SURVEY, one_shard(pairs), 3)
    expected = expected_rows(pairs, stars, 3)
    columns = ["around", "fermi_name", "csc_name", "rank", "id"]
    assert [tuple(row) for row in found[columns].itertuples(index=False)] == [
        row[:5] for row in expected
    ]
    np.testing.assert_allclose(found["sep_target_arcsec"], [r[5] for r in expected], atol=1e-7)
    assert found["n_in_radius"].tolist() == [r[6] for r in expected]
    assert found["n_in_radius"].max() > 3, "more were there than were kept"
    assert not (found["fermi_name"] == "4FGL 4").any(), "nothing is near, so nothing is there"


def test_separations_of_each_row(client):
    """From the target, the Fermi position, and the nearest candidate of *that* Fermi source."""
    pairs = make_pairs()
    found, _, _ = enrich_targets(client, SURVEY, one_shard(pairs), 3)
    fermi = pairs.drop_duplicates("fermi_name").set_index("fermi_name")
    across = 0
    for row in found.itertuples():
        f = fermi.loc[row.fermi_name]
        from_fermi = 3600 * angle(f.fermi_ra, f.fermi_dec, row.ra, row.dec)
        assert row.sep_fermi_arcsec == pytest.approx(from_fermi, abs=1e-7)
        distances = {
            p.csc_name: 3600 * angle(p.csc_ra, p.csc_dec, row.ra, row.dec)
            for p in pairs[pairs["fermi_name"] == row.fermi_name].itertuples()
        }
        assert row.nearest_csc_name == min(distances, key=distances.get)
        assert row.sep_csc_arcsec == pytest.approx(min(distances.values()), abs=1e-7)
        anyones = min(
            3600 * angle(p.csc_ra, p.csc_dec, row.ra, row.dec) for p in pairs.itertuples()
        )
        across += anyones < row.sep_csc_arcsec - 1
    assert across, "a candidate of the overlapping Fermi source is nearer, and does not count"


def test_values_are_kept_exactly(client, stars):
    found, columns, _ = enrich_targets(client, SURVEY, one_shard(make_pairs()), 3)
    assert str(found["id"].dtype) == "int64" and (found["id"] % 2 == 1).all()
    assert str(found["gaia_mean_g_mag"].dtype) == "float32"
    there = stars.set_index("source_id").loc[found["id"]]
    np.testing.assert_array_equal(found["gaia_mean_g_mag"], there["phot_g_mean_mag"])
    assert found["gaia_mean_g_mag"].isna().any()
    assert found["gaia_variability"].tolist() == there["phot_variable_flag"].tolist()
    assert found["ra"].tolist() == there["ra"].tolist()
    units = {c.name: c.unit for c in columns}
    assert (units["gaia_mean_g_mag"], units["ra"], units["sep_csc_arcsec"]) == (
        "mag", "deg", "arcsec",
    )  # fmt: skip


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("archive") / "sky.duckdb"
    write_archive(path, {**make_frames(), SURVEY.table: make_stars()})
    return path


@pytest.mark.parametrize("where", ["fake", "demo"])
@pytest.mark.parametrize(
    "options",
    [{"upload": False}, {"mode": "async"}, {"mode": "async", "upload": False}],
    ids=["one by one", "async upload", "async one by one"],
)
def test_every_way_of_asking_gives_the_same_table(fake_tap, client, archive, where, options):
    targets = one_shard(make_pairs())
    expected, columns, _ = enrich_targets(client, SURVEY, targets, 3)
    if where == "demo":
        other = TapClient("gaia", "http://demo.invalid/gaia/tap", **simulated(archive), **options)
    else:
        fake_tap.phases = ["QUEUED", "COMPLETED"]
        other = TapClient("gaia", fake_tap.url, **options)
    found, found_columns, _ = enrich_targets(other, SURVEY, targets, 3)
    pd.testing.assert_frame_equal(found, expected)
    assert found_columns == columns


def test_what_is_sent(fake_tap, client):
    """Numbers and rows, each in one upload; POINT on the survey, CIRCLE on the upload, no TOP 3."""
    enrich_targets(client, SURVEY, one_shard(make_pairs()), 3)
    _, adql = fake_tap.queries
    select, rest = adql.split(" FROM ")
    assert all(" AS " in column for column in select.split(", "))
    assert select.startswith("SELECT TOP 9999999 ")
    assert rest == (
        "gaiadr3.gaia_source AS s, TAP_UPLOAD.targets AS t WHERE 1 = CONTAINS("
        "POINT('ICRS', s.ra, s.dec), CIRCLE('ICRS', t.target_ra, t.target_dec, t.radius_deg))"
    )


@pytest.mark.parametrize("rounding", [-5e-8, 0, 5e-8])
@pytest.mark.parametrize("upload", [True, False])
def test_the_edge_of_the_circle_is_decided_here(fake_tap, upload, rounding):
    """Services round in different ways: a star at the very edge is asked for from all."""
    stars = stars_at(
        FIRST_ID + np.arange(4), 100.0, [RADIUS - 1e-12, RADIUS + 5e-8, -RADIUS - 5e-8, 0.0]
    )
    fake_tap.answer = survey_sky(stars)
    fake_tap.answer.rounding = rounding
    pairs = pd.DataFrame([["4FGL", 100.0, 0.0, "2CXO", 100.0, 0.02, 0.8]], columns=PAIR_COLUMNS)
    client = TapClient("gaia", fake_tap.url, upload=upload)
    found, _, _ = enrich_targets(client, SURVEY, one_shard(pairs), 9)
    assert found["id"].tolist() == [FIRST_ID + 3, FIRST_ID]
    assert found["n_in_radius"].tolist() == [2, 2]


@pytest.mark.parametrize("nearest", [1, 2, 3, 9])
def test_the_nearest_and_their_ties(fake_tap, nearest):
    """Equally near ones by identifier, and never more than asked for."""
    stars = stars_at(FIRST_ID + np.array([6, 2, 4, 0]), 10.0, [0.01, 0.01, 0.01, 0.02])
    fake_tap.answer = survey_sky(stars)
    pairs = pd.DataFrame(
        [
            ["4FGL", 10.0, 0.0, "2CXO b", 10.0, 0.01, 0.8],
            ["4FGL", 10.0, 0.0, "2CXO a", 10.0, 0.01, 0.8],
        ],
        columns=PAIR_COLUMNS,
    )
    found, _, _ = enrich_targets(TapClient("gaia", fake_tap.url), SURVEY, one_shard(pairs), nearest)
    around = found[found["around"] == "fermi"]
    order = [FIRST_ID + 2, FIRST_ID + 4, FIRST_ID + 6, FIRST_ID]
    assert around["id"].tolist() == order[:nearest]
    assert around["rank"].tolist() == [1, 2, 3, 4][:nearest]
    assert set(around["n_in_radius"]) == {4}
    # around a candidate all are kept, and of two equally near candidates the first by name
    assert found[found["csc_name"] == "2CXO b"]["id"].tolist() == order[:3]
    assert set(around["nearest_csc_name"]) == {"2CXO a"}


@pytest.mark.parametrize("upload", [True, False])
def test_an_empty_answer_keeps_the_types(fake_tap, client, upload, tmp_path):
    """Else the shards of the empty sky would differ from the others and could not be merged."""
    full, columns, _ = enrich_targets(client, SURVEY, one_shard(make_pairs()), 3)
    alone = one_shard(make_pairs().iloc[-1:])
    found, found_columns, _ = enrich_targets(
        TapClient("gaia", fake_tap.url, upload=upload), SURVEY, alone, 3
    )
    assert len(found) == 0
    assert found_columns == columns
    assert found.dtypes.tolist() == full.dtypes.tolist()
    write_parquet(tmp_path / "t.parquet", found, columns)
    assert read_parquet(tmp_path / "t.parquet").dtypes.tolist() == full.dtypes.tolist()


def test_a_column_that_the_service_lacks_is_not_asked_for_and_null(client):
    full, columns, _ = enrich_targets(client, SURVEY, one_shard(make_pairs()), 3)
    lacking = next(iter(SURVEY.columns))
    poorer = dataclasses.replace(SURVEY, missing=[lacking])
    found, found_columns, _ = enrich_targets(client, poorer, one_shard(make_pairs()), 3)
    ours = SURVEY.columns[lacking]
    assert found[ours].isna().all() and len(found) == len(full) > 0
    assert found.drop(columns=ours).equals(full.drop(columns=ours))
    assert [c.name for c in found_columns] == [c.name for c in columns]


def test_text_identifiers(fake_tap):
    fake_tap.answer = SurveySky(
        "fp_psc",
        Field("designation", "char", ["18261506-1450543", "00000001+0000000"]),
        Field("ra", "double", [10.0, 10.001], "deg"),
        Field("dec", "double", [0.0, 0.0], "deg"),
        Field("err_ang", "int", [None, 45], "deg", null="-1"),
    )
    survey = SurveyTable("fp_psc", "designation", "ra", "dec", {"err_ang": "twomass_err_ang"})
    pairs = make_pairs().iloc[:1].assign(fermi_ra=10.0, fermi_dec=0.0)
    client = TapClient("irsa", fake_tap.url)
    found, columns, _ = enrich_targets(client, survey, one_shard(pairs), 3)
    assert found["id"].tolist() == ["18261506-1450543", "00000001+0000000"]
    assert found["twomass_err_ang"].tolist() == [pd.NA, 45]
    kinds = {c.name: c.kind for c in columns}
    assert (kinds["id"], kinds["twomass_err_ang"]) == ("text", "nullable_int")


def without_numbers(rows):
    """A service that counts no row in any circle: all of each is asked for."""

    def answer(adql, uploads):
        if "GROUP BY" in adql:
            return votable(Field("target_id", "long", []), Field("n", "int", []))
        return rows(adql, uploads)

    return answer


def test_an_answer_of_a_suspicious_size_is_counted(fake_tap):
    """2000 rows is where one service cuts without a word: then its own count must agree."""
    stars = stars_at(FIRST_ID + np.arange(2100), 10.0, np.linspace(0, 0.02, 2100))
    pairs = make_pairs().iloc[:1].assign(fermi_ra=10.0, fermi_dec=0.0)
    targets = one_shard(pairs)
    whole = survey_sky(stars.iloc[:2000])
    fake_tap.answer = whole
    client = TapClient("gaia", fake_tap.url)
    found, _, _ = enrich_targets(client, SURVEY, targets, 3)
    assert "COUNT(*) AS n FROM" not in fake_tap.queries[-1], "a few dozen are asked for"
    assert found["n_in_radius"].tolist() == [2000] * 3
    # where the numbers do not say so, all are
    fake_tap.answer = without_numbers(whole)
    found, _, _ = enrich_targets(client, SURVEY, targets, 3)
    assert len(fake_tap.queries) == 6 and "COUNT(*)" in fake_tap.queries[-1]
    assert found["n_in_radius"].tolist() == [2000] * 3

    # the same rows, but the service knows of 2100
    fake_tap.answer = without_numbers(
        lambda adql, uploads: (
            votable(Field("n", "long", [2100])) if "COUNT(*)" in adql else whole(adql, uploads)
        )
    )
    for upload in (True, False):
        with pytest.raises(TapError, match=r"gave 2000 rows and counts 2100"):
            enrich_targets(TapClient("gaia", fake_tap.url, upload=upload), SURVEY, targets, 3)


THEIRS = {
    "source_id": "Source", "ra": "RA_ICRS", "dec": '"_DE"', "phot_g_mean_mag": "Gmag",
    "phot_variable_flag": "VarFlag",
}  # fmt: skip


def mirror_sky(stars, theirs=THEIRS):
    """The same rows at a service that spells table and columns in its own way."""
    sky = survey_sky(stars)

    def answer(adql, uploads):
        for ours, name in theirs.items():
            assert f"s.{ours} " not in adql and f"s.{ours}," not in adql, "our name at a mirror"
            adql = adql.replace(f"s.{name} ", f"s.{ours} ").replace(f"s.{name},", f"s.{ours},")
            adql = adql.replace(f"s.{name})", f"s.{ours})")
        return sky(adql.replace('"I/355/gaiadr3" AS s', f"{SURVEY.table} AS s"), uploads)

    return answer


def mirrored_client(fake_tap, columns=THEIRS, **options):
    """The service itself is dead: nobody listens at its port."""
    entry = {"table": '"I/355/gaiadr3"', "release": "DR3", "columns": columns}
    mirror = {"name": "m", "url": fake_tap.url, "mode": "sync", "tables": {SURVEY.table: entry}}
    return TapClient("gaia", "http://127.0.0.1:1/tap", attempts=1, mirrors=[mirror], **options)


@pytest.mark.parametrize("upload", [True, False])
def test_a_mirror_gives_the_same_table_and_is_named(fake_tap, client, stars, upload):
    targets = one_shard(make_pairs())
    expected, expected_columns, _ = enrich_targets(client, SURVEY, targets, 3)
    fake_tap.answer = mirror_sky(stars)
    other = mirrored_client(fake_tap, upload=upload)
    found, columns, records = enrich_targets(other, SURVEY, targets, 3)
    pd.testing.assert_frame_equal(found, expected)
    assert columns == expected_columns
    # the numbers, and the rows
    assert len(records) == (2 if upload else len(targets))
    assert {(r["mirror"], r["url"]) for r in records} == {("m", fake_tap.url)}
    assert all('s."_DE"' in record["adql"] for record in records)


def test_a_mirror_without_one_of_the_columns_is_refused(fake_tap, stars):
    fake_tap.answer = mirror_sky(stars)
    poorer = {ours: theirs for ours, theirs in THEIRS.items() if ours != "phot_variable_flag"}
    client = mirrored_client(fake_tap, poorer)
    with pytest.raises(TapError, match=r"has no column gaiadr3.gaia_source.phot_variable_flag;"):
        enrich_targets(client, SURVEY, one_shard(make_pairs()), 3)
    assert not any("extra_1" in query for query in fake_tap.queries)


def test_the_queries_word_for_word(fake_tap, client):
    """Kept answers are found again by these texts: a change makes every one of them useless."""
    targets = one_shard(make_pairs()).iloc[:1]
    targets = targets.assign(ra=0.25, dec=-5.5, radius_deg=0.03, field_radius_deg=0.03)
    enrich_targets(client, SURVEY, targets.assign(around="fermi"), 3)
    enrich_targets(TapClient("gaia", fake_tap.url, upload=False), SURVEY, targets, 3)
    columns = (
        "s.source_id AS survey_id, s.ra AS survey_ra, s.dec AS survey_dec, "
        "s.phot_g_mean_mag AS extra_0, s.phot_variable_flag AS extra_1"
    )
    assert fake_tap.queries == [
        "SELECT TOP 9999999 t.target_id AS target_id, COUNT(*) AS n FROM gaiadr3.gaia_source AS s, "
        "TAP_UPLOAD.targets AS t WHERE 1 = CONTAINS(POINT('ICRS', s.ra, s.dec), CIRCLE('ICRS', "
        "t.target_ra, t.target_dec, t.radius_deg)) GROUP BY t.target_id",
        f"SELECT TOP 9999999 t.target_id AS target_id, {columns} FROM gaiadr3.gaia_source AS s, "
        "TAP_UPLOAD.targets AS t WHERE 1 = CONTAINS(POINT('ICRS', s.ra, s.dec), CIRCLE('ICRS', "
        "t.target_ra, t.target_dec, t.radius_deg))",
        f"SELECT TOP 9999999 {columns} FROM gaiadr3.gaia_source AS s WHERE 1 = CONTAINS("
        "POINT('ICRS', s.ra, s.dec), CIRCLE('ICRS', 0.25, -5.5, 0.0300001))",
    ]


def one_target():
    pairs = make_pairs().iloc[:1].assign(csc_ra=0.01, csc_dec=5.0)
    targets = one_shard(pairs)
    assert targets["around"].tolist() == ["csc", "fermi"]
    return targets


def answer_of(**changed):
    """Two stars at the target 0 of `one_target`, columns changed or (None) left out."""
    fields = {
        "target_id": Field("target_id", "long", [0, 0], null="-1"),
        "survey_id": Field("survey_id", "long", [FIRST_ID, FIRST_ID + 2], null="-1"),
        "survey_ra": Field("survey_ra", "double", [0.01, 0.01], "deg"),
        "survey_dec": Field("survey_dec", "double", [5.0, 5.0003], "degree"),
        "extra_0": Field("extra_0", "float", [10.0, None], "mag"),
        "extra_1": Field("extra_1", "char", ["VARIABLE", ""]),
    } | changed
    return without_numbers(lambda *_: votable(*[one for one in fields.values() if one is not None]))


def test_the_answer_that_the_next_test_spoils_is_a_good_one(fake_tap):
    fake_tap.answer = answer_of()
    found, _, _ = enrich_targets(TapClient("gaia", fake_tap.url), SURVEY, one_target(), 3)
    assert found["id"].tolist() == [FIRST_ID, FIRST_ID + 2]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"survey_ra": Field("survey_ra", "double", [0.01, None], "deg")},
            "gaia: rows of gaiadr3.gaia_source without a valid position: 1, the first is "
            f"{FIRST_ID + 2} at ra nan, dec 5.0003",
        ),
        (
            {"survey_dec": Field("survey_dec", "double", [5.0, 95.0], "deg")},
            "gaia: rows of gaiadr3.gaia_source without a valid position: 1, the first is "
            f"{FIRST_ID + 2} at ra 0.01, dec 95.0",
        ),
        (
            {"survey_ra": Field("survey_ra", "double", [0.01, 0.01], "rad")},
            "gaia: gaiadr3.gaia_source: column ra came in 'rad', ",
        ),
        (
            {"survey_id": Field("survey_id", "long", [FIRST_ID, FIRST_ID])},
            "gaia: rows of gaiadr3.gaia_source that came more than once: 1, the first is "
            f"target_id 0, id {FIRST_ID}",
        ),
        (
            {"survey_id": Field("survey_id", "long", [None, FIRST_ID], null="-1")},
            "gaia: rows of gaiadr3.gaia_source without source_id: 1; ",
        ),
        (
            {"survey_id": Field("survey_id", "char", ["a", ""])},
            "gaia: rows of gaiadr3.gaia_source without source_id: 1; ",
        ),
        (
            {"survey_id": Field("survey_id", "double", [FIRST_ID, FIRST_ID + 2])},
            "gaia: gaiadr3.gaia_source.source_id came as floating-point numbers, ",
        ),
        (
            {"target_id": Field("target_id", "long", [0, 77])},
            "gaia: rows of gaiadr3.gaia_source for targets that were not sent: 1, the first has "
            "target_id 77; ",
        ),
        (
            {"target_id": Field("target_id", "long", [None, 0], null="-1")},
            "gaia: rows of gaiadr3.gaia_source for targets that were not sent: 1, the first has "
            "target_id null; ",
        ),
        (
            {"target_id": Field("target_id", "char", ["0", "J"])},
            "gaia: rows of gaiadr3.gaia_source for targets that were not sent: 1, the first has "
            "target_id J; ",
        ),
        (
            {"extra_1": None},
            "gaia: the answer for table gaiadr3.gaia_source has no column extra_1 "
            "(phot_variable_flag), which was asked for; it has target_id, survey_id, survey_ra, "
            "survey_dec, extra_0: ",
        ),
        (
            {"survey_id": Field("s_survey_id", "long", [1, 2])},
            "gaia: the answer for table gaiadr3.gaia_source has no column survey_id (source_id), "
            "which was asked for; it has target_id, s_survey_id, ",
        ),
        (
            {"target_id": None},
            "gaia: the answer for table gaiadr3.gaia_source has no column target_id, which was ",
        ),
    ],
)
def test_an_answer_that_cannot_be_used_is_a_line(fake_tap, changed, said):
    fake_tap.answer = answer_of(**changed)
    with pytest.raises(XgammaError) as caught:
        enrich_targets(TapClient("gaia", fake_tap.url), SURVEY, one_target(), 3)
    assert str(caught.value).startswith(said) and "\n" not in str(caught.value)


def with_padded_ids(ids):
    """Two stars in a stream, where blanks around a text come as they are."""
    table = Table({"target_id": [0, 0], "survey_id": ids, "survey_ra": [0.01, 0.01]})
    table["survey_dec"] = [5.0, 5.0003]
    table["extra_0"] = np.array([10.0, np.nan], "float32")
    table["extra_1"] = ["VARIABLE ", " "]
    for name, unit in (("survey_ra", "deg"), ("survey_dec", "deg"), ("extra_0", "mag")):
        table[name].unit = unit
    stream = io.BytesIO()
    from_table(table).to_xml(stream, tabledata_format="binary2")
    return stream.getvalue().replace(b"<RESOURCE>", b'<RESOURCE type="results">')


def test_identifiers_are_without_the_blanks_around_them(fake_tap):
    """In Parquet they would stay, and in ECSV they would not."""
    fake_tap.answer = without_numbers(lambda *_: with_padded_ids(["J01  ", " J02"]))
    found, _, _ = enrich_targets(TapClient("gaia", fake_tap.url), SURVEY, one_target(), 3)
    assert found["id"].tolist() == ["J01", "J02"]
    assert found["gaia_variability"].tolist() == ["VARIABLE", ""]


def test_an_identifier_of_blanks_is_none(fake_tap):
    fake_tap.answer = without_numbers(lambda *_: with_padded_ids(["J01", "   "]))
    with pytest.raises(XgammaError, match=r"rows of gaiadr3.gaia_source without source_id: 1; "):
        enrich_targets(TapClient("gaia", fake_tap.url), SURVEY, one_target(), 3)


def test_a_column_that_changes_between_two_cones_is_an_error(fake_tap):
    units = iter(["mag", "mag", "Jy"])
    fake_tap.answer = lambda *_: answer_of(
        target_id=None, extra_0=Field("extra_0", "float", [1.0, 2.0], next(units))
    )("", {})
    client = TapClient("gaia", fake_tap.url, upload=False)
    with pytest.raises(XgammaError, match=r"^gaia: gaiadr3.gaia_source: the types or units of its"):
        enrich_targets(client, SURVEY, one_shard(make_pairs()), 3)
    assert len(fake_tap.queries) == 3


def long_table(client, pairs, **shards):
    """The merged table, by way of the shards' files."""
    made = []
    for _, targets in targets_of(pairs, **shards).groupby("shard"):
        made.append(enrich_targets(client, SURVEY, targets, 3)[:2])
    classes = {name: f"class of {name}" for name in pairs["fermi_name"]}
    return merge_shards(made[::-1], SURVEY, classes), len(made)


def test_the_merged_table_does_not_show_the_shards(client):
    pairs = make_pairs()
    (expected, columns), by_cell = long_table(client, pairs, order=0)
    assert len(expected) > 20
    assert expected["fermi_class"].tolist() == [f"class of {n}" for n in expected["fermi_name"]]
    order = ["around", "fermi_name", "csc_name", "rank"]
    assert expected.sort_values(order, ignore_index=True).equals(expected)
    (found, found_columns), by_source = long_table(client, pairs, by="source")
    assert by_source == 5 > by_cell
    pd.testing.assert_frame_equal(found, expected)
    assert found_columns == columns


def test_no_shards_give_an_empty_table():
    found, columns = merge_shards([], SURVEY, {})
    assert len(found) == 0
    assert list(found.columns) == [c.name for c in columns]
    assert {"around", "fermi_name", "fermi_class", "id", "gaia_mean_g_mag"} <= set(found.columns)


def test_shards_whose_columns_differ_are_an_error(client, tmp_path):
    """The unit or type changed at the service between two jobs: nothing to be merged."""
    targets = one_shard(make_pairs())
    found, columns, _ = enrich_targets(client, SURVEY, targets, 3)
    write_parquet(tmp_path / "t.parquet", found, columns)
    one = read_parquet(tmp_path / "t.parquet"), read_columns(tmp_path / "t.parquet")
    assert one[1] == columns
    other = [
        type(c)(c.name, "float" if c.name == "gaia_mean_g_mag" else c.kind, c.unit, c.description)
        for c in columns
    ]
    with pytest.raises(XgammaError, match=r"gaiadr3.gaia_source: the types or units .* differ"):
        merge_shards([one, (found, other)], SURVEY, {})


def test_columns_have_the_survey_s_units():
    """In astropy's spelling; one that nobody knows stays as it is."""
    units = {"extra_0": "mas.yr**-1", "extra_1": "'electron'.s**-1"}
    survey = SurveyTable("t", "id", "ra", "dec", {"pmra": "x_pmra", "flux": "x_flux"})

    class Described:
        frame = pd.DataFrame({"survey_id": ["a"], "extra_0": [1.0], "extra_1": [1.0]})

    # the same unit as two versions of VOTable hand it on
    spellings = ((units["extra_1"], "electron / s"), ("electron / s", "electron / s"))
    for last, expected in (*spellings, ("parsnips", "parsnips")):
        Described.units = {**units, "extra_1": last}
        made = {c.name: c for c in shard_columns(survey, Described)}
        assert (made["x_pmra"].unit, made["x_flux"].unit) == ("mas / yr", expected)
        assert made["x_pmra"].description == "t.pmra"


def dense_field(n, seed=3):
    """Stars all over a circle of 0.03 degrees, and beyond it."""
    random = np.random.default_rng(seed)
    radius = 0.036 * np.sqrt(random.uniform(size=n))
    angles = random.uniform(0, 2 * np.pi, n)
    ids = FIRST_ID + 2 * random.permutation(n)
    return stars_at(ids, 10.0 + radius * np.cos(angles), radius * np.sin(angles))


def of_one(fake_tap, stars, **options):
    """What is made of one Fermi source at (10, 0), and around how many targets was asked."""
    fake_tap.answer = sky = survey_sky(stars)
    rows = []

    def answer(adql, uploads):
        made = sky(adql, uploads)
        if "GROUP BY" not in adql:
            rows.append(made.count(b"<TR>"))
        return made

    fake_tap.answer = answer
    pairs = pd.DataFrame([["4FGL", 10.0, 0.0, "2CXO", 10.0, 0.02, 0.8]], columns=PAIR_COLUMNS)
    client = TapClient("gaia", fake_tap.url, **options)
    found, _, records = enrich_targets(client, SURVEY, one_shard(pairs), 3)
    expected = expected_rows(pairs, stars, 3)
    kept = found[found["around"] != "field"]
    assert kept["id"].tolist() == [row[4] for row in expected]
    assert kept["n_in_radius"].tolist() == [row[6] for row in expected]
    return rows, records, found


def test_of_a_dense_field_a_few_dozen_rows_come(fake_tap):
    """The same three, the same number, by looking at everything; and one by one all come."""
    stars = dense_field(2000)
    rows, records, found = of_one(fake_tap, stars)
    assert len(rows) == 1 and 20 < rows[0] < 100 and len(records) == 2
    assert found["n_in_radius"].max() > 1300
    all_rows, _, other = of_one(fake_tap, stars, upload=False)
    assert sum(all_rows) > 1300
    pd.testing.assert_frame_equal(found, other)


def test_a_hole_around_the_position_is_asked_beyond(fake_tap):
    """A few dozen by the mean density, none where they should be: then all of the circle."""
    stars = dense_field(2000)
    near = np.hypot(stars["ra"] - 10.0, stars["dec"])
    for hole in (0.004, 0.006, 0.03):
        rows, records, _ = of_one(fake_tap, stars[near > hole].reset_index(drop=True))
        assert len(rows) == 2 and len(records) == 3 if hole < 0.03 else len(rows) == 1


def test_where_a_row_is_near_the_edge_all_are_counted_here(fake_tap):
    stars = pd.concat(
        [dense_field(500), stars_at([FIRST_ID - 2, FIRST_ID - 4], 10.0, [RADIUS - 5e-8, -0.03])],
        ignore_index=True,
    )
    rows, _, _ = of_one(fake_tap, stars)
    assert rows[0] > 300


def test_more_kept_and_smaller_circles_of_a_dense_field_ask_for_numbers_at_most(fake_tap, tmp_path):
    stars = dense_field(2000)
    fake_tap.answer = survey_sky(stars)
    pairs = pd.DataFrame([["4FGL", 10.0, 0.0, "2CXO", 10.0, 0.02, 0.8]], columns=PAIR_COLUMNS)

    def made(nearest, folder, **changes):
        fake_tap.queries.clear()
        client = TapClient("gaia", fake_tap.url, answers=folder, reuse=True)
        targets = targets_of(pairs, **changes).assign(target_id=[0, 1])
        found, _, _ = enrich_targets(client, SURVEY, targets, nearest)
        return found, ["GROUP BY" in query for query in fake_tap.queries]

    assert made(3, tmp_path)[1] == [True, False]
    for nearest, changes, asked in (
        (3, {}, []),
        (6, {}, []),
        (2, {"by": "source"}, []),
        (3, {"radius_deg": 0.02}, [True]),
        (3, {"radius_deg": 0.02}, []),
        (3, {}, []),
        (13, {}, [False]),
    ):
        found, queries = made(nearest, tmp_path, **changes)
        assert queries == asked, (nearest, changes)
        pd.testing.assert_frame_equal(found, made(nearest, None, **changes)[0])


@pytest.mark.parametrize(
    ("target", "n"), [([1, 1], [5, 5]), ([1, 7], [5, 5]), ([1, 2], [5, 0]), ([1, 2], [5, None])]
)
def test_numbers_that_cannot_be_used_are_a_line(fake_tap, target, n):
    sky = survey_sky(make_stars())
    numbers = votable(Field("target_id", "long", target), Field("n", "int", n, null="-1"))
    fake_tap.answer = lambda adql, uploads: numbers if "GROUP BY" in adql else sky(adql, uploads)
    with pytest.raises(XgammaError, match=r"^gaia: the numbers of rows of gaiadr3.gaia_source"):
        enrich_targets(TapClient("gaia", fake_tap.url), SURVEY, one_target(), 3)
