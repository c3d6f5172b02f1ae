"""The tables of RESULTS.md follow from the rows in docs/results."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from result_rows import FOLDER, PAGES, Line, Rows, rows

from inr_core.metrics import Pchip


def percent(value: float) -> str:
    return f"{value:+.1f} %".replace("-", "−")


def number_in(cell: str) -> float:
    return float(cell.replace("−", "-").removesuffix(" %"))


def bd_rates(file: str) -> list[Line]:
    """Mean, best and worst of each format."""
    table = rows(file, "bd_rates_percent")
    formats = [name for name in table[0] if name != "picture"]
    kinds: dict[str, Callable[[Iterable[float]], float]] = {"mean": fmean, "best": min, "worst": max}
    return [(kind, *(percent(of(row[name] for row in table)) for name in formats)) for kind, of in kinds.items()]


def qualities(points: Rows) -> list[Rows]:
    """Points of each quality."""
    return [[row for row in points if row["quality"] == each] for each in sorted({row["quality"] for row in points})]


def by_quality(points: Rows, *, similarity: bool = True) -> list[Line]:
    """Means over the pictures, at each quality."""
    made: list[Line] = []
    for own in qualities(points):
        mean = {name: fmean(row[name] for row in own) for name in ("bytes", "bpp", "psnr_db")}
        line = str(own[0]["quality"]), f"{mean['bytes']:,.0f}", f"{mean['bpp']:.3f}", f"{mean['psnr_db']:.2f}"
        made.append((*line, f"{fmean(row['ms_ssim'] for row in own):.4f}") if similarity else line)
    return made


def graphics() -> list[Line]:
    """Each picture beside the formats, and means of those that have dB in common."""
    table = rows("graphics", "bd_rates_percent")
    formats = [name for name in table[0] if name != "picture"]
    each = [(row["picture"], *("–" if row[n] is None else percent(row[n]) for n in formats)) for row in table]
    means = [fmean(row[name] for row in table if row[name] is not None) for name in formats]
    return [*each, ("mean of those", *map(percent, means))]


METRICS = {"ssimulacra2": "SSIMULACRA2", "ms-ssim": "MS-SSIM", "psnr": "PSNR"}


def looks() -> list[Line]:
    """Means of the pictures by effort, tune and measure."""
    made: dict[tuple[int, str, str], Rows] = {}
    for row in rows("looks", "bd_rates_percent"):
        made.setdefault((row["effort"], row["tune"], row["metric"]), []).append(row)
    order = list(METRICS)
    return [
        (
            *(str(effort), tune, METRICS[metric]),
            *(percent(fmean(row[name] for row in own)) for name in ("jpeg", "webp", "avif", "avif_tune_psnr")),
        )
        for (effort, tune, metric), own in sorted(
            made.items(), key=lambda item: (*item[0][:2], order.index(item[0][2]))
        )
    ]


def looks_by_quality() -> list[Line]:
    """Means over the pictures as they are saved by default, at each quality, and bytes beside AVIF's as good files."""
    made: list[Line] = []
    curves: dict[str, Pchip] = {}
    for picture in {row["picture"] for row in rows("looks", "avif")}:
        known = sorted((r["ssimulacra2"], r["bytes"]) for r in rows("looks", "avif") if r["picture"] == picture)
        curves[picture] = Pchip.through([score for score, _ in known], np.log([size for _, size in known]))
    own = [row for row in rows("looks", "rd") if row["effort"] == 5]
    for line, points in zip(by_quality(own), qualities(own), strict=True):
        apart = fmean(row["bytes"] / np.exp(curves[row["picture"]](row["ssimulacra2"])) - 1 for row in points)
        made.append((*line, f"{fmean(row['ssimulacra2'] for row in points):.1f}", percent(100 * apart)))
    return made


def thumbnails() -> list[Line]:
    """A thumbnail, and the seconds of all of the file beside it."""
    table = rows("thumbnail", "thumbnail")
    whole = {(row["picture"], row["codec"]): row for row in table if row["what"] == "full decode"}
    return [
        (
            *(row["picture"], row["codec"], f"{row['file_bytes']:,}", f"{row['read_percent']:.1f} %"),
            *(f"{row['cpu_ms']}", f"{row['peak_mb']}", f"{row['psnr_db']:.2f}"),
            *(f"{whole[row['picture'], row['codec']]['cpu_ms']}", f"{whole[row['picture'], row['codec']]['peak_mb']}"),
        )
        for row in table
        if row["what"] == "thumbnail"
    ]


