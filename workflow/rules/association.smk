# Which Chandra source each Fermi source is: coverage, probabilities, proof that they hold, tables.
# Needs: catalogs/{chanmaster,csc,fermilpsc}.parquet; the service of coverage.obscore, if outlines
#        are asked for.
# Makes: coverage/outlines.parquet with .provenance.json, if so,
#        coverage/{fields.parquet, chandra.moc.fits},
#        association/{candidates.parquet, sources.parquet, model.json},
#        association/{calibration.json, controls.parquet, known.parquet},
#        tables/{fermi_sources,candidates}.{parquet,ecsv,csv}.


# Only asked for where coverage.source is obscore; the service need not be one of the archive's.
rule fetch_outlines:
    input:
        chosen=CHOSEN,
    output:
        outlines=f"{RESULTS}/coverage/outlines.parquet",
        provenance=f"{RESULTS}/coverage/outlines.provenance.json",
    log:
        f"{RESULTS}/logs/fetch_outlines.log",
    benchmark:
        f"{RESULTS}/benchmarks/fetch_outlines.tsv"
    localrule: stays_here("fetch_outlines", scheduling.asks_for_outlines(CONFIG))
    conda:
        ENVIRONMENT
    resources:
        **outline_slots(),
        mem_mb=scaled_by_attempt(1500),
        runtime=scaled_by_attempt(FETCH_MINUTES),
    params:
        url=CONFIG.coverage.obscore.url,
        table=CONFIG.coverage.obscore.table,
        where=CONFIG.coverage.obscore.where,
        latitude_cut_deg=CONFIG.sky.latitude_cut_deg,
        kept_answers=kept_answers,
        code=code_digest("fetch_outlines"),
    message:
        "fetching the outlines of Chandra's observations"
    script:
        "../scripts/fetch_outlines.py"


rule map_coverage:
    input:
        chanmaster=f"{RESULTS}/catalogs/chanmaster.parquet",
        csc=f"{RESULTS}/catalogs/csc.parquet",
        fermi=f"{RESULTS}/catalogs/fermilpsc.parquet",
        chosen=CHOSEN,
        moc=CONFIG.coverage.moc if CONFIG.coverage.source == "moc" else [],
        outlines=f"{RESULTS}/coverage/outlines.parquet" if CONFIG.outline_service else [],
    output:
        cells=f"{RESULTS}/coverage/fields.parquet",
        moc=f"{RESULTS}/coverage/chandra.moc.fits",
    log:
        f"{RESULTS}/logs/map_coverage.log",
    benchmark:
        f"{RESULTS}/benchmarks/map_coverage.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_input(1500, 6),
        runtime=scaled_by_input(10, 0.03),
    params:
        source=CONFIG.coverage.source,
        public_by=CONFIG.coverage.public_by,
        radius_arcmin=CONFIG.xray.observations.radius_arcmin,
        latitude_cut_deg=CONFIG.sky.latitude_cut_deg,
        extended=digest_of_resource(EXTENDED_LIST),
        code=code_digest("map_coverage"),
    message:
        "mapping where Chandra has looked"
    script:
        "../scripts/map_coverage.py"


rule associate:
    input:
        cells=f"{RESULTS}/coverage/fields.parquet",
        csc=f"{RESULTS}/catalogs/csc.parquet",
        fermi=f"{RESULTS}/catalogs/fermilpsc.parquet",
        chosen=CHOSEN,
    output:
        candidates=f"{RESULTS}/association/candidates.parquet",
        sources=f"{RESULTS}/association/sources.parquet",
        model=f"{RESULTS}/association/model.json",
    log:
        f"{RESULTS}/logs/associate.log",
    benchmark:
        f"{RESULTS}/benchmarks/associate.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_input(1500, 5),
        runtime=scaled_by_input(10, 0.03),
    params:
        fixed=dict(CONFIG.association.fixed),
        latitude_cut_deg=CONFIG.sky.latitude_cut_deg,
        extended=digest_of_resource(EXTENDED_LIST),
        code=code_digest("associate"),
    message:
        "finding which Chandra source each Fermi source is"
    script:
        "../scripts/associate.py"


rule calibrate:
    input:
        cells=f"{RESULTS}/coverage/fields.parquet",
        csc=f"{RESULTS}/catalogs/csc.parquet",
        fermi=f"{RESULTS}/catalogs/fermilpsc.parquet",
        model=f"{RESULTS}/association/model.json",
        chosen=CHOSEN,
    output:
        record=f"{RESULTS}/association/calibration.json",
        controls=f"{RESULTS}/association/controls.parquet",
        known=f"{RESULTS}/association/known.parquet",
    log:
        f"{RESULTS}/logs/calibrate.log",
    benchmark:
        f"{RESULTS}/benchmarks/calibrate.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_input(1500, 9),
        runtime=scaled_by_input(10, 0.03),
    params:
        fixed=dict(CONFIG.association.fixed),
        controls=CONFIG.association.controls,
        latitude_cut_deg=CONFIG.sky.latitude_cut_deg,
        extended=digest_of_resource(EXTENDED_LIST),
        code=code_digest("calibrate"),
    message:
        "checking the probabilities on controls and known sources"
    script:
        "../scripts/calibrate.py"


rule tabulate:
    input:
        candidates=f"{RESULTS}/association/candidates.parquet",
        sources=f"{RESULTS}/association/sources.parquet",
        controls=f"{RESULTS}/association/controls.parquet",
        csc=f"{RESULTS}/catalogs/csc.parquet",
        fermi=f"{RESULTS}/catalogs/fermilpsc.parquet",
        records=records_of(
            "catalogs/chanmaster",
            "catalogs/csc",
            "catalogs/fermilpsc",
            *(["coverage/outlines"] if CONFIG.outline_service else []),
        ),
    output:
        candidates=expand(
            f"{RESULTS}/tables/candidates.{{ending}}", ending=["parquet", "ecsv", "csv"]
        ),
        fermi=expand(
            f"{RESULTS}/tables/fermi_sources.{{ending}}", ending=["parquet", "ecsv", "csv"]
        ),
    log:
        f"{RESULTS}/logs/tabulate.log",
    benchmark:
        f"{RESULTS}/benchmarks/tabulate.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_input(1500, 5),
        runtime=scaled_by_input(10, 0.03),
    params:
        about=about("fermilpsc", "csc", "chanmaster"),
        code=code_digest("tabulate"),
    message:
        "writing the tables of Fermi sources and candidates"
    script:
        "../scripts/tabulate.py"
