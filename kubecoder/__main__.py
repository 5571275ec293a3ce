"""Run the command line as `python -m kubecoder`."""

from kubecoder.cli.main import main

if __name__ == "__main__":
    main()
