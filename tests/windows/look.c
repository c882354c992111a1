/*
 * Shows tests what they cannot see from outside Wine: a program's handles, the texts and the focus of a dialog, the place of
 * an open menu, and the tray's tooltip. It also makes the taskbar lose an icon and announce itself as new, as a restart of
 * Explorer does, and says that the computer falls asleep or wakes.
 *
 * It stays and answers, because a new process per question would take seconds on a busy machine. A question is a line of
 * UTF-8 with tabs between its words, the first of which is the question's number; the answer is "NUMBER yes TEXT", or
 * "NUMBER no" if the object does not exist or does not answer.
 * Always: for tests only. tests/e2e/lib/wine.js builds and asks it.
 *
 *   handles PROGRAM            its handles and threads, as counted by the kernel
 *   text TITLE ID              the text of control ID of that window
 *   focus TITLE                the ID of the control that has the keyboard, if that window is in front
 *   menu                       x, y, width and height of the open menu
 *   tooltip                    the visible tooltip
 *   taskbar-forgets CLASS ID   removes icon ID of the window of that class
 *   taskbar-created            announces a new taskbar to all windows
 *   power CLASS EVENT          tells the window of that class about a power event, such as PBT_APMSUSPEND (4)
 */
#include <windows.h>
#include <shellapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <winternl.h>

#define MAX_TEXT 1024
#define MAX_WORDS 4
/* How long a window may take to answer; the one who asks is patient and asks again. */
#define LIMIT_MS 10000

/* The answer to the present question. */
static WCHAR answer[MAX_TEXT];

static BOOL answer_text_of(HWND window)
{
    return window && SendMessageTimeoutW(window, WM_GETTEXT, MAX_TEXT, (LPARAM)answer, SMTO_ABORTIFHUNG, LIMIT_MS, NULL) && *answer;
}

static BOOL handles(const WCHAR *program)
{
    static BYTE list[1 << 20];
    SYSTEM_PROCESS_INFORMATION *process = (SYSTEM_PROCESS_INFORMATION *)list;
    ULONG needed;
    if (NtQuerySystemInformation(SystemProcessInformation, list, sizeof list, &needed)) return FALSE;
    for (;; process = (SYSTEM_PROCESS_INFORMATION *)((BYTE *)process + process->NextEntryOffset)) {
        const UNICODE_STRING *name = &process->ImageName;
        if (name->Buffer && !_wcsnicmp(name->Buffer, program, name->Length / sizeof(WCHAR)))
            return wsprintfW(answer, L"%lu %lu", process->HandleCount, process->NumberOfThreads) > 0;
        if (!process->NextEntryOffset) return FALSE;
    }
}

static BOOL text(const WCHAR *title, const WCHAR *id)
{
    HWND window = FindWindowW(NULL, title);
    return window && answer_text_of(GetDlgItem(window, _wtoi(id)));
}

static BOOL focus(const WCHAR *title)
{
    HWND window = FindWindowW(NULL, title);
    GUITHREADINFO thread = {.cbSize = sizeof thread};
    if (!window || GetForegroundWindow() != window) return FALSE;
    if (!GetGUIThreadInfo(GetWindowThreadProcessId(window, NULL), &thread) || !thread.hwndFocus) return FALSE;
    return wsprintfW(answer, L"%d", GetDlgCtrlID(thread.hwndFocus)) > 0;
}

/* Windows' own class of menus. */
static BOOL menu(void)
{
    HWND window = NULL;
    RECT place;
    while ((window = FindWindowExW(NULL, window, L"#32768", NULL)))
        if (IsWindowVisible(window) && GetWindowRect(window, &place))
            return wsprintfW(answer, L"%d %d %d %d", place.left, place.top, place.right - place.left, place.bottom - place.top) > 0;
    return FALSE;
}

static BOOL tooltip(void)
{
    HWND window = NULL;
    while ((window = FindWindowExW(NULL, window, L"tooltips_class32", NULL)))
        if (IsWindowVisible(window) && answer_text_of(window)) return TRUE;
    return FALSE;
}

static BOOL taskbar_forgets(const WCHAR *class, const WCHAR *id)
{
    NOTIFYICONDATAW icon = {.cbSize = sizeof icon, .hWnd = FindWindowW(class, NULL), .uID = _wtoi(id)};
    return Shell_NotifyIconW(NIM_DELETE, &icon);
}

static BOOL taskbar_created(void)
{
    return PostMessageW(HWND_BROADCAST, RegisterWindowMessageW(L"TaskbarCreated"), 0, 0);
}

/* Windows sends this message and waits for the answer. */
static BOOL power(const WCHAR *class, const WCHAR *event)
{
    HWND window = FindWindowW(class, NULL);
    DWORD_PTR result;
    return window && SendMessageTimeoutW(window, WM_POWERBROADCAST, _wtoi(event), 0, SMTO_ABORTIFHUNG, LIMIT_MS, &result);
}

static BOOL find(WCHAR **words, int count)
{
    const WCHAR *what = words[0];
    if (!lstrcmpW(what, L"handles") && count == 2) return handles(words[1]);
    if (!lstrcmpW(what, L"text") && count == 3) return text(words[1], words[2]);
    if (!lstrcmpW(what, L"focus") && count == 2) return focus(words[1]);
    if (!lstrcmpW(what, L"menu")) return menu();
    if (!lstrcmpW(what, L"tooltip")) return tooltip();
    if (!lstrcmpW(what, L"taskbar-forgets") && count == 3) return taskbar_forgets(words[1], words[2]);
    if (!lstrcmpW(what, L"taskbar-created")) return taskbar_created();
    if (!lstrcmpW(what, L"power") && count == 3) return power(words[1], words[2]);
    fprintf(stderr, "there is no such question, or it has other words\n");
    exit(2);
}

static void print(const WCHAR *number, BOOL found)
{
    char utf8[3 * MAX_TEXT];
    for (WCHAR *at = answer; *at; at++)
        if (*at < L' ') *at = L' ';
    WideCharToMultiByte(CP_UTF8, 0, answer, -1, utf8, sizeof utf8, NULL, NULL);
    if (found) printf("%ls yes %s\n", number, utf8);
    else printf("%ls no\n", number);
    fflush(stdout);
}

int main(void)
{
    char line[MAX_TEXT];
    WCHAR wide[MAX_TEXT];
    while (fgets(line, sizeof line, stdin)) {
        WCHAR *words[MAX_WORDS], *next = wide;
        int count = 0;
        line[strcspn(line, "\r\n")] = 0;
        MultiByteToWideChar(CP_UTF8, 0, line, -1, wide, MAX_TEXT);
        while (next && count < MAX_WORDS) {
            words[count++] = next;
            next = wcschr(next, L'\t');
            if (next) *next++ = 0;
        }
        if (count < 2) return 2;
        *answer = 0;
        print(words[0], find(words + 1, count - 1));
    }
    return 0;
}
