"""Start `scale_run`: ``scale_door.py ROUNDS``, settings from the environment, figures as JSON on standard output.

Worker processes import the main module again; this one is empty for them, as the installed command is.
"""

if __name__ == "__main__":
    from scale_run import main

    main()
