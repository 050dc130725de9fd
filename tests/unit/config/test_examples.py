"""The files in config/examples: each is a config, alone and with the others."""

from pathlib import Path

import pytest
import yaml

from xgamma.config.settings import load_config

CONFIG = Path(__file__).parents[3] / "config"
EXAMPLES = sorted((CONFIG / "examples").glob("*.yaml"))


def merged(into: dict, more: dict) -> dict:
    """As Snakemake merges config files."""
    both = dict(into)
    for key, value in more.items():
        is_block = isinstance(value, dict) and isinstance(into.get(key), dict)
        both[key] = merged(into[key], value) if is_block else value
    return both


def with_examples(*paths: Path) -> dict:
    config = yaml.safe_load((CONFIG / "config.yaml").read_text(encoding="utf-8"))
    for path in paths:
        config = merged(config, yaml.safe_load(path.read_text(encoding="utf-8")))
    return {**config, "archive": "live"}


@pytest.mark.parametrize("paths", [*([path] for path in EXAMPLES), EXAMPLES], ids=str)
def test_an_example_is_a_config(paths):
    config = load_config(with_examples(*paths))
    shown = (CONFIG / "README.md").read_text(encoding="utf-8")
    for path in paths:
        assert f"(examples/{path.name})" in shown
        first = path.read_text(encoding="utf-8").split("\n\n")[0]
        assert f"--configfile config/examples/{path.name}" in first
    for survey in config.surveys.values():
        assert survey.service in config.services


def test_the_examples_are_four():
    assert [path.stem for path in EXAMPLES] == ["allwise", "erass1", "gaia_vizier", "xmm"]
    config = load_config(with_examples(*EXAMPLES))
    assert [*config.services] == ["heasarc", "gaia", "irsa", "vizier"]
    assert [*config.surveys] == ["gaia", "twomass", "allwise", "erass1"]
    spelt = config.spelt_tables("gaia")["gaiadr3.gaia_source"]
    # all that the survey takes, but the epoch
    taken = {"source_id", "ra", "dec", *config.surveys["gaia"].columns} - {"ref_epoch"}
    assert set(spelt["columns"]) == taken
