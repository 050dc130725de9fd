"""The bundle: what goes into it, that its bytes are the same anywhere, and what it refuses."""

import hashlib
import io
import os
import shutil
import zipfile

import pytest
import yaml

from xgamma.answers.store import AnswerStore
from xgamma.config.settings import load_config
from xgamma.errors import XgammaError
from xgamma.provenance.bundle import bundle_contents, write_bundle
from xgamma.provenance.record import run_provenance, write_provenance

CODES = {"fetch_catalog": "c0de", "plot_plane": "c1de"}
BODIES = {"1" * 64: b"<VOTABLE>one</VOTABLE>", "2" * 64: b"<VOTABLE>two</VOTABLE>"}
PROJECT_FILES = {
    "Snakefile": "rule all",
    "Makefile": "all:",
    "pyproject.toml": "",
    "requirements.lock": "",
    "README.md": "words",
    "CONTRIBUTING.md": "",
    "docs/products.md": "more words",
    "CHANGELOG.md": "",
    "LICENSE": "",
    "CITATION.cff": "",
    "config/README.md": "keys",
    "config/config.yaml": "archive: demo",
    "workflow/rules/common.smk": "x",
    "workflow/lib/xgamma/tap.py": "y",
    "workflow/lib/xgamma/__pycache__/tap.pyc": "compiled",
    "workflow/lib/xgamma.egg-info/PKG-INFO": "installed",
    "workflow/.hidden": "mine",
    "envs/xgamma.yaml": "",
    "profiles/default/config.yaml": "",
    "resources/list.ecsv.gz": "gz",
    "tests/test_x.py": "not needed",
    ".git/config": "mine",
}


def record(key, **more):
    body = BODIES[key]
    return {
        "key": key,
        "service": "heasarc",
        "url": "https://h/tap",
        "mirror": None,
        "adql": f"SELECT {key[0]}",
        "body": hashlib.sha256(body).hexdigest(),
        "bytes": len(body),
        "started": "2026-01-02T00:00:00+00:00",
        **more,
    }


class Project:
    """A small project with the products and answers of an archive."""

    def __init__(self, folder):
        self.folder, self.results = folder, folder / "results" / "live"
        for name, text in PROJECT_FILES.items():
            self.write(folder / name, text.encode())
        store = AnswerStore(self.results / "answers")
        for key, body in BODIES.items():
            store.keep(io.BytesIO(body), record(key))
        # an answer that no product rests on any more
        store.keep(io.BytesIO(b"old"), {**record("1" * 64), "key": "3" * 64, **body_of(b"old")})
        self.write(self.results / "catalogs/csc.parquet", b"table")
        self.write(self.results / "ro-crate-metadata.json", b"{}")
        self.write(self.results / "catalogs/of_another_setting.parquet", b"")
        answers = [record("1" * 64, count_key="2" * 64)]
        fetched = {"path": "catalogs/csc.parquet", "rows": 1, "content": ""}
        fetched = {"product": fetched, "answers": answers, "config": {}}
        config = {
            "archive": "live",
            "replay": {"archive": "demo"},
            "surveys": {"z": {"columns": {"b": "1", "a": "2"}}, "a": {"unit": "Å"}},
        }
        about = {"archive": "live", "config": config, "codes": CODES}
        made_from = {"catalogs/csc.parquet": []}
        self.provenance = run_provenance(self.results, made_from, made_from, [fetched], about)
        write_provenance(self.results / "provenance.json", self.provenance)

    @staticmethod
    def write(path, content):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def contents(self, codes=CODES):
        return bundle_contents(
            self.folder, self.results, self.results / "answers", self.provenance, codes
        )


def body_of(body):
    return {"body": hashlib.sha256(body).hexdigest(), "bytes": len(body)}


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path / "here" / "project")


def test_what_is_in_it(project):
    code = set(PROJECT_FILES) - {
        "workflow/lib/xgamma/__pycache__/tap.pyc",
        "workflow/lib/xgamma.egg-info/PKG-INFO",
        "workflow/.hidden",
        "tests/test_x.py",
        ".git/config",
    }
    answers = {f"queries/{key[:2]}/{key}.json" for key in BODIES}
    for body in BODIES.values():
        name = hashlib.sha256(body).hexdigest()
        answers.add(f"bodies/{name[:2]}/{name}.gz")
    made = ["catalogs/csc.parquet", "provenance.json", "ro-crate-metadata.json"]
    assert set(project.contents()) == {
        *code,
        *(f"results/live/answers/{name}" for name in answers),
        *(f"results/live/{name}" for name in made),
    }


