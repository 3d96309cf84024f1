"""`fallline check`: checks the gradient of a whole network, and what must hold before a long training."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fallline.cli.models import check_order
from fallline.cli.output import give, warn
from fallline.core.errors import FalllineError

if TYPE_CHECKING:
    from fallline.checking import RecipeCheck

Opt = typer.Option


def check(
    model: Annotated[Path, typer.Argument(help="run folder, model.safetensors or recipe.toml")],
    source: Annotated[
        str | None, typer.Argument(help="labelled rows: a file or sklearn:NAME; default: the recipe's own")
    ] = None,
    target: Annotated[str | None, Opt(help="column to predict (for a recipe)")] = None,
    names: Annotated[str | None, Opt(help="column names of a file without a header: a,b,c")] = None,
    rows: Annotated[int, Opt(help="number of rows for the gradient check")] = 32,
    share: Annotated[float | None, Opt(help="check a random share of the parameters, such as 0.1")] = None,
    tolerance: Annotated[float, Opt(help="largest relative error of a slope")] = 1e-6,
    seed: Annotated[int, Opt(help="seed of the initial weights and of the random share")] = 0,
    json: Annotated[bool, Opt("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Check a gradient number by number, before a long training.

    Also what else must hold by then: the first loss, that few rows can be learnt, that weights move. Exits with 1 where
    something is wrong.
    """
    if source is not None and model.suffix != ".toml":
        check_order(model, source, "check")
    columns = None if names is None else [each.strip() for each in names.split(",")]
    from fallline.checking import check_recipe
    from fallline.cli.progress import CheckProgress

    recipe, table, trained = _subject(model, source, target, columns)
    with CheckProgress(quiet=json) as progress:
        found = check_recipe(
            recipe, table, seed=seed, rows=rows, model=trained, tolerance=tolerance, share=share, watch=progress
        )
    if json:
        give(_document(str(model), table.name, found))
    else:
        at = "trained" if trained is not None else "initial"
        print(f"{table.name}: {found.parameters:,} {at} parameters on {found.rows} rows, in float64\n")
        print("\n".join(_page(found)))
    return 0 if found.right else 1


def _subject(model: Path, source: str | None, target: str | None, names: list[str] | None) -> tuple[Any, Any, Any]:
    """The recipe, the table, and the trained model or None."""
    if model.suffix == ".toml":
        from fallline.streams.opening import opened, table_of
        from fallline.training.folder import read_plan

        plan = read_plan(model)
        given = {"source": source, "target": target, "names": names}
        data = {
            **(plan.data if source is None else {}),
            **{key: each for key, each in given.items() if each is not None},
        }
        if source is not None and target is None and "target" in plan.data and not source.startswith("sklearn:"):
            data["target"] = plan.data["target"]
        if "source" not in data:
            raise FalllineError(f"recipe {str(model)!r} names no source: give one, as in fallline check FILE data.csv")
        table = table_of(opened(**data))
        warn(table.warnings)
        return plan.recipe, table, None
    from fallline.checking.recipe import rows_for
    from fallline.data.prediction import read_labelled
    from fallline.training.model_file import load_predictor

    trained = load_predictor(model)
    if target is not None:
        raise FalllineError("a model knows its target: leave --target out")
    if source is None:
        raise FalllineError("no SOURCE to check the model on: expected labelled rows, such as the file it learnt from")
    remarks: list[str] = []
    rows = read_labelled(source, trained.schema, names, remarks)
    warn(remarks)
    return trained.recipe, rows_for(trained, source, *rows), trained


def _page(found: "RecipeCheck") -> list[str]:
    import textwrap

    from fallline.gradients.words import table

    lines = []
    for mode, each in found.gradients.items():
        heading = f"As in {mode}. " if len(found.gradients) > 1 else ""
        lines += [*textwrap.wrap(heading + each.verdict, 80), "", *(table(each.arrays) if each.arrays else []), ""]
    lines.append("Before a long training")
    lines.append("")
    for finding in found.sanity:
        lines.append(f"  {finding.name:<13} {finding.found:<58} {finding.state}".rstrip())
        lines += textwrap.wrap(finding.advice, 62, initial_indent=" " * 16, subsequent_indent=" " * 16)
    return lines


def _document(model: str, data: str, found: "RecipeCheck") -> dict[str, Any]:
    return {
        "model": model,
        "data": data,
        "right": found.right,
        "rows": found.rows,
        "parameters": found.parameters,
        "gradients": {
            mode: {
                "outcome": each.outcome,
                "verdict": each.verdict,
                "share": each.share,
                "value": each.value,
                "arrays": {
                    array.name: {
                        "checked": len(array.checked),
                        "worst": dataclasses.asdict(array.worst),
                        "norm_error": array.norm_error,
                        "kinks": array.count(1),
                        "wrong": array.faults,
                        "coarse": array.coarse,
                        "hint": array.hint,
                    }
                    for array in each.arrays
                },
            }
            for mode, each in found.gradients.items()
        },
        "sanity": [dataclasses.asdict(each) for each in found.sanity],
    }
