"""PyTorch modules on nnaccel's kernels: values, gradients, and swapping them in and out."""

from __future__ import annotations

import copy
import io
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")

from torch import nn  # noqa: E402

import nnaccel  # noqa: E402
from nnaccel.interop import torch as ours  # noqa: E402

IMAGES, PLANES = (2, 4, 7, 6), (3, 2, 8, 8)
CASES: dict[str, tuple[Any, tuple[int, ...]]] = {
    "Conv2d": (lambda: nn.Conv2d(4, 6, (3, 2), stride=2, padding=(1, 0), groups=2), IMAGES),
    "Conv2d, same": (lambda: nn.Conv2d(4, 3, 3, padding="same", dilation=2, bias=False), IMAGES),
    "Conv2d, 3x3": (lambda: nn.Conv2d(16, 16, 3, padding=1), (2, 16, 9, 9)),
    "ConvTranspose2d": (
        lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2),
        IMAGES,
    ),
    "Linear": (lambda: nn.Linear(6, 5), IMAGES),
    "Linear, no bias": (lambda: nn.Linear(6, 5, bias=False), (3, 6)),
    "MaxPool2d": (lambda: nn.MaxPool2d(3, 2, 1, ceil_mode=True), PLANES),
    "AvgPool2d": (lambda: nn.AvgPool2d((3, 2), padding=1, count_include_pad=False), PLANES),
    "AvgPool2d, ceil": (lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True), PLANES),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d(1), IMAGES),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(4), IMAGES),
    "BatchNorm2d, plain": (
        lambda: nn.BatchNorm2d(4, affine=False, track_running_stats=False),
        IMAGES,
    ),
    "BatchNorm2d, mean of all": (lambda: nn.BatchNorm2d(4, momentum=None), IMAGES),
    **{
        name: (getattr(nn, name), IMAGES)
        for name in ("ReLU", "Sigmoid", "Tanh", "SiLU", "Mish", "GELU", "LeakyReLU", "ELU")
    },
    "GELU, tanh": (lambda: nn.GELU("tanh"), IMAGES),
    "Softplus": (nn.Softplus, (4, 5)),
}
ALL = [getattr(nn, name) for name in ours._modules]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def pair(name: str, dtype: Any) -> tuple[Any, Any, Any]:
    """PyTorch's module, the same accelerated, and inputs."""
    make, shape = CASES[name]
    theirs = make().to(dtype)
    mine = copy.deepcopy(theirs)
    assert ours.accelerate(mine, ALL).swapped
    return theirs, mine, torch.randn(shape, dtype=dtype, requires_grad=True)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("order", ["contiguous_format", "channels_last"])
def test_values_gradients_and_buffers_are_pytorchs(backend: Any, name: str, order: str) -> None:
    theirs, mine, x = pair(name, torch.float64)
    if x.ndim == 4:
        x = x.detach().contiguous(memory_format=getattr(torch, order)).requires_grad_()
    for training in (True, True, True, False):
        results = []
        for module in (theirs, mine):
            module.train(training).zero_grad()
            y = module(x)
            dy = torch.arange(y.numel(), dtype=y.dtype).reshape(y.shape).sin()
            gradients = torch.autograd.grad(y, [x, *module.parameters()], dy)
            results.append([y, *gradients, *module.buffers()])
        for got, want in zip(results[1], results[0], strict=True):
            torch.testing.assert_close(got, want)


@pytest.mark.parametrize("name", CASES)
def test_gradcheck_in_double_precision(name: str) -> None:
    _, module, x = pair(name, torch.float64)
    names = [name for name, _ in module.named_parameters()]

    def function(x: Any, *parameters: Any) -> Any:
        buffers = {name: b.clone() for name, b in module.named_buffers()}
        given = {**dict(zip(names, parameters, strict=True)), **buffers}
        return torch.func.functional_call(module, given, (x,))

    is_large = module.__class__ is ours.Conv2d and module.in_channels > 4
    given = (x, *module.parameters())
    assert torch.autograd.gradcheck(function, given, atol=1e-6, fast_mode=is_large)


def test_only_wanted_gradients() -> None:
    module = ours.Conv2d(2, 3, 3)
    x = torch.randn(1, 2, 5, 5)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    assert module(x).grad_fn is None
    module.bias.requires_grad_()
    module(x).sum().backward()
    assert module.weight.grad is None
    torch.testing.assert_close(module.bias.grad, torch.full((3,), 9.0))
    y = module(x).square().sum()
    (g,) = torch.autograd.grad(y, module.bias, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiate twice"):
        g.sum().backward()


def network() -> Any:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Sequential(nn.Conv2d(8, 8, 3), nn.ELU(), nn.AdaptiveAvgPool2d(1)),
        nn.Flatten(),
        nn.Linear(8, 5),
    )


