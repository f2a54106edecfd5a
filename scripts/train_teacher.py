"""python scripts/train_teacher.py --config configs/teacher.py:resnet20"""

from akd_jax.cli.train_teacher import main

if __name__ == "__main__":
    main()
