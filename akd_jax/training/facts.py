"""What a run is made of beside its settings."""

from typing import Any, NamedTuple

from akd_jax import workdir
from akd_jax.compilation import Options
from akd_jax.data import Images
from akd_jax.task import Task
from akd_jax.teacher import TeacherInfo
from akd_jax.training.embeddings_file import Embedded
from akd_jax.training.lessons import LessonsInfo


class Facts(NamedTuple):
    """What a run is made of beside its settings; nothing depends on the process that found it.

    options: of its programs. teacher, variables: its record and its arrays; None and () where it has none. lessons,
    images: the record of the labelled images that it learns from, and these; None where it learns from none.
    embeddings: of classes, from a file; None where the settings name none.
    """

    options: Options
    teacher: TeacherInfo | None
    variables: Any
    lessons: LessonsInfo | None
    images: Images | None
    embeddings: Embedded | None = None

    @property
    def task(self) -> Task:
        return self.teacher.task if self.teacher else self.lessons.task

    @property
    def digests(self) -> dict[str, str]:
        """See `digests_of`."""
        return digests_of(self.teacher, self.lessons, self.embeddings)


def digests_of(teacher: TeacherInfo | None, images: LessonsInfo | None, embeddings: Embedded | None) -> dict[str, str]:
    """Of what a run is given and its checkpoints do not hold, by the file of its directory that records it."""
    records = {workdir.TEACHER: teacher, workdir.LESSONS: images, workdir.EMBEDDINGS: embeddings}
    return {file: record.digest for file, record in records.items() if record}