def train(model: Any, optimizer: Any, steps: int) -> list[float]:
    x, y, found = torch.randn(16, 3, 8, 8), torch.arange(16) % 5, []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def test_accelerate_and_restore_in_the_middle_of_a_training() -> None:
    plain, model = network(), network()
    model.load_state_dict(plain.state_dict())
    optimizers = [torch.optim.Adam(m.parameters(), 1e-2) for m in (plain, model)]
    seen: list[Any] = []
    model[0].register_forward_hook(lambda module, args, output: seen.append(output.shape))
    kept = [id(p) for p in model.parameters()]
    losses: list[list[float]] = []
    for m, optimizer in zip((plain, model), optimizers, strict=True):
        torch.manual_seed(1)
        losses.append(train(m, optimizer, 2))
        if m is model:
            report = ours.accelerate(model)
        losses[-1] += train(m, optimizer, 3)
        ours.restore(m)
        losses[-1] += train(m, optimizer, 2)
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert [*report.swapped] == ["0", "1", "3", "4.0", "4.1", "4.2"]
    assert report.left == {
        "2": "ReLU is as fast in PyTorch",
        "5": "Flatten has no counterpart",
        "6": "Linear is as fast in PyTorch",
    }
    assert "swapped 6:\n  0: Conv2d" in str(report)
    assert len(seen) == 7
    assert kept == [id(p) for p in model.parameters()]
    assert model.state_dict().keys() == plain.state_dict().keys()
    assert [type(m) for m in model.modules()] == [type(m) for m in plain.modules()]


def test_what_is_left_to_pytorch() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"),
        nn.MaxPool2d(2, return_indices=True),
        nn.AdaptiveAvgPool2d(2),
        nn.utils.parametrizations.weight_norm(nn.Conv2d(1, 1, 1)),
    )
    left = ours.accelerate(model).left
    assert left["0"] == "padding_mode='reflect'"
    assert left["1"] == "return_indices=True"
    assert left["2"] == "output_size=2"
    assert nnaccel.interop.torch is ours
    with pytest.raises(TypeError, match="no module for GRU, but for"):
        ours.accelerate(model, [nn.GRU])
    with pytest.raises(TypeError, match=r"expected a torch\.nn\.Module, got list"):
        ours.accelerate([model])
    with pytest.raises(TypeError, match=r"expected a torch\.nn\.Module, got list"):
        ours.restore([model])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "x",
    [torch.randn(2, 5, 5), torch.randn(0, 2, 5, 5), torch.randn(1, 2, 5, 5, dtype=torch.bfloat16)],
)
def test_inputs_that_pytorch_computes(x: Any) -> None:
    theirs = nn.Conv2d(2, 3, 3).to(x.dtype)
    mine = copy.deepcopy(theirs)
    ours.accelerate(mine)
    torch.testing.assert_close(mine(x), theirs(x))


def test_errors_are_pytorchs() -> None:
    with pytest.raises(RuntimeError, match="should be the same"):
        ours.Conv2d(2, 3, 3)(torch.randn(1, 2, 5, 5, dtype=torch.float64))
    with pytest.raises(ValueError, match="more than 1 value"):
        ours.BatchNorm2d(2)(torch.randn(1, 2, 1, 1))


def test_transforms_autocast_and_no_grad() -> None:
    theirs, x = network().eval(), torch.randn(2, 3, 8, 8)
    mine = copy.deepcopy(theirs)
    ours.accelerate(mine)
    with torch.no_grad():
        assert mine(x).grad_fn is None
        torch.testing.assert_close(mine(x), theirs(x), rtol=1e-4, atol=1e-5)
    with torch.inference_mode():
        torch.testing.assert_close(mine(x), theirs(x), rtol=1e-4, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        assert mine[0](x).dtype == torch.bfloat16
    doubled = torch.func.vmap(mine[0])(x[:, None])
    torch.testing.assert_close(doubled[:, 0], theirs[0](x), rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_under_torch_compile() -> None:
    model, x = network(), torch.randn(2, 3, 8, 8)
    want = copy.deepcopy(model)(x)
    ours.accelerate(model)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), want, rtol=1e-4, atol=1e-5)


def test_saving_and_copying(tmp_path: Path) -> None:
    model, x = network().eval(), torch.randn(2, 3, 8, 8)
    ours.accelerate(model)
    torch.save(model, tmp_path / "m.pt")
    again = torch.load(tmp_path / "m.pt", weights_only=False)
    torch.testing.assert_close(again(x), model(x))
    kept = io.BytesIO()
    torch.save(model.state_dict(), kept)
    kept.seek(0)
    plain = network().eval()
    plain.load_state_dict(torch.load(kept, weights_only=True))
    torch.testing.assert_close(plain(x), model(x), rtol=1e-4, atol=1e-5)
    assert type(ours.restore(copy.deepcopy(model))[0]) is nn.Conv2d


class Convolved(torch.utils.data.Dataset):  # type: ignore[misc]
    def __init__(self, model: Any) -> None:
        self.model = model

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        with torch.no_grad():
            return self.model(torch.full((1, 1, 8, 8), float(index)))


@pytest.mark.slow
def test_workers_of_a_data_loader() -> None:
    model = nn.Conv2d(1, 2, 3)
    ours.accelerate(model)
    data = Convolved(model)
    here = torch.stack([data[i] for i in range(4)])
    loader = torch.utils.data.DataLoader(data, 2, num_workers=2)
    torch.testing.assert_close(torch.cat(list(loader)), here)


@pytest.mark.parametrize(("threads", "policy", "told"), [(2, "", 1), (2, "passive", 0), (1, "", 0)])
def test_spinning_threads_are_told_of(
    threads: int,
    policy: str,
    told: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setenv("OMP_WAIT_POLICY", policy)
    ours.accelerate(torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3)))
    assert caplog.text.count("OMP_WAIT_POLICY=PASSIVE") == told
