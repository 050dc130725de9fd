"""Say whether a replay gave the products of the run that it repeats."""

from xgamma.config.settings import load_config
from xgamma.errors import XgammaError
from xgamma.provenance.record import compare_replay, read_provenance
from xgamma.run.job import job

with job(snakemake) as results:
    p = snakemake.params
    if not p.replayed:
        raise XgammaError(
            "replay: the archive is not replay: snakemake --cores 2 replay --config archive=replay"
        )
    replayed = load_config(snakemake.config).results_of(results, p.replayed)
    print(compare_replay(read_provenance(results), read_provenance(replayed), str(replayed)))
