// The numbers of the program's resources, for the resource compiler. src/windows/ids.rs contains the same numbers for the
// program; a test compares them.

// Icons. Explorer shows the one with the lowest number.
#define IDI_STATE_ACTIVE 1
#define IDI_STATE_SILENT 2
#define IDI_STATE_ERROR 3
#define IDI_STATE_MUTED 4

// The settings dialog, and the one with a Japanese font.
#define IDD_SETTINGS 100
#define IDD_SETTINGS_JAPANESE 150
#define IDC_SERVER_LABEL 101
#define IDC_SERVER 102
#define IDC_TEST 103
#define IDC_SERVER_NOTE 104
#define IDC_NAME_LABEL 105
#define IDC_NAME 106
#define IDC_NAME_NOTE 107
#define IDC_SOURCE_LABEL 108
#define IDC_SOURCE 109
#define IDC_LEVEL_LABEL 110
#define IDC_LEVEL 111
#define IDC_LEVEL_VALUE 112
#define IDC_SOUND_NOTE 113
#define IDC_START_WITH_WINDOWS 114
