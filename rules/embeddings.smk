"""Your own crystals as features for other models: what a trained network or a potential knows of them."""


rule embeddings:
    """config.yaml's `embeddings: <name>: {structures, model, per}` as one table."""
    input:
        structures=embedded,
        model=embedding_model,
    output:
        "results/embeddings/{name}.parquet",
    log:
        "results/logs/embeddings/{name}.log",
    conda:
        "../envs/transfer.yaml"
    threads: TRAIN_THREADS
    resources:
        gpu=one_gpu,
        mem_mb=needs.memory_mb("embeddings"),
        runtime=minutes("embeddings"),
    params:
        code=digest(SCRIPTS / "embeddings.py"),
        structures=lambda wildcards: embedding(wildcards).structures,
        model=lambda wildcards: embedding(wildcards).model,
        per=lambda wildcards: embedding(wildcards).per,
    message:
        "Features of {params.structures} by {params.model}"
    shell:
        'env $ALLOCATOR python "$SCRIPTS"/embeddings.py --model={params.model:q} --per {params.per}'
        " --out {output} --device $([ {resources.gpu} = 0 ] && echo cpu || echo auto)"
        " -- {params.structures:q} &> {log}"
