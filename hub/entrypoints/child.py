"""One supervised process, without the command line around it: `… -m hub.entrypoints.child serve|worker|scheduler`."""

import sys

from hub.infra.settings import Settings


def main(name: str) -> None:
    """Run the named process with the servers that the environment names."""
    settings = Settings()
    if name == "serve":
        from hub.entrypoints.serving import run_server

        run_server(settings)
        return
    from hub.entrypoints import scheduler, worker
    from hub.entrypoints.servers import all_servers
    from hub.entrypoints.supervisor import exit_with_parent

    exit_with_parent()
    with all_servers(settings) as servers:
        run = worker.main if name == "worker" else scheduler.main
        run(settings, servers.database_url, servers.redis_url)


if __name__ == "__main__":
    main(sys.argv[1])
