"""The worked examples of `config/README.md`: each is a config, and the demo archive answers it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from xgamma.config.settings import load_config
from xgamma.demo.server.catalogue import SERVICES
from xgamma.demo.tables import served_table

PROJECT = Path(__file__).parents[3]
CONFIG = yaml.safe_load((PROJECT / "config/config.yaml").read_text(encoding="utf-8"))
SECTION = re.search(
    r"^## One more survey\n(.*?)^## ",
    (PROJECT / "config/README.md").read_text("utf-8"),
    re.M | re.S,
)[1]
EXAMPLES = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", SECTION, re.S)]


@pytest.mark.parametrize("example", EXAMPLES, ids=["a survey", "columns"])
def test_an_example_is_a_config_that_the_demo_answers(example):
    for name, survey in example["surveys"].items():
        shipped = CONFIG["surveys"].get(name, {})
        columns = {**shipped.get("columns", {}), **survey["columns"]}
        merged = {**shipped, **survey, "columns": columns}
        config = load_config({**CONFIG, "surveys": {**CONFIG["surveys"], name: merged}})
        taken = config.surveys[name]
        assert set(survey["columns"].items()) <= set(taken.columns.items())
        assert taken.table in SERVICES[f"/{taken.service}/tap"]
        served = {column.name for column in served_table(taken.table).columns}
        assert {taken.id, *taken.position, *taken.columns} <= served
