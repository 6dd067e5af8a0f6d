"""Your own crystals, through one of the models."""


rule screen:
    """The values of config.yaml's `screen: <name>: {structures, model}`, with units, intervals and warnings."""
    input:
        structures=screened,
        model=lambda wildcards: screening(wildcards).model,
    output:
        "results/screen/{name}.csv",
    log:
        "results/logs/screen/{name}.log",
    conda:
        "../envs/train.yaml"
    threads: TRAIN_THREADS
    resources:
        gpu=one_gpu,
        mem_mb=needs.memory_mb("screen"),
        runtime=needs.minutes("screen"),
    params:
        version=columns.PREDICTIONS_VERSION,
        structures=lambda wildcards: screening(wildcards).structures,
    message:
        "Screening {wildcards.name} with {input.model}"
    shell:
        'env $ALLOCATOR python "$SCRIPTS"/screen.py --model={input.model:q} --out {output}'
        " --device $([ {resources.gpu} = 0 ] && echo cpu || echo auto) -- {params.structures:q} &> {log}"
