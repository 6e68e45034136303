"""The compendium in reading order: rule NN runs notebooks/NN_*.ipynb. No `shell:`, which would run a file's name."""

from workflow.library import library_files, notebook
from workflow.paths import without_wildcards
from workflow.settings import is_simulated, stage_settings, validated


configfile: "config/demo.yaml"


config = validated(config, ["config/demo.yaml", *workflow.overwrite_configfiles])

RUN = "data/runs/{run}"
TEMPLATES = sorted(expand("data/templates/{name}.yaml", name=glob_wildcards("data/templates/{name}.yaml").name))
SIMULATED = is_simulated(config)
STAGES = ["personas", "prompts", "feedback", "validation", "pool", "ablation", "benchmark", "pass_at_k", "survey"]
FIRST = 1  # the priority of the longest chain of rules: feedback, validation, benchmark
ASKED = STAGES if config["personas"]["model_stage"] else STAGES[1:]
SHARDS = config["shards"] or workflow.cores
BANK, DICTIONARY, *CENSUS = without_wildcards(
    config["prompts"]["bank"], config["census"]["dictionary"], *config["census"]["files"]
)
PUBLISHED = ["data/reference/published_acs2018_1yr.csv.gz", "data/reference/published_acs2020_2024_5yr.csv"]
PAGES = [f"persona_lib/site/templates/{name}.html" for name in ("claims", "claims_alone")]
# What the fields of a persona are drawn from.
FIELDS = {
    "chain": "data/reference/chain_coefficients.csv",
    "norms": "data/reference/big_five_norms.csv",
    "quirks": "data/reference/traits_quirks.csv",
    "mannerisms": "data/reference/traits_mannerisms.csv",
    "lifestyles": "data/reference/traits_lifestyle.csv",
    "core_values": "data/reference/traits_core_values.csv",
    "personal_time": "data/reference/traits_personal_time.csv",
}


wildcard_constraints:
    run="[a-z0-9_]+",
    stage="|".join(STAGES),
    shard=r"\d+",


rule all:
    """Everything up to the claims."""
    default_target: True
    input:
        expand(
            f"{RUN}/{{last}}",
            run=config["run"],
            last=["claims.parquet", "claims.html", "plan.parquet", "humans.parquet", "learning.parquet", "dataset"],
        ),


rule configuration:
    """The configuration of the run in one piece: every key with the value that counted."""
    output:
        configuration=f"{RUN}/configuration.yaml",
    log:
        f"{RUN}/logs/configuration.log",
    params:
        settings=config,
    message:
        "configuration"
    script:
        "workflow/write_configuration.py"


rule overview:
    """00: what is computed, from what, and how many model calls it takes?"""
    input:
        **notebook("00_overview", *TEMPLATES),
        configuration=rules.configuration.output.configuration,
        decisions="data/reference/decisions.csv",
        bank=BANK,
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
        "00 overview"
    script:
        "workflow/run_notebook.py"


rule seal:
    """Gather the shards of one stage into its sealed ledger, which notebooks replay."""
    input:
        shards=[f"{RUN}/sealed/{{stage}}-{shard}-of-{SHARDS}.parquet" for shard in range(SHARDS)],
    output:
        ledger=f"{RUN}/sealed/{{stage}}.parquet",
    log:
        f"{RUN}/logs/seal_{{stage}}.log",
    priority: FIRST
    message:
        "seal {wildcards.stage}"
    script:
        "workflow/run_persona.py"


rule executed:
    """What the rules of notebooks have in common. It makes nothing; a rule that is used hands its params on."""
    script:
        "workflow/run_notebook.py"


use rule executed as census with:
    """01: who lives in the United States?  (Figure 13)"""
    input:
        **notebook("01_census"),
        files=CENSUS,
        dictionary=DICTIONARY,
    output:
        census=f"{RUN}/census.parquet",
        replicates=f"{RUN}/replicates.parquet",
        records=directory(f"{RUN}/records"),
        notebook=f"{RUN}/notebooks/01_census.ipynb",
    log:
        f"{RUN}/logs/01_census.log",
    params:
        most_unlabelled=config["census"]["most_unlabelled"],
    message:
        "01 census"


use rule executed as population with:
    """02: does a weighted draw look like its census?  (Figures 2, 13)"""
    input:
        **notebook("02_population"),
        census=rules.census.output.census,
        replicates=rules.census.output.replicates,
        published=PUBLISHED,
    output:
        draws=f"{RUN}/draws.parquet",
        margins=f"{RUN}/margins.parquet",
        fidelity=f"{RUN}/fidelity.parquet",
        notebook=f"{RUN}/notebooks/02_population.ipynb",
    log:
        f"{RUN}/logs/02_population.log",
    params:
        **config["population"],
        seed=config["seed"],
    message:
        "02 population"


