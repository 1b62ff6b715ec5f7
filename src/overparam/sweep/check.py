"""Everything that is wrong with a study, found before anything is computed; and the contract that a plug-in keeps."""

from __future__ import annotations

import json
from collections.abc import Iterator

from overparam.core import Estimate, Study
from overparam.core.errors import DataError, OverparamError, UsageError
from overparam.core.faults import Fault, Places, faults
from overparam.sweep.key import cell_name
from overparam.sweep.select import select


def check(study: Study) -> list[Fault]:
    """Everything that is wrong with a study: names, claims, planted worlds, profiles and their costs.

    Nothing of it is computed. A misspelt metric, chart, axis or source, a claim without control or worlds, a rule that
    raises, an axis that work reads from the first cell alone: each is one fault, with the file and line where known.

    Args:
        study: the study.

    Returns:
        The faults; empty if there is none.
    """
    found = faults(study)
    if any("axis" in fault.what or "profile" in fault.what for fault in found):
        return found
    return [*found, *_costs(study, Places(study))]


def _costs(study: Study, at: Places) -> Iterator[Fault]:
    for name in study.profiles:
        try:
            cells = select(study, name).cells()
            cost = study.estimate(cells[0])
        except DataError:
            continue  # a data set is here in part or not at all: no fault of the study
        except OverparamError as error:
            yield at.fault(f"profile '{name}': {error}", name)
            continue
        except Exception as error:
            yield at.fault(f"profile '{name}': the estimate raised {type(error).__name__}: {error}", "estimate")
            continue
        if not isinstance(cost, Estimate):
            yield at.fault(f"profile '{name}': expected an Estimate, got {type(cost).__name__}", "estimate")
            continue
        if not (cost.seconds > 0 and cost.bytes > 0):
            yield at.fault(f"profile '{name}': expected an estimate above 0, got {cost}", "estimate")
        try:
            names = {cell_name(study, json.loads(json.dumps(cell)), "f", "") for cell in cells}
        except Exception as error:
            yield at.fault(f"the identity of a cell raised {type(error).__name__}: {error}", "extra_identity")
            continue
        if len(names) != len(cells):
            yield at.fault(
                f"profile '{name}': expected cells with names of their own, some values are equal", name
            )


def told(study: Study, found: list[Fault]) -> str:
    """The faults as lines of text."""
    many = f"{len(found)} fault{'' if len(found) == 1 else 's'}"
    return "\n".join([f"the study '{study.name}' has {many}; nothing was computed:", *map(str, found)])


def refuse(study: Study) -> None:
    """Refuse a study with faults.

    Raises:
        UsageError: all of its faults.
    """
    found = check(study)
    if found:
        raise UsageError(told(study, found))


def check_study(study: Study) -> None:
    """Check that a study keeps the contract, for the tests of a plug-in.

    Raises:
        AssertionError: all faults, with what was expected.
    """
    found = check(study)
    if found:
        raise AssertionError(told(study, found))
