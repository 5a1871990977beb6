"""`python -m nnaccel` runs the command line."""

from nnaccel.cli import main

if __name__ == "__main__":
    main()
