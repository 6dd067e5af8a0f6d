"""From the source to validated crystals and their folds."""


rule fetch:
    """The raw data set, complete and checked: a release, a URL, a file, a folder or the bundled minerals."""
    input:
        source,
    output:
        raw="results/data/raw.json.zip",
        meta="results/data/raw.meta.json",
    log:
        "results/logs/fetch.log",
    # On a cluster the computing nodes often have no network.
    localrule: True
    conda:
        "../envs/data.yaml"
    params:
        version=versions.ORIGIN_VERSION,
        settings=CONFIG.data.to_json("source", "mirrors", "sha256", "id_key"),
    message:
        "Fetching {CONFIG.data.source} (progress: {log})"
    shell:
        'python "$SCRIPTS"/fetch.py --settings {params.settings:q} --out {output.raw} --meta {output.meta} &> {log}'


rule fetch_extra:
    """A source of more training crystals, as `fetch` takes data.source."""
    input:
        extra_source,
    output:
        raw="results/data/extra/{extra}.json.zip",
        meta="results/data/extra/{extra}.meta.json",
    log:
        "results/logs/fetch/{extra}.log",
    wildcard_constraints:
        extra="[^/]+",
    localrule: True
    conda:
        "../envs/data.yaml"
    params:
        version=versions.ORIGIN_VERSION,
        settings=lambda wildcards: EXTRA[wildcards.extra].to_json("source", "mirrors", "sha256", "id_key"),
    message:
        "Fetching extra crystals: {wildcards.extra} (progress: {log})"
    shell:
        'python "$SCRIPTS"/fetch.py --settings {params.settings:q} --out {output.raw} --meta {output.meta} &> {log}'


rule records:
    """One typed row per crystal; every dropped row with its reason; the quality of the labels."""
    input:
        raw="results/data/raw.json.zip",
        meta="results/data/raw.meta.json",
        extra=expand("results/data/extra/{extra}.json.zip", extra=EXTRA),
        extra_meta=expand("results/data/extra/{extra}.meta.json", extra=EXTRA),
    output:
        records="results/data/records.parquet",
        quality="results/data/quality.json",
        dropped="results/data/dropped.parquet",
    log:
        "results/logs/records.log",
    conda:
        "../envs/data.yaml"
    threads: 4
    resources:
        mem_mb=needs.memory_mb("records"),
        runtime=minutes("records"),
    params:
        version=[columns.RECORDS_VERSION, versions.QUALITY_VERSION],
        settings=CONFIG.data.to_json("source", "id_key", "ids", "extra", "fields", "max_drop_rate"),
    message:
        "Checking every crystal and label"
    shell:
        'python "$SCRIPTS"/records.py --settings {params.settings:q} --raw {input.raw} --meta {input.meta}'
        " --extra {input.extra} --out {output.records} --quality {output.quality} --dropped {output.dropped} --workers {threads} &> {log}"


rule splits:
    """The fold of every crystal in every property, extreme training labels, and test crystals with a twin in training."""
    input:
        records="results/data/records.parquet",
    output:
        splits="results/data/splits.parquet",
        outliers="results/data/outliers.csv",
        leakage="results/data/leakage.parquet",
        coverage="results/data/coverage.json",
        removed="results/data/extra_removed.csv",
    log:
        "results/logs/splits.log",
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=needs.memory_mb("splits"),
        runtime=minutes("splits"),
    params:
        version=[columns.SPLITS_VERSION, versions.COVERAGE_VERSION],
        settings=CONFIG.data.to_json("source", "extra", "splits", "split_fractions", "split_seed"),
    message:
        "Splitting: {CONFIG.data.splits}"
    shell:
        'python "$SCRIPTS"/splits.py --settings {params.settings:q} --records {input.records}'
        " --out {output.splits} --outliers {output.outliers}"
        " --leakage {output.leakage} --coverage {output.coverage} --removed {output.removed} &> {log}"
