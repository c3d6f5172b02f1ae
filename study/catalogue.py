"""The experiments, and what each is scaled down to so that two CPU cores take at most 20 minutes."""

from __future__ import annotations

from .experiment import TEXT, Experiment, Scale

# A smaller picture gets a narrower network, so that there are about as many weights a pixel as in the study.
QUARTER = Scale(side=256, width=64, steps=4000, batch=2048)
WHOLE = Scale(side=512, steps=6000, batch=2048)  # where the format chooses the network

CHELSEA, COFFEE, ASTRONAUT, PAGE, CHART = (
    "chelsea.webp", "coffee.webp", "astronaut.webp", "page.png", "chart.png",
)  # fmt: skip

EXPERIMENTS = (
    Experiment(
        "jpeg", 3, "JPEG's quality against PSNR and size", "jpeg", (CHELSEA, COFFEE, ASTRONAUT, PAGE), Scale()
    ),
    Experiment(
        "ffnet", 4, "SIREN against Fourier-feature networks", "ffnet", (CHELSEA, PAGE),
        Scale(side=256, width=64, steps=2000, batch=2048),
    ),
    Experiment(
        "sparsity", 5, "small-dense, Feathermap, pruning and RigL", "sparsity", (CHELSEA, COFFEE),
        Scale(side=256, width=64, steps=1800, batch=2048),
    ),
    Experiment(
        "lowrate", 6, "90 and 95 % sparse networks with 8 bits at low rates", "lowrate", (CHELSEA, ASTRONAUT), QUARTER
    ),
    Experiment(
        "wavelet", 7, "a network for each of low and high bands", "wavelet", (CHELSEA, COFFEE, PAGE),
        Scale(side=256, width=64, steps=8000, batch=2048),
    ),
    Experiment("quantise", None, "quantisers after and while training", "quantise", (CHELSEA, PAGE), QUARTER),
    Experiment("entropy", None, "entropy coders on the same symbols", "entropy", (CHELSEA, PAGE), QUARTER),
    Experiment(
        "rd-natural", 8, "rate–distortion on natural pictures", "ratedistortion", (CHELSEA, COFFEE, ASTRONAUT), WHOLE
    ),
    Experiment("rd-text", 9, "rate–distortion on text", "ratedistortion", (PAGE, CHART), WHOLE, kind=TEXT),
    Experiment(
        "compression", 10, "80 and 150 times smaller, with crops", "compression", (CHELSEA, ASTRONAUT, PAGE),
        Scale(side=512, steps=12_000, batch=2048),
    ),
)  # fmt: skip
