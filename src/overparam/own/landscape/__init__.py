"""The landscape around your own network, and between two of them.

>>> from overparam.own.landscape import connect, sharpness   # doctest: +SKIP
"""

from overparam.own.landscape.connect import Connection as Connection
from overparam.own.landscape.connect import connect as connect
from overparam.own.landscape.sharpness import Flatness as Flatness
from overparam.own.landscape.sharpness import sharpness as sharpness