rule collect_personas:
    """Write the free-text fields of every candidate and ask whether it is consistent."""
    input:
        **FIELDS,
        census=rules.census.output.census,
        draws=rules.population.output.draws,
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
    script:
        "workflow/run_persona.py"


use rule executed as personas with:
    """03: what is a persona made of, and where does each field come from?  (Figures 1, 2)"""
    input:
        **notebook("03_personas"),
        **FIELDS,
        census=rules.census.output.census,
        draws=rules.population.output.draws,
        scores="data/reference/chain_scores.csv",
        cells="data/reference/chain_cells.csv",
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
        "03 personas"


use rule collect_personas as collect_prompts with:
    """Ask whether each opening prompt is controversial, and what it is about."""
    input:
        bank=BANK,
        topics="data/reference/prism_topics.csv",
        templates=TEMPLATES,
        library=library_files("persona_lib/stages/prompts.py"),
    output:
        sealed=f"{RUN}/sealed/prompts-{{shard}}-of-{{of}}.parquet",
    log:
        f"{RUN}/logs/collect_prompts-{{shard}}-of-{{of}}.log",
    params:
        settings=stage_settings(config, ["prompts"]),
    message:
        "collect prompts, shard {wildcards.shard} of {wildcards.of}"


use rule executed as prompts with:
    """04: which questions divide people?  (Figure 3)"""
    input:
        **notebook("04_prompts"),
        bank=BANK,
        topics=rules.collect_prompts.input.topics,
        ledger=f"{RUN}/sealed/prompts.parquet",
    output:
        prompts=f"{RUN}/prompts.parquet",
        notebook=f"{RUN}/notebooks/04_prompts.ipynb",
    log:
        f"{RUN}/logs/04_prompts.log",
    params:
        **{key: config["prompts"][key] for key in ("n", "n_train", "n_classified")},
        seed=config["seed"],
        simulated=SIMULATED,
    message:
        "04 prompts"


use rule collect_personas as collect_feedback with:
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
    priority: FIRST
    params:
        settings=stage_settings(config, ["feedback"]),
    message:
        "collect feedback, shard {wildcards.shard} of {wildcards.of}"


use rule executed as feedback with:
    """05: how does a critique become a preference?  (Figure 4)"""
    input:
        **notebook("05_feedback"),
        personas=rules.personas.output.personas,
        prompts=rules.prompts.output.prompts,
        ledger=f"{RUN}/sealed/feedback.parquet",
    output:
        pairs=f"{RUN}/pairs.parquet",
        answers=f"{RUN}/answers.parquet",
        notebook=f"{RUN}/notebooks/05_feedback.ipynb",
    log:
        f"{RUN}/logs/05_feedback.log",
    priority: FIRST
    params:
        **config["feedback"],
        seed=config["seed"],
        simulated=SIMULATED,
    message:
        "05 feedback"


use rule collect_personas as collect_validation with:
    """Judge pairs under their own, a swapped and no persona, in both orders; let models judge each other."""
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
    priority: FIRST
    params:
        settings=stage_settings(config, ["validation"]),
    message:
        "collect validation, shard {wildcards.shard} of {wildcards.of}"


use rule executed as validation with:
    """06: do the pairs say what their personas prefer?"""
    input:
        **notebook("06_validation"),
        personas=rules.personas.output.personas,
        prompts=rules.prompts.output.prompts,
        pairs=rules.feedback.output.pairs,
        answers=rules.feedback.output.answers,
        ledger=f"{RUN}/sealed/validation.parquet",
    output:
        judgements=f"{RUN}/judgements.parquet",
        certainties=f"{RUN}/certainties.parquet",
        contests=f"{RUN}/contests.parquet",
        validation=f"{RUN}/validation.parquet",
        notebook=f"{RUN}/notebooks/06_validation.ipynb",
    log:
        f"{RUN}/logs/06_validation.log",
    priority: FIRST
    params:
        **config["validation"],
        seed=config["seed"],
        n_bootstrap=config["resample"]["n_bootstrap"],
        simulated=SIMULATED,
    message:
        "06 validation"


