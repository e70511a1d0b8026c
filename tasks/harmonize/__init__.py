"""Clinical tables and image facts of one batch in the canonical model: what is not decided is held, never guessed."""
