"""`crystalmatrix completion`: what a shell needs to complete commands, options and names.

In: the parser.  Out: a script for bash or zsh, made from it, so that it knows what the help knows, with the properties
and tiers; models it looks for each time, where `crystalmatrix models` does.
"""

import argparse
from collections.abc import Iterator
from shlex import quote

from crystalmatrix.cli.command import Command

EXAMPLES = """eval "$(crystalmatrix completion bash)"      in ~/.bashrc
eval "$(crystalmatrix completion zsh)"       in ~/.zshrc, after compinit"""
_MODELS = "$(_crystalmatrix_models)"  # computed when it is needed
_BASH = """_crystalmatrix_models() {{
    local file
    {{ compgen -G 'models/*.pt'; compgen -G {shipped}'/*.pt'; compgen -G 'results/*/*.pt'
      compgen -G 'results/release/*/*.pt'; }} | while IFS= read -r file; do
        file=${{file%.pt}}
        printf '%s\\n' "${{file#"${{file%/*/*}}/"}}"
    done
}}
_crystalmatrix() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} option="" words="" k
    for ((k = 2; k < COMP_CWORD; k++)); do
        if [[ "${{COMP_WORDS[k]}}" == --* ]]; then option=${{COMP_WORDS[k]}}; fi
    done
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="{commands}"
    else
        case "${{COMP_WORDS[1]}}:$before" in
{choices}
        *) case "${{COMP_WORDS[1]}}:$option" in
{several}
            *) case "${{COMP_WORDS[1]}}" in
{options}
                esac ;;
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
    from crystalmatrix.shipped import shipped_folder

    commands = subcommands(parser)
    options, choices, several = [], [], ["            _:_) ;;"]  # which no command is: a case needs one
    for name, command in commands.items():
        flags = sorted(flag for flag in command._option_string_actions if flag.startswith("--"))
        places = [word for action in command._actions if not action.option_strings for word in _words(name, action)]
        options.append(f'                {name}) words="{" ".join([*places, *flags])}" ;;')
        for flag, action in command._option_string_actions.items():
            words = " ".join(_words(name, action))
            if words and action.nargs == "+":
                several.append(f'            {name}:{flag}) words="{words} {" ".join(flags)}" ;;')
            elif words:
                choices.append(f'        {name}:{flag}) words="{words}" ;;')
    return _BASH.format(
        commands=" ".join(commands),
        choices="\n".join(choices),
        several="\n".join(several),
        options="\n".join(options),
        shipped=quote(str(shipped_folder() or "models")),
    )


def _words(command: str, action: argparse.Action) -> Iterator[str]:
    """What may stand there: the parser's choices, or names that it leaves to the command."""
    from crystalmatrix.config import MatrixConfig
    from crystalmatrix.contracts.descriptors import POTENTIALS
    from crystalmatrix.properties import MULTITASK, PROPERTIES

    yield from map(str, action.choices or ())
    match command, action.dest:
        case "predict", "properties":
            yield from PROPERTIES
        case "predict" | "features", "model":
            yield _MODELS
            yield from POTENTIALS if command == "features" else ()
        case "models", "name":
            yield _MODELS
        case "plan", "models":
            tiers = MatrixConfig().tiers
            yield from tiers
            yield from (f"{tier}/{task}" for tier in tiers for task in (*PROPERTIES, MULTITASK))


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """{name: its parser}."""
    return next(a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction))


COMMAND = Command("completion", "print what makes a shell complete this command", EXAMPLES, add_arguments, run)
