"""python scripts/convert_teacher.py teacher/best_resnet34_cifar100.pth --data cifar100"""

from akd_jax.cli.convert_teacher import main

if __name__ == "__main__":
    main()
