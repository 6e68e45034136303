"""The compendium, in reading order: census, personas, prompts, feedback, analysis, figures, claims.

A rule of the form NN runs notebooks/NN_*.ipynb. A rule collect_* asks models and keeps a ledger;
a notebook only replays sealed ledgers.
"""

from workflow.library import library_files
from workflow.settings import is_simulated, stage_settings, validated


configfile: "config/demo.yaml"


config = validated(config)

RUN = "data/runs/{run}"
FIGURES = "figures/runs/{run}"
SHARDS = range(config["shards"])
TEMPLATES = sorted(expand("data/templates/{name}.yaml", name=glob_wildcards("data/templates/{name}.yaml").name))
SIMULATED = is_simulated(config)
# Not among the parameters of a rule: raising the cap must ask nothing anew.
CAP = "none" if config["spend"]["cap_usd"] is None else config["spend"]["cap_usd"]


wildcard_constraints:
    run="[a-z0-9_]+",
    stage="personas|prompts|feedback|validation|pool|ablation|benchmark|pass_at_k",
    shard=r"\d+",


rule all:
    """Everything up to the claims."""
    default_target: True
    input:
        expand(f"{RUN}/claims.parquet", run=config["run"]),
        expand(f"{RUN}/plan.parquet", run=config["run"]),
        expand(f"{RUN}/dataset", run=config["run"]),


rule configuration:
    """The configuration of the run in one piece: every key with the value that counted."""
    output:
        configuration=f"{RUN}/configuration.yaml",
    log:
        f"{RUN}/logs/configuration.log",
    params:
        settings=config,
    message:
        "configuration of the run"
    script:
        "workflow/write_configuration.py"


rule overview:
    """00: what is computed, from what, and how many model calls it takes?"""
    input:
        notebook="notebooks/00_overview.ipynb",
        library=library_files("notebooks/00_overview.ipynb") + TEMPLATES,
        configuration=rules.configuration.output.configuration,
        decisions="data/reference/decisions.csv",
        bank=config["prompts"]["bank"],
        lengths="data/reference/typical_lengths.csv",
        prices="data/reference/prices.csv",
    output:
        plan=f"{RUN}/plan.parquet",
        notebook=f"{RUN}/notebooks/00_overview.ipynb",
    log:
        f"{RUN}/logs/00_overview.log",
    params:
        templates="../data/templates",
    message:
        "00 overview and plan of the calls"
    script:
        "workflow/run_notebook.py"


rule seal:
    """Gather the shards of one stage into its sealed ledger, which notebooks replay."""
    input:
        shards=expand(
            f"{RUN}/sealed/{{stage}}-{{shard}}-of-{{of}}.parquet",
            shard=SHARDS,
            of=config["shards"],
            allow_missing=True,
        ),
    output:
        ledger=f"{RUN}/sealed/{{stage}}.parquet",
    log:
        f"{RUN}/logs/seal_{{stage}}.log",
    message:
        "seal the ledger of {wildcards.stage}"
    shell:
        "persona seal {input.shards} --out {output.ledger} > {log}"


rule census:
    """01: who lives in the United States?  (Figure 13)"""
    input:
        notebook="notebooks/01_census.ipynb",
        library=library_files("notebooks/01_census.ipynb"),
        files=config["census"]["files"],
        dictionary=config["census"]["dictionary"],
    output:
        census=f"{RUN}/census.parquet",
        replicates=f"{RUN}/replicates.parquet",
        records=directory(f"{RUN}/records"),
        notebook=f"{RUN}/notebooks/01_census.ipynb",
    log:
        f"{RUN}/logs/01_census.log",
    message:
        "01 census records to attributes"
    script:
        "workflow/run_notebook.py"


