# ruff: noqa: RUF001
from __future__ import annotations

import subprocess
import sys
import time

import pytest

from gpuenv.diagnosis import diagnoses
from gpuenv.doctor.code_pages import PAGES
from gpuenv.doctor.text import clean, decode
from gpuenv.extension import Diagnosis
from gpuenv.plugins import plugins

ENGLISH = {
    126: "The specified module could not be found.",
    127: "The specified procedure could not be found.",
    193: "%1 is not a valid Win32 application.",
    1114: "A dynamic link library (DLL) initialization routine failed.",
    1455: "The paging file is too small for this operation to complete.",
    5: "Access is denied.",
}
# What Windows says for these errors, as people pasted it.
CHINESE = {
    126: "找不到指定的模块。",
    127: "找不到指定的程序。",
    193: "%1 不是有效的 Win32 应用程序。",
    1114: "动态链接库(DLL)初始化例程失败。",
    1455: "页面文件太小，无法完成操作。",
    5: "拒绝访问。",
}
TRADITIONAL = {
    126: "找不到指定的模組。",
    127: "找不到指定的程序。",
    193: "%1 不是正確的 Win32 應用程式。",
    1114: "動態連結程式庫 (DLL) 初始化例行程序失敗。",
    1455: "頁面檔太小，無法完成操作。",
    5: "存取被拒。",
}
JAPANESE = {
    126: "指定されたモジュールが見つかりません。",
    127: "指定されたプロシージャが見つかりません。",
    193: "%1 は有効な Win32 アプリケーションではありません。",
    1114: "ダイナミック リンク ライブラリ (DLL) 初期化ルーチンの実行に失敗しました。",
    1455: "ページング ファイルが小さすぎるため、この操作を完了できません。",
    5: "アクセスが拒否されました。",
}
KOREAN = {
    126: "지정된 모듈을 찾을 수 없습니다.",
    127: "지정된 프로시저를 찾을 수 없습니다.",
    193: "%1은(는) 올바른 Win32 응용 프로그램이 아닙니다.",
    1114: "DLL 초기화 루틴을 실행할 수 없습니다.",
    1455: "이 작업을 완료하기 위한 페이징 파일이 너무 작습니다.",
    5: "액세스가 거부되었습니다.",
}
RUSSIAN = {
    126: "Не найден указанный модуль.",
    127: "Не найдена указанная процедура.",
    193: "%1 не является приложением Win32.",
    1114: "Произошел сбой в программе инициализации библиотеки динамической компоновки (DLL).",
    1455: "Файл подкачки слишком мал для завершения операции.",
    5: "Отказано в доступе.",
}
GERMAN = {
    126: "Das angegebene Modul wurde nicht gefunden.",
    127: "Die angegebene Prozedur wurde nicht gefunden.",
    193: "%1 ist keine zulässige Win32-Anwendung.",
    1114: "Eine DLL-Initialisierungsroutine ist fehlgeschlagen.",
    1455: "Die Auslagerungsdatei ist zu klein, um diesen Vorgang durchzuführen.",
    5: "Zugriff verweigert",
}
FRENCH = {
    126: "Le module spécifié est introuvable.",
    127: "La procédure spécifiée est introuvable.",
    193: "%1 n\u2019est pas une application Win32 valide.",
    1114: "Une routine d\u2019initialisation d\u2019une bibliothèque de liens dynamiques (DLL) a échoué.",
    1455: "Le fichier de pagination est insuffisant pour terminer cette opération.",
    5: "Accès refusé.",
}
LANGUAGES = {
    "cp936": CHINESE,
    "cp950": TRADITIONAL,
    "cp932": JAPANESE,
    "cp949": KOREAN,
    "cp1251": RUSSIAN,
    "cp866": RUSSIAN,
    "cp1252": GERMAN,
    "cp850": GERMAN,
    "cp1252 of France": FRENCH,
}
CASES = [
    pytest.param(name.split()[0], number, texts[number], id=f"{name} {number}")
    for name, texts in LANGUAGES.items()
    for number in ENGLISH
]
# Of the lines around: TensorFlow's own, which are English on every Windows.
LOG = """2021-05-26 12:00:19.976176: I tensorflow/core/platform/cpu_feature_guard.cc:142] This TensorFlow binary is
Traceback (most recent call last):
  File "C:\\Users\\me\\tf\\lib\\site-packages\\tensorflow\\python\\pywrap_tensorflow.py", line 64, in <module>
ImportError: DLL load failed while importing _pywrap_tensorflow_internal: {text}

Failed to load the native TensorFlow runtime.
"""


def found_in(data: bytes) -> list[Diagnosis]:
    def complain(words: str) -> None:
        raise AssertionError(words)

    return diagnoses(plugins().doctor_rules(), "log", decode(data), complain)


@pytest.mark.parametrize(("page", "number", "text"), CASES)
def test_decode__log_of_a_windows_in_another_language__every_character(page: str, number: int, text: str) -> None:
    log = LOG.format(text=text)
    assert decode(log.encode(page)) == log
    assert decode(f"OSError: [WinError {number}] {text}".encode(page)) == f"OSError: [WinError {number}] {text}"


@pytest.mark.parametrize(("page", "number", "text"), CASES)
def test_rules__windows_in_another_language__same_cause_as_in_english_and_legible(
    page: str, number: int, text: str
) -> None:
    (english,) = found_in(LOG.format(text=ENGLISH[number]).encode())
    (found,) = found_in(LOG.format(text=text).encode(page))
    assert (found.rule, found.cause, found.fix) == (english.rule, english.cause, english.fix)
    assert found.line == english.line
    quote = (found.quote or "").split(": ")[-1]
    assert quote
    assert quote in text.replace("\u2019", "'")


