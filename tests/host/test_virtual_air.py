# The virtual board's Wi-Fi, and the sockets that need it.

import pytest
from siplet_tools.board.link import Link
from siplet_tools.errors import ToolError
from siplet_tools.virtual import VirtualBoard
from virtual_parts import trace


def test_wifi_comes_only_with_the_right_name_and_password_and_goes_with_its_access_point(board, link):
    link.run("""
import network, time
wlan = network.WLAN(network.WLAN.IF_STA)
def join(*words):
    wlan.disconnect()  # the driver forgets its last trouble by that alone
    wlan.connect(*words)
    while wlan.status() in (network.STAT_CONNECTING, network.STAT_IDLE): time.sleep_ms(5)
    return wlan.status()
""")
    assert link.value("(wlan.active(), wlan.isconnected(), wlan.ifconfig()[0])") == (False, False, "0.0.0.0")
    assert "Wifi Not Started" in trace(link, "wlan.connect('siplet', 'x')")
    link.run("wlan.active(True); wlan.config(reconnects=0, pm=wlan.PM_NONE)")
    assert [row[0] for row in link.value("wlan.scan()")] == [b"siplet", b"guests"]
    assert link.value("join('siplet', 'wrong') == network.STAT_WRONG_PASSWORD == 202")
    assert link.value("join('nowhere', 'x') == network.STAT_NO_AP_FOUND == 201")
    assert link.value("join('siplet') == network.STAT_NO_AP_FOUND_W_COMPATIBLE_SECURITY == 210")
    assert link.value("join('siplet', 'virtual-board') == network.STAT_GOT_IP == 1010")
    assert link.value("(wlan.isconnected(), wlan.ifconfig()[0], wlan.config('ssid'))") == (True, "127.0.0.9", "siplet")
    assert link.value("wlan.config('mac').hex()") == board.settings.mac
    board.signal(-80)
    link.run("while wlan.status('rssi') != -80: time.sleep_ms(1)")
    assert board.network == "siplet"
    link.run("wlan.config(reconnects=-1)")
    board.wifi(False)
    link.run("while wlan.isconnected(): time.sleep_ms(1)")
    assert link.value("wlan.status()") in (200, 201, 1001)
    board.wifi(True)
    link.run("while not wlan.isconnected(): time.sleep_ms(1)")  # the driver joins again by itself
    link.run("wlan.disconnect()")
    assert link.value("(wlan.isconnected(), wlan.status() == network.STAT_IDLE)") == (False, True)
    board.wait(lambda: not board.network, what="end of the Wi-Fi")


def test_wifi_outlives_a_soft_reset_and_not_a_hard_one(board, link):
    link.run("import network; w = network.WLAN(); w.active(True); w.connect('guests')\nwhile not w.isconnected(): pass")
    link.transport.enter_raw_repl(soft_reset=True)
    assert link.value("__import__('network').WLAN().isconnected()")
    link.reset()
    board.wait_started(3)
    board.wait_idle()
    link.enter()
    assert not link.value("__import__('network').WLAN().isconnected()")


def test_sockets_have_the_boards_own_address_and_need_the_wifi(board, link):
    link.run("""
import network, socket, time, asyncio
w = network.WLAN(); w.active(True)
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
a.bind(('0.0.0.0', 25160))
b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
b.bind(('', 0))
""")
    assert "EHOSTUNREACH" in trace(link, "b.sendto(b'x', ('127.0.0.9', 25160))")
    link.run("w.connect('guests')\nwhile not w.isconnected(): pass")
    link.run("b.sendto(b'there', socket.getaddrinfo('127.0.0.9', 25160, 0, socket.SOCK_DGRAM)[0][-1])")
    data, source = link.value("a.recvfrom(100)")
    assert data == b"there" and source[0] == "127.0.0.9"
    link.run("""
async def serve(reader, writer):
    writer.write(b'you said ' + await reader.readline())
    await writer.drain()
    await writer.wait_closed()
async def main():
    server = await asyncio.start_server(serve, '127.0.0.9', 25162)
    reader, writer = await asyncio.open_connection('127.0.0.9', 25162)
    writer.write(b'hello\\n')
    await writer.drain()
    print((await reader.read(-1)).decode())
    server.close()
    await server.wait_closed()
    a.setblocking(False)
asyncio.run(main())
""")
    assert link.run("asyncio.run(main())") == b"you said hello\r\n\r\n"
    board.wifi(False)
    link.run("while w.isconnected(): pass")
    assert "EHOSTUNREACH" in trace(link, "b.sendto(b'x', ('127.0.0.9', 25160))")
    assert link.value("a.readinto(bytearray(10))") is None


def test_an_empty_datagram_ends_a_socket_until_it_is_bound_or_connected_anew(board, link):
    link.run("""
import network, socket
w = network.WLAN(); w.active(True); w.connect('guests')
while not w.isconnected(): pass
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
a.bind(('0.0.0.0', 25164))
b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
b.bind(('0.0.0.0', 25166))
def send(*words):
    for word in words: b.sendto(word, ('127.0.0.9', 25164))
send(b'one', b'', b'two')
""")
    assert link.value("(a.recv(10), a.recv(10), a.recv(10), a.read(10))") == (b"one", b"", b"", b"")
    link.run("a.bind(('0.0.0.0', 25164))")
    assert link.value("(a.recvfrom(10), send(b'', b'three'))[0]") == (b"two", ("127.0.0.9", 25166))
    link.run("a.connect(('127.0.0.9', 25166)); buffer = bytearray(9); a.setblocking(False)")
    assert link.value("(a.readinto(buffer), a.readinto(buffer))") == (0, 0)
    link.run("a.connect(('127.0.0.9', 25166))")
    assert link.value("(a.readinto(buffer), bytes(buffer[:5]), a.readinto(buffer))") == (5, b"three", None)


def test_networks_of_ones_own_and_what_cannot_be(tmp_path):
    folder = tmp_path / "board"
    folder.mkdir()
    (folder / "networks.json").write_text('[["Home", "sweet home", 1]]')
    with VirtualBoard(folder) as board, Link.open(board.port) as link:
        assert link.value("(w := __import__('network').WLAN()).active(True) and w.scan()[0][0]") == b"Home"
    (folder / "networks.json").write_text("{}x")
    for wrong in ({}, {"chip": "esp8266", "networks": ()}, {"flash_size": 5, "networks": ()}):
        with pytest.raises(ToolError):
            VirtualBoard(folder, **wrong)
