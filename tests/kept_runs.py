"""Runs of methods as they are kept, made up."""

import csv
import json

from akd_jax.metrics import HISTORY


def run(
    directory, ground, recipe, seed, top1, *, finished=True, teacher="sha256:1", student="small", flops=1e12,
    splits=("validation", "test"),
):  # fmt: skip
    """What is kept of one: its top-1 on the second split rises to the best, then falls to the last."""
    best, last = top1
    place = directory / ground / recipe / f"seed_{seed}"
    place.mkdir(parents=True)
    picks, told = splits
    measures = {picks: {"top1": best}, told: {"top1": last, "agreement": 0.5}}
    played = {"parameters": 1000, "last": measures, "best": measures, "by_agreement": {"top1": {told: best}}}
    summary = {
        "config": f"methods:{ground}_{recipe}", "seed": seed, "finished": finished, "students": {student: played},
        "teacher": {"arch": "resnet20", "digest": teacher, "top1": {told: 0.8}}, "teacher_queries": 2000,
        "rounds": 3, "flops": flops, "wall_seconds": 90.0, "images_per_second": 20.0, "device": "1 x cpu (cpu)",
    }  # fmt: skip
    (place / "summary.json").write_text(json.dumps(summary))
    with (place / "history.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, HISTORY)
        table.writeheader()
        for i, (split, value) in enumerate([(picks, 0.99), (told, best), (told, last)]):
            table.writerow({"split": split, "top1": value, "teacher_queries": 1000 * i, "wall_seconds": 30.0 * i})
