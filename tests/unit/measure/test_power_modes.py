"""Power modes through programs that act like a board's: what is set is put back, whatever happens."""

from __future__ import annotations

import pytest

from bench_freeze.errors import InputError, MeasurementError
from bench_freeze.measure.telemetry.board_commands import PowerMode
from bench_freeze.measure.telemetry.power_modes import ModeRefused, PowerModes, chosen_modes, parse_modes
from tests.board import CONFIGURATION, Board

MODES = (PowerMode("MAXN", 0), PowerMode("MODE_15W", 1), PowerMode("MODE_50W", 3))
AT_FIRST = (1, 729600, False)


@pytest.fixture
def board(tmp_path, monkeypatch):
    made = Board(tmp_path)
    monkeypatch.setenv("PATH", made.path)
    return made


def test_the_modes_of_a_configuration():
    assert parse_modes(CONFIGURATION) == MODES
    assert parse_modes("") == ()


@pytest.mark.parametrize(
    ("asked", "names"),
    [("all", ["MAXN", "MODE_15W", "MODE_50W"]), ("3,0", ["MODE_50W", "MAXN"]), ("mode_15w, 1", ["MODE_15W"])],
)
def test_modes_are_asked_for_by_number_or_name(asked, names):
    assert [mode.name for mode in chosen_modes(asked, MODES)] == names


@pytest.mark.parametrize("asked", ["2", "MODE_25W", "", "0;1"])
def test_a_mode_that_is_not_there_is_refused_with_those_that_are(asked):
    with pytest.raises(InputError, match=r"this board has 0 \(MAXN\), 1 \(MODE_15W\), 3 \(MODE_50W\)"):
        chosen_modes(asked, MODES)


def test_a_slip_is_answered_with_the_name():
    with pytest.raises(InputError, match=r"Did you mean MODE_15W\?"):
        chosen_modes("MODE_15", MODES)


def test_a_mode_is_set_and_locked_and_then_the_board_is_as_before(board, tmp_path):
    modes = PowerModes(configuration=board.configuration)
    assert modes.now() == MODES[1]
    with modes.restored(tmp_path / "clocks"):
        modes.set(MODES[0])
        assert board.state == (0, 2201600, False)
    assert board.state == AT_FIRST
    assert not (tmp_path / "clocks").exists()
    keep = tmp_path / "clocks"
    assert board.commands() == [
        f"jetson_clocks --store {keep}",
        *("nvpmodel -m 0", "jetson_clocks "),
        *("nvpmodel -m 1", "jetson_clocks ", f"jetson_clocks --restore {keep}"),
    ]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, GeneratorExit, SystemExit])
def test_the_board_is_put_back_whatever_happens(board, tmp_path, error):
    modes = PowerModes(configuration=board.configuration)

    def work():
        with modes.restored(tmp_path / "clocks"):
            modes.set(MODES[0])
            raise error

    with pytest.raises(error):
        work()
    assert board.state == AT_FIRST


def test_a_mode_that_needs_a_restart_is_refused_and_nothing_restarts(board, tmp_path):
    modes = PowerModes(configuration=board.configuration)
    with modes.restored(tmp_path / "clocks"):
        with pytest.raises(ModeRefused, match="MODE_50W cannot be set while the board runs: it needs a restart"):
            modes.set(MODES[2])
        assert board.state == AT_FIRST


def test_clocks_that_do_not_lock_are_refused(board, tmp_path):
    (board.folder / "stuck").touch()
    modes = PowerModes(configuration=board.configuration)
    with modes.restored(tmp_path / "clocks"), pytest.raises(ModeRefused, match="did not lock"):
        modes.set(MODES[0])
    assert board.state == AT_FIRST


def test_a_board_that_cannot_be_put_back_is_said_with_the_commands(board, tmp_path):
    modes = PowerModes(configuration=board.configuration)

    def work():
        with modes.restored(tmp_path / "clocks"):
            modes.set(MODES[0])
            (tmp_path / "clocks").unlink()  # so that --restore fails

    with pytest.raises(MeasurementError, match=r"sudo nvpmodel -m 1` and `sudo jetson_clocks --restore"):
        work()


def test_the_clocks_that_a_killed_run_left_are_not_lost(board, tmp_path):
    modes = PowerModes(configuration=board.configuration)
    (tmp_path / "clocks").write_text("729600\n")

    def work():
        with modes.restored(tmp_path / "clocks"):
            modes.set(MODES[0])

    with pytest.raises(InputError, match=r"a run that was killed; run `sudo jetson_clocks --restore .*clocks`"):
        work()
    assert board.state == AT_FIRST
    assert (tmp_path / "clocks").read_text() == "729600\n"


@pytest.mark.parametrize("program", ["#!/bin/sh\nexit 1\n", "#!/bin/sh\necho nothing\n"])
def test_the_clocks_are_put_back_even_where_the_mode_cannot_be_asked_for(board, tmp_path, program):
    modes = PowerModes(configuration=board.configuration)

    def work():
        with modes.restored(tmp_path / "clocks"):
            modes.set(MODES[0])
            (board.folder / "nvpmodel").write_text(program)

    with pytest.raises(MeasurementError, match="the board could not be put back into MODE_15W"):
        work()
    assert f"jetson_clocks --restore {tmp_path / 'clocks'}" in board.commands()


def test_a_machine_without_the_tools_is_told_what_it_is_for(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="is for a Jetson: nvpmodel and jetson_clocks cannot be found here"):
        PowerModes()


@pytest.mark.parametrize("text", [None, "# nothing\n"])
def test_a_configuration_without_modes_is_refused(board, text, tmp_path):
    file = tmp_path / "other.conf"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError, match="other.conf"):
        PowerModes(configuration=file)