rule population:
    """02: does a weighted draw look like its census?  (Figures 2, 13)"""
    input:
        notebook="notebooks/02_population.ipynb",
        library=library_files("notebooks/02_population.ipynb"),
        census=rules.census.output.census,
        replicates=rules.census.output.replicates,
        published="data/reference/published_acs2018_1yr.csv.gz",
    output:
        draws=f"{RUN}/draws.parquet",
        margins=f"{RUN}/margins.parquet",
        fidelity=f"{RUN}/fidelity.parquet",
        notebook=f"{RUN}/notebooks/02_population.ipynb",
    log:
        f"{RUN}/logs/02_population.log",
    params:
        seed=config["seed"],
        n_draws=config["population"]["n_draws"],
        adults_only=config["population"]["adults_only"],
        group_quarters=config["population"]["group_quarters"],
        strata=config["population"]["strata"],
    message:
        "02 weighted draws and their fidelity"
    script:
        "workflow/run_notebook.py"


rule collect_personas:
    """Write the free-text fields of every candidate and ask whether it is consistent."""
    input:
        census=rules.census.output.census,
        draws=rules.population.output.draws,
        chain="data/reference/chain_coefficients.csv",
        norms="data/reference/big_five_norms.csv",
        quirks="data/reference/traits_quirks.csv",
        mannerisms="data/reference/traits_mannerisms.csv",
        lifestyles="data/reference/traits_lifestyle.csv",
        core_values="data/reference/traits_core_values.csv",
        personal_time="data/reference/traits_personal_time.csv",
        templates=TEMPLATES,
        library=library_files("persona_lib/stages/personas.py"),
    output:
        sealed=f"{RUN}/sealed/personas-{{shard}}-of-{{of}}.parquet",
    log:
        f"{RUN}/logs/collect_personas-{{shard}}-of-{{of}}.log",
    params:
        settings=stage_settings(config, ["personas"]),
        ledger=f"{RUN}/ledger",
    message:
        "collect personas, shard {wildcards.shard} of {wildcards.of}"
    shell:
        "persona collect personas --shard {wildcards.shard} --of {wildcards.of}"
        " --settings {params.settings:q} --templates data/templates"
        " --read census={input.census} draws={input.draws} chain={input.chain} norms={input.norms}"
        " quirks={input.quirks} mannerisms={input.mannerisms} lifestyles={input.lifestyles}"
        " core_values={input.core_values} personal_time={input.personal_time}"
        " --ledger {params.ledger} --cap-usd {CAP} --sealed {output.sealed} --log {log}"


rule personas:
    """03: what is a persona made of, and where does each field come from?  (Figures 1, 2)"""
    input:
        notebook="notebooks/03_personas.ipynb",
        library=library_files("notebooks/03_personas.ipynb"),
        census=rules.census.output.census,
        draws=rules.population.output.draws,
        chain="data/reference/chain_coefficients.csv",
        norms="data/reference/big_five_norms.csv",
        quirks="data/reference/traits_quirks.csv",
        mannerisms="data/reference/traits_mannerisms.csv",
        lifestyles="data/reference/traits_lifestyle.csv",
        core_values="data/reference/traits_core_values.csv",
        personal_time="data/reference/traits_personal_time.csv",
        scores="data/reference/chain_scores.csv",
        calibration="data/reference/chain_calibration.csv",
        external="data/reference/chain_external.csv",
        national="data/reference/national_margins.csv",
        ledger=f"{RUN}/sealed/personas.parquet" if config["personas"]["model_stage"] else [],
    output:
        candidates=f"{RUN}/candidates.parquet",
        personas=f"{RUN}/personas.parquet",
        provenance=f"{RUN}/provenance.parquet",
        persona_audit=f"{RUN}/persona_audit.parquet",
        persona_weights=f"{RUN}/persona_weights.parquet",
        notebook=f"{RUN}/notebooks/03_personas.ipynb",
    log:
        f"{RUN}/logs/03_personas.log",
    params:
        seed=config["seed"],
        n=config["personas"]["n"],
        n_train=config["personas"]["n_train"],
        big_five=config["personas"]["big_five"],
        n_bootstrap=config["resample"]["n_bootstrap"],
        simulated=SIMULATED,
    message:
        "03 personas with provenance"
    script:
        "workflow/run_notebook.py"