def compared() -> list[Line]:
    """Ours, and the others at the nearest size."""
    table = rows("compare", "compare")
    groups = [table[k : k + 4] for k in range(0, len(table), 4)]
    assert all([row["codec"] for row in group] == ["siren", "JPEG", "JPEG2000", "WebP"] for group in groups)
    return [
        (
            *(group[0]["picture"], group[0]["setting"].removeprefix("quality "), f"{group[0]['bytes']:,}"),
            *(f"{row['psnr_db']:.2f}" for row in group),
        )
        for group in groups
    ]


def losses() -> list[Line]:
    """dB lost by each way to quantise at so many bits, on both pictures."""
    table = [row for row in rows("quantisation", "quantisation") if row["bits"] is not None]
    made: dict[tuple[str, int], list[str]] = {}
    for row in table:
        made.setdefault((row["method"], row["bits"]), []).append(f"{row['loss_db']:.3f}")
    return [(method, str(bits), *values) for (method, bits), values in made.items()]


def sparsities() -> list[Line]:
    """dB at equal non-zeros."""
    table = rows("sparsity", "sparsity")
    dense = {row["picture"]: f"{row['psnr_db']:.2f}" for row in table if row["method"] == "dense"}
    made: dict[tuple[str, str], list[str]] = {}
    for row in table:
        if row["method"] != "dense":
            made.setdefault((row["picture"], f"{row['density']:g}"), []).append(f"{row['psnr_db']:.2f}")
    return [(picture, density, *values, dense[picture]) for (picture, density), values in made.items()]


def coded() -> list[Line]:
    """Bytes of all layers together."""
    return [
        (
            row["stream"],
            *(f"{row[name]:,.1f}" for name in ("entropy_bytes", "range_bytes", "stored_bytes")),
            f"{row['ratio']:.4f}",
        )
        for row in rows("entropy", "entropy")
        if row["layer"] == "all"
    ]


def decoding() -> list[Line]:
    """Milliseconds and speed against the faster way of torch."""
    return [
        (str(row["threads"]), row["what"], f"{row['median_ms']:.1f}", f"{row['speed']:.3f}")
        for row in rows("speed", "decode")
        if row["speed"] is not None
    ]


def fresh() -> list[Line]:
    """Medians in new interpreters."""
    return [
        (row["what"], "–" if row["threads"] is None else str(row["threads"]), f"{row['median']:.2f} {row['unit']}")
        for row in rows("speed", "fresh")
    ]


def taken() -> list[Line]:
    """By what auto takes: how much more that costs than the better of both, milliseconds of choosing."""
    table = rows("auto", "auto")
    made: list[Line] = []
    for kind in dict.fromkeys(row["taken"] for row in table):
        own = [row for row in table if row["taken"] == kind]
        percents, choices = ([row[n] for row in own if row[n] is not None] for n in ("percent", "choice_ms"))
        costs = (f"{fmean(percents):.1f} %", f"{max(percents):.1f} %") if percents else ("–", "–")
        times = (f"{fmean(choices):,.0f}", f"{max(choices):,.0f}") if choices else ("–", "–")
        made.append((kind, str(len(own)), *costs, *times))
    return made


def tiles() -> list[Line]:
    """What is taken of photographs in interfaces, and what each way gives."""
    return [
        (
            ", ".join(row["picture"].rsplit("_", 1)),
            *(row["taken"], f"{row['bytes']:,}, {row['psnr_db']:.2f}"),
            *(f"{row[f'{way}_bytes']:,}, {row[f'{way}_db']:.2f}" for way in ("latent", "exact")),
            f"{row['percent']:.1f} %",
        )
        for row in rows("tiles", "auto")
    ]


LEVELS = {"numpy": "NumPy", "plain": "plain C, no vectors", "baseline": "baseline (SSE2)", "avx2": "AVX2"}
LEVELS |= {"vnni": "AVX-512 VNNI"}


def by_kernels(table: str, cells: Callable[[dict[str, Any]], Line]) -> list[Line]:
    """A row a level of the compiled kernels: `cells` of each prior one after the other."""
    made: dict[str, Line] = {}
    for row in rows("kernels", table):
        if row["what"].startswith("prior"):
            level = LEVELS[row["kernels"]]
            made[level] = (*made.get(level, (level,)), *cells(row))
    return list(made.values())


