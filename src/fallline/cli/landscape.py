"""`fallline landscape`: the loss around a trained network, as a table, a page and pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fallline.cli.output import figures, give, say, table, warn

if TYPE_CHECKING:
    from fallline.lab.landscape import Landscape

Opt = typer.Option


def landscape(
    run: Annotated[Path, typer.Argument(help="run folder")],
    plane: Annotated[
        str | None, Opt(help="random, trajectory (the training's own directions) or line (default: random)")
    ] = None,
    other: Annotated[Path | None, Opt("--to", metavar="RUN", help="another run: the line between the two")] = None,
    dimensions: Annotated[int, Opt(help="number of directions: 1 or 2")] = 2,
    size: Annotated[int | None, Opt(help="points along each direction (default: 51; on a line 101)")] = None,
    span: Annotated[float, Opt(help="how far random directions are followed; 1: the size of the filters")] = 1.0,
    split: Annotated[str, Opt(help="rows: train, valid or test")] = "train",
    rows: Annotated[int, Opt(help="most rows")] = 10_000,
    sharpness: Annotated[bool, Opt(help="estimate the Hessian's extreme eigenvalues and its trace")] = True,
    seed: Annotated[int, Opt(help="of the random directions")] = 0,
    out: Annotated[Path | None, Opt(help="folder for the page and the pictures")] = None,
    json: Annotated[bool, Opt("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Measure and draw the loss around a trained network."""
    from fallline.core.whole import check_seed
    from fallline.lab.files import check_out, save_pictures
    from fallline.lab.landscape import landscape as look
    from fallline.lab.scenery import kinds_of

    check_seed(seed)
    check_out(out)
    found = look(
        run, plane=plane, other=other, dimensions=dimensions, size=size, span=span, split=split, rows=rows,
        sharpness=sharpness, seed=seed,
    )  # fmt: skip
    warn(found.notes)
    written: list[Path] = []
    if out is not None:
        pictures = {kind: found.figure(kind) for kind in kinds_of(found)}
        written, refused = save_pictures(out, pictures)
        written = [found.save_page(out / "landscape.html"), *written]
        warn([refused] if refused else [])
    if json:
        give({"run": str(run), **found.to_plain(), "files": [str(each) for each in written]})
    else:
        _show(found, written)
    return 0


def _show(found: "Landscape", written: list[Path]) -> None:
    import textwrap

    for each in found.sentences:
        print("\n".join(textwrap.wrap(each, 80)))
    lowest = ", ".join(f"{each:.3g}" for each in found.lowest[1:])
    rows = [["", "loss", found.metric], ["the network", figures(found.here[0]), figures(found.here[1])]]
    rows += [[f"lowest, at ({lowest})", figures(found.lowest[0]), "-"]]
    print(f"\n{table(rows)}")
    if written:
        say(f"\nSaved in {written[0].parent}: {', '.join(each.name for each in written)}.")
