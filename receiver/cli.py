"""The command ``receiver``."""

import os
import sys
from typing import Any

import click

from receiver import __version__
from receiver.commands.pipeline import pipeline
from receiver.commands.rates import rates
from receiver.commands.send import send
from receiver.commands.serve import demo, serve
from receiver.commands.settings import check_config, mongo_uri, token
from receiver.commands.systems import systems
from receiver.commands.transfer import export, import_
from receiver.errors import ReceiverError


class Group(click.Group):
    """Commands whose failures are sentences."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what a person has to know is printed, without a traceback."""
        try:
            result = super().invoke(ctx)
            if sys.stdout is not None:  # closed by whoever runs us
                sys.stdout.flush()
        except BrokenPipeError:  # whoever reads has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python flushes when it ends
            raise SystemExit(0) from None
        except ReceiverError as error:
            raise SystemExit(f"receiver: {error}") from None
        except OSError as error:
            raise SystemExit(f"receiver: {error.filename or 'the system'}: {error.strerror}") from None
        return result


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="receiver")
def main() -> None:
    """Receive the Telescope and Pulse snapshots of Laravel applications and keep them in MongoDB."""


for command in (serve, demo, send, systems, rates, export, import_, pipeline, check_config, token, mongo_uri):
    main.add_command(command)
