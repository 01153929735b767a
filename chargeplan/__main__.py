"""`python -m chargeplan` is the command `chargeplan`."""

from chargeplan.cli import main

if __name__ == "__main__":
    main()
