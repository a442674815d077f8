"""siplet deploy on a virtual board: what has changed goes over, all of it or nothing takes its place."""

import hashlib
import json
import os

import pytest
from siplet_tools.board import building, deploying, facts, upload
from siplet_tools.board.link import BoardError, Link
from siplet_tools.errors import ToolError
from siplet_tools.virtual import VirtualBoard

SMALL = {
    "/main.py": b"print('started')\n",
    "/start.mpy": bytes(range(256)) * 9,
    "/siplet/phone.mpy": os.urandom(5000),  # nothing to compress
    "/siplet/three.mpy": b"\x03\xdb" * 1500,  # all of it is escaped
    "/apps/doorphone.mpy": b"",
}


@pytest.fixture
def board(tmp_path):
    with VirtualBoard(tmp_path / "board") as board:
        yield board


@pytest.fixture
def small(monkeypatch):
    """Five files instead of siplet, so that a cable can be pulled often."""
    files = dict(SMALL)
    monkeypatch.setattr(building, "build", lambda facts, board, app, lines=False: dict(files))
    return files


def on_board(board, folder=""):
    """{path: bytes} of the board's file system, as the PC sees it."""
    root = os.path.join(board.settings.files, folder)
    found = {}
    for place, _, names in os.walk(root):
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as file:
                found["/" + os.path.relpath(path, root).replace(os.sep, "/")] = file.read()
    found.pop("/boot.py", None)  # MicroPython's own
    return found


def deploy(board, **options):
    with Link.open(board.port) as link:
        plan = deploying.prepare(link, **options)
        deploying.carry_out(link, plan)
        return plan


def whole(board, files):
    """Whether the board has those files and a manifest that names them, and nothing else."""
    there = on_board(board)
    manifest = json.loads(there.pop("/siplet.json"))
    hashes = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    return there == files and manifest["files"] == hashes


def test_siplet_itself_goes_onto_an_empty_board_and_a_second_deploy_writes_nothing(board):
    steps = []
    with Link.open(board.port) as link:
        plan = deploying.prepare(link)
        deploying.carry_out(link, plan, lambda done, total: steps.append((done, total)))
    assert plan.board == "esp32" and plan.app == "doorphone" and len(plan.put) > 20
    assert steps[-1][0] == steps[-1][1] and steps == sorted(steps)
    there = on_board(board)
    assert there["/main.py"] == building.MAIN.encode() and "/start.mpy" in there and "/siplet/phone.mpy" in there
    assert [path for path in there if path.startswith("/apps/") and "__init__" not in path] == ["/apps/doorphone.mpy"]
    told = json.loads(there["/siplet.json"])
    assert (told["siplet"], told["app"], told["board"]) == (building.version(), "doorphone", "esp32")
    times = {path: os.stat(os.path.join(board.settings.files, path[1:])).st_mtime_ns for path in there}
    plan = deploy(board)
    assert plan.empty and len(plan.same) == len(there) - 1
    assert times == {path: os.stat(os.path.join(board.settings.files, path[1:])).st_mtime_ns for path in there}


def test_only_what_differs_goes_and_what_a_hand_has_changed_is_found(board, small):
    deploy(board)
    small["/start.mpy"] = b"another"
    with open(os.path.join(board.settings.files, "siplet", "phone.mpy"), "ab") as file:
        file.write(b"!")
    plan = deploy(board)
    assert sorted(plan.put) == ["/siplet.json", "/siplet/phone.mpy", "/start.mpy"]
    assert whole(board, small)


def test_what_is_stale_or_in_the_way_is_removed_and_what_is_the_users_stays(board, small):
    small["/siplet/old.mpy"] = b"1"
    small["/own_address.mpy"] = b"2"
    deploy(board)
    del small["/siplet/old.mpy"], small["/own_address.mpy"]
    mine = {
        "/config.json": b"{}",
        "/apps/mine.py": b"pass",
        "/boot.py": b"pass\n",
        "/notes.txt": b"x",
        "/data/a.mpy": b"y",
    }
    in_the_way = {
        "/siplet/phone.py": b"raise",
        "/start.py": b"raise",
        "/siplet/sound/x.py": b"",
        "/start.mpy.new": b"zz",
    }
    for path, data in {**mine, **in_the_way}.items():
        place = os.path.join(board.settings.files, path[1:])
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(data)
    plan = deploy(board)
    assert sorted(plan.stale) == sorted([*in_the_way, "/siplet/sound/", "/siplet/old.mpy", "/own_address.mpy"])
    assert not os.path.exists(os.path.join(board.settings.files, "siplet", "sound"))
    there = on_board(board)
    for path, data in mine.items():
        if path != "/boot.py":
            assert there.pop(path) == data
    del there["/siplet.json"]
    assert there == small


