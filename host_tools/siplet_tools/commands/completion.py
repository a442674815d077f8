# siplet completion: what a shell needs to complete siplet's words. Imports click.

import click


@click.command(epilog="\b\nExample, for bash:\n  siplet completion bash >> ~/.bashrc")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell):
    """Prints the lines that let SHELL complete siplet's commands and options."""
    from click.shell_completion import get_completion_class

    from siplet_tools.commands import siplet

    made = get_completion_class(shell)(siplet, {}, "siplet", "_SIPLET_COMPLETE")
    click.echo(made.source())
