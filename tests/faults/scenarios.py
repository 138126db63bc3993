"""The scenarios: what is done to the program, and what must hold afterwards."""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx

from bot.sending import SENDERS
from tests.botapi import BotApi, Faults, Limits
from tests.faults.crowd import Crowd
from tests.faults.program import Program
from tests.faults.report import Report
from tests.faults.stage import Stage, free_port, telegram

_SHORTEST_LIFE, _LONGEST_LIFE = 0.05, 0.8
_STOP_SECONDS = 5.0
_SHORT_OUTAGE = 3.0
_UNDER_WAY = 0.3
"""Seconds a call may take from the program to Telegram."""

_LATEST = 0.5
"""Seconds after which the program must know of a 429."""

_WEBHOOK_SECRET = "a-secret-of-the-webhook-in-the-fault-tests"  # noqa: S105 - of this machine's own server
_SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - a name
_SILENCE_SECONDS = 13.0
"""After how long a stopped leader is replaced: its lease of 10 s, looked at twice a second, and the first calls."""

_VACANCY_SECONDS = 3.0
"""After how long a killed leader is replaced."""


def receive_under_kills(stage: Stage, *, updates: int, kills: int, shortest: float = _SHORTEST_LIFE) -> Report:
    """A: every update comes up to three times, and the program is killed again and again.

    Args:
        shortest: seconds a process lives at least after it reported that it receives.
    """
    report = stage.report("A  receive under kills")
    with telegram() as api:
        crowd, program = Crowd(api, _people(updates), stage.seed), stage.program(api)
        _live_and_die(crowd, program, updates, kills, stage.seed, shortest=shortest)
        _tell_starts(report, program, kills)
        stage.finish(report, api, crowd, updates=updates, most_extra=kills * SENDERS)
    return report


def storm(stage: Stage, *, updates: int, kills: int) -> Report:
    """B: three calls in ten are answered 429, and the limits of Telegram hold."""
    report = stage.report("B  storm of 429")
    with telegram(Limits(enforced=True)) as api:
        api.faults = Faults(stage.seed, too_many=0.3, retry_after=(1, 2))
        crowd, program = Crowd(api, _people(updates), stage.seed), stage.program(api, ZHIFA_TELEGRAM_RATE="30")
        _live_and_die(crowd, program, updates, kills, stage.seed)
        _tell_starts(report, program, kills)
        stage.finish(report, api, crowd, updates=updates, most_extra=kills * SENDERS)
        _check_pauses(report, api, program)
    return report


