"""python scripts/train.py --config configs/akd.py:digits"""

from akd_jax.cli.train import main

if __name__ == "__main__":
    main()
