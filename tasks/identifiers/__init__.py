"""What is known of who the subjects are, sealed, and the search for it: shared by the stages, of no format's making."""
