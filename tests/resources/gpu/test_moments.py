"""A pod that is taken down in the very moment in which it is asked for something.

What was asked fails in any way (killed, with an error, with half an answer) while SSH and the cloud
still show the pod for a while. That is a lost host, as if it had been gone before.
"""

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from doubles.gpu_jobs import QUICK, SPEC, gpu_python, training_program, write_small_job
from doubles.processes import wait_until
from doubles.renting import Renting
from doubles.sshd import needs_sshd

from pipeline.jobs.events import EpochEvent, JobEvent
from pipeline.jobs.failures import JobFailedError
from resources.gpu.hosts.ssh import RemoteCommandError

pytestmark = [needs_sshd, pytest.mark.slow]

STILL_SHOWN_SECONDS = 0.3
"""SSH and the cloud go on showing the pod for so long after its first program was killed."""
KILLED, FAILS, HALF = "kill -9 $$", "echo no such file >&2; exit 1", "echo '{\"half'; exit 0"

ON_HOST = """\
#!/bin/sh
case "$2" in {word}) {dies} ;; esac
"""
TOOL = """\
#!/bin/sh
{dies}
exec /usr/bin/{name} "$@"
"""


@dataclass
class Doom:
    """A pod that dies by the first call of a program after it was armed.

    Attributes:
        program: "python3 WORD" for one of the agent's commands, else a tool of the shell.
        how: what becomes of that call.
    """

    account: Renting
    folder: Path
    program: str
    how: str
    vanishes: bool = True
    epochs: list[int] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def install(self) -> None:
        """On every pod to come; only the first one that meets the trigger dies."""
        dies = f"if rm {self.trigger} 2> /dev/null; then touch {self.dying}; {self.how}; fi"
        name, _, word = self.program.partition(" ")
        if word:
            lying = gpu_python().removeprefix("#!/bin/sh\n")
            script = ON_HOST.format(word=word, dies=dies) + lying
        else:
            script = TOOL.format(name=name, dies=dies)
        self.account.runpod.programs = {**self.account.runpod.programs, name: script}
        if self.vanishes:
            threading.Thread(target=self._vanish, daemon=True).start()

    @property
    def trigger(self) -> Path:
        return self.folder / "trigger"

    @property
    def dying(self) -> Path:
        return self.folder / "dying"

    def _vanish(self) -> None:
        wait_until(self.dying.exists, 60.0)
        time.sleep(STILL_SHOWN_SECONDS)
        self.account.runpod.vanish(next(iter(self.account.runpod.pods)))

    def on_event(self, event: JobEvent) -> None:
        if isinstance(event, EpochEvent):
            self.epochs.append(event.epoch)

    def train(self, job: Path, armed_by: str, **terms: float) -> Path:
        def on_log(line: str) -> None:
            self.lines.append(line)
            if armed_by in line and not self.dying.exists():
                self.trigger.touch()

        with self.account.provider(**terms).rent(SPEC, on_log) as lease:
            return lease.run(job, self.on_event, on_log)


@pytest.fixture
def job(tmp_path: Path) -> Path:
    return write_small_job(tmp_path / "job", training_program(5, 0.2))


@pytest.mark.parametrize(
    ("program", "how", "armed_by"),
    [
        ("python3 probe", KILLED, "Asking"),
        ("python3 packages", HALF, "Preparing"),
        ("python3 missing_blobs", KILLED, "Preparing"),
        ("cat", KILLED, "Preparing"),
        ("openssl", FAILS, "Preparing"),
        ("python3 unpack", FAILS, "Preparing"),
        ("python3 link_job", HALF, "Preparing"),
        ("mkdir", FAILS, "Brought the job"),
        ("python3 status", KILLED, "epoch 2"),
        ("python3 status", FAILS, "epoch 2"),
        ("python3 status", HALF, "epoch 2"),
        ("tail", KILLED, "epoch 2"),
        ("python3 files", KILLED, "epoch 2"),
        ("python3 files", HALF, "epoch 2"),
        ("tail", FAILS, "epoch 5"),
    ],
)
def test_a_pod_that_vanishes_in_this_moment_is_replaced(
    account: Renting, job: Path, tmp_path: Path, program: str, how: str, armed_by: str
) -> None:
    doom = Doom(account, tmp_path, program, how)
    doom.install()

    outputs = doom.train(job, armed_by)

    assert doom.dying.exists(), "else nothing was tested"
    assert len(account.runpod.pods) == 2
    assert sorted(set(doom.epochs)) == [1, 2, 3, 4, 5]
    assert (outputs / "best.pt").read_text() == "best.pt after epoch 5"
    assert len(json.loads((outputs / "lease.json").read_text())["leases"]) == 2
    account.assert_all_is_over()


