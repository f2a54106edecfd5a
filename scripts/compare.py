"""python scripts/compare.py runs/dfad runs/akd --out report"""

from akd_jax.cli.compare import main

if __name__ == "__main__":
    main()