rule dataset:
    """The personas and their pairs as a folder that Hugging Face datasets loads, with its card."""
    input:
        library=[
            *library_files("persona_lib/showing/export.py"),
            "persona_lib/exporting/preferences.py",
            "workflow/write_dataset.py",
        ],
        personas=rules.personas.output.personas,
        provenance=rules.personas.output.provenance,
        persona_weights=rules.personas.output.persona_weights,
        cells=rules.personas.input.cells,
        prompts=rules.prompts.output.prompts,
        pairs=rules.feedback.output.pairs,
        answers=rules.feedback.output.answers,
        judgements=rules.validation.output.judgements,
    output:
        dataset=directory(f"{RUN}/dataset"),
    log:
        f"{RUN}/logs/dataset.log",
    params:
        files=CENSUS,
        big_five=config["personas"]["big_five"],
        simulated=SIMULATED,
    message:
        "dataset"
    script:
        "workflow/write_dataset.py"


use rule collect_personas as collect_pool with:
    """Answer the common pool twice, let every rater judge it, and let models write for the panel's personas."""
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
    message:
        "collect pool, shard {wildcards.shard} of {wildcards.of}"


use rule executed as agreement with:
    """07: how often do raters agree beyond chance?  (Figures 6-9)"""
    input:
        **notebook("07_agreement"),
        personas=rules.personas.output.personas,
        prompts=rules.prompts.output.prompts,
        ledger=f"{RUN}/sealed/pool.parquet",
        people_judgements=config["agreement"]["people_judgements"] or [],
    output:
        pool_items=f"{RUN}/pool_items.parquet",
        pool_answers=f"{RUN}/pool_answers.parquet",
        pool_judgements=f"{RUN}/pool_judgements.parquet",
        pool_shares=f"{RUN}/pool_shares.parquet",
        given_answers=f"{RUN}/given_answers.parquet",
        kappas=f"{RUN}/kappas.parquet",
        agreement=f"{RUN}/agreement.parquet",
        people_agreement=f"{RUN}/people_agreement.parquet",
        notebook=f"{RUN}/notebooks/07_agreement.ipynb",
    log:
        f"{RUN}/logs/07_agreement.log",
    params:
        **config["pool"],
        seed=config["seed"],
        min_shared=config["agreement"]["min_shared"],
        simulated=SIMULATED,
    message:
        "07 agreement"


use rule collect_personas as collect_ablation with:
    """Revise the pool's first answers for short personas, and judge with and without each attribute."""
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
        settings=stage_settings(config, ["ablation", "feedback"]),
    message:
        "collect ablation, shard {wildcards.shard} of {wildcards.of}"


use rule executed as ablation with:
    """08: which attribute moves a choice?  (Figure 5)"""
    input:
        **notebook("08_ablation"),
        personas=rules.personas.output.personas,
        prompts=rules.prompts.output.prompts,
        pool_items=rules.agreement.output.pool_items,
        pool_answers=rules.agreement.output.pool_answers,
        pool_judgements=rules.agreement.output.pool_judgements,
        ledger=f"{RUN}/sealed/ablation.parquet",
    output:
        ablation_judgements=f"{RUN}/ablation_judgements.parquet",
        ablation_answers=f"{RUN}/ablation_answers.parquet",
        influences=f"{RUN}/influences.parquet",
        notebook=f"{RUN}/notebooks/08_ablation.ipynb",
    log:
        f"{RUN}/logs/08_ablation.log",
    params:
        **{key: config["ablation"][key] for key in ("n_personas", "n_questions", "n_shown")},
        **{key: config["feedback"][key] for key in ("template", "max_retries")},
        seed=config["seed"],
        ablated=config["ablation"]["attributes"],
        simulated=SIMULATED,
    message:
        "08 ablation"


use rule collect_personas as collect_benchmark with:
    """Answer in four modes and let the examiner say what still needs revision; and of known answers, to calibrate it."""
    input:
        personas=rules.personas.output.personas,
        prompts=rules.prompts.output.prompts,
        pairs=rules.feedback.output.pairs,
        answers=rules.feedback.output.answers,
        judgements=rules.validation.output.judgements,
        templates=TEMPLATES,
        library=library_files("persona_lib/stages/benchmark.py"),
    output:
        sealed=f"{RUN}/sealed/benchmark-{{shard}}-of-{{of}}.parquet",
    log:
        f"{RUN}/logs/collect_benchmark-{{shard}}-of-{{of}}.log",
    priority: FIRST
    params:
        settings=stage_settings(config, ["benchmark"]),
    message:
        "collect benchmark, shard {wildcards.shard} of {wildcards.of}"


