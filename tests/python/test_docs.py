"""The documentation tells the truth: commands and options exist, shipped files load, linked files are there. Run by tests/run."""
import functools
import re
import shlex

from checks import Checks

LAUNCHER_ONLY = {"test", "doctor", "setup"}


def pages(checks):
    return [checks.root / "README.md", *sorted((checks.root / "docs").rglob("*.md")), *sorted((checks.root / "assets").glob("README.md"))]


def shell_blocks(page):
    """Texts of the fenced blocks that are for a shell."""
    language, lines = None, []
    for line in page.read_text().splitlines():
        if not line.startswith("```"):
            lines.append(line)
        elif language is None:
            language, lines = line[3:].strip(), []
        else:
            if language in ("", "sh", "bash", "console"):
                yield "\n".join(lines)
            language = None


def commands(page):
    """Lines of fenced blocks that call the program, continuation lines joined, comments removed."""
    for block in shell_blocks(page):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words and words[0] in ("./bramble", "bramble"):
                yield line, words[1:]


@functools.cache
def help_of(checks, command):
    done = checks.run(*command, "--help", check=False)
    return done.stdout if done.returncode == 0 else None


def test_commands_and_options_exist(checks):
    seen = 0
    wrong = []
    for page in pages(checks):
        for line, words in commands(page):
            seen += 1
            if not words or words[0].startswith("-") or words[0] in LAUNCHER_ONLY:
                continue
            name = (words[0],)
            text = help_of(checks, name)
            if text is None:
                wrong.append(f"{page.name}: no such command: {line}")
                continue
            if "Subcommands:" in text and len(words) > 1:
                name = (words[0], words[1])
                text += help_of(checks, name) or ""
            for option in (w.split("=")[0] for w in words[1:] if re.match(r"--?[a-zA-Z]", w)):
                if not re.search(rf"(^|[\s,]){re.escape(option)}([\s,]|$)", text + checks.run("--help").stdout, re.M):
                    wrong.append(f"{page.name}: {' '.join(name)} has no option {option}: {line}")
    assert not wrong, "\n".join(wrong)
    assert seen >= 5, f"only {seen} commands found: the pattern of this test is broken"


def test_links_lead_somewhere(checks):
    wrong = []
    for page in pages(checks):
        for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text()):
            if "://" not in target and not (page.parent / target).exists():
                wrong.append(f"{page.relative_to(checks.root)} → {target}")
    assert not wrong, "\n".join(wrong)


def test_every_command_has_help_with_examples(checks):
    listing = checks.run("--help").stdout.split("Subcommands:")[1]
    names = re.findall(r"^  ([a-z]+)\s", listing, re.M)
    assert len(names) >= 8, names
    for name in names:
        text = checks.run(name, "--help").stdout
        assert "Example" in text or "Subcommands:" in text, f"«bramble {name} --help» ends without examples"


if __name__ == "__main__":
    Checks().main(globals())
