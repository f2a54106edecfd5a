"""python scripts/sample.py --num 64"""

from akd_jax.cli.sample import main

if __name__ == "__main__":
    main()
