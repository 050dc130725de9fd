# Where figures go, and which of them the pages show. Functions only: rules are in figures.smk.
# Needs: CONFIG and RESULTS of common.smk.
# Makes: figure_files(), shown_figures().


def figure_files(name):
    """A figure in all formats of the config."""
    return [f"{RESULTS}/figures/{name}.{kind}" for kind in CONFIG.figures.formats]


def shown_figures(figures):
    """Those of one kind that a page can show, if there is one."""
    kinds = [kind for kind in ("png", "svg") if kind in CONFIG.figures.formats]
    return [figure for figure in figures if kinds and figure.endswith(f".{kinds[0]}")]
