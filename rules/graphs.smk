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
        runtime=minutes("graph_statistics"),
    params:
        code=digest(SCRIPTS / "graph_statistics.py"),
        shards=CONFIG.graph.shards,
    message:
        "Counting neighbours and angles"
    shell:
        'python "$SCRIPTS"/graph_statistics.py --graphs results/graphs --shards {params.shards} --out {output} &> {log}'


rule most_neighbours:
    """The most that any atom has, only where a view takes all neighbours: its files have as many slots."""
    input:
        shards=SHARDS,
    output:
        "results/graphs/most_neighbours.json",
    log:
        "results/logs/graphs/most_neighbours.log",
    conda:
        "../envs/data.yaml"
    params:
        version=columns.GRAPHS_VERSION,
        shards=CONFIG.graph.shards,
    message:
        "Looking for the atom with the most neighbours"
    shell:
        'python "$SCRIPTS"/most_neighbours.py --graphs results/graphs --shards {params.shards} --out {output} &> {log}'
