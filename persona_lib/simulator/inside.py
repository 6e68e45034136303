"""The simulator inside the asking process: the same application and the same bytes, without sockets."""

from __future__ import annotations

import os
from importlib import import_module

from persona_lib.simulator.app import make_app
from persona_lib.simulator.faults import Plan
from persona_lib.simulator.forms import TEMPLATES


def transport(templates: str | os.PathLike = TEMPLATES, *, faults: Plan | None = None) -> object:
    """What the openai client takes as transport: every request goes straight to `make_app`.

    Raises
    ------
    TemplateError
        The folder holds no template, or one that is not as it must be.
    """
    import openai

    # The client's own HTTP library, which has changed its name between releases of openai.
    library = import_module(type(openai.DEFAULT_CONNECTION_LIMITS).__module__.partition(".")[0])
    return library.ASGITransport(app=make_app(templates, faults=faults))
