"""One server in a child JVM on one data directory: started under the guard, awaited, stopped."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.database.embedded_questdb import jvm_guard
from utility_ts_analytics.database.embedded_questdb.data_directory import DataDirectory
from utility_ts_analytics.errors import OperatorError

_POLL_S = 0.05


class JvmProcess:
    """Runs one JVM at a time; may be started again after `stop`.

    The JVM ends with `stop`, and by itself within about a second of the death of this process.

    Args:
        directory: Working directory of the JVM; its lock is held as long as the JVM runs.
        clock: For deadlines.
    """

    def __init__(self, directory: DataDirectory, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._guard: subprocess.Popen[bytes] | None = None
        self._wait = threading.Event().wait

    @property
    def is_started(self) -> bool:
        """Whether it was started and not stopped since; it may have died."""
        return self._guard is not None

    def start(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        lock_fd: int,
        *,
        answers: Callable[[], bool],
        timeout_s: float,
        stop_timeout_s: float,
    ) -> int:
        """Start the JVM and return its process id once it answers.

        Args:
            command: The path of `java` and its arguments.
            environ: Its whole environment.
            lock_fd: Of the directory's lock; stays the caller's.
            answers: Tells whether the server answers; may take a second.
            timeout_s: Longest time until it does.
            stop_timeout_s: How long the JVM may take to end after SIGTERM before it is killed.

        Raises:
            OperatorError: It ended, or did not answer in time. Nothing is left running then.
        """
        guard = [sys.executable, "-I", "-S", str(jvm_guard.__file__)]
        with self._directory.open_log() as log:
            self._guard = subprocess.Popen(  # noqa: S603 - our own interpreter, file and arguments
                [*guard, str(os.getpid()), str(stop_timeout_s), str(lock_fd), *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=dict(environ),
                cwd=self._directory.path,
                pass_fds=(lock_fd,),
                start_new_session=True,
            )
        try:
            pid = self._read_pid(self._guard)
            self._await_ready(self._guard, answers, timeout_s)
        except BaseException:
            self.stop()
            raise
        return pid

    def stop(self, *, timeout_s: float = 20.0) -> None:
        """End the JVM and wait for it: SIGTERM first; does nothing if it does not run.

        Args:
            timeout_s: After this the guard itself is killed, and with it (on Linux) the JVM.
        """
        guard, self._guard = self._guard, None
        if guard is None:
            return
        guard.terminate()
        try:
            guard.wait(timeout_s)
        except subprocess.TimeoutExpired:
            guard.kill()
            guard.wait()
        if guard.stdout:
            guard.stdout.close()

    def exit_code(self) -> int | None:
        """Return None while it runs or was not started, else its exit code.

        143 is a stop by SIGTERM, 137 a kill.
        """
        return self._guard.poll() if self._guard else None

    def _read_pid(self, guard: subprocess.Popen[bytes]) -> int:
        line = guard.stdout.readline() if guard.stdout else b""
        if not line:
            raise self._ended(guard.wait())
        return int(line)

    def _await_ready(
        self, guard: subprocess.Popen[bytes], answers: Callable[[], bool], timeout_s: float
    ) -> None:
        directory = self._directory
        give_up_at_s = self._clock.monotonic_s() + timeout_s
        while not answers():
            if (code := guard.poll()) is not None:
                raise self._ended(code)
            if self._clock.monotonic_s() > give_up_at_s:
                raise OperatorError(
                    f"cannot start {directory.program}: it does not answer after {timeout_s:g} s: "
                    f"{directory.last_log_line()}; see {directory.log_path}"
                )
            self._wait(_POLL_S)

    def _ended(self, code: int) -> OperatorError:
        directory = self._directory
        return OperatorError(
            f"cannot start {directory.program}: it ended with code {code}: "
            f"{directory.last_log_line()}; see {directory.log_path}"
        )
