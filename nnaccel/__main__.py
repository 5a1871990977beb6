"""`python -m nnaccel` is `nnaccel`."""

from nnaccel.cli import main

if __name__ == "__main__":
    main()
