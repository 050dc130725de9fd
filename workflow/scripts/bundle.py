"""Put answers, settings, code and products into one file that others can replay."""

from pathlib import Path

import xgamma
from xgamma.errors import XgammaError
from xgamma.provenance.bundle import bundle_contents, write_bundle
from xgamma.provenance.record import read_provenance
from xgamma.run.job import job

with job(snakemake):
    p = snakemake.params
    if p.replay:
        raise XgammaError(
            "bundle: a replay keeps no answers; name the archive that it repeats: "
            "make bundle ARCHIVE=demo"
        )
    results = Path(p.results)
    project = Path(xgamma.__file__).parents[3]
    provenance = read_provenance(results)
    contents = bundle_contents(project, results, Path(p.answers), provenance, p.codes)
    path = results.with_name(f"{results.name}.zip")
    write_bundle(path, f"xgamma-{results.name}", contents)
    print(f"xgamma: {path} has {len(contents)} files, {path.stat().st_size / 1e6:.1f} MB")
