"""Put answers, settings, code and products into one file that others can replay."""

from xgamma.config.settings import load_config
from xgamma.errors import XgammaError
from xgamma.provenance.bundle import bundle_contents, write_bundle
from xgamma.provenance.record import read_provenance
from xgamma.run.job import job
from xgamma.run.places import workflow_file

with job(snakemake) as results:
    p = snakemake.params
    if p.replay:
        raise XgammaError(
            "bundle: a replay keeps no answers; name the archive that it repeats: "
            "make bundle ARCHIVE=demo"
        )
    answers = load_config(snakemake.config).answers_folder(results)
    provenance = read_provenance(results)
    contents = bundle_contents(workflow_file("."), results, answers, provenance, p.codes)
    path = results.with_name(f"{results.name}.zip")
    write_bundle(path, f"xgamma-{results.name}", contents)
    print(f"xgamma: {path} has {len(contents)} files, {path.stat().st_size / 1e6:.1f} MB")
