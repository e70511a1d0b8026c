"""What a release may tell of a person: what is coarsened, withheld or held, and what its gates look for."""
