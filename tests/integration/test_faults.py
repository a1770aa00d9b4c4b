"""reftracker killed or stopped at each step of a capture: the target heals by itself."""
import contextlib
import os
import re
import signal
import subprocess
import time

from harness import PATIENCE, Target, check, eventually, first_python, goes_on, in_turn, state_of, test
from victims import Stalls, Victim

# How often the tool is killed at each step on each victim; FAULT_KILLS for a longer run.
KILLS = int(os.environ.get("FAULT_KILLS", "8"))
# Registers, locks, sockets, and sleeps: each of them notices what the others cannot.
VICTIMS = ["vector_state", "futex", "read_pipe_socket", "epoll_server", "red_zone", "signal_wait"]


def start(build, pid, fault, program=("tools/capture_repeat",)):
    return subprocess.Popen([build.program(f"faults/{program[0]}"), *program[1:], str(pid)],
                            env=dict(os.environ, REFTRACKER_FAULT=str(fault)),
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def run(build, pid, fault):
    """Its exit status and what it said on standard error."""
    process = start(build, pid, fault)
    try:
        _, said = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    return process.wait(), said


def list_steps(build):
    with Victim(build, "vector_state") as victim:
        _, listing = run(build, victim.pid, "list")
    return re.findall(r"^fault (\d+) (.*)$", listing, re.M)


class Reaping:
    """Whatever was left, a run that is not killed reaps it: at least one of many does. Each may end
    without, where no thread comes to run for its call within the time that a call may take."""

    def __init__(self, build, victim):
        self.build, self.victim, self.runs, self.said = build, victim, 0, ""

    def is_clean(self):
        result = self.build.run(self.victim.pid, "--times", 2, program="tools/capture_repeat")
        check(result.returncode == 0, f"the capture fails: {result.stderr.strip()}")
        self.runs += 1
        self.said = (result.stdout + result.stderr).strip()[-300:]
        return not self.victim.clones()

    def complaint(self):
        return f"zombies stay after {self.runs} runs, the last one said: {self.said}"


def harm_of(build, victim):
    """What the victim says was done to it; None: nothing."""
    try:
        # The thread that was let go may be late with the call, or the clone with its end.
        reaping = Reaping(build, victim)
        eventually(reaping.is_clean, reaping.complaint, 4 * PATIENCE)
        said, _ = victim.finish()
    except AssertionError as error:
        said = f"{error}; {victim.last_words()}"
    return None if said.startswith("unharmed") else said


def kill_at(build, step, name):
    """How often the tool was killed there, and what harm was done, if any."""
    kills = 0
    with Victim(build, name) as victim:
        for _ in range(KILLS):
            kills += run(build, victim.pid, step)[0] == -9
        return kills, harm_of(build, victim)


def kill_all_at(build, number, name):
    """One line of the table; returns the kills, and what was harmed."""
    kills, harmed = 0, []
    for victim in in_turn(VICTIMS, number, len(VICTIMS)):
        done, harm = kill_at(build, number, victim)
        kills += done
        if harm:
            harmed.append(f"step {number} ({name}), {victim}: {harm}")
    check(kills, f"step {number} ({name}) was never reached")
    print(f"  {number:>3} {name:<40} {kills:>5} kills {len(harmed):>3} harmed", flush=True)
    return kills, harmed


@test
def killed_at_each_step_of_a_capture(build):
    """Prints the table: step, kills, targets harmed."""
    steps = [(int(number), name) for number, name in list_steps(build)]
    check(len(steps) > 25, f"only {len(steps)} steps: {steps}")
    total, harmed = 0, []
    with Stalls():
        for number, name in steps:
            kills, bad = kill_all_at(build, number, name)
            total += kills
            harmed += bad
    check(not harmed, "; ".join(harmed))
    return total


# Steps at which all threads stand.
STANDING = ["registers set", "at the clone event", "before the stack is restored", "before resume"]


@test
def stopped_while_the_target_stands_it_is_ended(build):
    """SIGSTOP cannot be held: after some seconds without progress the kernel lets the target go on."""
    names = {}
    for number, name in list_steps(build):
        names.setdefault(name, number)
    with contextlib.ExitStack() as stack:
        victims = [stack.enter_context(Victim(build, "red_zone")) for _ in STANDING]
        tools = [start(build, victim.pid, f"stop {names[name]}")
                 for victim, name in zip(victims, STANDING)]
        woken = stack.enter_context(Target(first_python(), "million.py", "--objects", "1000"))
        late = start(build, woken.pid, f"stop {names[STANDING[0]]}",
                     ("reftracker", "types", "--capture", "clone"))
        stack.callback(late.kill)
        eventually(lambda: state_of(late.pid) == "T", "it does not come to the step")
        # Before it is killed: what comes to run again says so.
        time.sleep(12)
        late.send_signal(signal.SIGCONT)
        _, said = late.communicate(timeout=PATIENCE)
        check(late.returncode == 6 and "stood still" in said, f"{late.returncode}: {said}")
        check(goes_on(woken.pid), state_of(woken.pid))
        for tool, victim, name in zip(tools, victims, STANDING):
            stack.callback(tool.kill)
            _, said = tool.communicate(timeout=PATIENCE)
            check(tool.returncode == -9, f"{name}: status {tool.returncode}: {said}")
            harm = harm_of(build, victim)
            check(not harm, f"{name}: {harm}")
    return len(STANDING) + 1
