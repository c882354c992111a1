/*
 * bcryptprimitives.dll for Wine 8 of Debian 12, which lacks it. Rust's standard library takes random numbers from it, and
 * without it a program ends before main and prints nothing.
 *
 * Always: only for tests. It is installed into a test's Wine prefix and never released; Windows and newer versions of Wine
 * have their own. scripts/lib/windows.sh builds it.
 */
#include <windows.h>

/* RtlGenRandom, under its exported name in advapi32. */
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length)
{
    return SystemFunction036(buffer, (ULONG)length);
}