rule dataset:
    """The personas as a folder that Hugging Face datasets loads, with its card."""
    input:
        library=[*library_files("persona_lib/showing/export.py"), "workflow/write_dataset.py"],
        personas=rules.personas.output.personas,
        provenance=rules.personas.output.provenance,
        persona_weights=rules.personas.output.persona_weights,
    output:
        dataset=directory(f"{RUN}/dataset"),
    log:
        f"{RUN}/logs/dataset.log",
    params:
        files=config["census"]["files"],
        big_five=config["personas"]["big_five"],
        simulated=SIMULATED,
    message:
        "dataset folder of the personas"
    script:
        "workflow/write_dataset.py"


rule collect_prompts:
    """Ask whether each opening prompt is controversial, and what it is about."""
    input:
        bank=config["prompts"]["bank"],
        topics="data/reference/prism_topics.csv",
        templates=TEMPLATES,
        library=library_files("persona_lib/stages/prompts.py"),
    output:
        sealed=f"{RUN}/sealed/prompts-{{shard}}-of-{{of}}.parquet",
    log:
        f"{RUN}/logs/collect_prompts-{{shard}}-of-{{of}}.log",
    params:
        settings=stage_settings(config, ["prompts"]),
        ledger=f"{RUN}/ledger",
    message:
        "collect prompts, shard {wildcards.shard} of {wildcards.of}"
    shell:
        "persona collect prompts --shard {wildcards.shard} --of {wildcards.of}"
        " --settings {params.settings:q} --templates data/templates"
        " --read bank={input.bank} topics={input.topics}"
        " --ledger {params.ledger} --cap-usd {CAP} --sealed {output.sealed} --log {log}"


rule prompts:
    """04: which questions divide people?  (Figure 3)"""
    input:
        notebook="notebooks/04_prompts.ipynb",
        library=library_files("notebooks/04_prompts.ipynb"),
        bank=config["prompts"]["bank"],
        topics="data/reference/prism_topics.csv",
        ledger=f"{RUN}/sealed/prompts.parquet",
    output:
        prompts=f"{RUN}/prompts.parquet",
        notebook=f"{RUN}/notebooks/04_prompts.ipynb",
    log:
        f"{RUN}/logs/04_prompts.log",
    params:
        seed=config["seed"],
        n=config["prompts"]["n"],
        n_train=config["prompts"]["n_train"],
        simulated=SIMULATED,
    message:
        "04 prompts kept, dropped and split"
    script:
        "workflow/run_notebook.py"


rule collect_feedback:
    """Answer without a persona, criticise as the persona, revise."""
    input:
        personas=rules.personas.output.personas,
        prompts=rules.prompts.output.prompts,
        templates=TEMPLATES,
        library=library_files("persona_lib/stages/feedback.py"),
    output:
        sealed=f"{RUN}/sealed/feedback-{{shard}}-of-{{of}}.parquet",
    log:
        f"{RUN}/logs/collect_feedback-{{shard}}-of-{{of}}.log",
    params:
        settings=stage_settings(config, ["feedback"]),
        ledger=f"{RUN}/ledger",
    message:
        "collect feedback, shard {wildcards.shard} of {wildcards.of}"
    shell:
        "persona collect feedback --shard {wildcards.shard} --of {wildcards.of}"
        " --settings {params.settings:q} --templates data/templates"
        " --read personas={input.personas} prompts={input.prompts}"
        " --ledger {params.ledger} --cap-usd {CAP} --sealed {output.sealed} --log {log}"


rule feedback:
    """05: how does a critique become a preference?  (Figure 4)"""
    input:
        notebook="notebooks/05_feedback.ipynb",
        library=library_files("notebooks/05_feedback.ipynb"),
        personas=rules.personas.output.personas,
        prompts=rules.prompts.output.prompts,
        ledger=f"{RUN}/sealed/feedback.parquet",
    output:
        pairs=f"{RUN}/pairs.parquet",
        answers=f"{RUN}/answers.parquet",
        notebook=f"{RUN}/notebooks/05_feedback.ipynb",
    log:
        f"{RUN}/logs/05_feedback.log",
    params:
        seed=config["seed"],
        n_train_pairs=config["feedback"]["n_train_pairs"],
        n_heldout_pairs=config["feedback"]["n_heldout_pairs"],
        n_heldout_prompts=config["feedback"]["n_heldout_prompts"],
        template=config["feedback"]["template"],
        simulated=SIMULATED,
    message:
        "05 preference pairs"
    script:
        "workflow/run_notebook.py"


