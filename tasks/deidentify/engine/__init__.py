"""De-identification as one pass over the bytes: the same results as through pydicom, at about the price of a copy.

What this road does not accept, and whatever is not released, it leaves to the other one, which tells the rule.
"""
