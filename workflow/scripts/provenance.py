"""Record where every product comes from, and describe the products for repositories."""

import json
from pathlib import Path

from xgamma.config.settings import completed
from xgamma.provenance.crate import crate_metadata
from xgamma.provenance.record import run_provenance, run_record, write_provenance
from xgamma.run.job import job
from xgamma.tables.files import write_json

with job(snakemake.log[0]):
    i, p = snakemake.input, snakemake.params
    results = Path(snakemake.output.provenance).parent
    given = dict(snakemake.config)
    manifest = json.loads(Path(i.manifest).read_text(encoding="utf-8"))
    # not inputs: the merged tables are made of them, and thousands would slow every start
    shards = [
        f"enrichment/{survey}/{shard}.{digest}"
        for survey, digests in manifest.items()
        for shard, digest in digests.items()
    ]
    services = [Path(path).stem for path in i.products if Path(path).parent.name == "services"]
    records = [*i.records, *(results / f"{shard}.provenance.json" for shard in shards)]
    provenance = run_provenance(
        results,
        products=[
            *(Path(path).relative_to(results).as_posix() for path in i.products),
            *(f"{shard}.parquet" for shard in shards),
        ],
        fetched=[json.loads(Path(path).read_text(encoding="utf-8")) for path in records],
        about={
            "archive": p.archive,
            "answers_of": p.answers_of,
            "simulated": p.simulated,
            "config": completed(given),
            "codes": p.codes,
            "run": run_record(results / "benchmarks", manifest, services),
        },
    )
    write_provenance(snakemake.output.provenance, provenance)
    write_json(snakemake.output.crate, crate_metadata(provenance))
