"""From graphs to what networks see, one job per shard and view; every training and prediction maps the files."""


rule features:
    """Dense rows of neighbours, 3-body fingerprints and neighbourhoods of every atom, as one view lays them out."""
    input:
        unpack(shard_viewed),
    output:
        "results/features/{view}/shard-{shard}.arrow",
    log:
        "results/logs/features/{view}/shard-{shard}.log",
    benchmark:
        "results/benchmarks/features/{view}/shard-{shard}.tsv"
    wildcard_constraints:
        shard=r"\d+",
        view="[^/]+",
    conda:
        "../envs/data.yaml"
    params:
        version=[columns.GRAPHS_VERSION, columns.FEATURES_VERSION],
        view=lambda wildcards: VIEW_TEXT[wildcards.view],
    message:
        "Laying out shard {wildcards.shard} for {wildcards.view}"
    shell:
        'python "$SCRIPTS"/features.py --view {params.view:q} --shard {input.shard}'
        " --most-neighbours {input.most_neighbours} --descriptors {input.descriptors} --out {output} &> {log}"


rule view:
    """The files of a view in one list, by their contents: what trainings and predictions depend on."""
    input:
        shards=view_shards,
    output:
        "results/features/{view}/shards.json",
    log:
        "results/logs/features/{view}/shards.log",
    wildcard_constraints:
        view="[^/]+",
    conda:
        "../envs/data.yaml"
    params:
        version=columns.FEATURES_VERSION,
        shards=CONFIG.graph.shards,
    message:
        "Listing the features of {wildcards.view}"
    shell:
        'python "$SCRIPTS"/view.py --folder results/features/{wildcards.view} --shards {params.shards} --out {output} &> {log}'
