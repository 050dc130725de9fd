# What each service says of its tables, the catalogues, and their part in the plane.
# Needs: the services of the archive.
# Makes: services/{service}.ecsv, catalogs/{catalog}.parquet, each with .provenance.json,
#        plane/{catalog}.parquet.


# A file for each service: an edit that concerns one of them makes nothing of another's anew.
rule describe_service:
    input:
        sky=demo_sky,
    output:
        columns=f"{RESULTS}/services/{{service}}.ecsv",
        provenance=f"{RESULTS}/services/{{service}}.provenance.json",
    log:
        f"{RESULTS}/logs/describe_service_{{service}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/describe_service_{{service}}.tsv"
    localrule: stays_here("describe_service")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_attempt(1000),
        runtime=scaled_by_attempt(FETCH_MINUTES),
        heasarc=lambda wildcards: service_slots("heasarc", wildcards.service),
        gaia=lambda wildcards: service_slots("gaia", wildcards.service),
        irsa=lambda wildcards: service_slots("irsa", wildcards.service),
    params:
        url=lambda wildcards: url(wildcards.service),
        surveys=lambda wildcards: {
            name: survey
            for name, survey in SURVEY_TABLES.items()
            if survey["service"] == wildcards.service
        },
        kept_answers=kept_answers,
        code=code_digest("describe_service"),
    message:
        "asking {wildcards.service} for its tables and columns"
    script:
        "../scripts/describe_service.py"


rule fetch_catalog:
    input:
        # not ancient: Snakemake 9.27 then overlooks an edited param or a missing product of this
        # rule whenever the description is made anew in the same run
        columns=f"{RESULTS}/services/heasarc.ecsv",
        sky=demo_sky,
    output:
        catalog=f"{RESULTS}/catalogs/{{catalog}}.parquet",
        provenance=f"{RESULTS}/catalogs/{{catalog}}.provenance.json",
    log:
        f"{RESULTS}/logs/fetch_catalog_{{catalog}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/fetch_catalog_{{catalog}}.tsv"
    localrule: stays_here("fetch_catalog")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_attempt(2000),
        runtime=scaled_by_attempt(FETCH_MINUTES),
        heasarc=service_slots("heasarc", "heasarc"),
    params:
        url=url("heasarc"),
        kept_answers=kept_answers,
        code=code_digest("fetch_catalog"),
    message:
        "fetching {wildcards.catalog}"
    script:
        "../scripts/fetch_catalog.py"


rule filter_plane:
    input:
        catalog=f"{RESULTS}/catalogs/{{catalog}}.parquet",
    output:
        plane=f"{RESULTS}/plane/{{catalog}}.parquet",
    log:
        f"{RESULTS}/logs/filter_plane_{{catalog}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/filter_plane_{{catalog}}.tsv"
    wildcard_constraints:
        catalog="csc|fermilpsc",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_attempt(1000),
        runtime=scaled_by_attempt(10),
    params:
        latitude_cut_deg=CONFIG.sky.latitude_cut_deg,
        code=code_digest("filter_plane"),
    message:
        "cutting {wildcards.catalog} to the plane"
    script:
        "../scripts/filter_plane.py"
