"""Each setting is defined once: what its definition says, and what comes from it."""

import dataclasses
import subprocess
import sys
import typing
from pathlib import Path

import pytest
import yaml

from xgamma.config import settings
from xgamma.config.key_table import key_table, keys, update_key_table
from xgamma.config.kinds import REQUIRED, Block, ListOf, Named
from xgamma.config.settings import SETTINGS, ConfigError, Mirror, Shards, completed, load_config
from xgamma.errors import XgammaError

ROOT = Path(__file__).resolve().parents[3]
README = ROOT / "config" / "README.md"


def problems(raw) -> list[str]:
    """The lines that a user reads when this configuration is refused."""
    with pytest.raises(ConfigError) as caught:
        load_config(raw)
    return str(caught.value).split("\n")


def blocks(value, place=()):
    """Each block with defined keys in a typed value, with its place."""
    if dataclasses.is_dataclass(value):
        yield place, value
        for one in dataclasses.fields(value):
            yield from blocks(getattr(value, one.name), (*place, one.name))
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from blocks(item, (*place, name))
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from blocks(item, (*place, i))


# What a definition says.


@pytest.mark.parametrize("key", keys())
def test_a_definition_says_what_is_allowed_and_why(key):
    one = keys()[key]
    assert one.what.endswith(".") and one.what == " ".join(one.what.split())
    assert one.kind.allowed and "{" not in one.kind.allowed
    # a block of defined keys needs no more words; whatever else has a range, words or a pattern
    assert one.kind.cell or isinstance(one.kind, Block)


@pytest.mark.parametrize("key", [key for key, one in keys().items() if one.default is not REQUIRED])
def test_a_default_is_allowed(key):
    one = keys()[key]
    assert list(one.kind.problems(one.kind.complete(one.default), (key,), SETTINGS)) == []


def test_a_value_has_the_type_that_its_field_is_annotated_with():
    live = [load_config({"archive": "live"}), load_config({"crossmatch": {"min_flux": None}})]
    for place, block in (found for config in live for found in blocks(config)):
        hints = typing.get_type_hints(type(block))
        for one in dataclasses.fields(block):
            hint, value = hints[one.name], getattr(block, one.name)
            is_collection = typing.get_origin(hint) in (dict, tuple)
            kind = typing.get_origin(hint) if is_collection else hint
            assert isinstance(value, kind), f"{place} {one.name} is {value!r}"
            assert not isinstance(value, bool) or hint is bool, f"{place} {one.name}"


def every_block(kind, value, place=()):
    """Each block with defined keys in a completed value, with its place."""
    if isinstance(kind, Block):
        yield place, value
        for key, one in kind.settings.items():
            yield from every_block(one.kind, value[key], (*place, key))
    elif isinstance(kind, Named):
        for name, item in value.items():
            yield from every_block(kind.values, item, (*place, name))
    elif isinstance(kind, ListOf):
        for i, item in enumerate(value):
            yield from every_block(kind.items, item, (*place, i))


PLACES = [place for place, _ in every_block(SETTINGS, completed({}))]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)) or "root")
def test_no_block_lets_an_unknown_key_through(place):
    raw = completed({})
    dict(every_block(SETTINGS, raw))[place]["zzz"] = 1
    (line,) = problems(raw)
    assert "zzz is 1, but there is no such key; the keys there are " in line


def test_every_kind_of_block_is_in_the_defaults():
    # or the test above would say nothing of it
    classes = {name for name, one in vars(settings).items() if dataclasses.is_dataclass(one)}
    own = {"csc": {"file": __file__, "release": "2.1"}}
    used = load_config({"archive": "live", "catalogs": own})
    found = {type(block).__name__ for _, block in blocks(used)}
    assert found == classes


# How values are read and refused, beside what test_config.py has.


@pytest.mark.parametrize(
    ("block", "key", "inside", "outside"),
    [
        ("sky", "latitude_cut_deg", [1e-300, 90, "90"], [0, -0.0, 90.00001, "0"]),
        ("tap", "attempts", [1, 10, 10.0, "1e1"], [0, 11, 1.5, 10.5]),
        ("tap", "timeout_s", [1, 1.5, 3600], [0.999, 3600.1]),
        # more than a float can hold is no flux
        ("crossmatch", "min_flux", [0, 1e300, None, "~"], [-1e-300, 10**400, "1e999", "-inf"]),
        ("figures", "formats", [["svg", "png"]], [[], ["png", "png"], "png", ("png",), [["png"]]]),
        ("subsample", "classes", [["psr", "PSR"]], [["psr", "psr"], ["a" * 9], ["psr\n"], {}]),
    ],
)
def test_a_range_ends_where_it_says(block, key, inside, outside):
    for value in inside:
        load_config({block: {key: value}})
    for value in outside:
        assert problems({block: {key: value}})[0].startswith(f"config: {block}.{key}"), value


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("http://a", True),
        ("https://a:8080/b/tap/", True),
        ("http://a/async/tap", True),
        ("http://a/tap/sync", False),
        ("http://a/tap/async/", False),
        ("http://a/tap?x=1", False),
        ("http://me@a/tap", False),
        ("http:///tap", False),
        ("http://a/t ap", False),
    ],
)
def test_a_base_url_ends_before_what_is_added_to_it(url, is_one):
    service = {"url": url}
    archive = {
        "simulated": False,
        "services": {"heasarc": service, "gaia": service, "irsa": service},
    }
    raw = {"archive": "a", "archives": {"a": archive}}
    if is_one:
        assert load_config(raw).services["gaia"].url == url.rstrip("/")
    else:
        assert len(problems(raw)) == 3


