"""python scripts/prepare_data.py cifar100 --archive cifar-100-binary.tar.gz"""

from akd_jax.cli.prepare_data import main

if __name__ == "__main__":
    main()