@pytest.mark.parametrize("page", [page for page in LANGUAGES if " " not in page])
def test_rules__number_of_windows_beside_a_text_in_another_language__same_cause(page: str) -> None:
    def said(number: int, text: str) -> bytes:
        dll = 'Error loading "C:\\torch\\lib\\c10.dll" or one of its dependencies.'
        return f"OSError: [WinError {number}] {text} {dll}".encode(page)

    for number in ENGLISH:
        rules = [it.rule for it in found_in(said(number, LANGUAGES[page][number]))]
        assert rules == [it.rule for it in found_in(said(number, ENGLISH[number]))], number


@pytest.mark.parametrize(
    ("page", "line"),
    [
        pytest.param("cp932", "C:\\ソフト\\表\\python.exe: cudart64_110.dll が見つかりません", id="a backslash inside"),
        pytest.param("cp932", "ポート番号 ー[設定] ボタン", id="a bar and brackets inside"),
        pytest.param("cp950", "C:\\成功\\許功蓋\\python.exe 找不到 cudart64_110.dll", id="a backslash inside, Big5"),
        pytest.param("cp936", "C:\\Users\\张三\\桌面\\镕基\\train.py 第3行 发生错误", id="characters after GB 2312"),
        pytest.param("cp1252", "Lade für Müller: Größe, über, Öffnen „cudart64_110.dll“ – Fehler", id="quotes"),
        pytest.param(
            "cp1252", "Impossible de charger «\xa0cudart64_110.dll\xa0» : accès refusé à l\u2019élève", id="fr"
        ),
        pytest.param("cp1252", "Där är en åäö: Ändra Är Åsa", id="capitals before small letters"),
        pytest.param("cp1252", "¿Está seguro? No se pudo cargar la biblioteca; inténtelo más tarde", id="es"),
        pytest.param("cp1252", "Non è più possibile: c'è già, perché così", id="it"),
        pytest.param("cp1250", "Nie można załadować biblioteki; spróbuj później, błąd", id="pl"),
        pytest.param("cp1254", "Belirtilen modül bulunamadı. İşlem başarısız oldu; şimdi değil", id="tr"),
        pytest.param("cp1251", "Не вдалося знайти вказаний модуль. Відмовлено у доступі", id="uk"),
    ],
)
def test_decode__one_line_in_a_code_page__nothing_swallowed_or_faked(page: str, line: str) -> None:
    assert decode(line.encode(page)) == line


def test_decode__words_of_a_rule_beside_accents__still_found() -> None:
    data = "Größe: Could not load dynamic library 'cudart64_110.dll' für Müller; dlerror: ä\nGeForce RTX 3080"
    assert [it.rule for it in found_in(data.encode("cp1252"))] == [it.rule for it in found_in(data.encode())] != []


def test_decode__several_programs_in_one_file__each_line_in_its_own() -> None:
    lines = ["进度 ███▌ 50%".encode(), "找不到指定的模块。".encode("cp936"), b"plain", "naïve café".encode()]
    assert decode(b"\n".join(lines)).split("\n") == ["进度 ███▌ 50%", "找不到指定的模块。", "plain", "naïve café"]


def test_decode__utf8_that_was_cut__stays_utf8() -> None:
    data = "训练进度 第三步 损失".encode()
    assert decode(data[1:]).endswith("练进度 第三步 损失")
    assert decode(data[:-1]).startswith("训练进度 第三步 ")


def test_decode__mark_and_then_a_code_page__is_no_text() -> None:
    assert decode(b"\xef\xbb\xbf" + "Größe".encode("cp1252")) == "Größe"


def test_decode__bytes_that_mean_nothing__ascii_is_kept() -> None:
    data = bytes(range(128, 256)) + b" Could not create cudnn handle \x81\x8d\x90"
    assert " Could not create cudnn handle " in decode(data)


def test_decode__big_logs__in_no_time() -> None:
    step = "训练第{}步 损失 0.{} 正在加载\n2021-05-26 12:00:19.976176: W dso_loader.cc:64] Could not load library\n"
    logs = [
        "".join(step.format(at, at) for at in range(20_000)).encode("cp936"),
        b"a" * 2_000_000 + b"\xe9",
        b"\xe9 " * 1_000_000,
    ]
    for log in logs:
        begun = time.perf_counter()
        decode(log)
        assert time.perf_counter() - begun < 3  # 0.05 s on a machine of 2020


def test_decode__utf8__loads_no_table_of_code_pages() -> None:
    code = (
        "import sys; from gpuenv.doctor.text import decode; decode('é'.encode());"
        "sys.exit('gpuenv.doctor.code_pages' in sys.modules or 'charset_normalizer' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_pages__frequent_characters__are_all_in_the_page() -> None:
    for page in PAGES:
        for character in page.frequent:
            assert character.encode(page.name), (page.name, character)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("\x1b(Bplain\x1b[m", "plain", id="another set of characters"),
        pytest.param("a\x1bcb", "ab", id="reset of the terminal"),
        pytest.param("a\x07b\x08c\x9b31md", "abc31md", id="bell, backspace, control of eight bits"),
        pytest.param("a\tb", "a\tb", id="tabulator stays"),
    ],
)
def test_clean__what_a_terminal_would_obey__is_gone(text: str, expected: str) -> None:
    assert clean(text) == expected
