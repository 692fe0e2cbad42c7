"""How a program was started: by which Python, of which environment, for which processor."""

from __future__ import annotations

from gpuenv.doctor.event import Kind

# Names that Python 3 no longer has: https://docs.python.org/3/whatsnew/3.0.html.
_PYTHON_2_MODULES = (
    "cPickle|cStringIO|StringIO|Queue|urllib2|urlparse|ConfigParser|HTMLParser|Tkinter|__builtin__|commands"
)
_PYTHON_2_NAMES = "xrange|unicode|raw_input|unichr|basestring|reduce|execfile"

STARTUP_KINDS = (
    Kind(
        "python.no-scripts",
        (
            r"running scripts is disabled on this system|about_Execution_Policies|PSSecurityException",
            r"Ausführung von Skripts auf diesem System deaktiviert|l'exécution de scripts est désactivée",
            r"la ejecución de scripts está deshabilitada|a execução de scripts foi desabilitada",
            r"выполнение сценариев отключено|禁止运行脚本|已停用指令碼執行|スクリプトの実行が無効|스크립트를 "
            r"실행할 수 없으므로",
        ),
    ),
    Kind(
        "conda.no-environment",
        (r"Could not find conda environment: (?P<name>\S+)", r"EnvironmentLocationNotFound: Not a conda environment"),
    ),
    # What `where` and `Get-Command` show of the names that lead to Microsoft's Store.
    Kind("python.store-alias", (r"\\Microsoft\\WindowsApps\\(?P<name>python3?)\.exe",)),
    Kind("conda.mkl-dll", (r"Cannot load (?P<name>mkl_\w+(?:\.\d)?\.dll)",)),
    Kind(
        "python.moved",
        (
            r"No Python at '\"?(?P<name>[^\s'\"][^\n'\"]*)",
            r"Fatal error in launcher: Unable to create process|(?:^|\n)failed to create process\.",
            r"bad interpreter: No such file or directory",
            r"failed to get the Python codec of the filesystem encoding|No module named '?encodings'?",
        ),
    ),
    Kind(
        "library.unreadable",
        (
            r"(?P<library>[\w./+-]+\.(?:so|dylib)[\w.]*): (?:file too short|invalid ELF header|wrong ELF class|"
            r"ELF load command|failed to map segment)",
            r"incompatible architecture \(have '(?P<have>\w+)', need '(?P<need>\w+)'",
            r"cannot execute binary file|exec format error",
        ),
    ),
    Kind(
        "python.2",
        (
            r"Missing parentheses in call to '(?P<name>print|exec)'",
            rf"No module named '(?P<name>{_PYTHON_2_MODULES})'",
            rf"name '(?P<name>{_PYTHON_2_NAMES})' is not defined",
            r"'dict' object has no attribute '(?P<name>iteritems|itervalues|iterkeys|has_key)'",
        ),
    ),
    Kind(
        "python.needs",
        (
            r"Could not import (?P<module>PIL)\b",
            r"(?:Import|ValueError|Runtime)\w*: [^\n]{0,80}requires (?P<module>h5py|pydot|pillow|graphviz"
            r"|tensorflow_datasets)\b",
            r"Failed to import (?P<module>pydot)",
            r"requires the (?P<module>ipykernel) package",
            r"The '(?P<module>[\w-]+)[^'\n]*' distribution was not found",
            r"PackageNotFoundError: (?:No package metadata was found for )?(?P<module>\w[\w.-]*)",
        ),
    ),
)
