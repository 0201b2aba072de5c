"""`python -m serbench`: the same as the command `serbench`."""

from serbench.cli.main import main

if __name__ == "__main__":
    main()
