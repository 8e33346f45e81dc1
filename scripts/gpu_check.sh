#!/bin/bash
# One call on a fresh machine with a GPU and its own torch: what rrdyn does there, measured in under ten minutes.
#
#     scripts/gpu_check.sh                 # -> docs/gpu/NAME-OF-THE-CARD.json, with the card's name in it
#     scripts/gpu_check.sh --piece tests   # one piece; those that are in the file are not done again (--force does)
#
# The torch that is there stays; what else is missing is installed into .gpu-check.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
if [ ! -x .gpu-check/bin/python ]; then
    "$python" -m venv --system-site-packages .gpu-check
    .gpu-check/bin/python -m pip install --quiet --editable . pytest hypothesis jaxtyping beartype
fi
exec .gpu-check/bin/python scripts/gpu_check.py "$@"
