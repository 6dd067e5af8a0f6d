"""From metrics and predictions to the page, and to archives that the JARVIS-Leaderboard accepts."""


rule compare:
    """The page: every model beside every other, the best constant and the published models, with the evidence."""
    input:
        metrics=expand("{model}.metrics.json", model=MODELS + BASELINES),
        predictions=expand("{model}.predictions.parquet", model=MODELS + BASELINES),
        records="results/data/records.parquet",
        splits="results/data/splits.parquet",
        quality="results/data/quality.json",
        coverage="results/data/coverage.json",
        leakage="results/data/leakage.parquet",
        dropped="results/data/dropped.parquet",
        outliers="results/data/outliers.csv",
        graphs="results/graphs/statistics.json",
        published=published,
        linked=ancient(CARDS),
    output:
        report(
            "results/report/comparison.html",
            caption="../report/comparison.rst",
            category="Comparison",
            labels={"content": "page"},
        ),
        report(
            "results/report/comparison.csv",
            caption="../report/table.rst",
            category="Comparison",
            labels={"content": "table"},
        ),
        "results/report/comparison.json",
        report(
            directory("results/report/figures"),
            patterns=["{figure}.svg"],
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
    log:
        "results/logs/compare.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=needs.memory_mb("compare"),
        runtime=minutes("compare"),
    params:
        code=digest(SCRIPTS / "compare.py", *TEMPLATES),
        settings=CONFIG.report.to_json(),
        config=CONFIG.to_json("data", "graph", "matrix", "tiers", "report"),
    message:
        "Writing results/report/comparison.html"
    shell:
        'python "$SCRIPTS"/compare.py --settings {params.settings:q} --metrics {input.metrics}'
        " --predictions {input.predictions} --records {input.records} --splits {input.splits}"
        " --quality {input.quality} --coverage {input.coverage} --leakage {input.leakage}"
        " --dropped {input.dropped} --outliers {input.outliers} --graphs {input.graphs} --config-json {params.config:q}"
        " --out-dir results/report &> {log}"


rule leaderboard:
    """One property's submission archive, checked offline; says which official test ids the source lacks."""
    input:
        predictions=f"results/{LEADERBOARD_TIER}/{{property}}.predictions.parquet",
        records="results/data/records.parquet",
    output:
        directory("results/leaderboard/{property}"),
    log:
        "results/logs/leaderboard/{property}.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=needs.memory_mb("leaderboard"),
        runtime=minutes("leaderboard"),
    params:
        code=digest(SCRIPTS / "leaderboard.py"),
        tier=LEADERBOARD_TIER,
        settings=CONFIG.report.to_json("submission"),
    message:
        "Packing the leaderboard submission, {wildcards.property} by {params.tier}"
    shell:
        'python "$SCRIPTS"/leaderboard.py --property {wildcards.property} --predictions {input.predictions}'
        " --records {input.records} --tier {params.tier} --settings {params.settings:q} --out-dir {output} &> {log}"
