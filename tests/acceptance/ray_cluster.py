"""A Ray of this test alone, on loopback, that serves a file as `serve run FILE` does: three arguments."""

import sys

import ray
from ray.serve.scripts import cli


def main() -> None:
    """TEMPORARY_FOLDER CONFIG_FILE APPLICATION_FOLDER; until SIGINT."""
    folder, config, application = sys.argv[1:]
    ray.init(
        num_cpus=4,
        include_dashboard=False,
        object_store_memory=128 * 2**20,
        namespace="serve",
        _node_ip_address="127.0.0.1",
        _temp_dir=folder,
        log_to_driver=False,
    )
    cli(["run", "--app-dir", application, config])


if __name__ == "__main__":
    main()
