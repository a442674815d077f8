# Answers every call and says back what it hears; the first thing to try on a new board, and a peer for tests.
# Configured by echo.* (siplet/config.py). Imports nothing of siplet; what it needs is handed to main.

import asyncio


async def main(board, phone, config):
    """Runs until it is cancelled."""
    async for call in phone:
        asyncio.create_task(echo(board, call, config))  # noqa: RUF006  the call keeps who waits for it


async def echo(board, call, config):
    board.log("call from " + call.remote)
    try:
        async with call:
            if await call.ended(timeout_ms=config["echo.answer_ms"]):
                return
            await call.answer(audio=board.audio("loop"))
            board.log("talking to " + call.remote)
            await asyncio.wait_for(listen(board, call), config["echo.talk_ms"] / 1000)
    except asyncio.TimeoutError:
        board.log("time is over")
    except Exception as error:
        board.log(f"{call.remote}: {error}")
    board.log("end of the call with " + call.remote)


async def listen(board, call):
    async for digit in call.digits():
        board.log("digit " + digit)