use rule executed as benchmark with:
    """09: can a model write for a persona?  (Figures 10, 11)"""
    input:
        **notebook("09_benchmark"),
        personas=rules.personas.output.personas,
        prompts=rules.prompts.output.prompts,
        pairs=rules.feedback.output.pairs,
        answers=rules.feedback.output.answers,
        judgements=rules.validation.output.judgements,
        ledger=f"{RUN}/sealed/benchmark.parquet",
    output:
        attempts=f"{RUN}/attempts.parquet",
        dropped=f"{RUN}/dropped.parquet",
        calibration=f"{RUN}/calibration.parquet",
        benchmark=f"{RUN}/benchmark.parquet",
        notebook=f"{RUN}/notebooks/09_benchmark.ipynb",
    log:
        f"{RUN}/logs/09_benchmark.log",
    params:
        **config["benchmark"],
        seed=config["seed"],
        n_bootstrap=config["resample"]["n_bootstrap"],
        simulated=SIMULATED,
    message:
        "09 benchmark"


use rule collect_personas as collect_pass_at_k with:
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
    message:
        "collect pass_at_k, shard {wildcards.shard} of {wildcards.of}"


use rule executed as pass_at_k with:
    """10: how much do more attempts help?  (Figure 12)"""
    input:
        **notebook("10_pass_at_k"),
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
        **config["pass_at_k"],
        seed=config["seed"],
        simulated=SIMULATED,
    message:
        "10 pass_at_k"


use rule executed as pluralism with:
    """11: who is served worse than the majority?"""
    input:
        **notebook("11_pluralism"),
        personas=rules.personas.output.personas,
        prompts=rules.prompts.output.prompts,
        pool_items=rules.agreement.output.pool_items,
        pool_judgements=rules.agreement.output.pool_judgements,
        pool_shares=rules.agreement.output.pool_shares,
        given_answers=rules.agreement.output.given_answers,
        persona_weights=rules.personas.output.persona_weights,
        attempts=rules.benchmark.output.attempts,
        pass_attempts=rules.pass_at_k.output.pass_attempts,
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


use rule collect_personas as collect_survey with:
    """Put survey items to the panel: as each persona, as itself, and as shares of people."""
    input:
        survey_items="data/reference/survey_items.csv",
        personas=rules.personas.output.personas,
        prompts=rules.prompts.output.prompts,
        pool_items=rules.agreement.output.pool_items,
        pool_answers=rules.agreement.output.pool_answers,
        pool_judgements=rules.agreement.output.pool_judgements,
        templates=TEMPLATES,
        library=library_files("persona_lib/stages/survey.py"),
    output:
        sealed=f"{RUN}/sealed/survey-{{shard}}-of-{{of}}.parquet",
    log:
        f"{RUN}/logs/collect_survey-{{shard}}-of-{{of}}.log",
    params:
        settings=stage_settings(config, ["survey"]),
    message:
        "collect survey, shard {wildcards.shard} of {wildcards.of}"


use rule executed as humans with:
    """12: what do real people do beside simulated ones?"""
    input:
        **notebook("12_humans"),
        survey_items=rules.collect_survey.input.survey_items,
        people_shares="data/reference/people_shares.csv",
        people_statistics="data/reference/people_statistics.csv",
        people_history="data/reference/people_history.csv",
        people_recovery="data/reference/people_recovery.csv",
        personas=rules.personas.output.personas,
        prompts=rules.prompts.output.prompts,
        pool_items=rules.agreement.output.pool_items,
        pool_answers=rules.agreement.output.pool_answers,
        pool_judgements=rules.agreement.output.pool_judgements,
        agreement=rules.agreement.output.agreement,
        ledger=f"{RUN}/sealed/survey.parquet",
    output:
        survey_answers=f"{RUN}/survey_answers.parquet",
        survey=f"{RUN}/survey.parquet",
        humans=f"{RUN}/humans.parquet",
        notebook=f"{RUN}/notebooks/12_humans.ipynb",
    log:
        f"{RUN}/logs/12_humans.log",
    params:
        **config["survey"],
        seed=config["seed"],
        simulated=SIMULATED,
    message:
        "12 humans"


rule utilities:
    """What answers are worth to held-out personas in the simulated world: read only where a section says recovery."""
    input:
        personas=rules.personas.output.personas,
        pairs=rules.feedback.output.pairs,
        answers=rules.feedback.output.answers,
        library=library_files("persona_lib/simulator/utilities.py"),
        steps=library_files("persona_lib/learning/best_of_n.py"),
    output:
        utilities=f"{RUN}/utilities.parquet",
    log:
        f"{RUN}/logs/utilities.log",
    params:
        settings=stage_settings(config, ["learning"]),
    message:
        "utilities"
    script:
        "workflow/run_persona.py"


