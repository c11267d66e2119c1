"""The experiments of a lab report: which commands are run, and which of their figures stand side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.training.checkpoints.choosing import WEIGHTS
from bot.training.loop.state import write_text
from bot.training.report.samples import SITES, Samples

SPREAD = ("macro_f1", "accuracy")
GAPS = ("auc", "worst_fpr_gap", "fpr_gaps", "bpsn_auc", "bias_auc")
COMPRESSED = ("macro_f1", "accuracy", "bytes", "messages_per_second_alone", "messages_per_second_best")


@dataclass(frozen=True, slots=True)
class Run:
    """A command of parley, by the name under which its figures are kept; by so many processes."""

    name: str
    arguments: Sequence[str]
    processes: int = 1


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a table: the run it is of, and the part of the run's figures, such as `after.`."""

    label: str
    run: str
    part: str = ""


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is compared, by which figures, and from which runs."""

    name: str
    title: str
    says: str
    runs: Sequence[Run]
    lines: Sequence[Line]
    columns: Sequence[str]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the runs are: tables of plans in TOML, all of them without their epochs."""

    network: str
    epochs: int
    small: str
    private_epochs: int
    private: str
    language_epochs: int
    language: str
    reader: str
    tuned: str
    epsilons: Sequence[float]
    rounds: int


QUICK = Sizes(
    network="[network]\nvocabulary = 3000\nembedding = 48\nhidden = 48\n",
    epochs=8,
    small="learning_rate = 0.005\nwarmup = 10\nbatch_tokens = 1024\naverage = 0.9\n",
    private_epochs=4,
    private="learning_rate = 0.005\nwarmup = 5\naverage = 0.8\n",
    language_epochs=2,
    language="warmup = 10\nbatch_tokens = 2048\nvalidations = 1\n",
    reader="[network]\nvocabulary = 3000\nwidth = 96\nlayers = 2\nblock = 128\nvalidated = 20\n",
    tuned="epochs = 3\nlearning_rate = 0.001\nwarmup = 10\nbatch_tokens = 2048\n"
    "[network]\nmost_tokens = 128\n",
    epsilons=(8.0,),
    rounds=8,
)
FULL = Sizes(
    network="[network]\nvocabulary = 8000\nembedding = 96\nhidden = 96\n",
    epochs=6,
    small="learning_rate = 0.002\nwarmup = 50\nbatch_tokens = 2048\naverage = 0.99\n",
    private_epochs=6,
    private="learning_rate = 0.002\nwarmup = 20\naverage = 0.95\n",
    language_epochs=4,
    language="warmup = 100\nbatch_tokens = 4096\n",
    reader="[network]\nvocabulary = 8000\nwidth = 192\n",
    tuned="epochs = 4\nlearning_rate = 0.0005\nwarmup = 50\nbatch_tokens = 2048\n",
    epsilons=(8.0, 2.0),
    rounds=8,
)
ALONE_EPOCHS, ALONE = 30, "learning_rate = 0.005\nwarmup = 10\nbatch_tokens = 512\naverage = 0.9\n"


def experiments(samples: Samples, sizes: Sizes, out: Path, *, seed: int) -> list[Experiment]:
    """All that the rows allow, with the plans of their runs written into `out`."""
    plans = _write_plans(sizes, out / "plans")
    lab = _Lab(samples, plans, out / "models", str(seed), sizes)
    found = [lab.private(), lab.federated(), lab.compressed(), lab.processes()]
    if samples.has("intents"):
        found.append(lab.few_shot())
    if samples.has("bias", "ballast"):
        found += lab.cured()
    if samples.has("texts", "reviews", "reviews_dev"):
        found.append(lab.pretrained())
    return found


