"""Progress display: a live display on a terminal, occasional lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from rich.console import RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from .pace import Pace, Work
from .progress import Status
from .text.terminal import line, rich_console, rows, say
from .text.visible import shortened

LOG_EVERY_S = 10.0  # seconds: a log should show that a long step is alive,
LOG_EVERY_SHARE = 0.05  # how far it is,
LOG_APART_S = 2.0  # and should not be filled by a short one
BEAT_S = 1.0
DETAILS_EVERY_S = 0.5  # reading a loss may make the GPU wait
STILL_EVERY_S = 1.0  # between two redraws during a timed step
BETWEEN = "between two steps"
MOST_DETAILS = 8  # lines below the bar
BESIDE_TITLE = 40  # columns for the bar, the counts and the times
LEAST_TITLE = 20

Details = Callable[[], Sequence[str]]
Tell = Callable[[int, int, Details], None]


def no_details() -> Sequence[str]:
    """No details."""
    return ()


def nobody(done: int, total: int, details: Details = no_details) -> None:
    """Shows nothing."""


class Step:
    """A step in progress. Call it with `done, total`; set `kept` if the result was found in the store."""

    def __init__(
        self,
        show: Callable[[int, int], None],
        tell: Tell = nobody,
        pulse: Callable[[], None] | None = None,
    ) -> None:
        self.kept = False
        self._show, self._tell, self._pulse = show, tell, pulse

    def __call__(self, done: int, total: int) -> None:
        """Report how far the step is."""
        self._show(done, total)

    def tell(self, done: int, total: int, details: Details) -> None:
        """Report progress, with `details` that are only evaluated when shown."""
        self._tell(done, total, details)

    def pulse(self) -> None:
        """Signal that a still step may redraw now, because nothing is being timed."""
        if self._pulse is not None:
            self._pulse()


class Console:
    """Progress and notes on standard error, so that standard output carries results only."""

    def __init__(self, *, plain: bool = False) -> None:
        self._rich = rich_console(error=True)
        self._live = self._rich.is_terminal and not self._rich.is_dumb_terminal and not plain
        self._number = 0
        self._expected: int | None = None
        self._pace = Pace()
        self._between: ExitStack | None = None  # what is shown while no step runs

    def expect(
        self, more: int, to_do: Mapping[str, float] | None = None, most_s: Mapping[str, float] | None = None
    ) -> None:
        """Announce the coming steps, so that each can show its number and the time left.

        `to_do` has the number of units by kind of work, as steps name them; `most_s` has the seconds that a kind may
        take at most.
        """
        self._expected = self._number + more
        self._pace.expect(to_do or {}, most_s)

    def found(self, work: Work, seconds: float = 0.0) -> None:
        """Record work whose result was found without running a step, and how long it took when it ran."""
        self._pace.found(work, seconds)

    def note(self, text: str) -> None:
        """Show a note."""
        self._print(text)

    def warn(self, text: str) -> None:
        """Show a warning."""
        self._print(f"warning: {text}", style="yellow")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Also show activity between steps."""
        with ExitStack() as stack:
            self._between = stack
            try:
                self._show_between()
                yield
            finally:
                self._between = None

    def _show_between(self) -> None:
        if self._between is not None and (self._live or self._number):  # in a log, an early error stays one line
            status = Status(BETWEEN, self._step_number(), pace=self._pace)
            self._between.enter_context(self._shown(status, False) if self._live else self._logged(status, False))

    @contextmanager
    def step(self, title: str, *, still: bool = False, work: Work | None = None) -> Iterator[Step]:
        """Show a step while it runs, then one line with its time. `work` is its share of the run.

        `still` is for timed steps, which a display in another thread would disturb. The display is then only drawn when
        the step calls `pulse`, at most once a second.
        """
        if self._between is not None:
            self._between.close()
        self._number += 1
        status = Status(title, self._step_number(), work=work, pace=self._pace)
        with self._shown(status, still) if self._live else self._logged(status, still) as step:
            yield step
        seconds = time.monotonic() - status.began
        if work is not None:
            self._pace.done(work, None if step.kept else seconds)
        self.note(f"{status.heading:<46} {'kept' if step.kept else f'{seconds:.1f} s'}")
        self._show_between()

    def _step_number(self) -> str:
        """Number as "5/31"; without a total until the number of steps is known."""
        if self._expected is None:
            return ""
        return f"{self._number}/{max(self._expected, self._number)}"

    def _print(self, text: str, style: str = "") -> None:
        if self._live:
            for row in rows(text, self._rich.width):
                self._rich.print(Text(row, style=style), soft_wrap=True)
        else:
            say(text, error=True)

    @contextmanager
    def _shown(self, status: Status, still: bool) -> Iterator[Step]:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[counts]}", markup=False),
            TimeElapsedColumn(table_column=Column(no_wrap=True)),  # on a narrow terminal, the bar shrinks instead
            TextColumn("{task.fields[left]}", markup=False),
        )
        # Output of other libraries goes through the guarded streams; the display would strip its colours.
        with _Display(
            status,
            *columns,
            console=self._rich,
            transient=True,
            auto_refresh=not still,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as display:
            yield Step(display.show, display.show, display.pulse if still else None)

    @contextmanager
    def _logged(self, status: Status, still: bool) -> Iterator[Step]:
        log = _Log(status, self.note)
        if still:
            yield Step(log.show, log.show, log.beat)
            return
        over = threading.Event()
        beating = threading.Thread(target=log.beat_until, args=(over,), name="progress", daemon=True)
        beating.start()
        try:
            yield Step(log.show, log.show)
        finally:
            over.set()
            beating.join()


class _Display(Progress):
    """A progress bar with the details of the step below it."""

    def __init__(self, status: Status, *columns: ProgressColumn, **options: object) -> None:
        self._status = status
        self._asked = self._drawn = 0.0
        super().__init__(*columns, **options)  # type: ignore[arg-type]
        title = shortened(line(status.heading), max(LEAST_TITLE, self.console.width - BESIDE_TITLE))
        self._task = self.add_task(title, total=None, counts="", left="")

    def get_renderables(self) -> Iterable[RenderableType]:
        """The bar, and a line per detail, cut at the width of the terminal."""
        yield self.make_tasks_table(self.tasks)
        if in_all := self._status.left_in_all:
            yield Text(f"  {in_all}", style="dim")
        details = self._status.details
        for text in details[:MOST_DETAILS]:
            yield Text(f"  {line(text)}", no_wrap=True, overflow="ellipsis", style="dim")
        if len(details) > MOST_DETAILS:
            yield Text(f"  and {len(details) - MOST_DETAILS} more", style="dim")

    def show(self, done: int, total: int, details: Details = no_details) -> None:
        """Record progress of the step."""
        self._status.set(done, total)
        if time.monotonic() - self._asked >= DETAILS_EVERY_S:
            self._status.details = details()
            self._asked = time.monotonic()
        self.update(self._task, completed=done, total=total, counts=f"{done}/{total}", left=self._status.left)

    def pulse(self) -> None:
        """Draw, unless it was drawn a moment ago."""
        if time.monotonic() - self._drawn >= STILL_EVERY_S:
            self.refresh()
            self._drawn = time.monotonic()


class _Log:
    """Lines about one step; longer steps get more."""

    def __init__(self, status: Status, note: Callable[[str], None]) -> None:
        self._status, self._note = status, note
        self._last, self._share, self._asked = status.began, 0.0, 0.0
        self._lock = threading.Lock()

    def show(self, done: int, total: int, details: Details = no_details) -> None:
        """Record progress of the step."""
        self._status.set(done, total)
        now, status = time.monotonic(), self._status
        since = now - self._last
        if now - self._asked >= DETAILS_EVERY_S:
            status.details, self._asked = details(), now
        is_further = abs(status.share - self._share) >= LOG_EVERY_SHARE and since >= LOG_APART_S and done < total
        if since >= LOG_EVERY_S or is_further:
            self._say()

    def beat(self) -> None:
        """Print a line if none was printed for a while."""
        if time.monotonic() - self._last >= LOG_EVERY_S:
            self._say()

    def beat_until(self, over: threading.Event) -> None:
        """Beat once a second until `over` is set."""
        while not over.wait(BEAT_S):
            self.beat()

    def _say(self) -> None:
        with self._lock:
            self._last, self._share = time.monotonic(), self._status.share
            self._note(self._status.sentence())
