# The tables, the coverage and the candidates as TOPCAT, DS9 and Aladin want them.
# Needs: tables/{counterparts,candidates,fermi_sources,identifications}.parquet,
#        coverage/chandra.moc.fits.
# Makes: exports/{counterparts,candidates,fermi_sources,identifications}.{vot,fits},
#        exports/{fermi_ellipses,candidates,coverage}.reg, exports/coverage.moc.fits,
#        exports/{open_in_topcat.sh, open_in_aladin.ajs}.

# in the order in which the programs list them
EXPORTED = ["counterparts", "fermi_sources", "candidates", "identifications"]


rule exports:
    input:
        tables=expand(f"{RESULTS}/tables/{{table}}.parquet", table=EXPORTED),
        moc=f"{RESULTS}/coverage/chandra.moc.fits",
    output:
        votables=expand(f"{RESULTS}/exports/{{table}}.vot", table=EXPORTED),
        fits=expand(f"{RESULTS}/exports/{{table}}.fits", table=EXPORTED),
        ellipses=f"{RESULTS}/exports/fermi_ellipses.reg",
        candidates=f"{RESULTS}/exports/candidates.reg",
        coverage=f"{RESULTS}/exports/coverage.reg",
        moc=f"{RESULTS}/exports/coverage.moc.fits",
        topcat=f"{RESULTS}/exports/open_in_topcat.sh",
        aladin=f"{RESULTS}/exports/open_in_aladin.ajs",
    log:
        f"{RESULTS}/logs/exports.log",
    benchmark:
        f"{RESULTS}/benchmarks/exports.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_input(1500, 20),
        runtime=scaled_by_input(10, 0.03),
    params:
        code=code_digest("exports"),
    message:
        "writing the files for TOPCAT, DS9 and Aladin"
    script:
        "../scripts/exports.py"
