"""The simulator inside the asking process: the same application and the same bytes, without sockets."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

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
    library: Any = import_module(type(openai.DEFAULT_CONNECTION_LIMITS).__module__.partition(".")[0])

    class Inside(library.ASGITransport):
        async def handle_async_request(self, request: Any) -> Any:
            try:
                return await super().handle_async_request(request)
            except ConnectionError as error:  # of a planned fault
                raise library.ReadError(str(error), request=request) from error

    return Inside(app=make_app(templates, faults=faults))
