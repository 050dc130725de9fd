# The pages, to be opened in a browser without a server: site/index.html.
# Needs: tables/*.parquet, catalogs/fermilpsc.parquet, coverage/fields.parquet, enrichment/shards.json
#        and the shards, association/{candidates,controls}.parquet, association/calibration.json,
#        summary.{json,txt}, the figures.
# Makes: SITE = site/{index,figures,method,notebook,columns,run}.html, site/sources.json with
#        site/sources/*.html, site/assets/*, site/figures/*.


from xgamma.site.files import ASSET_FILES

# Templates, captions and scripts are no code that Python imports.
SITE_FILES = digest_of_folder("workflow/lib/xgamma/site")
SHOWN_FIGURES = shown_figures(FIGURES)


rule publish_sources:
    input:
        sources=f"{RESULTS}/tables/fermi_sources.parquet",
        candidates=f"{RESULTS}/tables/candidates.parquet",
        evidence=f"{RESULTS}/tables/evidence.parquet",
        identifications=f"{RESULTS}/tables/identifications.parquet",
        counterparts=f"{RESULTS}/tables/counterparts.parquet",
        cells=f"{RESULTS}/coverage/fields.parquet",
        association=f"{RESULTS}/association/candidates.parquet",
        controls=f"{RESULTS}/association/controls.parquet",
        calibration=f"{RESULTS}/association/calibration.json",
        catalogue=f"{RESULTS}/catalogs/fermilpsc.parquet",
        shards=shards_of_manifest,
    output:
        # of the pages, which are beside it: how many there are is known only when they are made
        manifest=f"{RESULTS}/site/sources.json",
    log:
        f"{RESULTS}/logs/publish_sources.log",
    benchmark:
        f"{RESULTS}/benchmarks/publish_sources.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_input(1500, 7),
        runtime=scaled_by_input(10, 0.03),
    params:
        surveys=IDENTIFIED_SURVEYS,
        evidence=CONFIG.association.evidence,
        templates=SITE_FILES,
        words=CONFIG.xray.words,
        code=code_digest("publish_sources"),
    message:
        "writing a page for each source that Chandra has seen"
    script:
        "../scripts/publish_sources.py"


rule publish_front:
    input:
        sources=f"{RESULTS}/tables/fermi_sources.parquet",
        candidates=f"{RESULTS}/tables/candidates.parquet",
        identifications=f"{RESULTS}/tables/identifications.parquet",
        counterparts=f"{RESULTS}/tables/counterparts.parquet",
        cells=f"{RESULTS}/coverage/fields.parquet",
        summary=f"{RESULTS}/summary.json",
    output:
        page=f"{RESULTS}/site/index.html",
        assets=expand(f"{RESULTS}/site/assets/{{name}}", name=ASSET_FILES),
    log:
        f"{RESULTS}/logs/publish_front.log",
    benchmark:
        f"{RESULTS}/benchmarks/publish_front.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_input(1000, 3),
        runtime=scaled_by_input(10, 0.03),
    params:
        latitude_cut_deg=CONFIG.sky.latitude_cut_deg,
        sources=list(CONFIG.sources),
        surveys=list(CONFIG.surveys),
        evidence=CONFIG.association.evidence,
        templates=SITE_FILES,
        words=CONFIG.xray.words,
        code=code_digest("publish_front"),
    message:
        "writing the front page"
    script:
        "../scripts/publish_front.py"


rule publish_documents:
    input:
        counterparts=f"{RESULTS}/tables/counterparts.parquet",
        figures=SHOWN_FIGURES,
        class_tables=[] if CONFIG.sources else rules.plot_subsample.output.tables,
        summary=f"{RESULTS}/summary.json",
        summary_text=f"{RESULTS}/summary.txt",
        tables=expand(
            f"{RESULTS}/tables/{{name}}.parquet",
            name=["counterparts", "fermi_sources", "candidates", "evidence", "identifications"],
        ),
        records=[
            *expand(
                rules.fetch_catalog.output.provenance, catalog=["chanmaster", "csc", "fermilpsc"]
            ),
            rules.crossmatch.output.provenance,
        ],
    output:
        pages=expand(
            f"{RESULTS}/site/{{name}}.html",
            name=["figures", "method", "notebook", "columns", "run"],
        ),
        figures=[f"{RESULTS}/site/figures/{Path(figure).name}" for figure in SHOWN_FIGURES],
    log:
        f"{RESULTS}/logs/publish_documents.log",
    benchmark:
        f"{RESULTS}/benchmarks/publish_documents.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_attempt(1000),
        runtime=scaled_by_attempt(10),
    params:
        sources=list(CONFIG.sources),
        formats=list(CONFIG.figures.formats),
        surveys=list(CONFIG.surveys),
        captions={
            "latitude_cut_deg": CONFIG.sky.latitude_cut_deg,
            "radius_deg": CONFIG.enrichment.radius_deg,
            "csc_radius_arcsec": CONFIG.enrichment.csc_radius_arcsec,
            "classes": ", ".join(CONFIG.subsample.classes),
        },
        method=digest_of_resource("docs/method.md"),
        columns=digest_of_resource("docs/columns.md"),
        templates=SITE_FILES,
        words=CONFIG.xray.words,
        code=code_digest("publish_documents"),
    message:
        "writing the pages of figures, method and columns"
    script:
        "../scripts/publish_documents.py"


SITE = [
    *rules.publish_sources.output,
    *rules.publish_front.output,
    *rules.publish_documents.output,
]
