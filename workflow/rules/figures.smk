# The figures, and the tables of classes that go with them.
# Needs: catalogs/{chanmaster,fermilpsc}.parquet, plane/{csc,fermilpsc}.parquet,
#        crossmatch/pairs.parquet, enrichment/targets.parquet,
#        tables/{fermi_sources,candidates}.parquet, association/{calibration.json, known.parquet},
#        tables/counterparts_{survey}.parquet, tables/evidence.parquet, identification/model.json.
# Makes: FIGURES = figures/*.{png,pdf,svg} as the config says, and
#        tables/{class_shares,class_subsample}.ecsv.


include: "figure_files.smk"


COUNTERPART_TABLES = expand(
    f"{RESULTS}/tables/counterparts_{{survey}}.parquet", survey=CONFIG.surveys
)


rule plot_observations:
    input:
        chanmaster=f"{RESULTS}/catalogs/chanmaster.parquet",
    output:
        exposure_map=figure_files("exposure_map"),
    log:
        f"{RESULTS}/logs/plot_observations.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_observations.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_attempt(1500),
        runtime=scaled_by_attempt(10),
    params:
        latitude_cut_deg=CONFIG.sky.latitude_cut_deg,
        dpi=CONFIG.figures.dpi,
        simulated=CONFIG.simulated,
        words=CONFIG.xray.words,
        code=code_digest("plot_observations"),
    message:
        "drawing the observations"
    script:
        "../scripts/plot_observations.py"


rule plot_plane:
    input:
        csc=f"{RESULTS}/plane/csc.parquet",
    output:
        plane_sky=figure_files("plane_sky"),
        plane_map=figure_files("plane_map"),
        plane_histograms=figure_files("plane_histograms"),
    log:
        f"{RESULTS}/logs/plot_plane.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_plane.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_attempt(1500),
        runtime=scaled_by_attempt(10),
    params:
        latitude_cut_deg=CONFIG.sky.latitude_cut_deg,
        dpi=CONFIG.figures.dpi,
        simulated=CONFIG.simulated,
        words=CONFIG.xray.words,
        code=code_digest("plot_plane"),
    message:
        "drawing the Chandra sources of the plane"
    script:
        "../scripts/plot_plane.py"


rule plot_associations:
    input:
        pairs=f"{RESULTS}/crossmatch/pairs.parquet",
    output:
        association_map=figure_files("association_map"),
        match_map=figure_files("match_map"),
        matches_by_position=figure_files("matches_by_position"),
        matches_by_flux=figure_files("matches_by_flux"),
        separations=figure_files("separations"),
        flux_ratio_by_position=figure_files("flux_ratio_by_position"),
        flux_ratio_by_class=figure_files("flux_ratio_by_class"),
    log:
        f"{RESULTS}/logs/plot_associations.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_associations.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_attempt(1500),
        runtime=scaled_by_attempt(10),
    params:
        latitude_cut_deg=CONFIG.sky.latitude_cut_deg,
        dpi=CONFIG.figures.dpi,
        simulated=CONFIG.simulated,
        words=CONFIG.xray.words,
        code=code_digest("plot_associations"),
    message:
        "drawing the associations"
    script:
        "../scripts/plot_associations.py"


rule plot_counterparts:
    input:
        pairs=f"{RESULTS}/crossmatch/pairs.parquet",
        targets=f"{RESULTS}/enrichment/targets.parquet",
        counterparts=COUNTERPART_TABLES,
    output:
        counterparts_by_class=figure_files("counterparts_by_class"),
        variability_by_class=figure_files("variability_by_class"),
        variable_fraction=figure_files("variable_fraction"),
        offsets=figure_files("offsets"),
    log:
        f"{RESULTS}/logs/plot_counterparts.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_counterparts.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_attempt(1500),
        runtime=scaled_by_attempt(10),
    params:
        surveys=SURVEY_TABLES,
        radius_deg=CONFIG.enrichment.radius_deg,
        csc_radius_arcsec=CONFIG.enrichment.csc_radius_arcsec,
        dpi=CONFIG.figures.dpi,
        simulated=CONFIG.simulated,
        words=CONFIG.xray.words,
        code=code_digest("plot_counterparts"),
    message:
        "drawing the optical and infrared counterparts"
    script:
        "../scripts/plot_counterparts.py"