rule collect_validation:
    """Judge pairs under their own, a swapped and no persona, in both orders."""
    input:
        personas=rules.personas.output.personas,
        prompts=rules.prompts.output.prompts,
        pairs=rules.feedback.output.pairs,
        answers=rules.feedback.output.answers,
        templates=TEMPLATES,
        library=library_files("persona_lib/stages/validation.py"),
    output:
        sealed=f"{RUN}/sealed/validation-{{shard}}-of-{{of}}.parquet",
    log:
        f"{RUN}/logs/collect_validation-{{shard}}-of-{{of}}.log",
    params:
        settings=stage_settings(config, ["validation"]),
        ledger=f"{RUN}/ledger",
    message:
        "collect validation, shard {wildcards.shard} of {wildcards.of}"
    shell:
        "persona collect validation --shard {wildcards.shard} --of {wildcards.of}"
        " --settings {params.settings:q} --templates data/templates"
        " --read personas={input.personas} prompts={input.prompts} pairs={input.pairs} answers={input.answers}"
        " --ledger {params.ledger} --cap-usd {CAP} --sealed {output.sealed} --log {log}"


rule validation:
    """06: do the pairs say what their personas prefer?"""
    input:
        notebook="notebooks/06_validation.ipynb",
        library=library_files("notebooks/06_validation.ipynb"),
        personas=rules.personas.output.personas,
        prompts=rules.prompts.output.prompts,
        pairs=rules.feedback.output.pairs,
        answers=rules.feedback.output.answers,
        ledger=f"{RUN}/sealed/validation.parquet",
    output:
        judgements=f"{RUN}/judgements.parquet",
        validation=f"{RUN}/validation.parquet",
        notebook=f"{RUN}/notebooks/06_validation.ipynb",
    log:
        f"{RUN}/logs/06_validation.log",
    params:
        seed=config["seed"],
        n_pairs=config["validation"]["n_pairs"],
        n_bootstrap=config["resample"]["n_bootstrap"],
        simulated=SIMULATED,
    message:
        "06 validation of the pairs"
    script:
        "workflow/run_notebook.py"


rule collect_pool:
    """Answer the common pool twice and let every rater judge it."""
    input:
        personas=rules.personas.output.personas,
        prompts=rules.prompts.output.prompts,
        templates=TEMPLATES,
        library=library_files("persona_lib/stages/pool.py"),
    output:
        sealed=f"{RUN}/sealed/pool-{{shard}}-of-{{of}}.parquet",
    log:
        f"{RUN}/logs/collect_pool-{{shard}}-of-{{of}}.log",
    params:
        settings=stage_settings(config, ["pool"]),
        ledger=f"{RUN}/ledger",
    message:
        "collect pool, shard {wildcards.shard} of {wildcards.of}"
    shell:
        "persona collect pool --shard {wildcards.shard} --of {wildcards.of}"
        " --settings {params.settings:q} --templates data/templates"
        " --read personas={input.personas} prompts={input.prompts}"
        " --ledger {params.ledger} --cap-usd {CAP} --sealed {output.sealed} --log {log}"


rule agreement:
    """07: how often do raters agree beyond chance?  (Figures 6-9)"""
    input:
        notebook="notebooks/07_agreement.ipynb",
        library=library_files("notebooks/07_agreement.ipynb"),
        personas=rules.personas.output.personas,
        prompts=rules.prompts.output.prompts,
        ledger=f"{RUN}/sealed/pool.parquet",
    output:
        pool_items=f"{RUN}/pool_items.parquet",
        pool_answers=f"{RUN}/pool_answers.parquet",
        pool_judgements=f"{RUN}/pool_judgements.parquet",
        kappas=f"{RUN}/kappas.parquet",
        agreement=f"{RUN}/agreement.parquet",
        notebook=f"{RUN}/notebooks/07_agreement.ipynb",
    log:
        f"{RUN}/logs/07_agreement.log",
    params:
        seed=config["seed"],
        n_items=config["pool"]["n_items"],
        n_panel_personas=config["pool"]["n_panel_personas"],
        n_raters=config["pool"]["n_raters"],
        n_panel_items=config["pool"]["n_panel_items"],
        min_shared=config["agreement"]["min_shared"],
        n_bootstrap=config["resample"]["n_bootstrap"],
        simulated=SIMULATED,
    message:
        "07 agreement between raters"
    script:
        "workflow/run_notebook.py"


