"""A float model and the prior made of it: the same predictions, bits and planes, up to rounding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from toy_prior import smooth_picture

from inr_core.entropy import symbols
from inr_core.fit.latent.model import LatentModel
from inr_core.latent import decoding, encoding, latents, prior
from inr_core.latent.latents import PyramidShape
from inr_core.latent.steps import Step
from training.export import quantised_arrays

STEP, LEVELS, SIZE = 150, 4, (45, 58)


@pytest.fixture(scope="module")
def state() -> dict[str, NDArray[np.float32]]:
    """A model with weights of a size that trained ones have."""
    torch.manual_seed(3)
    model = LatentModel(hidden=10, entropy_hidden=8, chroma_hidden=4, levels=3)
    with torch.no_grad():
        model.cell.w2.normal_(0, 0.01)
        model.cell.b2.normal_(0, 0.05)
        model.cell.q1.normal_(0, 0.1)
        model.log_gains.normal_(-0.1, 0.05)
        for net in (model.entropy.luma, model.entropy.chroma):
            net.q1.normal_(0, 0.2)
            net.b1.normal_(0, 0.3)
            net.w3.mul_(2)
            net.b3.view(3, 4, 2, -1)[:, :, 0] += 2  # wide enough for all values: their code lengths then have no floor
    return {name: value.detach().numpy() for name, value in model.state_dict().items()}


def test_integers_decode_what_the_float_model_does(
    state: dict[str, NDArray[np.float32]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prior.from_arrays(quantised_arrays(state))
    ideal = []
    finish = symbols.SymbolWriter.finish

    def watched(writer: symbols.SymbolWriter) -> bytes:
        ideal.append(writer.ideal_bits)
        return finish(writer)

    monkeypatch.setattr(symbols.SymbolWriter, "finish", watched)
    picture = smooth_picture(np.random.default_rng(4), *SIZE, 3)
    wanted = latents.quantise(picture, made, (3,), STEP, LEVELS)
    payloads, _, _ = encoding._encode(wanted, made, False, 1, "cpu")
    decoder = decoding.LatentDecoder(payloads, made, PyramidShape(SIZE[1], SIZE[0], 8, (3,), STEP, LEVELS))
    planes = decoder.planes()[0] / 64

    step = 2 ** (STEP / 16 - 6) / 255
    low = torch.tensor(wanted.lowpass[0] * (Step(STEP, 8).low(LEVELS) * 2.0**LEVELS / 64 / 255), dtype=torch.float32)
    q = [torch.tensor(band, dtype=torch.float32)[None] for band in wanted.details[0]]
    sizes = [(-(-SIZE[0] >> k), -(-SIZE[1] >> k)) for k in range(LEVELS)]
    with torch.no_grad():
        decoded = LatentModel.of(state)(low[None], q, sizes, step)
    difference = planes - decoded.planes[0].numpy() * 255
    assert np.sqrt((difference**2).mean()) < 0.03 * 255 * step  # values and means have 6 and 3 fractional bits
    assert np.abs(difference).max() < 0.15 * 255 * step
    bits = sum(float(level.sum()) for level in decoded.bits)
    assert sum(ideal) == pytest.approx(bits, rel=0.02)


def test_weights_that_cannot_be_exact_are_refused(state: dict[str, NDArray[np.float32]]) -> None:
    wide = state | {"cell.wm": state["cell.wm"] * 1e5}
    with pytest.raises(ValueError, match="expected sums of weights and inputs below 16777216, got"):
        quantised_arrays(wide)


def test_a_parity_sees_the_parities_coded_before_it() -> None:
    mask = prior.parity_mask(4, 37)
    assert mask.sum(1).tolist() == [13, 13 + 12, 13 + 18, 13 + 6]
    assert mask[3, 13:17].tolist() == [1, 0, 0, 0]
    assert mask[1, 13:17].tolist() == [1, 0, 0, 1]