rule plot_subsample:
    input:
        fermi=f"{RESULTS}/catalogs/fermilpsc.parquet",
        plane=f"{RESULTS}/plane/fermilpsc.parquet",
        pairs=f"{RESULTS}/crossmatch/pairs.parquet",
        counterparts=COUNTERPART_TABLES,
        records=records_of("catalogs/fermilpsc"),
    output:
        class_shares=figure_files("class_shares"),
        class_subsample=figure_files("class_subsample"),
        tables=expand(f"{RESULTS}/tables/{{name}}.ecsv", name=["class_shares", "class_subsample"]),
    log:
        f"{RESULTS}/logs/plot_subsample.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_subsample.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_attempt(1500),
        runtime=scaled_by_attempt(10),
    params:
        surveys=list(CONFIG.surveys),
        classes=list(CONFIG.subsample.classes),
        about=about("fermilpsc", "csc", surveys=True),
        latitude_cut_deg=CONFIG.sky.latitude_cut_deg,
        dpi=CONFIG.figures.dpi,
        simulated=CONFIG.simulated,
        words=CONFIG.xray.words,
        code=code_digest("plot_subsample"),
    message:
        "drawing the classes and the subsample"
    script:
        "../scripts/plot_subsample.py"


rule plot_probabilities:
    input:
        sources=f"{RESULTS}/tables/fermi_sources.parquet",
        candidates=f"{RESULTS}/tables/candidates.parquet",
        calibration=f"{RESULTS}/association/calibration.json",
        known=f"{RESULTS}/association/known.parquet",
    output:
        reliability=figure_files("reliability"),
        known_sources=figure_files("known_sources"),
        states=figure_files("states"),
        probability=figure_files("probability"),
    log:
        f"{RESULTS}/logs/plot_probabilities.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_probabilities.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_input(1500, 3),
        runtime=scaled_by_input(10, 0.03),
    params:
        latitude_cut_deg=CONFIG.sky.latitude_cut_deg,
        dpi=CONFIG.figures.dpi,
        simulated=CONFIG.simulated,
        words=CONFIG.xray.words,
        code=code_digest("plot_probabilities"),
    message:
        "drawing the probabilities"
    script:
        "../scripts/plot_probabilities.py"


rule plot_identification:
    input:
        model=f"{RESULTS}/identification/model.json",
        evidence=f"{RESULTS}/tables/evidence.parquet",
        fermi=f"{RESULTS}/tables/fermi_sources.parquet",
    output:
        identification=figure_files("identification"),
        x_ray_optical=figure_files("x_ray_optical"),
        colours=figure_files("colours"),
    log:
        f"{RESULTS}/logs/plot_identification.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_identification.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_attempt(1500),
        runtime=scaled_by_attempt(10),
    params:
        dpi=CONFIG.figures.dpi,
        simulated=CONFIG.simulated,
        words=CONFIG.xray.words,
        code=code_digest("plot_identification"),
    message:
        "drawing the identifications"
    script:
        "../scripts/plot_identification.py"


# All figures, with the tables of classes, for rule all. They are of a sample: of named sources,
# few as they are, none is drawn.
FIGURES = (
    []
    if CONFIG.sources
    else [
        *rules.plot_observations.output,
        *rules.plot_plane.output,
        *rules.plot_associations.output,
        *rules.plot_counterparts.output,
        *rules.plot_subsample.output,
        *rules.plot_probabilities.output,
        *rules.plot_identification.output,
    ]
)
