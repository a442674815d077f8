# siplet: everything a newcomer types. The first use makes .venv and the node package; nothing outside this folder changes,
# but for `make peers`.

PYTHON ?= python3
APP ?=
CONFIG ?=
PEER ?= siplet
T ?=
# MICROPYTHON chooses another interpreter for run, demo, test and bench: make test MICROPYTHON=/usr/bin/micropython

VENV := .venv/made
NODE := tests/wasm/node_modules/made
PY := .venv/bin/python
PEERS := kamailio kamailio-presence-modules kamailio-tls-modules kamailio-websocket-modules baresip-core linphone-cli sip-tester sipsak tshark espeak-ng sox ffmpeg valgrind dnsmasq-base qemu-system-arm firmware-microbit-micropython libportaudio2 libasound2-plugins pulseaudio pulseaudio-utils
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)

export PYTHONPATH := firmware:host_tools:host_tools/siplet_tools/shim
export MICROPYTHON

.PHONY: help demo run tools test lint bench peers clean
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' Makefile

demo: $(VENV) ## the bell rings, two phones talk, the door opens; PEER=baresip for a real one indoors
	@$(PY) -m siplet_tools.demo --peer '$(PEER)'

run: $(VENV) ## an app on MicroPython with this PC as its board: CONFIG=file.json, APP=echo for another app
	@$(if $(CONFIG),,echo "which configuration? make run CONFIG=file.json; boards/unix/README.md shows one" >&2; exit 2)
	@$(PY) -m siplet_tools.interpreter firmware/main.py '$(CONFIG)' $(if $(APP),--app '$(APP)')

tools: $(VENV) ## the command .venv/bin/siplet: flash, deploy, provision, watch and test a board, or a virtual one
	@.venv/bin/siplet --help

test: $(VENV) $(NODE) ## all tests on CPython and both MicroPythons; T=part of a file's name, or file::test
	@$(PY) tests/run.py '$(T)'

lint: $(VENV) $(NODE) ## style, types against the ESP32 stubs, and every file compiled for every family of board
	@$(PY) tests/lint.py

bench: $(VENV) $(NODE) ## what siplet costs: T=modules, features, garbage, speed, compact, doorphone, pacing, srtp, quality, echo, dtmf, host or fuzz
	@$(PY) tests/bench/run.py $(T)

peers: $(VENV) ## the SIP programs that the tests call, from Debian (asks sudo when needed) and PyPI
	@$(SUDO) apt-get update -q
	@$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $(PEERS)
	@$(PY) tests/interop/make_peers.py

clean: ## remove all that make made
	rm -rf .venv build out .pytest_cache .ruff_cache tests/wasm/node_modules
	find firmware host_tools tests boards -name __pycache__ -prune -exec rm -rf {} +

$(VENV): host_tools/requirements.txt
	@$(PYTHON) host_tools/make_venv.py && touch $@

$(NODE): tests/wasm/package-lock.json
	@command -v npm >/dev/null || { echo "tests and lint need node 20 or newer with npm (nodejs.org)" >&2; exit 1; }
	@echo "fetching the WebAssembly port of MicroPython and the type checker from npm ..."
	@npm ci --prefix tests/wasm --no-audit --no-fund --loglevel=error && touch $@