def test_problems_come_in_the_order_of_the_file():
    raw = {
        "archives": {name: {"simulated": False, "zzz": 1} for name in ("c", "a", "b")},
        "tap": {"attempts": 0},
        "demo": {"seed": -1},
    }
    places = [line.split(" is ")[0] for line in problems(raw)]
    assert places == [
        "config: archives.c.zzz",
        "config: archives.c.services",
        "config: archives.a.zzz",
        "config: archives.a.services",
        "config: archives.b.zzz",
        "… and 3 more",
    ]


def test_a_name_that_is_no_text_is_named():
    lines = problems({"surveys": {None: 1, 2: {}}})
    assert lines[0] == (
        "config: surveys.None is no name to use; a survey's name is of a-z, 0-9 and _, and starts "
        "with a letter"
    )
    assert lines[1].startswith("config: surveys[2] is no name to use; ")
    assert lines[2].startswith("config: surveys.None is 1; a survey is a block with service, ")


def test_what_is_completed_shares_nothing_with_the_defaults():
    first = completed({})
    first["figures"]["formats"].append("pdf")
    first["archives"]["live"]["services"]["gaia"]["mirrors"].clear()
    first["surveys"]["gaia"]["columns"].clear()
    assert completed({})["figures"]["formats"] == ["png"]
    assert len(completed({})["archives"]["live"]["services"]["gaia"]["mirrors"]) == 2
    assert completed({})["surveys"]["gaia"]["columns"]


def test_defaults_are_those_of_python_too():
    assert settings.Tap() == load_config({}).tap
    assert settings.Enrichment(nearest=7).shards == Shards("healpix", 0)
    with pytest.raises(TypeError, match="The tables that it has"):
        Mirror("one", "http://a/tap")


def test_reading_the_config_imports_little():
    """Each job that asks a service reads it: what is slow to import is paid thousands of times."""
    slow = {"yaml", "jsonschema", "pydantic", "numpy", "pandas", "requests", "astropy"}
    code = (
        "import sys; from xgamma.config.settings import load_config; load_config({}); "
        f"print(sorted({slow} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


# The table in the README.


def test_the_readme_has_the_table_of_the_definitions():
    assert key_table() in README.read_text(encoding="utf-8"), "run `python -m xgamma.config`"


def test_defaults_in_the_table_are_yaml():
    rows = dict(zip(keys(), key_table().splitlines()[2:], strict=True))
    for key, one in keys().items():
        default = rows[key].replace(r"\|", "").split("|")[4].strip()
        if key in ("archives", "surveys"):
            assert default == " and ".join(f"`{name}`" for name in one.default)
        elif one.default is REQUIRED:
            assert default == "required", key
        else:
            assert repr(yaml.safe_load(default.strip("`"))) == repr(one.default), key


def run_command(folder: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "xgamma.config"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_the_command_brings_the_table_up_to_date(tmp_path):
    text = README.read_text(encoding="utf-8")
    copy = tmp_path / "config" / "README.md"
    copy.parent.mkdir()
    # an older table: one row less, another range, a row that no key has any more
    older = "".join(line for line in text.splitlines(True) if not line.startswith("| `tap.reuse"))
    older = older.replace("| (0, 90] |", "| (0, 45] |").replace("| `tap` |", "| `tapp` |")
    copy.write_text(older, encoding="utf-8")
    done = run_command(tmp_path)
    assert (done.returncode, done.stdout) == (0, "config/README.md: the table is new\n")
    assert copy.read_text(encoding="utf-8") == text
    assert not update_key_table(copy), "nothing is left to do"


def test_a_readme_without_a_place_for_the_table_is_left_alone(tmp_path):
    copy = tmp_path / "README.md"
    text = README.read_text(encoding="utf-8").replace("<!-- end of the table -->", "")
    copy.write_text(text, encoding="utf-8")
    with pytest.raises(XgammaError, match=r"README\.md: .* put it between the lines <!-- made by"):
        update_key_table(copy)
    assert copy.read_text(encoding="utf-8") == text


def test_elsewhere_the_command_says_where_to_run_it(tmp_path):
    done = run_command(tmp_path)
    assert done.returncode == 1
    assert "config/README.md" in done.stderr and "the project's folder" in done.stderr
    assert "Traceback" not in done.stderr
