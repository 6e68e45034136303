"""The study's project served by potato-annotation and filled in by a headless Chromium, then read back.

`POTATO` names a potato that is installed already; without it one is installed from the project's own requirements.
`PICTURES` names a folder for the screenshots.
"""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from chromium import PROGRAM, Browser
from people.test_study import ITEMS, plan, written

from persona_lib.people.study import CHOICE, CONSENT, LABELS, REASON
from persona_lib.people.study_answers import read_study

pytestmark = [pytest.mark.system, pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")]
THERE = "!!document.querySelector('form[data-schema-name={}]')"
NEXT = "document.getElementById('next-btn').click()"
TYPED = (
    "(() => {{ const box = document.querySelector('input[schema={}]'); box.value = {};"
    " ['input', 'change'].forEach(what => box.dispatchEvent(new Event(what, {{bubbles: true}})));"
    " return box.value }})()"
)


def potato(folder: Path) -> str:
    if known := os.environ.get("POTATO"):
        return known
    place = folder.parent / "venv"
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    pip = [place / "bin/pip", "install", "-q", "-r", folder / "requirements.txt"]
    subprocess.run(pip, check=True, timeout=900)
    return str(place / "bin/potato")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def click(browser: Browser, scheme: str, label: str) -> None:
    browser.until(THERE.format(scheme))
    chosen = f"document.querySelector('input[schema={scheme}][value={json.dumps(label)}]')"
    browser.run(f"({chosen}.click(), 1)")
    browser.until(f"{chosen}.checked")
    time.sleep(1)  # the page saves by itself, a moment after a click


def test_two_items_are_judged_in_a_browser_and_read_back(tmp_path):
    folder = written(tmp_path / "study")
    task = sorted(plan()["task"].unique())[0]
    pictures = Path(os.environ.get("PICTURES", tmp_path))
    port = free_port()
    with (tmp_path / "potato.log").open("w") as log:
        command = [potato(folder), "start", "config.yaml", "-p", str(port)]
        server = subprocess.Popen(command, cwd=folder / task, stdout=log, stderr=log)
    said = {}
    try:
        with Browser(tmp_path) as browser:
            address = f"http://127.0.0.1:{port}/?PROLIFIC_PID=made-up&STUDY_ID=s&SESSION_ID=t"
            for _ in range(60):
                browser.open(address)
                time.sleep(1)
                if browser.run(THERE.format(CONSENT)):
                    break
            browser.picture(pictures / "consent.png")
            click(browser, CONSENT, "I agree to take part")
            browser.run(NEXT)
            click(browser, "understood", "I have read this")
            browser.picture(pictures / "instructions.png")
            browser.run(NEXT)
            before = ""
            while len([page for page in said if "check" not in page]) < 2:
                browser.until(THERE.format(CHOICE))
                browser.until(f"document.getElementById('instance_id').value != {json.dumps(before)}")
                before = browser.run("document.getElementById('instance_id').value")
                click(browser, CHOICE, LABELS[1])
                assert browser.run(TYPED.format(REASON, json.dumps("for the garden"))) == "for the garden"
                time.sleep(1)
                browser.picture(pictures / f"item_{len(said) + 1}.png")
                said[before] = LABELS[1]
                browser.run(NEXT)
                time.sleep(1)
    finally:
        server.terminate()
        server.wait(30)
    judgements, raters, reasons = read_study(folder)
    shown = plan().set_index("instance_id").loc[[page for page in said if "check" not in page]]
    ok = judgements[judgements["status"] == "ok"].set_index("item_id")["chosen_answer_id"]
    second = shown["answer_b_id"].where(~shown["swapped"].astype(bool), shown["answer_a_id"])
    assert ok.to_dict() == dict(zip(shown["item_id"], second, strict=True)) and len(ok) == 2
    assert raters["n_answered"].tolist() == [2] and raters["agreed"].tolist() == [True]
    assert raters["order"].iloc[0].split(" ")[: len(said)] == list(said), "the order of the pages is recorded"
    assert set(reasons.loc[reasons["reason"] != "", "reason"]) == {"for the garden"} and len(judgements) == 4
    assert set(judgements["item_id"]) <= set(ITEMS["item_id"])
