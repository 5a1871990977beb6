"""Settings of the site: `make docs` builds it, with warnings as errors."""

import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "docs" / "_ext"), str(ROOT / "examples")]

project = "nnaccel"
author = "The nnaccel authors"
copyright = "The nnaccel authors, BSD-3-Clause"
release = metadata.version("nnaccel")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "myst_parser",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "reference",
]
root_doc = "index"
exclude_patterns = ["_build", "_ext"]
templates_path = ["_templates"]
default_role = "py:obj"  # in docstrings `name` is code, and a link where there is such a page
suppress_warnings = ["ref.python"]  # `get` is a function of several modules

autosummary_generate = True
autosummary_imported_members = True
autodoc_typehints = "none"  # numpydoc's sections say the types
numpydoc_show_class_members = False
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
copybutton_exclude = ".linenos, .gp, .go"  # neither prompts nor what is printed

html_theme = "furo"
html_title = "nnaccel"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {"navigation_with_keys": True}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "ladder",
    "filename_pattern": r"/0[1-5]_",
    "ignore_pattern": r"^(0[67]_|[a-z_])",
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("shown.figures",),
    "reset_modules": (),  # no pyplot, whose settings would be reset
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
}


def setup(app):
    """Let links of pages that are also read beside the sources lead to pages."""
    app.connect(
        "source-read",
        lambda app, name, text: text.__setitem__(
            0, text[0].replace("(../CONTRIBUTING.md)", "(contributing.md)")
        ),
    )
    # scikit-learn gives each estimator these, with links into its own site.
    app.connect(
        "autodoc-skip-member",
        lambda app, what, name, value, skip, options: (
            (name.startswith("set_") and name.endswith("_request")) or None
        ),
    )
