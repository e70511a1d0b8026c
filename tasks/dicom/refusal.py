"""The one exception by which an object is set aside; it can hold a rule id and nothing else."""


class Refusal(Exception):  # noqa: N818 -- a verdict on one object, not a program error
    """An object failed a rule and is set aside; the run goes on.

    Parameters
    ----------
    rule_id
        A rule of config/ledger_rules.csv.
    """

    def __init__(self, rule_id: str) -> None:
        super().__init__(rule_id)
        self.rule_id = rule_id