def kernels_decoding() -> list[Line]:
    """Milliseconds, NumPy's over them, and they over AVIF's."""
    return by_kernels(
        "decode", lambda row: (f"{row['cpu_ms']:,.1f}", f"{row['of_numpy']:.1f}", f"{row['of_avif']:.1f}")
    )


def kernels_large() -> list[Line]:
    """Milliseconds on the clock of a large picture, and NumPy's over them."""
    return by_kernels("large", lambda row: (f"{row['clock_ms']:,.0f}", f"{row['of_numpy']:.1f}"))


def kernels_rates() -> list[Line]:
    """What the networks reach by prior and level, 10⁹ multiply-adds a second."""
    table = rows("kernels", "rates")
    return [
        (
            *(parity["what"].removeprefix("prior "), LEVELS[parity["kernels"]], f"{parity['peak']:.1f}"),
            *(f"{row['rate']:.1f}, {row['percent']:.0f} %" for row in (parity, cell)),
        )
        for what in ("prior 1", "prior 3")
        for parity, cell in zip(
            *(
                [row for row in table if (row["what"], row["kernel"]) == (what, kernel)]
                for kernel in ("parity_keys", "cell_rows")
            ),
            strict=True,
        )
    ]


TABLES: dict[tuple[str, int], Callable[[], list[Line]]] = {  # of a section: its table of this number
    ("The latent model beside other formats", 0): lambda: bd_rates("latent"),
    ("The latent model beside other formats", 1): lambda: by_quality(rows("latent", "rd")),
    ("Effort 9 beside the default", 0): lambda: bd_rates("effort9"),
    ("Looks", 0): looks,
    ("Looks", 1): looks_by_quality,
    ("Text and screens", 0): lambda: bd_rates("text"),
    ("Text and screens", 1): lambda: by_quality(rows("text", "rd")),
    ("Text and screens", 2): graphics,
    ("What auto takes", 0): taken,
    ("What auto takes", 1): tiles,
    ("Thumbnails", 0): thumbnails,
    ("Compiled kernels", 0): kernels_decoding,
    ("Compiled kernels", 1): kernels_rates,
    ("Compiled kernels", 2): kernels_large,
    ("Photograph and text page beside JPEG, JPEG2000 and WebP", 0): compared,
    ("What quantisation costs", 0): losses,
    ("RigL, pruning, small-dense at equal non-zeros", 0): sparsities,
    ("Entropy coding", 0): coded,
    ("Speed", 0): decoding,
    ("Speed", 1): fresh,
    ("Quality", 0): lambda: by_quality(rows("quality", "quality"), similarity=False),
}


def table_of(page: str, section: str, number: int) -> list[Line]:
    """The cells of a table's rows, below its head."""
    text = page.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    lines = re.findall(r"((?:^\|.*\n)+)", text, re.MULTILINE)[number].splitlines()[2:]
    return [tuple(cell.strip().strip("*") for cell in line.strip("|").split("|")) for line in lines]


@pytest.mark.parametrize(("section", "number"), TABLES)
def test_a_table_of_results_is_what_its_rows_say(section: str, number: int) -> None:
    stated, made = table_of(PAGES["RESULTS"], section, number), TABLES[section, number]()
    if made[0][0] != "mean":
        assert stated == made
        return
    assert stated[1:] == made[1:]
    for one, other in zip(stated[0][1:], made[0][1:], strict=True):  # rows are rounded, as their mean is
        assert number_in(one) == pytest.approx(number_in(other), abs=0.101)


def test_every_file_of_rows_is_named_on_its_page() -> None:
    names = sorted(path.name for path in FOLDER.iterdir())
    assert len(names) > 15
    for name in names:
        page = PAGES["STUDY" if name.startswith("study-") else "RESULTS"]
        assert f"docs/results/{name}" in page
        content = json.loads((FOLDER / name).read_text(encoding="utf-8"))
        assert content["tables"]
        assert not re.search(r'"(/|[A-Za-z]:\\\\)', json.dumps(content)), (
            "a path of the machine that it was measured on"
        )
        assert content["command"] in " ".join(page.replace("\\\n", " ").split())