def test_a_pod_that_vanishes_while_it_is_asked_to_finish_is_replaced(
    account: Renting, job: Path, tmp_path: Path
) -> None:
    (job.parent / "program.pyz").write_text(training_program(1000, 0.1))
    doom = Doom(account, tmp_path, "touch", FAILS)
    doom.install()

    outputs = doom.train(job, "budget is nearly spent", ttl_seconds=9)

    assert doom.dying.exists()
    assert len(account.runpod.pods) == 2
    assert (outputs / "best.pt").is_file()
    account.assert_all_is_over()


@pytest.mark.parametrize("number", ["SIGKILL", "SIGTERM"])
def test_a_job_that_is_killed_with_its_pod_goes_on_elsewhere(
    account: Renting, job: Path, tmp_path: Path, number: str
) -> None:
    doom = Doom(account, tmp_path, "true", "")
    killed = f"""
    if epoch == 3 and not os.path.exists({str(doom.dying)!r}):
        open({str(doom.dying)!r}, "w").close()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.{number})
    """.rstrip()
    program = training_program(5, 0.1)
    (job.parent / "program.pyz").write_text(
        program.replace("\n    event(", f"{killed}\n    event(", 1)
    )
    doom.install()

    outputs = doom.train(job, "never")

    assert len(account.runpod.pods) == 2
    assert (outputs / "best.pt").read_text() == "best.pt after epoch 5"
    account.assert_all_is_over()


def test_a_container_that_was_begun_anew_with_an_empty_disk_is_a_lost_host(
    account: Renting, job: Path, tmp_path: Path
) -> None:
    doom = Doom(
        account, tmp_path, "python3 status", "rm -rf $HOME/.outpost; exit 2", vanishes=False
    )
    doom.install()

    outputs = doom.train(job, "epoch 2")

    assert any("was recreated" in line for line in doom.lines)
    assert len(account.runpod.pods) == 2
    assert (outputs / "best.pt").is_file()
    account.assert_all_is_over()


# A failure on a pod that stands is no lost host


def test_what_fails_on_a_pod_that_stands_fails_the_training(
    account: Renting, job: Path, tmp_path: Path
) -> None:
    doom = Doom(account, tmp_path, "python3 files", FAILS, vanishes=False)
    doom.install()

    with pytest.raises(RemoteCommandError, match="no such file"):
        doom.train(job, "epoch 2")

    assert len(account.runpod.pods) == 1
    account.assert_all_is_over()


def test_a_job_that_ran_out_of_memory_is_not_tried_elsewhere(account: Renting, job: Path) -> None:
    (job.parent / "program.pyz").write_text("import os\nos.kill(os.getpid(), 9)\n")

    with (
        pytest.raises(JobFailedError, match="ran out of memory"),
        account.provider(timeouts=QUICK).rent(SPEC) as lease,
    ):
        lease.run(job)

    assert len(account.runpod.pods) == 1
    account.assert_all_is_over()


def test_a_host_that_loses_its_gpu_with_the_packages_is_given_up_before_it_gets_the_job(
    account: Renting, job: Path
) -> None:
    seeing = gpu_python(outdated=("onnx",))
    blind = gpu_python(None).replace('"python": "python3"', '"python": "blind"')
    made = """case "$2" in environment) echo '"blind"'; exit ;; esac\n"""
    first = {"python3": seeing.replace("case", f"{made}case", 1), "python": seeing, "blind": blind}
    usual = account.runpod.programs
    account.runpod.programs = {**usual, **first}
    lines: list[str] = []

    def listen(line: str) -> None:
        lines.append(line)
        if line.startswith("Preparing"):
            account.runpod.programs = usual

    with account.provider().rent(SPEC, listen) as lease:
        lease.run(job, on_log=listen)

    assert any("sees no GPU, where torch 2.8.0 had seen NVIDIA" in line for line in lines)
    unfit = next(iter(account.runpod.pods.values()))
    assert not list(unfit.folder.rglob("job.json"))
    assert len(account.runpod.pods) == 2
    account.assert_all_is_over()
