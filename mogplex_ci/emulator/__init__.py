"""A local Mogplex for dry runs, tests and demos: real HTTP on loopback, answers like the real
service.
"""

from mogplex_ci.emulator.documents import DocumentError
from mogplex_ci.emulator.emulator import Emulator

__all__ = ["DocumentError", "Emulator"]