def _write_plans(sizes: Sizes, folder: Path) -> Mapping[str, Path]:
    ordinary = f"{sizes.small}patience = 0\n"
    # Two batches make a step, so that two processes with one each take the same steps.
    texts = {
        "plain": f"epochs = {sizes.epochs}\naccumulate = 2\n{ordinary}{sizes.network}",
        "two": f"epochs = {sizes.epochs}\naccumulate = 1\n{ordinary}{sizes.network}",
        "site": f"epochs = 1\n{ordinary}{sizes.network}",
        "private": f"epochs = {sizes.private_epochs}\n{sizes.private}patience = 0\n{sizes.network}"
        "[privacy]\nrows = 128\n",
        "begun": f"epochs = {sizes.private_epochs}\n{sizes.private}patience = 0\n"
        '[network]\nfrozen = ["embedding"]\n[privacy]\nrows = 128\n',
        "alone": f"epochs = {ALONE_EPOCHS}\n{ALONE}patience = 0\n{sizes.network}",
        "language": f"epochs = {sizes.language_epochs}\n{sizes.language}{sizes.reader}",
        # One step at a rate that changes nothing: the same network, as random as it began.
        "untrained": f"epochs = 0.001\nlearning_rate = 1e-9\n{sizes.language}{sizes.reader}",
        "tuned": sizes.tuned,
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_text(folder / f"{name}.toml", text)
    return {name: folder / f"{name}.toml" for name in texts}


@dataclass(frozen=True, slots=True)
class _Lab:
    samples: Samples
    plans: Mapping[str, Path]
    models: Path
    seed: str
    sizes: Sizes

    @property
    def plain(self) -> Run:
        """What most others are held against."""
        return self.learn("plain", "plain")

    def learn(self, name: str, plan: str, *more: str, processes: int = 1) -> Run:
        files = ["--data", str(self.samples.files["train"]), "--dev", str(self.samples.files["dev"])]
        return self.train(
            name, self.samples.task, plan, *self._vocabulary, *files, *more, processes=processes
        )

    def train(self, name: str, task: str, plan: str, *more: str, processes: int = 1) -> Run:
        out = ["--out", str(self.models / name), "--plan", str(self.plans[plan]), "--seed", self.seed]
        return Run(name, ["train", task, *more, *out], processes)

    @property
    def _vocabulary(self) -> list[str]:
        public = self.samples.files.get("public")
        return ["--vocabulary", str(public)] if public else []

    def private(self) -> Experiment:
        names = {f"private-{each:g}": f"{each:g}" for each in self.sizes.epsilons}
        runs = [self.learn(name, "private", "--epsilon", each) for name, each in names.items()]
        first = next(iter(names.values()))
        begun = self.learn("private-begun", "begun", "--epsilon", first, "--arch", str(WEIGHTS / "sentiment"))
        return Experiment(
            "privacy",
            "Differential privacy",
            "The private runs clip each row's gradient and add noise; epsilon is what was spent. The last "
            "begins with the built-in model of sentiment, whose word vectors stay.",
            [self.plain, *runs, begun],
            [
                Line("without", "plain"),
                *(Line(f"epsilon {each}", name) for name, each in names.items()),
                Line(f"epsilon {first}, begun with a model", "private-begun"),
            ],
            (*SPREAD, "auc", "epsilon", "delta"),
        )

    def federated(self) -> Experiment:
        sites = [self.samples.files[f"site{number + 1}"] for number in range(SITES)]
        arguments = [word for site in sites for word in ("--site", str(site))]
        run = Run(
            "federated",
            [
                *("federate", self.samples.task, *self._vocabulary, *arguments),
                *("--dev", str(self.samples.files["dev"]), "--rounds", str(self.sizes.rounds)),
                *("--aggregate", "median", "--out", str(self.models / "federated")),
                *("--plan", str(self.plans["site"]), "--seed", self.seed),
            ],
        )
        return Experiment(
            "federated",
            f"{SITES} sites that show no rows",
            f"Each site has a third of the rows; {self.sizes.rounds} rounds, coordinate-wise median.",
            [self.plain, run],
            [Line("all rows in one place", "plain"), Line(f"{SITES} sites", "federated")],
            SPREAD,
        )

    def compressed(self) -> Experiment:
        dev, model = str(self.samples.files["dev"]), str(self.models / "plain")
        out = str(self.models / "int8")
        run = Run(
            "int8",
            ["compress", model, "--out", out, "--method", "int8", "--data", dev, "--task", self.samples.task],
        )
        return Experiment(
            "compressed",
            "Numbers of 8 bits",
            "The same model as it was learnt and compressed, on one core.",
            [self.plain, run],
            [Line("as learnt", "int8", "before."), Line("int8", "int8", "after.")],
            COMPRESSED,
        )

    def processes(self) -> Experiment:
        run = self.learn("two", "two", processes=2)
        return Experiment(
            "processes",
            "Two processes",
            "Both take the same steps of two batches: one process both, or two processes one each.",
            [self.plain, run],
            [Line("1 process", "plain"), Line("2 processes", "two")],
            (*SPREAD, "loss", "steps"),
        )

    def few_shot(self) -> Experiment:
        files = [
            "--data",
            str(self.samples.files["intents"]),
            "--dev",
            str(self.samples.files["intents_dev"]),
        ]
        head = Run(
            "few-shot",
            [
                "train",
                "intents",
                "--few-shot",
                *files,
                "--out",
                str(self.models / "few"),
                "--seed",
                self.seed,
            ],
        )
        return Experiment(
            "few-shot",
            "Eight examples of each label",
            "A small head on the built-in encoder, and a network from nothing, from the same examples.",
            [head, self.train("few-gru", "intents", "alone", *files)],
            [Line("head on the encoder", "few-shot"), Line("GRU from nothing", "few-gru")],
            SPREAD,
        )

    def cured(self) -> list[Experiment]:
        named = self.models.parent / "rows" / "named.jsonl"
        copied = ["augment", str(self.samples.files["ballast"]), "--out", str(named), "--kinds", "identity"]
        copies = Run("copies", [*copied, "--copies", "2", "--seed", self.seed])
        cure = self.learn("cured", "plain", "--data", str(named))
        before, after = (str(self.models / name) for name in ("plain", "cured"))
        bias = str(self.samples.files["bias"])
        audit = ["audit", self.samples.task, "--model", before, "--against", after, "--data", bias]
        run = Run("audit", [*audit, "--lang", "en"])
        return [
            Experiment(
                "bias",
                "Bias before and after",
                "After: harmless rows that name people are added, and copies of them in which others are "
                "named. The gaps are those of `parley audit`; nearer to 0 is better, and areas to 1.",
                [self.plain, copies, cure, run],
                [Line("before", "audit"), Line("after", "audit", "against.")],
                GAPS,
            ),
            Experiment(
                "cost-of-cure",
                "What the cure costs",
                "The same two models on rows like those learnt from.",
                [self.plain, cure],
                [Line("before", "plain"), Line("after", "cured")],
                SPREAD,
            ),
        ]

    def pretrained(self) -> Experiment:
        texts = ["--data", str(self.samples.files["texts"])]
        rows = ["--data", str(self.samples.files["reviews"]), "--dev", str(self.samples.files["reviews_dev"])]
        runs = [
            self.train("language", "language", "language", *texts),
            self.train("untrained", "language", "untrained", *texts),
            self.tune("after-reading", "language", rows),
            self.tune("from-nothing", "untrained", rows),
        ]
        return Experiment(
            "pre-training",
            "A small GPT-2, pre-trained or not",
            "The same network learns sentiment after it has read unlabelled texts, or from random weights.",
            runs,
            [Line("from nothing", "from-nothing"), Line("after reading", "after-reading")],
            SPREAD,
        )

    def tune(self, name: str, start: str, rows: Sequence[str]) -> Run:
        # As intents, which may have any labels: of sentiment, neutral rows would be missing.
        return self.train(name, "intents", "tuned", "--arch", str(self.models / start), *rows)
