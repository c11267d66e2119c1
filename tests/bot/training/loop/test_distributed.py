"""Two processes learn what one would have learnt."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from safetensors.torch import load_file

SCRIPT = textwrap.dedent("""
    import json, sys
    from pathlib import Path
    import torch
    from safetensors.torch import save_file
    from bot.training.loop.distributed import joined
    from bot.training.loop.plan import Plan
    from bot.training.loop.progress import Silent
    from bot.training.loop.run import train

    class Line:
        score = "-error"

        def __init__(self):
            torch.manual_seed(0)
            self.model = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))

        def batches(self, epoch):
            chance = torch.Generator().manual_seed(epoch)
            return [torch.randn(16, 1, generator=chance) for _ in range(7)]

        def loss(self, batch):
            return torch.nn.functional.mse_loss(self.model(batch), 3 * batch - 1)

        def validate(self):
            given = torch.linspace(-1, 1, 9).unsqueeze(1)
            return {"error": float(torch.nn.functional.mse_loss(self.model(given), 3 * given - 1))}

        def save(self, folder):
            save_file(self.model.state_dict(), folder / "model.safetensors")

    out, accumulate = Path(sys.argv[1]), int(sys.argv[2])
    plan = Plan(epochs=2, learning_rate=0.05, warmup=2, accumulate=accumulate, patience=0, average=0.5)
    with joined() as group:
        report = train(Line(), plan, out, progress=Silent(), group=group)
        print(json.dumps([group.size, group.is_first, report.steps]))
""")


def start(script: Path, *arguments: str, processes: int) -> list[list[object]]:
    """What each process printed."""
    launcher = (
        ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        if processes > 1
        else []
    )
    done = subprocess.run(
        [sys.executable, *launcher, str(script), *arguments],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        cwd=Path(__file__).parents[3],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]


@pytest.mark.timeout(400)
def test_two_processes_end_where_one_does(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    (alone,) = start(script, str(tmp_path / "one"), "2", processes=1)
    together = start(script, str(tmp_path / "two"), "1", processes=2)
    assert alone == [1, True, 8]
    assert sorted(together) == [[2, False, 8], [2, True, 8]]
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    for name, value in one.items():
        assert value.numpy() == pytest.approx(two[name].numpy(), abs=1e-5)
    losses = [json.loads((tmp_path / name / "history.json").read_text()) for name in ("one", "two")]
    assert [row["loss"] for row in losses[0]] == pytest.approx([row["loss"] for row in losses[1]], abs=1e-5)
