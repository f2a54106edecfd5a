"""The peer that the benchmark measures against: who moves in a round, and that its variants play one game."""

import pytest

torch = pytest.importorskip("torch", reason="torch, the peer, is a test dependency on Python 3.11 only")

from akd_jax.torch_networks import GeneratorA, ResNet
from benchmarks import torch_game


def snapshot(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


@pytest.mark.parametrize("teacher_size", [None, 24])
def test_round_moves_the_players_only(teacher_size):
    torch.manual_seed(0)
    teacher = ResNet((1, 1), (8, 16), 10)
    student = ResNet((1, 1), (4, 8), 10, names="cifar")
    generator = GeneratorA(8, image_size=16, width=4)
    before = [snapshot(module) for module in (teacher, student, generator)]
    players = torch_game.players(teacher, student, generator, teacher_size=teacher_size)
    losses, generator_loss = torch_game.play_round(players, torch.randn(4, 6, 8))
    assert len(losses) == 3 and min(losses) > 0 > generator_loss
    after = [module.state_dict() for module in (teacher, student, generator)]
    assert all(torch.equal(before[0][name], after[0][name]) for name in before[0])
    for old, new in zip(before[1:], after[1:], strict=True):
        assert not [name for name in old if torch.equal(old[name], new[name])]
        # k + 1 forward passes in training mode, the generator step's included
        assert {int(new[name]) for name in new if name.endswith("num_batches_tracked")} == {4}


def test_generator_step_leaves_the_students_weights():
    torch.manual_seed(0)
    teacher, student = ResNet((1,), (4,), 10), ResNet((1,), (4,), 10)
    generator = GeneratorA(8, image_size=16, width=4)
    before = snapshot(student)
    losses, _ = torch_game.play_round(torch_game.players(teacher, student, generator), torch.randn(1, 6, 8))
    moved = {name for name, value in student.state_dict().items() if not torch.equal(before[name], value)}
    buffers = {name for name, _ in student.named_buffers()}
    assert losses == [] and moved == buffers


def test_tuned_is_the_same_game():
    def played(variant):
        torch.manual_seed(0)
        networks = ResNet((1, 1), (8, 16), 10), ResNet((1, 1), (4, 8), 10), GeneratorA(8, image_size=16, width=4)
        players = torch_game.players(*(network.double() for network in networks), teacher_size=24)
        latents = torch.randn(4, 6, 8, dtype=torch.float64)
        losses, generator_loss = torch_game.play_round(torch_game.VARIANTS[variant](players), latents)
        return [*losses, generator_loss], [*networks[1].state_dict().values(), *networks[2].state_dict().values()]

    (losses, arrays), (wanted, others) = played("torch_tuned"), played("torch")
    assert losses == pytest.approx(wanted, rel=1e-9)
    for own, other in zip(arrays, others, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-6, atol=1e-9)