rule collect_ablation:
    """Judge the pool with and without each attribute."""
    input:
        personas=rules.personas.output.personas,
        prompts=rules.prompts.output.prompts,
        pool_items=rules.agreement.output.pool_items,
        pool_answers=rules.agreement.output.pool_answers,
        templates=TEMPLATES,
        library=library_files("persona_lib/stages/ablation.py"),
    output:
        sealed=f"{RUN}/sealed/ablation-{{shard}}-of-{{of}}.parquet",
    log:
        f"{RUN}/logs/collect_ablation-{{shard}}-of-{{of}}.log",
    params:
        settings=stage_settings(config, ["ablation"]),
        ledger=f"{RUN}/ledger",
    message:
        "collect ablation, shard {wildcards.shard} of {wildcards.of}"
    shell:
        "persona collect ablation --shard {wildcards.shard} --of {wildcards.of}"
        " --settings {params.settings:q} --templates data/templates"
        " --read personas={input.personas} prompts={input.prompts} pool_items={input.pool_items} pool_answers={input.pool_answers}"
        " --ledger {params.ledger} --cap-usd {CAP} --sealed {output.sealed} --log {log}"


rule ablation:
    """08: which attribute moves a choice?  (Figure 5)"""
    input:
        notebook="notebooks/08_ablation.ipynb",
        library=library_files("notebooks/08_ablation.ipynb"),
        personas=rules.personas.output.personas,
        prompts=rules.prompts.output.prompts,
        pool_items=rules.agreement.output.pool_items,
        pool_answers=rules.agreement.output.pool_answers,
        ledger=f"{RUN}/sealed/ablation.parquet",
    output:
        ablation_judgements=f"{RUN}/ablation_judgements.parquet",
        influences=f"{RUN}/influences.parquet",
        notebook=f"{RUN}/notebooks/08_ablation.ipynb",
    log:
        f"{RUN}/logs/08_ablation.log",
    params:
        seed=config["seed"],
        n_personas=config["ablation"]["n_personas"],
        n_questions=config["ablation"]["n_questions"],
        n_shown=config["ablation"]["n_shown"],
        n_bootstrap=config["resample"]["n_bootstrap"],
        simulated=SIMULATED,
    message:
        "08 leave one attribute out"
    script:
        "workflow/run_notebook.py"


rule collect_benchmark:
    """Answer in four modes and let the examiner say what still needs revision."""
    input:
        personas=rules.personas.output.personas,
        prompts=rules.prompts.output.prompts,
        templates=TEMPLATES,
        library=library_files("persona_lib/stages/benchmark.py"),
    output:
        sealed=f"{RUN}/sealed/benchmark-{{shard}}-of-{{of}}.parquet",
    log:
        f"{RUN}/logs/collect_benchmark-{{shard}}-of-{{of}}.log",
    params:
        settings=stage_settings(config, ["benchmark"]),
        ledger=f"{RUN}/ledger",
    message:
        "collect benchmark, shard {wildcards.shard} of {wildcards.of}"
    shell:
        "persona collect benchmark --shard {wildcards.shard} --of {wildcards.of}"
        " --settings {params.settings:q} --templates data/templates"
        " --read personas={input.personas} prompts={input.prompts}"
        " --ledger {params.ledger} --cap-usd {CAP} --sealed {output.sealed} --log {log}"


