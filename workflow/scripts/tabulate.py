"""Write the tables of Fermi sources and of their candidates."""

from xgamma.provenance.table_metadata import Origin
from xgamma.run.job import job
from xgamma.stages.tabulate import CANDIDATE_TABLE, FERMI_TABLE, candidate_table, fermi_table
from xgamma.tables.files import read_parquet

with job(snakemake):
    i, o = snakemake.input, snakemake.output
    origin = Origin.of(snakemake.params.about, i.records)
    fermi = read_parquet(i.fermi)
    candidates = candidate_table(read_parquet(i.candidates), fermi, read_parquet(i.csc))
    sources = fermi_table(read_parquet(i.sources), candidates, read_parquet(i.controls), fermi)
    for files, frame, columns in (
        (o.candidates, candidates, CANDIDATE_TABLE),
        (o.fermi, sources, FERMI_TABLE),
    ):
        origin.write(files, frame, columns)
