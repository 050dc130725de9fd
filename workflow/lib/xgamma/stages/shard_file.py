"""The file that holds a shard: the one place where its path is made and taken apart.

Imports nothing heavy: the Snakefile does, at each start.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from xgamma.config.surveys import SURVEY_NAME

__all__ = ["DIGEST_PATTERN", "SHARD_PATTERN", "ShardFile", "read_manifest"]

# What the parts of a path may be, for the workflow's wildcards too.
SHARD_PATTERN = "(healpix[0-3]-[0-9]{3}/)?[A-Za-z0-9_+-]+"
DIGEST_PATTERN = "[0-9a-f]{16}"

_PATH = re.compile(
    rf"(?:^|/)enrichment/(?P<survey>{SURVEY_NAME})/(?P<shard>{SHARD_PATTERN})"
    rf"\.(?P<digest>{DIGEST_PATTERN})\.parquet$"
)


@dataclass(frozen=True)
class ShardFile:
    """The file of one shard of one survey.

    Attributes
    ----------
    survey : str
        Its name in the config.
    shard : str
        As `xgamma.stages.shard_sources.build_targets` names it; may hold one folder.
    digest : str
        Sixteen hexadecimal digits: what the content depends on.
    """

    survey: str
    shard: str
    digest: str

    @classmethod
    def of(cls, path: str) -> ShardFile | None:
        """Take a path apart, with folders before it or not; None if it is no shard's."""
        found = _PATH.search(path)
        return cls(found["survey"], found["shard"], found["digest"]) if found else None

    @property
    def job(self) -> str:
        """Name of the job that makes it, and so of that job's log, benchmark and lineage."""
        return f"enrichment/{self.survey}/{self.shard}.{self.digest}"

    @property
    def path(self) -> str:
        """Relative to the archive's folder, as the next two."""
        return f"{self.job}.parquet"

    @property
    def record(self) -> str:
        """How it was fetched."""
        return f"{self.job}.provenance.json"

    @property
    def name(self) -> str:
        """The path without the digest: the same for another archive, or for a replay."""
        return f"enrichment/{self.survey}/{self.shard}.parquet"


def read_manifest(path: str | Path) -> dict[str, list[ShardFile]]:
    """The shards that enrichment/shards.json names, by survey."""
    manifest = json.loads(Path(path).read_text(encoding="utf-8"))
    return {
        survey: [ShardFile(survey, shard, digest) for shard, digest in digests.items()]
        for survey, digests in manifest.items()
    }
