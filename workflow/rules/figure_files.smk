# Where figures and tables for the report go. Functions only: rules are in figures.smk.
# Needs: CONFIG and RESULTS of common.smk.
# Makes: figure_files(), class_table().


def figure_files(name, category):
    """A figure in all formats of the config; the report shows one of them."""
    formats = CONFIG.figures.formats
    shown = "png" if "png" in formats else formats[0]
    files = {kind: f"{RESULTS}/figures/{name}.{kind}" for kind in formats}
    files[shown] = report(files[shown], caption=f"../report/{name}.rst", category=category)
    return list(files.values())


def class_table(name):
    """A table of classes for the report."""
    return report(
        f"{RESULTS}/tables/{name}.html",
        caption=f"../report/{name}_table.rst",
        category="Classes",
    )
