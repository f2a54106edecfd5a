"""python scripts/export_student.py --workdir RUN --student resnet18_8x --format onnx --out student.onnx"""

from akd_jax.cli.export_student import main

if __name__ == "__main__":
    main()
