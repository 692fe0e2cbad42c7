"""Run `python -m gpuenv` like `gpuenv`."""

import sys

from gpuenv.cli.main import main

sys.exit(main())
