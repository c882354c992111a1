/*
 * Shows tests what they cannot see from outside Wine: a program's handles, and the texts of dialog controls and of the
 * tray's tooltip. It also makes the taskbar lose an icon and announce itself as new, as a restart of Explorer does, and says
 * that the computer falls asleep or wakes.
 *
 * Always: for tests only; prints one line of UTF-8, or prints nothing and exits with 1 if the object does not exist.
 * tests/e2e/lib/wine.js builds it.
 *
 *   look handles PROGRAM            its handles and threads, as counted by the kernel
 *   look text TITLE ID              the text of control ID of that window
 *   look tooltip                    the visible tooltip
 *   look taskbar-forgets CLASS ID   removes icon ID of the window of that class
 *   look taskbar-created            announces a new taskbar to all windows
 *   look power CLASS EVENT          tells the window of that class about a power event, such as PBT_APMSUSPEND (4)
 */
#include <windows.h>
#include <shellapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <winternl.h>

static int print(const WCHAR *text)
{
    char utf8[4096];
    WideCharToMultiByte(CP_UTF8, 0, text, -1, utf8, sizeof utf8, NULL, NULL);
    return puts(utf8) < 0;
}

static int print_text_of(HWND window)
{
    WCHAR text[1024] = L"";
    if (window) SendMessageTimeoutW(window, WM_GETTEXT, 1024, (LPARAM)text, SMTO_ABORTIFHUNG, 2000, NULL);
    return *text ? print(text) : 1;
}

static int handles(const WCHAR *program)
{
    ULONG size = 1 << 20, needed;
    BYTE *list = malloc(size);
    SYSTEM_PROCESS_INFORMATION *process = (SYSTEM_PROCESS_INFORMATION *)list;
    if (!list || NtQuerySystemInformation(SystemProcessInformation, list, size, &needed)) return 1;
    for (;; process = (SYSTEM_PROCESS_INFORMATION *)((BYTE *)process + process->NextEntryOffset)) {
        const UNICODE_STRING *name = &process->ImageName;
        if (name->Buffer && !_wcsnicmp(name->Buffer, program, name->Length / sizeof(WCHAR)))
            return printf("%lu %lu\n", process->HandleCount, process->NumberOfThreads) < 0;
        if (!process->NextEntryOffset) return 1;
    }
}

/* Continues with the next window until one has printed its text. */
static BOOL CALLBACK print_if_tooltip(HWND window, LPARAM printed)
{
    WCHAR class[64] = L"";
    GetClassNameW(window, class, 64);
    if (!lstrcmpiW(class, L"tooltips_class32") && IsWindowVisible(window)) *(BOOL *)printed = !print_text_of(window);
    return !*(BOOL *)printed;
}

static int tooltip(void)
{
    BOOL printed = FALSE;
    EnumWindows(print_if_tooltip, (LPARAM)&printed);
    return !printed;
}

static int taskbar_forgets(const WCHAR *class, const WCHAR *id)
{
    NOTIFYICONDATAW icon = {.cbSize = sizeof icon, .hWnd = FindWindowW(class, NULL), .uID = _wtoi(id)};
    return !Shell_NotifyIconW(NIM_DELETE, &icon);
}

static int taskbar_created(void)
{
    return !PostMessageW(HWND_BROADCAST, RegisterWindowMessageW(L"TaskbarCreated"), 0, 0);
}

/* Windows sends this message and waits for the answer. */
static int power(const WCHAR *class, const WCHAR *event)
{
    HWND window = FindWindowW(class, NULL);
    DWORD_PTR answer;
    return !window || !SendMessageTimeoutW(window, WM_POWERBROADCAST, _wtoi(event), 0, SMTO_ABORTIFHUNG, 2000, &answer);
}

int main(void)
{
    int count;
    WCHAR **words = CommandLineToArgvW(GetCommandLineW(), &count);
    const WCHAR *what = count > 1 ? words[1] : L"";
    if (!lstrcmpW(what, L"handles") && count == 3) return handles(words[2]);
    if (!lstrcmpW(what, L"text") && count == 4) return print_text_of(GetDlgItem(FindWindowW(NULL, words[2]), _wtoi(words[3])));
    if (!lstrcmpW(what, L"tooltip")) return tooltip();
    if (!lstrcmpW(what, L"taskbar-forgets") && count == 4) return taskbar_forgets(words[2], words[3]);
    if (!lstrcmpW(what, L"taskbar-created")) return taskbar_created();
    if (!lstrcmpW(what, L"power") && count == 4) return power(words[2], words[3]);
    return 2;
}