def test_products_of_named_sources_are_where_they_were_below_the_answers(project):
    below = project.results / "sources/ls5039"
    for name in ("catalogs/csc.parquet", "provenance.json"):
        project.write(below / name, (project.results / name).read_bytes())
    contents = bundle_contents(
        project.folder, below, project.results / "answers", project.provenance, CODES
    )
    of_plane = project.contents()
    answers = {name for name in of_plane if "/answers/" in name}
    assert answers and answers == {name for name in contents if "/answers/" in name}
    product = "results/live/sources/ls5039/catalogs/csc.parquet"
    assert contents[product] == below / "catalogs/csc.parquet"
    assert "results/live/catalogs/csc.parquet" not in contents
    assert contents["config/config.yaml"] == of_plane["config/config.yaml"]


def test_the_config_is_that_of_the_run_and_replays_it(project):
    text = project.contents()["config/config.yaml"].decode()
    config = yaml.safe_load(text)
    assert config["archive"] == "replay" and config["replay"] == {"archive": "live"}
    # in the order of the run: it is that of the columns in the products
    assert list(config["surveys"]) == ["z", "a"]
    assert list(config["surveys"]["z"]["columns"]) == ["b", "a"]
    assert "Å" in text


def test_a_whole_config_can_be_loaded_again(project):
    config_file = os.path.join(os.path.dirname(__file__), "../../../config/config.yaml")
    with open(config_file, encoding="utf-8") as stream:
        given = yaml.safe_load(stream)
    project.provenance["config"] = given
    loaded = load_config(yaml.safe_load(project.contents()["config/config.yaml"]))
    assert (loaded.archive, loaded.replay_of) == ("replay", "live")
    assert loaded.surveys == load_config(given).surveys


def test_same_bytes_anywhere_and_at_any_time(project, tmp_path):
    other = Project(tmp_path / "there" / "another name")
    for path in other.folder.rglob("*"):
        os.utime(path, (1e9, 1e9))
        if path.is_file():
            path.chmod(0o600)
    for name, one in (("one", project), ("two", other)):
        write_bundle(tmp_path / f"{name}.zip", "xgamma-live", one.contents())
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as bundle:
        assert bundle.testzip() is None
        names = bundle.namelist()
        assert names == sorted(names)
        assert all(name.startswith("xgamma-live/") for name in names)
        assert bundle.read("xgamma-live/results/live/catalogs/csc.parquet") == b"table"
        assert str(tmp_path).encode() not in b"".join(bundle.read(name) for name in names)


def test_a_product_that_is_not_what_it_was(project):
    (project.results / "catalogs/csc.parquet").write_bytes(b"Table")
    with pytest.raises(XgammaError, match=r"catalogs/csc\.parquet is not what provenance\.json"):
        project.contents()


@pytest.mark.parametrize("codes", [{**CODES, "plot_plane": "other"}, {"fetch_catalog": "c0de"}])
def test_code_that_is_not_what_it_was(project, codes):
    with pytest.raises(XgammaError, match=r"workflow/scripts/plot_plane\.py, or a module"):
        project.contents(codes)


def test_an_answer_that_is_gone(project):
    body = record("2" * 64)["body"]
    (project.results / f"answers/bodies/{body[:2]}/{body}.gz").unlink()
    with pytest.raises(XgammaError, match=rf"{body}\.gz is missing"):
        project.contents()


def test_an_answer_that_is_damaged(project):
    body = record("1" * 64)["body"]
    path = project.results / f"answers/bodies/{body[:2]}/{body}.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(XgammaError, match=rf"{body}\.gz is damaged.*SELECT 1"):
        project.contents()


def test_an_answer_that_was_asked_for_again(project):
    newer = b"<VOTABLE>newer</VOTABLE>"
    store = AnswerStore(project.results / "answers")
    store.keep(io.BytesIO(newer), {**record("1" * 64), **body_of(newer)})
    with pytest.raises(XgammaError, match=r"newer answer than the products rest on.*SELECT 1"):
        project.contents()


def test_nothing_is_left_of_a_bundle_that_fails(project, tmp_path):
    contents = project.contents()
    shutil.rmtree(project.folder / "workflow")
    with pytest.raises(FileNotFoundError):
        write_bundle(tmp_path / "one.zip", "xgamma-live", contents)
    assert not list(tmp_path.glob("*one*"))
