"""An open part with nobody in it is published only where a withdrawal has emptied it."""

from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import GateError
from tasks.release.gates import COHORT


def withdraws(version: str, withdrawals: Iterable[pa.Table]) -> bool:
    """Tell whether a release is the first without something that was withdrawn.

    Parameters
    ----------
    withdrawals
        The table `withdrawals` of each part.
    """
    return any(pc.any(pc.equal(rows["withdrawn_release"], version)).as_py() for rows in withdrawals)


def refuse_empty(held: Mapping[str, int], *, is_withdrawal: bool, left_out: int) -> None:
    """Stop a release whose open part shows nobody, unless it is empty on purpose: a withdrawal is never stopped by it.

    Parameters
    ----------
    held
        How many instances each rule holds.
    is_withdrawal
        Whether this release takes something withdrawn away.
    left_out
        How many instances are left out because they were withdrawn.

    Raises
    ------
    GateError
        The message says how many instances each rule holds.
    """
    told = [f"{rule_id} holds {count} images" for rule_id, count in sorted(held.items()) if count]
    if is_withdrawal or (left_out and not told):
        return
    raise GateError(
        f"{COHORT} at subject: the open part would show nobody ({', '.join(told) or 'nothing is held'});"
        " nothing was published",
        next_step="add batches of more people, decide about what is held, or choose a k and levers in [disclosure] of"
        " the release policy that leave somebody",
    )
