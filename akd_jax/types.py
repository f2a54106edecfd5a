"""The vocabulary: what moves through training, and the one function type that moves it.

Data are frozen dataclasses that hold arrays only; behaviour is a function or a `NamedTuple` of functions.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
from flax import struct

Array = jax.Array
Metrics = dict[str, Any]
"""Name -> scalar (one step or round) or [n] (n rounds); what each student has of its own is a dict by student.

STEP_faults: quantity -> bool, [] of a step, [steps] of a round, [n, steps] of n rounds (`steps.guarded`).
"""


@struct.dataclass
class Variables:
    """The arrays of one network. A teacher is exactly this."""

    params: Any
    batch_stats: Any


@struct.dataclass
class NetworkState:
    """A player: a network's arrays and the state of the optimizer that moves them.

    average: Variables, a moving average of its own; () where none is kept.
    """

    params: Any
    batch_stats: Any
    opt_state: Any
    average: Any = ()

    @property
    def variables(self) -> Variables:
        return Variables(self.params, self.batch_stats)

    @property
    def deployed(self) -> Variables:
        """What is measured and handed on: the average where one is kept."""
        return self.average or self.variables


@struct.dataclass
class AKDState:
    """All that changes in a run.

    step: [] int32, rounds played.
    students: name -> player.
    generator: the one generator that all students play against; () where a method has none.
    memory: the method's own pytree, () if it has none.
    """

    step: Array
    students: dict[str, NetworkState]
    generator: Any
    memory: Any = ()


@struct.dataclass
class Outputs:
    """What a classifier returns for images [B, H, W, C]. `jit` drops what nobody reads.

    logits: [B, classes].
    features: [B, F], the last layer's input.
    batch_norm_inputs: mean [C] and biased variance [C] of this batch at the input of every batch norm, over
      batch and positions, in the tree of the network's batch_stats.
    stages: what each stage gives, [B, H, W, F] in order; () from a network that does not tell.
    maps: [B, H, W, F], of which the features are the means over positions; () likewise.
    """

    logits: Array
    features: Array
    batch_norm_inputs: Any
    stages: tuple[Array, ...] = ()
    maps: Any = ()


class Network(NamedTuple):
    """A network as two pure functions.

    init: (key, inputs) -> Variables, for inputs of the shape that it will see.
    apply: (variables, inputs, *, train) -> (outputs, batch_stats). With train=True batch norms use the
      batch's statistics and the returned batch_stats have moved; with train=False they are unchanged.
      A classifier's outputs are `Outputs`, a generator's are images [B, H, W, C]. A classifier that tells its stages
      takes `shifts` too, what is added to each of them.
    parts: of a generator, what makes it one after the other: (variables, hidden, *, train) -> (hidden, batch_stats),
      from latents by `hidden` [B, H, W, C] to images; () where there are none.
    """

    init: Callable[[Array, Array], Variables]
    apply: Callable[..., tuple[Any, Any]]
    parts: tuple[Callable[..., tuple[Any, Any]], ...] = ()


@struct.dataclass
class Lessons:
    """What a supervised method is given: labelled images, and a teacher's variables, () for none.

    images: uint8 [N, H, W, C]. labels: int32 [N]. order: a key, of which the order of every epoch is drawn.
    """

    images: Array
    labels: Array
    order: Array
    teacher: Any = ()


Step = Callable[[AKDState, Any, Array], tuple[AKDState, Metrics]]
"""(state, given, key) -> (state, metrics): a player's update, a round, or many rounds. The key is consumed.

given: what stands still. A game is given the teacher's `Variables`, a supervised method's round `Lessons`, and its step
these and the positions [B] in them of its batch.
"""


FILLING = "filling"


class Turn(NamedTuple):
    """A kind of round.

    round: Step. steps: those that it is made of, by name; one of these may be several of one player, as the round takes
    them together. students: names of those that take part. teacher_queries: how
    many images the teacher is shown in it. lessons: how many labelled images its students are shown.
    """

    round: Step
    steps: Mapping[str, Step]
    students: tuple[str, ...]
    teacher_queries: int
    lessons: int = 0


class Method(NamedTuple):
    """A way of playing the game.

    init: (key) -> AKDState.
    turns: name -> Turn. An epoch plays `rounds_per_epoch` rounds of every turn, in this order. A turn called FILLING
      takes the place of all others in the epochs in which no student moves.
    sample: (state, key, *, num) -> images [num, H, W, C] as the networks see them, what students learn from; None where
      nothing draws any.
    """

    init: Callable[[Array], AKDState]
    turns: Mapping[str, Turn]
    sample: Callable[..., Array] | None