rule benchmark:
    """09: can a model write for a persona?  (Figures 10, 11)"""
    input:
        notebook="notebooks/09_benchmark.ipynb",
        library=library_files("notebooks/09_benchmark.ipynb"),
        personas=rules.personas.output.personas,
        prompts=rules.prompts.output.prompts,
        ledger=f"{RUN}/sealed/benchmark.parquet",
    output:
        attempts=f"{RUN}/attempts.parquet",
        dropped=f"{RUN}/dropped.parquet",
        benchmark=f"{RUN}/benchmark.parquet",
        notebook=f"{RUN}/notebooks/09_benchmark.ipynb",
    log:
        f"{RUN}/logs/09_benchmark.log",
    params:
        seed=config["seed"],
        n_items=config["benchmark"]["n_items"],
        n_bootstrap=config["resample"]["n_bootstrap"],
        simulated=SIMULATED,
    message:
        "09 PERSONA Bench"
    script:
        "workflow/run_notebook.py"


rule collect_pass_at_k:
    """Attempt each benchmark item many times."""
    input:
        personas=rules.personas.output.personas,
        prompts=rules.prompts.output.prompts,
        templates=TEMPLATES,
        library=library_files("persona_lib/stages/pass_at_k.py"),
    output:
        sealed=f"{RUN}/sealed/pass_at_k-{{shard}}-of-{{of}}.parquet",
    log:
        f"{RUN}/logs/collect_pass_at_k-{{shard}}-of-{{of}}.log",
    params:
        settings=stage_settings(config, ["pass_at_k"]),
        ledger=f"{RUN}/ledger",
    message:
        "collect pass_at_k, shard {wildcards.shard} of {wildcards.of}"
    shell:
        "persona collect pass_at_k --shard {wildcards.shard} --of {wildcards.of}"
        " --settings {params.settings:q} --templates data/templates"
        " --read personas={input.personas} prompts={input.prompts}"
        " --ledger {params.ledger} --cap-usd {CAP} --sealed {output.sealed} --log {log}"


rule pass_at_k:
    """10: how much do more attempts help?  (Figure 12)"""
    input:
        notebook="notebooks/10_pass_at_k.ipynb",
        library=library_files("notebooks/10_pass_at_k.ipynb"),
        personas=rules.personas.output.personas,
        prompts=rules.prompts.output.prompts,
        ledger=f"{RUN}/sealed/pass_at_k.parquet",
    output:
        pass_attempts=f"{RUN}/pass_attempts.parquet",
        pass_at_k=f"{RUN}/pass_at_k.parquet",
        notebook=f"{RUN}/notebooks/10_pass_at_k.ipynb",
    log:
        f"{RUN}/logs/10_pass_at_k.log",
    params:
        seed=config["seed"],
        n_items=config["pass_at_k"]["n_items"],
        n_attempts=config["pass_at_k"]["n_attempts"],
        n_bootstrap=config["resample"]["n_bootstrap"],
        simulated=SIMULATED,
    message:
        "10 pass@k"
    script:
        "workflow/run_notebook.py"


rule pluralism:
    """11: who is served worse than the majority?"""
    input:
        notebook="notebooks/11_pluralism.ipynb",
        library=library_files("notebooks/11_pluralism.ipynb"),
        personas=rules.personas.output.personas,
        prompts=rules.prompts.output.prompts,
        pool_items=rules.agreement.output.pool_items,
        pool_judgements=rules.agreement.output.pool_judgements,
        attempts=rules.benchmark.output.attempts,
    output:
        pluralism=f"{RUN}/pluralism.parquet",
        notebook=f"{RUN}/notebooks/11_pluralism.ipynb",
    log:
        f"{RUN}/logs/11_pluralism.log",
    params:
        seed=config["seed"],
        n_bootstrap=config["resample"]["n_bootstrap"],
        simulated=SIMULATED,
    message:
        "11 pluralism"
    script:
        "workflow/run_notebook.py"


