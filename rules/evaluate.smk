"""From predictions to metrics. No torch from here on."""


ruleorder: composition > predict


rule composition:
    """What every network must beat: gradient boosting that sees the composition alone."""
    input:
        records="results/data/records.parquet",
        splits="results/data/splits.parquet",
    output:
        "results/composition/{property}.predictions.parquet",
    log:
        "results/logs/composition/{property}.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=needs.memory_mb("composition"),
        runtime=minutes("composition"),
    params:
        version=[columns.PREDICTIONS_VERSION, versions.COMPOSITION_VERSION],
        property=declared_property,
    message:
        "Fitting the composition baseline, {wildcards.property}"
    shell:
        'python "$SCRIPTS"/composition.py --property {params.property} --records {input.records}'
        " --splits {input.splits} --out {output} &> {log}"


rule evaluate:
    """Errors with intervals, beside the best constant, of one model on every property that it predicts."""
    input:
        predictions="results/{tier}/{task}.predictions.parquet",
        records="results/data/records.parquet",
        splits="results/data/splits.parquet",
        leakage="results/data/leakage.parquet",
    output:
        "results/{tier}/{task}.metrics.json",
    log:
        "results/logs/evaluate/{tier}/{task}.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=needs.memory_mb("evaluate"),
        runtime=minutes("evaluate"),
    params:
        code=digest(SCRIPTS / "evaluate.py"),
        settings=CONFIG.report.to_json("bootstrap", "confidence"),
    message:
        "Evaluating {wildcards.tier}/{wildcards.task}"
    shell:
        'python "$SCRIPTS"/evaluate.py --predictions {input.predictions} --records {input.records}'
        " --splits {input.splits} --leakage {input.leakage} --settings {params.settings:q} --out {output} &> {log}"
