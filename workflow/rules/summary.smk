# The numbers; and whether the services give what a run needs, and the IVOA registry knows them.
# Needs: nearly every product.
# Makes: summary.json, summary.txt; on demand services/{registry.ecsv, registry.txt, preflight.txt}.


rule summarize:
    input:
        columns=DESCRIPTIONS,
        chanmaster=f"{RESULTS}/catalogs/chanmaster.parquet",
        csc=f"{RESULTS}/catalogs/csc.parquet",
        fermi=f"{RESULTS}/catalogs/fermilpsc.parquet",
        chosen=CHOSEN,
        pairs=f"{RESULTS}/crossmatch/pairs.parquet",
        excluded=f"{RESULTS}/crossmatch/excluded.ecsv",
        verification=f"{RESULTS}/crossmatch/verification.json",
        fermi_sources=f"{RESULTS}/tables/fermi_sources.parquet",
        candidates=f"{RESULTS}/tables/candidates.parquet",
        calibration=f"{RESULTS}/association/calibration.json",
        counterparts=expand(
            f"{RESULTS}/tables/counterparts_{{survey}}.parquet", survey=CONFIG.surveys
        ),
    output:
        json=f"{RESULTS}/summary.json",
        text=f"{RESULTS}/summary.txt",
    log:
        f"{RESULTS}/logs/summarize.log",
    benchmark:
        f"{RESULTS}/benchmarks/summarize.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_input(1000, 1),
        runtime=scaled_by_input(10, 0.03),
    params:
        archive=CONFIG.replay_of or CONFIG.archive,
        simulated=CONFIG.simulated,
        words=CONFIG.xray.words,
        sources=list(CONFIG.sources),
        latitude_cut_deg=CONFIG.sky.latitude_cut_deg,
        min_flux=CONFIG.crossmatch.min_flux,
        radius_deg=CONFIG.enrichment.radius_deg,
        nearest=CONFIG.enrichment.nearest,
        csc_radius_arcsec=CONFIG.enrichment.csc_radius_arcsec,
        surveys=SURVEY_TABLES,
        catalogs=CONFIG.catalogs_service,
        spelt=spelt(CONFIG.catalogs_service),
        code=code_digest("summarize"),
    message:
        "summarizing"
    script:
        "../scripts/summarize.py"


# Not part of `all`: it asks the IVOA registry, and nothing rests on its answer.
rule discover_services:
    output:
        registry=f"{RESULTS}/services/registry.ecsv",
        text=f"{RESULTS}/services/registry.txt",
    log:
        f"{RESULTS}/logs/discover_services.log",
    localrule: stays_here("discover_services", over_the_network=True)
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_attempt(1000),
        runtime=scaled_by_attempt(FETCH_MINUTES),
    params:
        urls={name: service.url for name, service in CONFIG.services.items()},
        code=code_digest("discover_services"),
    message:
        "searching the IVOA registry for the services"
    script:
        "../scripts/discover_services.py"


# Not part of `all`: it is for the time before a first run. Without outputs, it runs whenever it is
# asked for.
rule preflight:
    input:
        sky=demo_sky,
    log:
        f"{RESULTS}/logs/preflight.log",
    localrule: stays_here("preflight")
    conda:
        ENVIRONMENT
    resources:
        **slots_at(every_service),
        mem_mb=scaled_by_attempt(1000),
        runtime=scaled_by_attempt(10),
    params:
        surveys=SURVEY_TABLES,
    message:
        "asking the services for a little of all that a run needs"
    script:
        "../scripts/preflight.py"