def pulled(board, small, bytes_before, old):
    """Pulls the cable after that many bytes of a deploy; what the board is left with is the old or the new, whole."""
    board.unplug(after=bytes_before)
    try:
        deploy(board)
        done = True
    except ToolError as error:
        done = False
        assert "\n" not in str(error) and len(str(error)) < 200
    board.plug()
    there = on_board(board)
    there = {path: data for path, data in there.items() if not path.endswith(".new") and path != "/siplet.json"}
    assert done or there in (old, small)
    return done


def test_a_cable_that_is_pulled_at_any_byte_leaves_the_old_version_and_the_next_deploy_finishes(board, small):
    deploy(board)
    size = sum(len(frame) for path, data in small.items() for frame in upload.frames(path, data, True))
    assert size > 5000
    for turn, place in enumerate(range(200, 200 + 26 * (size // 12), size // 12 + 37)):
        old = dict(small)
        small["/start.mpy"] = b"%d" % turn * 700
        small["/siplet/phone.mpy"] = hashlib.sha256(b"%d" % turn).digest() * 140
        done = pulled(board, small, place, old)
        assert deploy(board).empty == done
        assert whole(board, small)


def test_a_full_file_system_is_said_and_nothing_is_changed(tmp_path, small):
    with VirtualBoard(tmp_path / "board", room=64 * 1024) as board:
        deploy(board)
        before = on_board(board)
        small["/siplet/more.mpy"] = os.urandom(60000)
        with pytest.raises(ToolError, match=r"KB left and .* KB have to go") as caught:
            deploy(board)
        assert "mpremote fs rm" in str(caught.value) and on_board(board) == before


def test_a_disk_that_fills_up_on_the_way_gives_back_what_was_written(tmp_path, small, monkeypatch):
    with VirtualBoard(tmp_path / "board", room=64 * 1024) as board:
        deploy(board)
        before = on_board(board)
        small["/siplet/more.mpy"] = os.urandom(60000)
        told = deploying.prepare

        def optimist(link, **options):
            plan = told(link, **options)
            plan.free = 1 << 20
            return plan

        monkeypatch.setattr(deploying, "prepare", optimist)
        with pytest.raises(ToolError, match="full; nothing was changed"):
            deploy(board)
        assert on_board(board) == before


def test_a_file_that_arrives_damaged_is_noticed_and_not_put_in_place(board, small, monkeypatch):
    deploy(board)
    before = on_board(board)
    small["/start.mpy"] = b"new" * 500
    frames = upload.frames

    def noisy(path, data, deflate):
        return frames(path, data[:-1] + b"?" if path == "/start.mpy" else data, deflate)

    monkeypatch.setattr(upload, "frames", noisy)
    with pytest.raises(ToolError, match=r"start\.mpy arrived damaged, nothing was changed"):
        deploy(board)
    assert on_board(board) == before


def test_a_board_with_another_micropython_is_refused_before_anything_is_sent(board, small, monkeypatch):
    parse = facts.parse

    def older(answer):
        found = parse(answer)
        found.version, found.mpy_version = "1.12.0", 5
        return found

    monkeypatch.setattr(facts, "parse", older)
    monkeypatch.setattr(building, "build", lambda facts, board, app, lines: building.native(facts))
    with pytest.raises(ToolError, match=r"1\.12\.0 on the board reads \.mpy version 5, siplet's is 6.*siplet flash"):
        deploy(board)
    assert on_board(board) == {}


def test_a_board_whose_native_code_is_another_gets_bytecode_and_is_told(board, monkeypatch):
    parse = facts.parse

    def other(answer):
        found = parse(answer)
        found.mpy_sub = 2
        return found

    monkeypatch.setattr(facts, "parse", other)
    with Link.open(board.port) as link:
        plan = deploying.prepare(link)
    assert plan.notes and "slower" in plan.notes[0]
    assert not any(path.endswith("_viper.mpy") for path in plan.put)
    assert any(path.endswith("_plain.mpy") for path in plan.put) or "/siplet/phone.mpy" in plan.put


def test_what_the_board_raises_while_it_receives_is_told_and_the_line_can_be_used_again(board):
    with Link.open(board.port) as link:
        link.run("import os\nos.mkdir('/taken')\nos.mkdir('/taken/a.new')")
        with pytest.raises(BoardError):
            upload.upload(link, {"/taken/a": os.urandom(30000)})
        assert link.value("6 * 7") == 42


def test_unknown_boards_and_applications_are_named_with_the_nearest(board):
    with Link.open(board.port) as link:
        with pytest.raises(ToolError, match="did you mean esp32"):
            deploying.prepare(link, board="esp23")
        with pytest.raises(ToolError, match="doorphone, echo"):
            deploying.prepare(link, app="dorphone")
