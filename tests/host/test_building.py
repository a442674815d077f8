"""What siplet deploy compiles: anew when anything that makes it has changed, and by one process at a time."""

import ast
import os
import shutil
import threading

import pytest
from siplet_tools import compiler
from siplet_tools.board import building, catalog
from siplet_tools.board.facts import Facts
from siplet_tools.interpreter import ROOT

FACTS = Facts("esp32", "", "1.29.0", "", "xtensawin", *building.MPY)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A copy of all that the code of a board is made of, as the project."""
    for folder in ("firmware", "boards"):
        shutil.copytree(os.path.join(ROOT, folder), tmp_path / folder)
    (tmp_path / "host_tools" / "siplet_tools").mkdir(parents=True)
    for name in building.JOINING:
        shutil.copy(
            os.path.join(ROOT, "host_tools", "siplet_tools", name + ".py"), tmp_path / "host_tools/siplet_tools"
        )
    for module in (building, compiler, catalog):
        monkeypatch.setattr(module, "ROOT", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("board", sorted(catalog.boards()))
def test_each_file_that_the_code_is_made_of_has_it_compiled_anew(tree, board):
    paths = [*compiler.board_files(board), "firmware/siplet/phone.py", f"boards/{board}/board.json"]
    for path in [*paths, *(f"host_tools/siplet_tools/{name}.py" for name in building.JOINING)]:
        before = building._fingerprint(board)
        with open(tree / path, "a") as file:
            file.write("\n")
        assert building._fingerprint(board) != before, path


def test_all_modules_that_join_the_code_count():
    found, todo = set(), ["compiler"]
    while todo:
        name = todo.pop()
        found.add(name)
        with open(os.path.join(ROOT, "host_tools", "siplet_tools", name + ".py"), encoding="utf-8") as file:
            nodes = [node for node in ast.walk(ast.parse(file.read())) if isinstance(node, ast.ImportFrom)]
        for node in nodes:
            package, _, module = (node.module + ".").partition(".")
            if package == "siplet_tools":
                todo += {module.strip(".") or alias.name for alias in node.names} - found
    assert found - {"interpreter"} == set(building.JOINING)  # that one tells where the project is


def test_what_is_compiled_in_a_checkout_that_may_only_be_read_is_taken(tree, monkeypatch):
    folder = tree / "build" / "deploy" / "esp32-xtensawin"
    os.makedirs(f"{folder}.lock")  # a file that cannot be written, for root either
    folder.mkdir()
    (folder / "main.mpy").write_bytes(b"code")
    folder.with_suffix(".stamp").write_text(building._fingerprint("esp32"))
    monkeypatch.setattr(compiler, "compile_board", None)
    assert building.build(FACTS, "esp32", "echo")["/start.mpy"] == b"code"


def test_two_deploys_at_once_do_not_take_away_each_others_files(tree, monkeypatch):
    both, made, results = threading.Barrier(2), [], []

    def compile_board(architecture, folder, *_options):
        made.append(folder)
        try:
            both.wait(0.5)  # the other one is here, too
        except threading.BrokenBarrierError:
            pass
        os.makedirs(tree / folder, exist_ok=True)
        (tree / folder / "main.mpy").write_bytes(b"code")

    monkeypatch.setattr(compiler, "compile_board", compile_board)
    threads = [
        threading.Thread(target=lambda: results.append(building.build(FACTS, "esp32", "echo"))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and results[0] == results[1] and results[0]["/start.mpy"] == b"code"
