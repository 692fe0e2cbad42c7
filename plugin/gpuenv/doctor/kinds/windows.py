"""Windows and WSL: DLLs that cannot be loaded, codes of processes that ended, paths that are too long, DirectML.

Windows translates the text of an error, Python does not: `DLL load failed: Das angegebene Modul wurde nicht gefunden.`
Only texts that decide something are listed in the languages. Numbers: System Error Codes and NTSTATUS values.
"""

from __future__ import annotations

from gpuenv.doctor.event import Kind

_DLL = r"(?:DLL load failed[^\n]{0,80}?:|\[?WinError \d+\]?)[^\n]{0,80}"
_SWIG = r"(?:Import|OS)Error: "

WINDOWS_KINDS = (
    Kind(
        "system.vc-runtime",
        (
            r"Could not find the DLL\(s\) '(?P<library>msvcp140[^']*)'",
            r"Could not find '(?P<library>msvcp140\.dll)'",
            r"ctypes\.WinDLL\(build_info\.(?P<library>msvcp)_dll_name\)",
            r"(?P<library>(?:msvcp140|vcruntime140)\w*\.dll) (?:was not found|is missing)",
        ),
    ),
    Kind(
        "library.self-check",
        (
            r"ctypes\.WinDLL\(build_info\.(?P<library>cudart|cudnn)_dll_name\)",
            r"Could not load '(?P<library>cu[a-z]+64_\w+\.dll)'",
            r"Could not find module '(?P<library>[^'\n]*(?:cu[a-z]+|nvrtc)64_\w+\.dll)'",
        ),
    ),
    Kind(
        "library.self-check-driver",
        (
            r"ctypes\.WinDLL\(build_info\.(?P<library>nvcuda)_dll_name\)",
            r"Could not (?:find|load) '(?P<library>nvcuda\.dll)'",
        ),
    ),
    Kind(
        "system.dll-load",
        (
            r"DLL load failed(?: while importing (?P<module>\w+))?: (?P<reason>[^\n]*)",
            r"DLL load failed with error code (?P<reason>\S+) while importing (?P<module>\w+)",
            r"(?P<reason>\[WinError (?:126|127|182|193|1114)\][^\n]{0,120})Error loading \"[^\"\n]*(?P<module>torch)",
            r"(?P<reason>\[?WinError (?:126|127|182|193|1114)\]?[^\n]{0,120})Error loading \"?[^\"\n]{0,200}(?P<mo"
            r"dule>torch)",
            r"No module named '?(?P<module>_pywrap_tensorflow(?:_internal)?)'?",
        ),
    ),
    Kind(
        "windows.exit-dll",
        (r"-10737415(?:15|11|02)\b|\b32212257(?:81|85|94)\b|\b0xC0000(?:135|139|142)\b",),
    ),
    Kind(
        "windows.wrong-bits",
        (
            rf"{_DLL}not a valid Win32 application|\[WinError 193\]|-1073741701\b|\b3221225595\b|\b0xC000007B\b",
            r"keine zulässige Win32-Anwendung|pas une application Win32 valide|no es una aplicación Win32 válida",
            r"não é um aplicativo Win32 válido|não é uma aplicação de Win32 válida|un'applicazione di Win32 valida",
            r"не является приложением Win32|nie jest prawidłową aplikacją systemu Win32|geçerli bir Win32 uygulamas",
            r"不是有效的 ?Win32|不是正確的 ?Win32|有効な ?Win32 ?アプリケーションではありません|Win32 응용 "
            r"프로그램이 아닙니다",
        ),
    ),
    Kind("windows.python-32", (r"Python3\d+-32[\\/][^\n]*(?:tensorflow|torch|jaxlib)",)),
    Kind("windows.no-avx", (r"-1073741795\b|\b3221225501\b",)),
    Kind(
        "windows.blocked",
        (
            rf"{_DLL}(?:Access is denied|Zugriff verweigert|Accès refusé|Acceso denegado|Acesso negado|Accesso negato)",
            rf"{_DLL}(?:Отказано в доступе|拒绝访问|存取被拒|アクセスが拒否されました|액세스가 거부되었습니다)",
            rf"{_DLL}(?:Erişim engellendi|Odmowa dostępu|Toegang geweigerd|Відмовлено \w доступі|Přístup byl odepřen)",
            r"Application Control policy has blocked this file|\[WinError (?:4551|1260|225)\]",
            r"Anwendungssteuerungsrichtlinie hat diese Datei blockiert|应用程序控制策略已阻止此文件",
            r"contains a virus or potentially unwanted software",
        ),
    ),
    Kind(
        "system.paging-file",
        (
            r"The paging file is too small",
            r"Error code 1455\b",
            r"WinError 1455",
            r"-1073741523\b|\b3221225773\b|\b0xC000012D\b",
            r"Auslagerungsdatei ist zu klein|fichier de pagination est insuffisant",
            r"archivo de paginación es demasiado pequeño|paginação é (?:muito pequeno|demasiado pequeno)",
            r"disk belleği dosya\w+ çok küçük|wisselbestand is te klein|[Vv]äxlingsfilen är för liten",
            r"[Ss]tránkovací (?:soubor je příliš malý|súbor je príliš malý)|lapozófájl (?:mérete )?túl (?:kicsi|kevés)",
            r"[Ss]idefilen er for lille|[Ss]idevekslingsfilen er for liten|[Ss]ivutustiedosto on liian pieni",
            r"αρχείο σελιδοποίησης είναι πολύ μικρό|[Ff]işierul de paginare este prea mic|[Ff]ișierul de paginare este "
            r"prea mic",
            r"[Фф]айл (?:довантаження|підкачки|підкачування) (?:замалий|занадто малий)|tệp hoán trang quá nhỏ",
            r"file di paging (?:è|e') troppo piccolo|Plik stronicowania jest za mały",
            r"Файл подкачки слишком мал",
            r"页面文件太小|(?:分頁|頁面)檔案?太小|ページング ?ファイルが小さすぎ|페이징 파일이 너무 작",
        ),
    ),
    Kind("system.windows-abort", (r"-1073740791", r"3221226505", r"0xC0000409", r"0xC06D007[EF]|-106659827[34]")),
    Kind(
        "install.long-path",
        (
            r"Windows Long Path support enabled",
            r"filename or extension is too long|\[WinError 206\]",
            r"Dateiname oder die Erweiterung ist zu lang|Nom de fichier ou extension trop long",
            r"nombre del archivo o la extensión es demasiado largo|nome do arquivo ou a extensão é muito grande",
            r"Имя файла или \w+ расширение имеет слишком большую "
            r"длину",
            r"文件名或扩展名太长|檔名或副檔名太長|ファイル名または拡張子が長すぎます|파일 이름이나 확장명이 "
            r"너무 깁니다",
            # A path as Python prints it, of pip's or conda's, that does not fit with what is put before and behind it.
            r"No such file or directory:? '[A-Za-z]:\\[^'\n]{230,}'",
            r"No such file or directory:? '[A-Za-z]:\\[^'\n]{60,}tensorflow\\+include\\+[^'\n]{60,}'",
        ),
    ),
    Kind(
        "kernel.died",
        (
            r"kernel appears to have died|Kernel died|Kernel crashed while executing|KernelRestarter: "
            r"restarting kernel",
            r"Canceled future for execute_request message before replies were done",
        ),
    ),
    Kind("library.cudnn-loaded", (r"Loaded cuDNN version \d+",)),
    Kind(
        "windows.python",
        (
            r"(?:^|\n)\s*(?:\([^)\n]+\) )?(?:PS )?[A-Za-z]:\\[^\n>]*>",
            r"[A-Za-z]:\\[^\n]{0,160}(?:site-packages|python\.exe)",
            r"\[MSC v\.\d+|\bon win32\b",
        ),
    ),
    # No Windows build has had CUDA since 2.11. `port.cc` speaks since 2.12.
    Kind(
        "tensorflow.from-2.11",
        (
            r"tensor ?flow(?:[-_]intel)?(?:==|[\s:-]{1,30}|[^\n]{0,20}version\W{1,5})v?2\.(?:1[1-9]|[2-9]\d)\.\d",
            r"\.__version__[^\n]*\n[^\n]{0,12}\b2\.(?:1[1-9]|[2-9]\d)\.\d",
            r"'2\.(?:1[1-9]|[2-9]\d)\.\d+', '[A-Za-z]:[^'\n]*tensorflow",
            r"tensorflow/core/util/port\.cc:\d+\]",
        ),
    ),
    Kind(
        "directml.none",
        (r"DirectML device enumeration: found 0 compatible|dlerror: libd3d12\.so|Could not load DirectML",),
    ),
    Kind("wsl.old", (r"\b4\.4\.0-\d+-Microsoft\b",)),
    Kind(
        "wsl.cannot-start",
        (
            r"WslRegisterDistribution failed|0x80370102|enable the Virtual Machine Platform",
            r"\bWsl/(?=Service|CallMsi|Install|Enumerate)[\w/]*(?:_E_|/E_|0x)",
        ),
    ),
)
