"""From graphs to what pretrained potentials say of every atom, one job per potential and shard, only where a tier asks."""


rule descriptors:
    """Features of every atom, its share of the energy and the crystal's energy, by a frozen potential."""
    input:
        shard=shard_to_describe,
    output:
        "results/descriptors/{potential}/shard-{shard}.parquet",
    log:
        "results/logs/descriptors/{potential}/shard-{shard}.log",
    benchmark:
        "results/benchmarks/descriptors/{potential}/shard-{shard}.tsv"
    wildcard_constraints:
        shard=r"\d+",
        potential="[^/]+",
    conda:
        "../envs/transfer.yaml"
    resources:
        gpu=one_gpu,
        mem_mb=needs.memory_mb("descriptors"),
        runtime=minutes("descriptors"),
    params:
        version=[columns.GRAPHS_VERSION, columns.DESCRIPTORS_VERSION],
        facts=facts_of,
    message:
        "Describing the atoms of shard {wildcards.shard} with {wildcards.potential} (progress: {log})"
    shell:
        'python "$SCRIPTS"/descriptors.py --potential {wildcards.potential} --shard {input.shard} --out {output}'
        " --threads {threads} --device $([ {resources.gpu} = 0 ] && echo cpu || echo auto) &> {log}"
