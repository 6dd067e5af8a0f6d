"""From graphs to trained models and their predictions: the only rules that use a GPU."""


onstart:
    if workflow.local_exec:
        limit = workflow.global_resources.get("gpu")
        os.environ[GPU_JOBS] = str(limit.value if limit else 1)
        foresee()
    elif on_slurm() and workflow.exec_mode.name == "DEFAULT":
        or_exit(check_jobs)


if PRETRAINED:

    ruleorder: pretrained > train

    rule pretrained:
        """A released model instead of a training; its graph settings are compared when it predicts."""
        input:
            released,
        output:
            "results/{tier}/{task}.pt",
        log:
            "results/logs/train/{tier}/{task}.log",
        message:
            "Taking {wildcards.tier}/{wildcards.task} from {input}"
        shell:
            "(cp -- {input:q} {output} && printf 'not trained here, but taken from %s\\n' {input:q}) &> {log}"


rule train:
    """One model. Its state lives in results/runs/{tier}/{task}, undeclared, so that an interrupted run resumes."""
    input:
        records="results/data/records.parquet",
        splits="results/data/splits.parquet",
        outliers="results/data/outliers.csv",
        features=seen_features,
        init=trunk,
    output:
        "results/{tier}/{task}.pt",
    log:
        "results/logs/train/{tier}/{task}.log",
    benchmark:
        "results/benchmarks/train/{tier}/{task}.tsv"
    priority: trains_early
    conda:
        "../envs/train.yaml"
    threads: TRAIN_THREADS
    resources:
        gpu=gpus_per_model,
        nodes=1,  # of several GPUs: torchrun starts its processes on one node
        mem_mb=needs.training_memory_mb,
        runtime=needs.training_minutes,
    params:
        version=columns.CHECKPOINT_VERSION,
        settings=lambda wildcards: CONFIG.tiers[wildcards.tier].for_task(wildcards.task),
        properties=multitask_properties,
        init=lambda wildcards, input: f"--init {quote(str(input.init))}" if input.init else "",
    message:
        "Training {wildcards.tier}/{wildcards.task} (a line an epoch: {log})"
    # exec: no shell that a signal ends at once, before the trainer has saved its state, and with it a job of a cluster.
    shell:
        "exec env $ALLOCATOR python"
        " $([ {resources.gpu} -gt 1 ] && echo -m torch.distributed.run --standalone --nproc-per-node {resources.gpu} --)"
        ' "$SCRIPTS"/train.py --tier {wildcards.tier} --task {wildcards.task} --settings {params.settings:q}'
        " --records {input.records} --splits {input.splits} --outliers {input.outliers} --features {input.features}"
        " --run results/runs/{wildcards.tier}/{wildcards.task} {params.properties} {params.init} --out {output}"
        " --threads {threads} --device $([ {resources.gpu} = 0 ] && echo cpu || echo auto) &> {log}"


rule predict:
    """The model's values and intervals for the validation and test crystals: what everything after reads."""
    input:
        model="results/{tier}/{task}.pt",
        records="results/data/records.parquet",
        splits="results/data/splits.parquet",
        features=seen_features,
    output:
        "results/{tier}/{task}.predictions.parquet",
    log:
        "results/logs/predict/{tier}/{task}.log",
    priority: 100
    conda:
        "../envs/train.yaml"
    threads: TRAIN_THREADS
    resources:
        gpu=one_gpu,
        mem_mb=needs.memory_mb("predict"),
        runtime=minutes("predict"),
    params:
        version=columns.PREDICTIONS_VERSION,
    message:
        "Predicting with {wildcards.tier}/{wildcards.task}"
    shell:
        'env $ALLOCATOR python "$SCRIPTS"/predict.py --model {input.model} --records {input.records} --splits {input.splits}'
        " --features {input.features} --out {output}"
        " --threads {threads} --device $([ {resources.gpu} = 0 ] && echo cpu || echo auto) &> {log}"
