# What each service says of its tables, the catalogues, and their part in the plane; or, where the
# config names sources, which ones these are, and the part of the catalogues around them.
# Needs: the services of the archive.
# Makes: services/{description}.ecsv, catalogs/{catalog}.parquet, each with .provenance.json,
#        plane/{catalog}.parquet; catalogs/chosen.parquet, if sources are named.


# A file for each service: an edit that concerns one of them makes nothing of another's anew.
# Surveys at the service that has the catalogues are apart from these.
rule describe_service:
    input:
        sky=demo_sky,
    output:
        columns=f"{RESULTS}/services/{{description}}.ecsv",
        provenance=f"{RESULTS}/services/{{description}}.provenance.json",
    log:
        f"{RESULTS}/logs/describe_service_{{description}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/describe_service_{{description}}.tsv"
    localrule: stays_here("describe_service")
    conda:
        ENVIRONMENT
    resources:
        **slots_at(lambda wildcards: [the_described(wildcards)]),
        mem_mb=scaled_by_attempt(1000),
        runtime=scaled_by_attempt(FETCH_MINUTES),
    params:
        url=lambda wildcards: url(the_described(wildcards)),
        spelt=lambda wildcards: spelt(the_described(wildcards)),
        surveys=lambda wildcards: {
            name: survey
            for name, survey in SURVEY_TABLES.items()
            if description_name(name) == wildcards.description
        },
        files=sorted(CONFIG.catalogs),
        kept_answers=kept_answers,
        code=code_digest("describe_service"),
    message:
        "asking {wildcards.description} for its tables and columns"
    script:
        "../scripts/describe_service.py"


rule fetch_catalog:
    input:
        # not ancient: Snakemake 9.27 then overlooks an edited param or a missing product of this
        # rule whenever the description is made anew in the same run
        columns=f"{RESULTS}/services/{CONFIG.catalogs_service}.ecsv",
        sky=demo_sky,
        # of the Fermi sources all are needed, to know which ones are meant
        chosen=lambda wildcards: [] if wildcards.catalog == "fermilpsc" else CHOSEN,
        # its digest tells whether it has changed, not its time
        file=lambda wildcards: file_of(wildcards.catalog),
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
        **slots_at(the_catalogs),
        mem_mb=scaled_by_attempt(2000),
        runtime=scaled_by_attempt(FETCH_MINUTES),
    params:
        url=url(CONFIG.catalogs_service),
        spelt=spelt(CONFIG.catalogs_service),
        file=lambda wildcards: digest_of_file(wildcards.catalog),
        kept_answers=kept_answers,
        code=code_digest("fetch_catalog"),
    message:
        "fetching {wildcards.catalog}"
    script:
        "../scripts/fetch_catalog.py"


# Not part of a run of the plane: only asked for where the config names sources.
rule choose_sources:
    input:
        fermi=f"{RESULTS}/catalogs/fermilpsc.parquet",
    output:
        chosen=f"{RESULTS}/catalogs/chosen.parquet",
    log:
        f"{RESULTS}/logs/choose_sources.log",
    benchmark:
        f"{RESULTS}/benchmarks/choose_sources.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_attempt(1000),
        runtime=scaled_by_attempt(10),
    params:
        names=list(CONFIG.sources),
        extended=digest_of_resource(EXTENDED_LIST),
        code=code_digest("choose_sources"),
    message:
        "looking up the named sources"
    script:
        "../scripts/choose_sources.py"


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
