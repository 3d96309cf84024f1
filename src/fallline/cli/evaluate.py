"""`fallline evaluate`: a model's metrics on labelled rows."""

from pathlib import Path
from typing import Annotated

import typer

from fallline.cli.models import check_order, parse_names, remark_on_outcome
from fallline.cli.output import give, metrics_table, say, warn

Opt = typer.Option


def evaluate(
    model: Annotated[Path, typer.Argument(help="run folder or model.safetensors")],
    source: Annotated[str, typer.Argument(help="labelled rows: CSV, TSV, Parquet, Feather, .npz, sklearn:NAME")],
    names: Annotated[str | None, Opt(help="column names of a file without a header: a,b,c")] = None,
    json: Annotated[bool, Opt("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Judge a model on labelled rows."""
    from fallline.data.prediction import read_labelled
    from fallline.training.evaluation import evaluate_rows
    from fallline.training.model_file import load_predictor

    check_order(model, source, "evaluate")
    trained = load_predictor(model)
    remarks = remark_on_outcome(model)
    x, y = read_labelled(source, trained.schema, parse_names(names), remarks)
    warn(remarks)
    metrics = evaluate_rows(trained, x, y)
    each = [evaluate_rows(member, x, y) for member in getattr(trained, "members", ())]
    alone = {name: sum(one[name] for one in each) / len(each) for name in metrics} if each else None
    known = None if trained.seen is None else trained.seen.among(x, y)
    label = "these rows" if known is None else known.label  # files of earlier versions do not record their rows
    if json:
        counts = None if known is None else {"trained": known.trained, "chose_epoch": known.chose}
        document = {"model": str(model), "source": source, "rows": len(x), "label": label, "seen": counts}
        give({**document, "metrics": metrics, "one_member": alone, "warnings": remarks})
    else:
        say(f"{len(x):,} rows of {source}")
        if known is not None and known.sentence:
            say(f"{'' if known.fresh else 'warning: '}{known.sentence}.")
        say()
        beside = {} if alone is None else {"one member": alone}
        say(metrics_table({label: metrics, **beside}, order=(label, *beside)))
    return 0
