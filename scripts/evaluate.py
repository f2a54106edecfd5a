"""python scripts/evaluate.py --workdir RUN --split test"""

from akd_jax.cli.evaluate import main

if __name__ == "__main__":
    main()
