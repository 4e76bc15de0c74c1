"""The organisation's policy on Windows: the ProgramData folder asked of the system, and rights checked on handles."""

from __future__ import annotations

import sys
from pathlib import Path

if sys.platform == "win32":
    import ctypes
    import msvcrt
    import os
    from contextlib import suppress
    from ctypes import wintypes
    from typing import Final

    from smista_mcp.policy import sddl
    from smista_mcp.policy.trust import Absent, drop_in_names, read_bounded, untrusted

    _PROGRAM_DATA: Final = bytes.fromhex("825DAB62C1FDC34DA9DD070D1D495D97")
    """FOLDERID_ProgramData, {62AB5D82-FDC1-4DC3-A9DD-070D1D495D97}, as it lies in memory."""
    _READ_AND_RIGHTS: Final = 0x80000000 | 0x20000
    _SHARE_READ: Final = 0x1
    _SHARE_WRITE: Final = 0x2
    _OPEN_EXISTING: Final = 3
    _FOLDERS_TOO_NO_LINKS: Final = 0x02000000 | 0x00200000
    _INVALID: Final = ctypes.c_void_p(-1).value
    _ABSENT: Final = (2, 3)
    _FILE_OBJECT: Final = 1
    _OWNER_AND_LIST: Final = 0x1 | 0x4
    _IS_FOLDER: Final = 0x10
    _IS_LINK: Final = 0x400

    _kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    _advapi32 = ctypes.WinDLL("advapi32", use_last_error=True)
    _shell32 = ctypes.WinDLL("shell32")
    _ole32 = ctypes.WinDLL("ole32")
    _kernel32.CreateFileW.restype = ctypes.c_void_p
    _kernel32.CreateFileW.argtypes = [
        wintypes.LPCWSTR, wintypes.DWORD, wintypes.DWORD, ctypes.c_void_p, wintypes.DWORD, wintypes.DWORD,
        ctypes.c_void_p,
    ]  # fmt: skip
    _kernel32.CloseHandle.argtypes = [ctypes.c_void_p]
    _kernel32.LocalFree.argtypes = [ctypes.c_void_p]
    _kernel32.GetFileInformationByHandle.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    _advapi32.GetSecurityInfo.argtypes = [
        ctypes.c_void_p, ctypes.c_int, wintypes.DWORD, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p,
        ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p),
    ]  # fmt: skip
    _advapi32.ConvertSecurityDescriptorToStringSecurityDescriptorW.argtypes = [
        ctypes.c_void_p, wintypes.DWORD, wintypes.DWORD, ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p,
    ]  # fmt: skip
    _ole32.CoTaskMemFree.argtypes = [ctypes.c_void_p]

    def program_data() -> Path:
        """The ProgramData folder, as the system has it: not what an environment variable says."""
        identifier = ctypes.create_string_buffer(_PROGRAM_DATA, 16)
        found = ctypes.c_wchar_p()
        failed = _shell32.SHGetKnownFolderPath(identifier, 0, None, ctypes.byref(found))
        if failed or not found.value:
            raise untrusted("ProgramData", "cannot be found by the system")
        try:
            return Path(found.value)
        finally:
            _ole32.CoTaskMemFree(ctypes.cast(found, ctypes.c_void_p))

    def read_trusted(directory: Path, file: str, folder: str) -> tuple[tuple[str, bytes], ...]:
        """As `OrganisationPlace.read`. Folders stay open, and so in place, until everything below them is read."""
        held: list[int] = []
        read: list[tuple[str, bytes]] = []
        try:
            for above in (directory.parent, directory):
                held.append(_opened(above, is_folder=True))
            with suppress(Absent):
                read.append((str(directory / file), _content(directory / file)))
            with suppress(Absent):
                inner = directory / folder
                held.append(_opened(inner, is_folder=True))
                names = drop_in_names([found.name for found in inner.iterdir()], inner)
                if names:
                    _believe(held[-1], inner)
                read.extend((str(inner / name), _content(inner / name)) for name in names)
            if read:
                _believe(held[0], directory.parent, ancestor=True)
                _believe(held[1], directory)
        except Absent:
            pass
        finally:
            for handle in held:
                _kernel32.CloseHandle(handle)
        return tuple(read)

    def _opened(path: Path, *, is_folder: bool) -> int:
        # Others may go on adding to a folder; nobody may rename it, or write to a file, while it is open here.
        sharing = _SHARE_READ | _SHARE_WRITE if is_folder else _SHARE_READ
        handle = _kernel32.CreateFileW(
            str(path), _READ_AND_RIGHTS, sharing, None, _OPEN_EXISTING, _FOLDERS_TOO_NO_LINKS, None
        )
        if handle is None or handle == _INVALID:
            code = ctypes.get_last_error()
            if code in _ABSENT:
                raise Absent
            raise untrusted(path, f"cannot be opened (Windows error {code})")
        information = (wintypes.DWORD * 13)()
        known = _kernel32.GetFileInformationByHandle(handle, ctypes.byref(information))
        attributes = information[0] if known else _IS_LINK
        if attributes & _IS_LINK or bool(attributes & _IS_FOLDER) != is_folder:
            _kernel32.CloseHandle(handle)
            raise untrusted(path, "is a link, or not a plain file or folder")
        return int(handle)

    def _believe(handle: int, path: Path, *, ancestor: bool = False) -> None:
        descriptor = ctypes.c_void_p()
        failed = _advapi32.GetSecurityInfo(
            handle, _FILE_OBJECT, _OWNER_AND_LIST, None, None, None, None, ctypes.byref(descriptor)
        )
        if failed:
            raise untrusted(path, f"does not show its access rights (Windows error {failed})")
        text = ctypes.c_void_p()
        try:
            made = _advapi32.ConvertSecurityDescriptorToStringSecurityDescriptorW(
                descriptor, 1, _OWNER_AND_LIST, ctypes.byref(text), None
            )
            written = ctypes.wstring_at(text.value) if made and text.value else ""
        finally:
            _kernel32.LocalFree(text)
            _kernel32.LocalFree(descriptor)
        wrong = sddl.problem(written, ancestor=ancestor)
        if wrong:
            raise untrusted(path, wrong)

    def _content(path: Path) -> bytes:
        handle = _opened(path, is_folder=False)
        try:
            _believe(handle, path)
            descriptor = msvcrt.open_osfhandle(handle, os.O_RDONLY | os.O_BINARY)
        except BaseException:
            _kernel32.CloseHandle(handle)
            raise
        try:
            return read_bounded(descriptor)
        finally:
            os.close(descriptor)
