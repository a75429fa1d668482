/* folder.h: a fresh folder for a test, with a name that tempts bugs, and its removal. */
#ifndef TARN_SUPPORT_FOLDER_H
#define TARN_SUPPORT_FOLDER_H

/* "/tmp/<name> XXXXXX" made and written to out; the process ends when it cannot be. */
void test_folder(const char *name, char *out, unsigned size);
/* With all that is in it. */
void test_folder_remove(const char *folder);

#endif
