/*
 * bcryptprimitives.dll for Wine 8, which Debian 12 has and which lacks it: Rust's standard library takes its random
 * numbers from there, and a program that imports it ends before main without a word.
 *
 * Always: only for tests. It goes into a test's Wine prefix and is no part of what is released; Windows and newer
 * Wines have their own. scripts/lib/windows.sh builds it.
 */
#include <windows.h>

/* RtlGenRandom, by the name that advapi32 exports. */
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length)
{
    return SystemFunction036(buffer, (ULONG)length);
}
