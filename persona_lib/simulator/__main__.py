"""`python -m persona_lib.simulator`: serve on a free loopback port until stdin closes."""

from __future__ import annotations

import argparse

from persona_lib.simulator.app import serve
from persona_lib.simulator.forms import TEMPLATES

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="persona_lib.simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free port, printed as the only line on stdout")
    parser.add_argument("--templates", default=str(TEMPLATES), help="folder of the templates")
    arguments = parser.parse_args()
    serve(arguments.port, templates=arguments.templates)
