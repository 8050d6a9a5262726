"""A Spark cluster on this machine, of several processes, set up by files and environment alone."""

import json
from collections.abc import Mapping
from pathlib import Path

from examples.spark.packaged_java import make_java_home
from tests.examples.packages import package_folder

_SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData"
"""The JVMs live for a minute: compiling everything twice takes more than it gives."""

_DEFAULTS = """
spark.master                        local-cluster[2,1,512]
spark.executor.memory               512m
spark.cores.max                     2
spark.scheduler.minRegisteredResourcesRatio       1.0
spark.scheduler.maxRegisteredResourcesWaitingTime 120s
spark.driver.memory                 512m
spark.driver.extraJavaOptions       {java}
spark.executor.extraJavaOptions     {java}
spark.ui.enabled                    false
spark.ui.showConsoleProgress        false
spark.sql.shuffle.partitions        2
spark.eventLog.enabled              true
spark.eventLog.compress             false
spark.eventLog.rolling.enabled      false
spark.eventLog.dir                  {events}
spark.local.dir                     {local}
"""
"""Two workers, each with an executor of one core: small, as the tests' other servers run too.

No task starts before both executors are there.
"""


class SparkCluster:
    """What a Spark program needs to run on two executors on the loopback interface.

    The cluster lives as long as the program.
    """

    def __init__(self, place: Path) -> None:
        spark = package_folder("pyspark")
        self._place = place
        for name in ("conf", "events", "local", "java"):
            (place / name).mkdir()
        defaults = _DEFAULTS.format(
            java=_SHORT_LIVED, events=(place / "events").as_uri(), local=place / "local"
        )
        (place / "conf" / "spark-defaults.conf").write_text(defaults)
        make_java_home(place / "java")
        # Workers keep the output of their executors below SPARK_HOME: not within the package.
        (place / "home").mkdir()
        for part in spark.iterdir():
            (place / "home" / part.name).symlink_to(part)

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables for the program, beside those of the tests."""
        return {
            "JAVA_HOME": str(self._place / "java"),
            "SPARK_CONF_DIR": str(self._place / "conf"),
            "SPARK_HOME": str(self._place / "home"),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_HOSTNAME": "127.0.0.1",
        }

    def executors_that_worked(self) -> set[str]:
        """Return the names of the executors that ended tasks, by Spark's own log of events."""
        [log] = (self._place / "events").iterdir()
        events = [json.loads(line) for line in log.read_text().splitlines()]
        return {
            event["Task Info"]["Executor ID"]
            for event in events
            if event["Event"] == "SparkListenerTaskEnd"
            and event["Task End Reason"]["Reason"] == "Success"
        }

    def output(self) -> str:
        """Return what the executors wrote to standard error."""
        return "\n".join(
            path.read_text() for path in (self._place / "home" / "work").glob("*/*/stderr")
        )
