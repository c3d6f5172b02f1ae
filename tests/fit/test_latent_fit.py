"""The float model, the way to a prior's integers and back, and the training of one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from toy_prior import toy_prior

torch = pytest.importorskip("torch")

from inr_core.fit.latent import float_networks, float_wavelet
from inr_core.fit.latent import model as lm
from inr_core.fit.latent.component import share_of
from inr_core.fit.latent.float_prior import float_state
from inr_core.latent import prior
from inr_core.latent.encoding import encode_latents
from inr_core.latent.latents import quantise
from inr_core.latent.payload import pack_lowpass
from training.export import quantised_arrays
from training.weights import FORMER, read_weights


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (8, 8), (9, 16), (17, 31)])
def test_the_wavelet_reconstructs_perfectly(size: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    low, bands = float_wavelet.forward_wavelet(x)
    assert low.shape[2:] == bands.shape[2:] == ((size[0] + 1) // 2, (size[1] + 1) // 2)
    assert torch.allclose(float_wavelet.inverse_wavelet(low, bands, size), x, atol=2e-5)
    exact = float_wavelet.inverse_wavelet(low, bands, size), float_wavelet.highpass(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(float_wavelet.inverse_wavelet(low, bands, size), exact[0])
        assert torch.equal(float_wavelet.highpass(x), exact[1])
    if min(size) > 1:
        flat, none = float_wavelet.forward_wavelet(torch.ones(1, 1, *size))
        assert torch.allclose(flat, torch.full_like(flat, 2.0), atol=1e-5)
        assert none.abs().max() < 1e-5


@pytest.mark.parametrize("size", [(37, 52), (1, 9), (2, 3), (64, 1)])
def test_without_matrices_it_is_the_same(size: tuple[int, int]) -> None:
    x = torch.randn(2, *size, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(float_wavelet.low_planes(x), float_wavelet.forward_wavelet(x[None])[0][0], atol=1e-5)
    down, across = (float_wavelet.blur_matrix(n) for n in size)
    assert torch.allclose(float_wavelet.blurred(x), down @ x @ across.T, atol=1e-5)


def test_colours_come_back() -> None:
    rgb = torch.rand(1, 3, 8, 8) - 0.5
    ycc = torch.einsum("ij,bjhw->bihw", torch.tensor(lm.RGB_TO_YCC), rgb)
    assert torch.allclose(lm.to_rgb(ycc), rgb, atol=1e-5)
    assert torch.allclose(lm.Pyramid.of(rgb, 2).bands[0], float_wavelet.forward_wavelet(ycc)[1])


def small_model(levels: int = 3) -> lm.LatentModel:
    return lm.LatentModel(hidden=6, entropy_hidden=8, chroma_hidden=4, levels=levels)


@pytest.mark.parametrize("part", ["luma", "chroma"])
def test_a_later_parity_never_influences_an_earlier_one(part: str) -> None:
    net: float_networks.ParityNet = getattr(small_model().entropy, part)
    inputs = net.w1.shape[1]
    x = torch.randn(1, inputs, 5, 5, generator=torch.Generator().manual_seed(2)).requires_grad_()
    out = net(x, 1, torch.full((1, 1), 0.3))
    assert out.shape == (1, 5, 5, 4, net.outputs)
    for rank, parity in enumerate(float_networks.PARITIES):
        (slopes,) = torch.autograd.grad(out[..., parity, :].square().sum(), x, retain_graph=True)
        by_parity = slopes[:, inputs - 24 :].unflatten(1, (6, 4)).abs().sum((0, 1, 3, 4))
        for other_rank, other in enumerate(float_networks.PARITIES):
            assert bool(by_parity[other] > 0) == (other_rank < rank), (parity, other)


def test_code_lengths_are_those_of_a_distribution() -> None:
    q = torch.arange(-400.0, 401)
    for log_scale, mean in ((-2.0, 0.3), (0.0, -1.25), (3.0, 4.5)):
        bits = lm.laplace_bits(q, torch.tensor(log_scale), torch.tensor(mean))
        total = torch.exp2(-bits[bits < 23]).sum()
        assert total.item() == pytest.approx(1, abs=1e-3)
        assert int(q[bits.argmin()]) == round(mean)


def test_decoding_starts_as_the_plain_wavelet() -> None:
    model = small_model()
    with torch.no_grad():
        model.reach_line.zero_()
        rgb = torch.rand(1, 3, 21, 34) - 0.5
        pyramid = lm.Pyramid.of(rgb, 3)
        latents = [bands / model.steps(k, 0.01) for k, bands in enumerate(pyramid.bands)]
        decoded = model(pyramid.low, latents, pyramid.sizes, 0.01)
    assert torch.allclose(lm.to_rgb(decoded.planes), rgb, atol=1e-4)
    assert [b.shape[1:] for b in decoded.bits] == [q.shape[1:] for q in latents]


def test_export_and_back_within_rounding() -> None:
    for known in (toy_prior(), prior.load(1)):
        state = float_state(known)
        again = float_state(prior.from_arrays(quantised_arrays(state)))
        assert state.keys() == again.keys() == lm.LatentModel.of(state).state_dict().keys()
        for name, values in state.items():
            if name == "reach_line":
                continue
            wanted = values.astype(np.float64)
            if name.endswith("a.w1"):  # of luma and chroma: what a parity may not see is not kept
                wanted *= prior.parity_mask(*values.shape[:2])[:, :, None, None]
            moved = np.abs(wanted - again[name])
            if name in ("cell.b1", "cell.bm"):
                moved = np.minimum(moved, np.abs(moved - 2 * np.pi))  # whole turns do not count
            assert moved.max() < 0.01 + 0.02 * np.abs(values).max(), name


def test_the_float_model_is_what_the_integers_compute() -> None:
    known = prior.load(1)
    y, x = np.mgrid[:40, :56]
    samples = np.stack([x * 4, y * 5, 128 + 100 * np.sin(x * y / 90)], 2).clip(0, 255).astype(np.uint8)
    payloads, latents, decoded = encode_latents(quantise(samples, known, (3,), 150, 3), known)
    model = lm.LatentModel.of(float_state(known))
    step = 2.0 ** (150 / 16 - 6) / 255
    sizes = [(-(-40 >> k), -(-56 >> k)) for k in range(3)]
    q = [torch.from_numpy(band[None].astype(np.float32)) for band in latents.details[0]]
    from inr_core.latent.steps import Step

    low = torch.from_numpy(latents.lowpass[0][None] * Step(150, 8).low(3) * (8 / (64 * 255))).float()
    with torch.no_grad():
        shown = model(low, q, sizes, step)
    expected = (lm.to_rgb(shown.planes)[0].permute(1, 2, 0).numpy() + 0.5) * 255
    assert np.abs(expected.clip(0, 255) - decoded).mean() < 0.6
    assert np.abs(expected.clip(0, 255) - decoded).max() < 8
    bits = sum(b.sum().item() for b in shown.bits) + 8 * len(pack_lowpass(latents.lowpass))
    assert bits == pytest.approx(8 * sum(map(len, payloads)), rel=0.2)  # escapes cost more


def test_weights_of_files_with_former_names_are_read(tmp_path: Path) -> None:
    state = {name: value.numpy() for name, value in small_model().state_dict().items()}
    former = {now: was for was, now in FORMER.items()}
    np.savez(tmp_path / "former.npz", **{former.get(name, name): value for name, value in state.items()})
    with np.load(tmp_path / "former.npz") as file:
        assert {"lg", "rec", "cell.lb", "cell.qb", "ent.luma.qb", "ent.chroma.w3"} < set(file.files)
    found = read_weights(tmp_path / "former.npz")
    assert found.keys() == state.keys()
    assert all(np.array_equal(found[name], value) for name, value in lm.LatentModel.of(found).state_dict().items())


def test_fewer_latents_change_at_coarse_levels_and_in_later_iterations() -> None:
    assert [share_of(level, 0, 14) for level in range(6)] == [0.8, 0.6, 0.2, 0.08, 0.08, 0.08]
    assert [share_of(level, 13, 14) for level in range(4)] == pytest.approx([0.1, 0.1, 0.08, 1 / 14])
    assert [share_of(0, k, 2) for k in range(2)] == pytest.approx([0.8, 0.5])
    assert share_of(0, 0, 1) == 0.8
