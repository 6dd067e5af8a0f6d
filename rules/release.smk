"""Trained models for others: checkpoints with their cards, which `pretrained:` in config.yaml takes up again."""


rule cards:
    """What each model is, from its checkpoint and metrics. One job for all: torch takes longer to load than a card."""
    input:
        models=expand("{model}.pt", model=MODELS),
        metrics=expand("{model}.metrics.json", model=MODELS),
    output:
        CARDS,
    log:
        "results/logs/cards.log",
    conda:
        "../envs/train.yaml"
    params:
        code=digest(SCRIPTS / "model_card.py"),
    message:
        "Writing the cards of the models"
    shell:
        'python "$SCRIPTS"/model_card.py {input.models} &> {log}'


rule release:
    """The whole matrix as a folder to give away: results/release/<tier>/<task>.pt and .md."""
    input:
        expand("results/release/{model}.md", model=[path.removeprefix("results/") for path in MODELS]),


rule model_card:
    """One model to give away: a copy of the checkpoint, and its card."""
    input:
        model="results/{tier}/{task}.pt",
        metrics="results/{tier}/{task}.metrics.json",
    output:
        model="results/release/{tier}/{task}.pt",
        card="results/release/{tier}/{task}.md",
    log:
        "results/logs/release/{tier}/{task}.log",
    conda:
        "../envs/train.yaml"
    params:
        code=digest(SCRIPTS / "model_card.py"),
    message:
        "Writing the model card of {wildcards.tier}/{wildcards.task}"
    shell:
        'python "$SCRIPTS"/model_card.py {input.model} --release results/release &> {log}'
