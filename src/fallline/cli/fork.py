"""`fallline fork`: branches from one epoch of a run, under other numbers."""

from pathlib import Path
from typing import Annotated

import typer

from fallline.cli.output import figures, give, say, table
from fallline.cli.recipes import parse_vary

Opt = typer.Option


def fork(
    run: Annotated[Path, typer.Argument(help="run folder")],
    epoch: Annotated[int, Opt(help="epoch that the branches continue from")],
    vary: Annotated[list[str], Opt(help="field to vary, with or without values: model.dropout=0,0.3 or batch_size")],
    out: Annotated[Path | None, Opt(help="page with the curves (default: fork.html in the run folder)")] = None,
    json: Annotated[bool, Opt("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Continue a run from an epoch under other numbers."""
    from fallline.core.files import write_atomically
    from fallline.doctor.fork import fork as branch
    from fallline.report.fork_page import fork_page

    found = branch(run, epoch, dict(map(parse_vary, vary)))
    plain = found.to_plain()
    trunk = {name: found.trunk[name].tolist() for name in ("epoch", "train_loss", "valid_loss")}
    path = out or run / "fork.html"
    write_atomically(path, fork_page(run.resolve().name, trunk, plain).encode("utf-8", "replace"))
    if json:
        give({"run": str(run), "page": str(path), **plain})
        return 0
    usual = found.branches[0].score
    rows = [["branch", f"score ({found.monitor})", "gain", "epochs", "outcome"]]
    rows += [
        [each.name, figures(each.score), figures(usual - each.score), str(len(each.history["epoch"])), each.outcome]
        for each in found.branches
    ]
    print(table(rows))
    say(f"A smaller score is better; one seed. The best branch: {found.best.name}. The curves are in {path}.")
    return 0
