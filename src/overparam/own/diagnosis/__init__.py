"""Your own network, asked coded questions: each answer with a status, an effect with an interval, and what to do next.

>>> import overparam
>>> found = overparam.diagnose(model, train, test)   # doctest: +SKIP
>>> print(found)   # doctest: +SKIP
"""

from overparam.own.diagnosis.answer import Answer as Answer
from overparam.own.diagnosis.answer import Measured as Measured
from overparam.own.diagnosis.answer import Next as Next
from overparam.own.diagnosis.answer import Table as Table
from overparam.own.diagnosis.check import Check as Check
from overparam.own.diagnosis.check import Cost as Cost
from overparam.own.diagnosis.checkup import Checkup as Checkup
from overparam.own.diagnosis.context import Context as Context
from overparam.own.diagnosis.diagnose import diagnose as diagnose
from overparam.own.diagnosis.ranking import Ranking as Ranking
