"""`crystalmatrix completion`: what a shell needs to complete commands, options and names.

In: the parser.  Out: a script for bash or zsh, made from it, so that it knows what the help knows.
"""

import argparse

from crystalmatrix.cli.command import Command

EXAMPLES = """eval "$(crystalmatrix completion bash)"      in ~/.bashrc
eval "$(crystalmatrix completion zsh)"       in ~/.zshrc, after compinit"""
_BASH = """_crystalmatrix() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} words=""
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="{commands}"
    else
        case "${{COMP_WORDS[1]}}:$before" in
{choices}
        *) case "${{COMP_WORDS[1]}}" in
{options}
            esac ;;
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    if [[ "$COMP_CWORD" -gt 1 && "$word" != -* ]]; then
        COMPREPLY+=($(compgen -f -- "$word"))
    fi
}}
complete -o filenames -F _crystalmatrix crystalmatrix"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=["bash", "zsh"], help="the shell that the script is for")


def run(arguments: argparse.Namespace) -> int:
    from crystalmatrix.cli.main import build_parser

    script = bash_script(build_parser())
    print(script if arguments.shell == "bash" else f"autoload -U +X bashcompinit && bashcompinit\n{script}")
    return 0


def bash_script(parser: argparse.ArgumentParser) -> str:
    """Zsh reads the same, after `bashcompinit`."""
    commands = subcommands(parser)
    options, choices = [], []
    for name, command in commands.items():
        flags = sorted(flag for flag in command._option_string_actions if flag.startswith("--"))
        places = [
            str(word) for action in command._actions if not action.option_strings for word in action.choices or ()
        ]
        options.append(f'            {name}) words="{" ".join([*places, *flags])}" ;;')
        choices += [
            f'        {name}:{flag}) words="{" ".join(map(str, action.choices))}" ;;'
            for flag, action in command._option_string_actions.items()
            if action.choices
        ]
    return _BASH.format(commands=" ".join(commands), choices="\n".join(choices), options="\n".join(options))


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """{name: its parser}."""
    return next(a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction))


COMMAND = Command("completion", "print what makes a shell complete this command", EXAMPLES, add_arguments, run)
