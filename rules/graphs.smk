"""From crystals to graphs with 3-body angles, one job per shard.

`graph.search` is no parameter but a variable of the environment: it finds the same graphs, so that another one is no reason to build them again.
"""


rule graph_shard:
    """Neighbour edges and the cosines of all angles between them, for one part of the crystals."""
    input:
        records=shard_records,
    output:
        "results/graphs/shard-{shard}.parquet",
    log:
        "results/logs/graphs/shard-{shard}.log",
    benchmark:
        "results/benchmarks/graphs/shard-{shard}.tsv"
    wildcard_constraints:
        shard=r"\d+",
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=needs.memory_mb("graph_shard"),
        runtime=needs.minutes("graph_shard"),
    params:
        version=columns.GRAPHS_VERSION,
        settings=CONFIG.graph.model_copy(update={"search": "cpu"}).to_json(),
    message:
        "Building graphs, shard {wildcards.shard}"
    shell:
        'python "$SCRIPTS"/graphs.py --settings {params.settings:q} --records {input.records}'
        ' --shard {wildcards.shard} --search "$SEARCH" --out {output} &> {log}'


rule graph_statistics:
    """How many neighbours, how long, at which angles; and one crystal's graph to draw: for the page."""
    input:
        shards=SHARDS,
    output:
        "results/graphs/statistics.json",
    log:
        "results/logs/graphs/statistics.log",
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=needs.memory_mb("graph_statistics"),
        runtime=needs.minutes("graph_statistics"),
    params:
        code=digest(SCRIPTS / "graph_statistics.py"),
    message:
        "Counting neighbours and angles"
    shell:
        'python "$SCRIPTS"/graph_statistics.py --shards {input.shards} --out {output} &> {log}'