rule figures:
    """14: the paper's figures"""
    input:
        notebook="notebooks/14_figures.ipynb",
        library=library_files("notebooks/14_figures.ipynb"),
        margins=rules.population.output.margins,
        personas=rules.personas.output.personas,
        provenance=rules.personas.output.provenance,
        prompts=rules.prompts.output.prompts,
        influences=rules.ablation.output.influences,
        kappas=rules.agreement.output.kappas,
        agreement=rules.agreement.output.agreement,
        benchmark=rules.benchmark.output.benchmark,
        dropped=rules.benchmark.output.dropped,
        pass_at_k=rules.pass_at_k.output.pass_at_k,
    output:
        figures=f"{RUN}/figures.parquet",
        figure_01=f"{FIGURES}/figure_01.png",
        figure_02=f"{FIGURES}/figure_02.png",
        figure_03=f"{FIGURES}/figure_03.png",
        figure_04=f"{FIGURES}/figure_04.png",
        figure_05=f"{FIGURES}/figure_05.png",
        figure_06=f"{FIGURES}/figure_06.png",
        figure_07=f"{FIGURES}/figure_07.png",
        figure_08=f"{FIGURES}/figure_08.png",
        figure_09=f"{FIGURES}/figure_09.png",
        figure_10=f"{FIGURES}/figure_10.png",
        figure_11=f"{FIGURES}/figure_11.png",
        figure_12=f"{FIGURES}/figure_12.png",
        figure_13=f"{FIGURES}/figure_13.png",
        notebook=f"{RUN}/notebooks/14_figures.ipynb",
    log:
        f"{RUN}/logs/14_figures.log",
    params:
        simulated=SIMULATED,
    message:
        "14 figures"
    script:
        "workflow/run_notebook.py"


rule truth:
    """What the simulated world would answer on average: read only where a section says recovery."""
    input:
        census=rules.census.output.census,
        chain="data/reference/chain_coefficients.csv",
        norms="data/reference/big_five_norms.csv",
        quirks="data/reference/traits_quirks.csv",
        mannerisms="data/reference/traits_mannerisms.csv",
        lifestyles="data/reference/traits_lifestyle.csv",
        core_values="data/reference/traits_core_values.csv",
        personal_time="data/reference/traits_personal_time.csv",
        prompts=rules.prompts.output.prompts,
        pool_items=rules.agreement.output.pool_items,
        pool_answers=rules.agreement.output.pool_answers,
        library=library_files("persona_lib/simulator/truth.py"),
        steps=library_files("persona_lib/commands/truth.py"),
    output:
        truth=f"{RUN}/truth.parquet",
    log:
        f"{RUN}/logs/truth.log",
    params:
        settings=stage_settings(
            config, ["population", "personas", "feedback", "pool", "ablation", "benchmark", "pass_at_k"]
        ),
    message:
        "truth of the simulated world"
    shell:
        "persona truth --settings {params.settings:q} --read census={input.census} chain={input.chain}"
        " norms={input.norms} quirks={input.quirks} mannerisms={input.mannerisms} lifestyles={input.lifestyles}"
        " core_values={input.core_values} personal_time={input.personal_time} prompts={input.prompts}"
        " pool_items={input.pool_items} pool_answers={input.pool_answers} --out {output.truth} > {log}"


rule claims:
    """15: what does the paper claim, and what do we find?"""
    input:
        notebook="notebooks/15_claims.ipynb",
        library=library_files("notebooks/15_claims.ipynb"),
        register="data/reference/claims.csv",
        fidelity=rules.population.output.fidelity,
        persona_audit=rules.personas.output.persona_audit,
        prompts=rules.prompts.output.prompts,
        pairs=rules.feedback.output.pairs,
        validation=rules.validation.output.validation,
        agreement=rules.agreement.output.agreement,
        influences=rules.ablation.output.influences,
        benchmark=rules.benchmark.output.benchmark,
        pass_at_k=rules.pass_at_k.output.pass_at_k,
        pluralism=rules.pluralism.output.pluralism,
        truth=rules.truth.output.truth if SIMULATED else [],
        figures=rules.figures.output.figures,
    output:
        claims=f"{RUN}/claims.parquet",
        notebook=f"{RUN}/notebooks/15_claims.ipynb",
    log:
        f"{RUN}/logs/15_claims.log",
    params:
        simulated=SIMULATED,
    message:
        "15 ledger of claims"
    script:
        "workflow/run_notebook.py"
