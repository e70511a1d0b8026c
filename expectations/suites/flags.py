"""Names of the flag columns: one boolean per row that says whether the row breaks a rule that one row cannot tell.

`tasks.validate.crosschecks` computes them over all tables, the suites assert that none is true.
"""

PREFIX = "breaks_"


def flag(rule_id: str, column: str = "") -> str:
    """Give the name of the flag of a rule, of one column where the rule is checked on several."""
    name = PREFIX + rule_id.lower().replace("-", "_")
    return f"{name}_{column}" if column else name