def outage(stage: Stage, *, updates: int, kills: int, seconds: float) -> Report:
    """C: Telegram is gone for a while in the middle, and once more while the program is killed and started."""
    report = stage.report(f"C  outage of {seconds:.0f} s")
    with telegram() as api:
        crowd, program = Crowd(api, _people(updates), stage.seed), stage.program(api)
        _live_and_die(crowd, program, updates // 4, kills // 2, stage.seed)
        _act(crowd, updates // 2 - len(crowd.deeds), spread=0.3)
        report.tell("seconds from its end to the first message", _go_through(api, crowd, seconds, updates // 4))
        _act(crowd, 3 * updates // 4 - len(crowd.deeds), spread=0.3)
        api.outage(_SHORT_OUTAGE)
        program.kill()
        program.start_receiving()
        program.kill()
        _live_and_die(crowd, program, updates, kills - kills // 2, stage.seed + 1)
        _tell_starts(report, program, kills + 2)
        stage.finish(report, api, crowd, updates=updates, most_extra=(kills + 3) * SENDERS)
    return report


def lost_confirmations(stage: Stage, *, updates: int, kills: int) -> Report:
    """D: messages arrive, but the program does not learn of it."""
    report = stage.report("D  lost confirmations")
    with telegram() as api:
        api.faults = Faults(stage.seed, drop_after=0.05, error_after=0.03)
        crowd, program = Crowd(api, _people(updates), stage.seed), stage.program(api)
        _live_and_die(crowd, program, updates, kills, stage.seed)
        _tell_starts(report, program, kills)
        stage.settle(report, api)
        lost = [call for call in api.calls_of("sendMessage") if call.fault]
        stage.check(report, api, crowd, updates=updates, most_extra=kills * SENDERS + len(lost))
        report.at_least("confirmations of new messages lost", len(lost), 1)
    return report


def webhook(stage: Stage, *, updates: int, kills: int) -> Report:
    """E: Telegram brings the updates, several at once, and the program is killed again and again."""
    report, port = stage.report("E  webhook under kills"), free_port()
    url = f"http://127.0.0.1:{port}/hook"
    settings = {
        "ZHIFA_TELEGRAM_WEBHOOK_URL": url,
        "ZHIFA_TELEGRAM_WEBHOOK_LISTEN": f"127.0.0.1:{port}",
        "ZHIFA_TELEGRAM_WEBHOOK_SECRET": _WEBHOOK_SECRET,
    }
    with telegram() as api:
        crowd = Crowd(api, _people(updates), stage.seed, polled=False)
        program = stage.program(api, **settings)
        _live_and_die(crowd, program, updates, kills, stage.seed)
        _bring_again(api, crowd, url)
        _tell_starts(report, program, kills)
        stage.finish(report, api, crowd, updates=updates, most_extra=kills * SENDERS)
        report.tell("attempts to bring an update", len(api.attempts))
        report.tell("  that failed", sum(status != 200 for _, status, _ in api.attempts))
    return report


def two_processes(stage: Stage, *, updates: int, seconds: float, patience: float = 0.0) -> Report:
    """F: the leader is stopped and continued while another stands by, then the new leader is killed.

    Args:
        seconds: how long it is stopped at least; in any case until the other answers.
        patience: seconds that a busy machine may take longer for both changes of the leader.
    """
    report = stage.report("F  two processes, the leader stopped" + (f" {seconds:.0f} s" if seconds else ""))
    with telegram() as api:
        crowd = Crowd(api, _people(updates), stage.seed)
        first, second = stage.program(api, "first"), stage.program(api, "second")
        first.start_receiving()
        second.start()
        second.wait_for("ready")
        _act(crowd, updates // 3, spread=1.0)
        first.freeze()
        frozen = time.monotonic()
        _act(crowd, updates // 6, spread=1.0)
        second.wait_for("receiving")
        _ask(api, crowd)
        report.at_most("seconds from the stop to an answer", time.monotonic() - frozen, _SILENCE_SECONDS + patience)
        _act(crowd, updates // 6, spread=max(1.0, seconds - (time.monotonic() - frozen)))
        first.thaw()
        _act(crowd, updates // 6, spread=1.0)
        first.wait_for("deposed", "overruled")
        _ask(api, crowd)
        second.kill()
        killed = time.monotonic()
        _ask(api, crowd)
        report.at_most("seconds from the kill to an answer", time.monotonic() - killed, _VACANCY_SECONDS + patience)
        _act(crowd, updates - len(crowd.deeds), spread=0.5)
        stage.finish(report, api, crowd, updates=updates, most_extra=2 * SENDERS)
    return report


def clean_stop(stage: Stage, *, updates: int, stops: int) -> Report:
    """G: the program is asked to stop under load, again and again."""
    report, chance = stage.report("G  clean stop"), random.Random(stage.seed)
    with telegram() as api:
        crowd, program = Crowd(api, _people(updates), stage.seed), stage.program(api)
        ends = []
        for stop in range(stops):
            program.start_receiving()
            _act(crowd, updates * (stop + 1) // stops - len(crowd.deeds), spread=chance.uniform(0.1, 0.5))
            ends.append(program.stop())
        program.start_receiving()
        report.exactly("exit code 0", sum(code == 0 for code, _ in ends), stops)
        report.at_most("longest stop in seconds", max(seconds for _, seconds in ends), _STOP_SECONDS)
        stage.finish(report, api, crowd, updates=updates, most_extra=0)
        report.exactly("messages that a stop left under way", stage.total("calls_abandoned", "rows"), 0)
    return report


def _check_pauses(report: Report, api: BotApi, program: Program) -> None:
    """No message may go before the end of a `retry_after`, also after a restart that fell into it.

    A call counts as under way until the program has said in its log that it knows of the 429.
    """
    refused = [call for call in api.calls if call.status == 429]
    report.at_least("calls answered 429", len(refused), 1)
    known = [entry["at"] for entry in program.entries if entry["event"] == "channel_halted"]
    early: Counter[str] = Counter()
    for one in api.too_early:
        answered = one.call.started - one.since_answer
        learned = min([at for at in known if at > answered] + [answered + _LATEST])
        killed = [at for at in program.killed if answered < at < one.call.started]
        if one.call.started < learned + _UNDER_WAY:
            early["under way"] += 1
        elif killed and killed[0] < learned:
            early["the program was killed before it knew"] += 1
        else:
            cause = min(refused, key=lambda call: abs((call.ended or 0.0) - answered)).method
            when = f"{one.early_by:.2f} s early, {one.call.started - learned:.2f} s after it was known"
            early[f"{one.call.method}, 429 of {cause}: {when}{', a kill between' if killed else ''}"] += 1
    pardoned = early["under way"] + early["the program was killed before it knew"]
    report.exactly("messages before the end of a retry_after", sum(early.values()) - pardoned, 0)
    for what, count in early.items():
        report.tell(f"  {what}", count)


def _go_through(api: BotApi, crowd: Crowd, seconds: float, deeds: int) -> float:
    """Let Telegram go while messages are under way, people write on, and wait for a message once it is back.

    Returns:
        How long that took after it was back.
    """
    api.outage(seconds)
    back = time.monotonic() + seconds
    _act(crowd, deeds, spread=seconds / 2)

    def arrived() -> bool:
        return any(call.ok and call.started > back - 0.5 for call in api.calls_of("sendMessage")[-20:])

    api.wait_until(arrived, seconds + 60)
    return time.monotonic() - back


def _people(updates: int) -> int:
    """How many write: each about four times."""
    return max(10, updates // 4)


def _live_and_die(
    crowd: Crowd, program: Program, updates: int, kills: int, seed: int, *, shortest: float = _SHORTEST_LIFE
) -> None:
    """Kill the program so many times while people write, and leave it running, all updates made and repeated."""
    chance, begun = random.Random(seed), len(crowd.deeds)
    for life in range(kills):
        share = begun + (updates - begun) * (life + 1) // kills - len(crowd.deeds)
        _act(crowd, share // 3, spread=0)
        program.start_receiving()
        _act(crowd, share - share // 3, spread=chance.uniform(shortest, _LONGEST_LIFE))
        program.kill()
    program.start_receiving()
    _act(crowd, updates - len(crowd.deeds), spread=_LONGEST_LIFE)
    crowd.repeat_rest()


def _act(crowd: Crowd, deeds: int, *, spread: float) -> None:
    """So many deeds, and about as many repeated updates, spread over so many seconds."""
    for _ in range(deeds):
        time.sleep(spread / deeds)
        crowd.act()
        crowd.repeat()


def _ask(api: BotApi, crowd: Crowd) -> None:
    """Somebody asks and waits for the answer."""
    with api.changed:
        deed = crowd.ask()
        before = len(api.sent_to(deed.person))
    api.wait_until(lambda: len(api.sent_to(deed.person)) > before, 60)


def _bring_again(api: BotApi, crowd: Crowd, url: str) -> None:
    """Bring every update twice more, in any order, eight at a time."""
    numbers = 2 * [deed.update_id for deed in crowd.deeds]
    random.Random(len(numbers)).shuffle(numbers)

    def bring(number: int) -> None:
        client.post(url, json=api.update(number), headers={_SECRET_HEADER: _WEBHOOK_SECRET}).raise_for_status()

    with httpx.Client(timeout=30, trust_env=False) as client, ThreadPoolExecutor(8) as hands:
        list(hands.map(bring, numbers))
    crowd.redelivered += len(numbers)


def _tell_starts(report: Report, program: Program, kills: int) -> None:
    report.tell("kills", kills)
    report.tell("seconds from start to receiving, median", sorted(program.starts)[len(program.starts) // 2])
