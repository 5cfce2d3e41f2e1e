"""A local Mogplex for dry runs, tests and demos: real HTTP on loopback, answers like the real
service.
"""

from tests.emulator.documents import DocumentError
from tests.emulator.emulator import Emulator

__all__ = ["DocumentError", "Emulator"]