use rule executed as learning with:
    """13: what do the pairs teach a model?"""
    input:
        **notebook("13_learning"),
        personas=rules.personas.output.personas,
        pairs=rules.feedback.output.pairs,
        answers=rules.feedback.output.answers,
        judgements=rules.validation.output.judgements,
        pool_items=rules.agreement.output.pool_items,
        pool_answers=rules.agreement.output.pool_answers,
        pool_judgements=rules.agreement.output.pool_judgements,
        utilities=rules.utilities.output.utilities if SIMULATED else [],
    output:
        learning=f"{RUN}/learning.parquet",
        notebook=f"{RUN}/notebooks/13_learning.ipynb",
    log:
        f"{RUN}/logs/13_learning.log",
    params:
        **{key: value for key, value in config["learning"].items() if key not in ("n_prompts", "n_candidates")},
        seed=config["seed"],
        simulated=SIMULATED,
    message:
        "13 learning"


use rule executed as figures with:
    """14: the paper's figures"""
    input:
        **notebook("14_figures"),
        margins=rules.population.output.margins,
        fidelity=rules.population.output.fidelity,
        personas=rules.personas.output.personas,
        provenance=rules.personas.output.provenance,
        prompts=rules.prompts.output.prompts,
        clusters="data/reference/prism_topics.csv",
        pairs=rules.feedback.output.pairs,
        influences=rules.ablation.output.influences,
        kappas=rules.agreement.output.kappas,
        agreement=rules.agreement.output.agreement,
        benchmark=rules.benchmark.output.benchmark,
        dropped=rules.benchmark.output.dropped,
        pass_at_k=rules.pass_at_k.output.pass_at_k,
    output:
        drawn=report(directory("figures/runs/{run}"), patterns=["{name}.png"], category="Figures"),
        figures=f"{RUN}/figures.parquet",
        notebook=f"{RUN}/notebooks/14_figures.ipynb",
    log:
        f"{RUN}/logs/14_figures.log",
    params:
        simulated=SIMULATED,
    message:
        "14 figures"


rule truth:
    """What the simulated world would answer on average: read only where a section says recovery."""
    input:
        **FIELDS,
        census=rules.census.output.census,
        prompts=rules.prompts.output.prompts,
        pool_items=rules.agreement.output.pool_items,
        pool_answers=rules.agreement.output.pool_answers,
        library=library_files("persona_lib/simulator/truth.py"),
        steps=["persona_lib/commands/truth.py", *library_files("persona_lib/commands/superpopulation.py")],
    output:
        truth=f"{RUN}/truth.parquet",
    log:
        f"{RUN}/logs/truth.log",
    params:
        settings=stage_settings(
            config, ["population", "personas", "feedback", "pool", "ablation", "benchmark", "pass_at_k"]
        ),
    message:
        "truth"
    script:
        "workflow/run_persona.py"


use rule executed as claims with:
    """15: what does the paper claim, and what do we find?"""
    input:
        **notebook("15_claims"),
        register="data/reference/claims.csv",
        fidelity=rules.population.output.fidelity,
        persona_audit=rules.personas.output.persona_audit,
        prompts=rules.prompts.output.prompts,
        pairs=rules.feedback.output.pairs,
        validation=rules.validation.output.validation,
        agreement=rules.agreement.output.agreement,
        people_agreement=rules.agreement.output.people_agreement,
        people_judgements=config["agreement"]["people_judgements"] or [],
        influences=rules.ablation.output.influences,
        benchmark=rules.benchmark.output.benchmark,
        pass_at_k=rules.pass_at_k.output.pass_at_k,
        pluralism=rules.pluralism.output.pluralism,
        truth=rules.truth.output.truth if SIMULATED else [],
        figures=rules.figures.output.figures,
        ledgers=[f"{RUN}/sealed/{each}.parquet" for each in ASKED],
    output:
        claims=f"{RUN}/claims.parquet",
        notebook=f"{RUN}/notebooks/15_claims.ipynb",
    log:
        f"{RUN}/logs/15_claims.log",
    params:
        simulated=SIMULATED,
    message:
        "15 claims"


rule claims_page:
    """The ledger of claims as one page, for snakemake --report."""
    input:
        library=[*library_files("persona_lib/site/pages.py"), *PAGES, "workflow/write_claims_page.py"],
        claims=rules.claims.output.claims,
    output:
        page=report(f"{RUN}/claims.html", category="Claims"),
    log:
        f"{RUN}/logs/claims_page.log",
    params:
        simulated=SIMULATED,
    message:
        "claims page"
    script:
        "workflow/write_claims_page.py"
