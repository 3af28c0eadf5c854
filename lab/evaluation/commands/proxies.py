"""``semblance evaluate proxies``: which measures of relevance, and which models, order images as captions would."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.evaluation.commands.options import (
    DeviceName,
    ImagesFolder,
    OutputFile,
    SplitFile,
    TokenFile,
    cached_models,
    encoding_bar,
    evaluation_cache,
    read_set,
    write_figures,
)


def proxies(
    images: ImagesFolder,
    captions: TokenFile,
    split: SplitFile = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A model whose vectors of the images are measured, too; repeatable.")
    ] = None,
    triplets: Annotated[int, typer.Option(help="How many triplets are drawn.", min=1)] = 3000,
    output: OutputFile = None,
    device: DeviceName = "auto",
) -> None:
    """Of two images, which is nearer to a third? Measures of relevance beside captions that are held apart."""
    from lab.data.sentences import minilm_vectors
    from lab.evaluation.encoded import encode_files
    from lab.evaluation.imagenet_features import imagenet_features
    from lab.evaluation.proxies import PROXIES, build_proxy
    from lab.evaluation.proxy_study import InnerProducts, evaluate_proxies, judged_triplets, split_captions

    known, voting = split_captions(read_set(images, captions, split))
    with encoding_bar("images") as on_progress:
        features = imagenet_features(known.files, device=device, on_progress=on_progress, cache=evaluation_cache())
        judged = judged_triplets(voting, features, minilm_vectors, triplets)
        measures = [build_proxy(name, known, on_progress) for name in PROXIES]
        measures.append(InnerProducts("ImageNet features", features))
        encoders = map(cached_models(device).encoder, model or ())
        measures += [InnerProducts(one.card.name, encode_files(one, known.files, on_progress)) for one in encoders]
    figures = evaluate_proxies(judged, measures)
    typer.echo(
        f"{figures['triplets']:,} triplets of {figures['queries']:,} queries; captions with each other "
        f"{100 * figures['between_captions']:.1f}, chance {100 * figures['random']:.1f}"
    )
    for name, own in figures["measures"].items():
        low, high = own["interval"]
        typer.echo(f"  {name}: {100 * own['agreement']:.1f} ({100 * low:.1f} to {100 * high:.1f})")
    write_figures(output, figures)
