# Which Chandra sources lie inside the error circles of the Fermi sources of the plane.
# Needs: the service that has both, its services/*.ecsv, catalogs/{csc,fermilpsc}.parquet.
# Makes: crossmatch/{joined.parquet, joined.provenance.json},
#        crossmatch/{pairs.parquet, excluded.ecsv, verification.json},
#        tables/{csc_fermi_pairs.ecsv, grouped_csc_fermi_pairs.csv, .ecsv}.


rule crossmatch:
    input:
        columns=f"{RESULTS}/services/{CONFIG.catalogs_service}.ecsv",
        sky=demo_sky,
        chosen=CHOSEN,
        fermi=f"{RESULTS}/catalogs/fermilpsc.parquet" if CHOSEN or CONFIG.catalogs else [],
        # no service has both, if one of them is a file
        csc=f"{RESULTS}/catalogs/csc.parquet" if CONFIG.catalogs else [],
        records=expand(
            f"{RESULTS}/catalogs/{{catalog}}.provenance.json",
            catalog=["csc", "fermilpsc"] if CONFIG.catalogs else [],
        ),
    output:
        joined=f"{RESULTS}/crossmatch/joined.parquet",
        provenance=f"{RESULTS}/crossmatch/joined.provenance.json",
    log:
        f"{RESULTS}/logs/crossmatch.log",
    benchmark:
        f"{RESULTS}/benchmarks/crossmatch.tsv"
    localrule: stays_here("crossmatch")
    conda:
        ENVIRONMENT
    resources:
        **slots_at(the_catalogs),
        mem_mb=scaled_by_attempt(1000),
        runtime=scaled_by_attempt(FETCH_MINUTES),
    params:
        url=url(CONFIG.catalogs_service),
        spelt=spelt(CONFIG.catalogs_service),
        latitude_cut_deg=CONFIG.sky.latitude_cut_deg,
        min_flux=CONFIG.crossmatch.min_flux,
        files=sorted(CONFIG.catalogs),
        kept_answers=kept_answers,
        code=code_digest("crossmatch"),
    message:
        f"joining Fermi and Chandra sources at {CONFIG.catalogs_service}"
    script:
        "../scripts/crossmatch.py"


# Nothing else makes products of the joined rows: pairs are what was verified.
rule verify_crossmatch:
    input:
        joined=f"{RESULTS}/crossmatch/joined.parquet",
        fermi=f"{RESULTS}/catalogs/fermilpsc.parquet",
        csc=f"{RESULTS}/catalogs/csc.parquet",
        chosen=CHOSEN,
    output:
        pairs=f"{RESULTS}/crossmatch/pairs.parquet",
        excluded=f"{RESULTS}/crossmatch/excluded.ecsv",
        verification=f"{RESULTS}/crossmatch/verification.json",
    log:
        f"{RESULTS}/logs/verify_crossmatch.log",
    benchmark:
        f"{RESULTS}/benchmarks/verify_crossmatch.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_input(1000, 1.5),
        runtime=scaled_by_input(10, 0.03),
    params:
        latitude_cut_deg=CONFIG.sky.latitude_cut_deg,
        min_flux=CONFIG.crossmatch.min_flux,
        code=code_digest("verify_crossmatch"),
    message:
        "verifying the pairs against the fetched catalogues"
    script:
        "../scripts/verify_crossmatch.py"


rule group_by_fermi:
    input:
        pairs=f"{RESULTS}/crossmatch/pairs.parquet",
        records=records_of("crossmatch/joined"),
    output:
        pairs=f"{RESULTS}/tables/csc_fermi_pairs.ecsv",
        grouped_csv=f"{RESULTS}/tables/grouped_csc_fermi_pairs.csv",
        grouped_ecsv=f"{RESULTS}/tables/grouped_csc_fermi_pairs.ecsv",
    log:
        f"{RESULTS}/logs/group_by_fermi.log",
    benchmark:
        f"{RESULTS}/benchmarks/group_by_fermi.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_attempt(1000),
        runtime=scaled_by_attempt(10),
    params:
        about=about("fermilpsc", "csc"),
        code=code_digest("group_by_fermi"),
    message:
        "grouping the pairs by Fermi source"
    script:
        "../scripts/group_by_fermi.py"
