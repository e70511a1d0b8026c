"""When and in what order: Prefect flows, and the command line that calls the same functions."""
