"""Your own crystals, through one of the models: looked through once, then in parts, then as one table.

How many parts there are is known before any job runs: `parts` of the entry, or the bytes of its files.
"""


wildcard_constraints:
    name="[^/]+",


rule screen_plan:
    """Which crystals each part holds, and where in the files it begins."""
    input:
        structures=screened,
    output:
        "results/screen/{name}/_plan.json",
    log:
        "results/logs/screen/{name}/plan.log",
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=needs.memory_mb("screen_plan"),
        runtime=minutes("screen_plan"),
    params:
        version=versions.SCREEN_VERSION,
        structures=lambda wildcards: screening(wildcards).structures,
        parts=n_parts,
    message:
        "Looking through {params.structures}"
    shell:
        'python "$SCRIPTS"/screen_plan.py {params.structures:q} --parts {params.parts} --out {output} &> {log}'


rule screen_part:
    """The values of a part, with intervals and warnings. What a stopped job has done is kept beside its output."""
    input:
        plan=part_plan,
        model=lambda wildcards: screening(wildcards).model,
    output:
        "results/screen/{name}/part-{part}.parquet",
    log:
        "results/logs/screen/{name}/part-{part}.log",
    wildcard_constraints:
        part=r"\d+",
    conda:
        "../envs/transfer.yaml"
    threads: TRAIN_THREADS
    resources:
        gpu=one_gpu,
        mem_mb=needs.memory_mb("screen_part"),
        runtime=minutes("screen_part"),
    params:
        version=columns.PREDICTIONS_VERSION,
        structures=lambda wildcards: screening(wildcards).structures,
    message:
        "Screening {wildcards.name}, part {wildcards.part}, with {input.model}"
    shell:
        'exec env $ALLOCATOR python "$SCRIPTS"/screen_part.py --plan {input.plan} --part {wildcards.part}'
        " --model={input.model:q} --out {output}"
        " --device $([ {resources.gpu} = 0 ] && echo cpu || echo auto) -- {params.structures:q} &> {log}"


rule screen_parts:
    """The parts without a CSV: read the folder as one Parquet table."""
    input:
        parts,
    output:
        touch("results/screen/{name}/_done"),


rule screen:
    """The values of config.yaml's `screen: <name>: {structures, model}` as one table, with units."""
    input:
        parts=parts,
    output:
        "results/screen/{name}.csv",
    log:
        "results/logs/screen/{name}.log",
    conda:
        "../envs/train.yaml"
    params:
        version=versions.SCREEN_VERSION,
        structures=lambda wildcards: screening(wildcards).structures,
        parts=n_parts,
    message:
        "Writing {output}"
    shell:
        'python "$SCRIPTS"/screen_table.py --folder results/screen/{wildcards.name} --parts {params.parts} --structures {params.structures:q} --out {output} &> {log}'
