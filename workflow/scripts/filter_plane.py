"""Keep the part of a catalogue that lies within the latitude cut."""

from xgamma.run.job import job
from xgamma.sky import within_latitude
from xgamma.tables.files import read_columns, read_parquet, write_parquet

with job(snakemake):
    catalog = snakemake.input.catalog
    # on the service's own latitude, as its ADQL would cut
    latitude = read_parquet(catalog, ["bii"])["bii"]
    inside = within_latitude(latitude, snakemake.params.latitude_cut_deg)
    write_parquet(snakemake.output.plane, read_parquet(catalog, rows=inside), read_columns(catalog))
