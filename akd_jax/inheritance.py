"""What a student begins with of its teacher: the layers that both have."""

import jax

from akd_jax.types import Variables


def inherited(student: Variables, teacher: Variables) -> Variables:
    """The student's tree with the teacher's arrays in those layers that the teacher has too, None elsewhere.

    A layer is the same where it has the same name and arrays of the same names and shapes: a ResNet-18 has its stem,
    its classifier and all its blocks from the first ones of a ResNet-34's stages. That a student is better off with
    layers of its teacher than afresh: Sanh et al. 2019 (DistilBERT), arXiv:1910.01108, section 3.
    student: arrays, or their shapes.
    """
    own, theirs = (dict(jax.tree_util.tree_flatten_with_path(each)[0]) for each in (student, teacher))
    strange = {path[:-1] for path, leaf in own.items() if path not in theirs or theirs[path].shape != leaf.shape}
    return jax.tree_util.tree_map_with_path(
        lambda path, _: None if path[:-1] in strange else theirs[path],
        student,
    )
