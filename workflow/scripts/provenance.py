"""Record where every product comes from, and describe the products for repositories."""

import json
from pathlib import Path

from xgamma.config.settings import completed
from xgamma.provenance.crate import crate_metadata
from xgamma.provenance.record import run_provenance, run_record, write_provenance
from xgamma.run.job import job
from xgamma.run.lineage import read_lineage
from xgamma.stages.shard_file import read_manifest
from xgamma.tables.whole_files import write_json

with job(snakemake) as results:
    i, p = snakemake.input, snakemake.params
    # not inputs: the merged tables are made of them, and thousands would slow every start
    shards = [shard for of_survey in read_manifest(i.manifest).values() for shard in of_survey]
    services = [Path(path).stem for path in i.products if Path(path).parent.name == "services"]
    records = [*i.records, *(results / shard.record for shard in shards)]
    provenance = run_provenance(
        results,
        products=[
            *(Path(path).relative_to(results).as_posix() for path in i.products),
            *(shard.path for shard in shards),
        ],
        made_from=read_lineage(results, [shard.job for shard in shards]),
        fetched=[json.loads(Path(path).read_text(encoding="utf-8")) for path in records],
        about={
            "archive": p.archive,
            "answers_of": p.answers_of,
            "simulated": p.simulated,
            "releases": p.releases,
            "config": completed(dict(snakemake.config)),
            "codes": p.codes,
            "run": run_record(results / "benchmarks", shards, services),
        },
    )
    write_provenance(snakemake.output.provenance, provenance)
    write_json(snakemake.output.crate, crate_metadata(provenance))
