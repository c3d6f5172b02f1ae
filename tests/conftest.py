"""What every test may rely on."""

from __future__ import annotations

import signal

# Under nohup SIGINT is ignored, here and by every process started from here: tests of Ctrl-C need it as on a terminal.
signal.signal(signal.SIGINT, signal.default_int_handler)
