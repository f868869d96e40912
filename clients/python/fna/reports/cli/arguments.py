"""The command line as a whole."""

from __future__ import annotations

import argparse

from fna.reports._channel import installed_version
from fna.reports.cli import completion, profiles
from fna.reports.cli.batch_arguments import add_batch_commands
from fna.reports.cli.commands import Commands, add_command, connection_options, subcommands
from fna.reports.cli.doctor import doctor
from fna.reports.cli.parser import Parser
from fna.reports.cli.report_arguments import add_report_commands
from fna.reports.cli.settings import DEFAULT_SERVER, variable
from fna.reports.cli.webhook_arguments import add_webhook_commands

_DESCRIPTION = "Submit batches of company reports for analysis and follow their progress."
_EPILOG = f"""\
examples:
  fna-reports submit 10k_apple_2022.pdf filings/ --company Apple --watch
  fna-reports upload filings/*.htm | fna-reports submit - --label quarter=Q1-2024
  fna-reports watch BATCH_ID
  fna-reports results BATCH_ID --format csv > results.csv
  fna-reports list --status PROCESSING
  fna-reports items BATCH_ID --status FAILED

exit codes:
  0 done, and for a batch that was followed: every report analysed
  1 refused, or the server was not reached     2 wrong usage
  3 partially completed    4 failed    5 cancelled    130 interrupted

The server is --server, else {variable("server")} from the environment or from .env in the
working directory, else that of the profile, else {DEFAULT_SERVER}: fna-reports profiles
shows what is in effect. Tokens and API keys are never options: set {variable("token")} or
{variable("api_key")}, or a profile.
"""


def parser() -> Parser:
    """Return the parser; the parsed `run` is the function of the subcommand, `alone` whether it needs no connection."""
    root = Parser(
        prog="fna-reports",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        parents=[connection_options()],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    root.add_argument("--version", action="version", version=f"fna-reports {installed_version()}")
    root.set_defaults(json=False)
    commands = subcommands(root)
    add_batch_commands(commands)
    add_report_commands(commands)
    add_webhook_commands(commands)
    _add_doctor(commands)
    _add_profiles(commands)
    _add_completion(commands)
    return root


def _add_doctor(commands: Commands) -> None:
    add_command(
        commands,
        "doctor",
        doctor,
        "check connection, server, database, queues and workers, and say what to do",
        "doctor\ndoctor --profile production --json",
        connects=False,  # How far a connection comes is what it is asked for.
    )


def _add_profiles(commands: Commands) -> None:
    add_command(
        commands,
        "profiles",
        profiles.profiles,
        "show the settings in effect, where each comes from, and the profiles there are",
        "profiles\nprofiles --profile production\nprofiles --json",
        alone=True,
    )


def _add_completion(commands: Commands) -> None:
    command = add_command(
        commands,
        "completion",
        lambda arguments: completion.completion(parser(), arguments.shell),
        "print the script that completes commands, options and choices in a shell",
        "completion bash > ~/.local/share/bash-completion/completions/fna-reports\n"
        "completion zsh > ~/.zfunc/_fna-reports    # a folder of your fpath\n"
        "completion fish > ~/.config/fish/completions/fna-reports.fish",
        alone=True,
    )
    command.add_argument("shell", choices=completion.SHELLS, metavar="SHELL", help=", ".join(completion.SHELLS))
