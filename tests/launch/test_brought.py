"""Launchers that users bring, written here by Kaldi's contract, which give what they are told to a shell."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

BROUGHT = Path(__file__).parents[2] / "local/launch/brought.py"
ECHO = (sys.executable, "-c", "import sys; print(*sys.argv[1:], sep='|')")
# As Kaldi's run.pl does: options in pairs, JOB replaced, the words joined into a line for bash.
PERL = r"""#!/usr/bin/env perl
use strict;
my ($name, $first, $last) = ("", 1, 1);
while (@ARGV > 1) {
  if ($ARGV[0] =~ m/^-/) { shift @ARGV; shift @ARGV; }
  elsif ($ARGV[0] =~ m/^(\w+)=(\d+):(\d+)$/) { ($name, $first, $last) = ($1, $2, $3); shift @ARGV; }
  else { last; }
}
my $log = shift @ARGV;
my $line = join(" ", map { m/^\S+$/ ? $_ : m/"/ ? "'$_'" : "\"$_\"" } @ARGV);
my $failed = 0;
foreach my $number ($first .. $last) {
  my ($file, $command) = ($log, $line);
  if ($name ne "") { $file =~ s/$name/$number/g; $command =~ s/$name/$number/g; }
  $failed = 1 if system("mkdir -p `dirname $file`; { echo '# a command'; $command ; } > $file 2>&1");
}
exit($failed);
"""
HOSTILE = ["a b", "$(touch bad)", "`touch bad`", "it's", '"', "*", "; touch bad", "", "\\", "ä", "--gpu", "two\nlines"]


@pytest.fixture
def launch(tmp_path):
    launcher = tmp_path / "bin/run.pl"
    launcher.parent.mkdir()
    launcher.write_text(PERL)
    launcher.chmod(launcher.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "work").mkdir()
    environment = {**os.environ, "PATH": f"{launcher.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def run(*words):
        return subprocess.run([sys.executable, BROUGHT, "call", "run.pl", "--mem", "1G", "--", *words], env=environment,
                              cwd=tmp_path / "work", capture_output=True, text=True, timeout=60, check=False)

    return run


def test_plain_words_go_to_the_launcher_as_they_are(launch, tmp_path):
    assert launch("--gpu", "0", "JOB=1:2", "log/a.JOB.log", "echo", "in.JOB", "--x", "1").returncode == 0
    assert [(tmp_path / f"work/log/a.{job}.log").read_text() for job in (1, 2)] == [
        f"# a command\nin.{job} --x 1\n" for job in (1, 2)]
    assert not list(tmp_path.rglob("*.json"))


def test_no_shell_of_the_launcher_reads_a_users_words(launch, tmp_path):
    for words, job in ((("JOB=1:2", "log/a.JOB.log"), 2), (("log/one.log",), "JOB")):
        assert launch(*words, *ECHO, "in.JOB", *HOSTILE).returncode == 0
        log = words[-1].replace("JOB", "2")
        expected = f"# a command\nin.{job}|{'|'.join(HOSTILE)}\n"
        assert (tmp_path / "work" / log).read_text() == expected
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["log"]


def test_a_failure_and_a_missing_program_are_the_launchers_to_tell(launch):
    assert launch("a.log", sys.executable, "-c", "import sys; sys.exit(3)").returncode == 1
    assert launch("JOB=1:2", "a.JOB.log", "no-such-program", "a b").returncode == 1


def test_a_log_that_a_shell_could_misread_is_refused(launch):
    done = launch("log $(touch bad)/a.log", "true")
    assert done.returncode == 1 and "run.pl would give this name to a shell. Use letters" in done.stderr
