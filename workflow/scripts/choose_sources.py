"""Find the Fermi sources that the config names, and their neighbours."""

from xgamma.run.job import job
from xgamma.run.places import EXTENDED_LIST, workflow_file
from xgamma.stages.choose_sources import choose_sources
from xgamma.stages.chosen import CHOSEN_COLUMNS
from xgamma.stages.map_coverage import EXTENDED_COLUMNS
from xgamma.tables.files import read_ecsv, read_parquet, write_parquet

with job(snakemake):
    extended = read_ecsv(workflow_file(EXTENDED_LIST), EXTENDED_COLUMNS)
    fermi = read_parquet(snakemake.input.fermi)
    chosen = choose_sources(snakemake.params.names, fermi, extended)
    write_parquet(snakemake.output.chosen, chosen, CHOSEN_COLUMNS)
