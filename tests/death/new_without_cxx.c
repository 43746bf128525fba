/* SPDX-License-Identifier: MIT */
/* Misuse: operator new runs out of memory where nobody can throw. */
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

int main(void)
{
    void *(*operator_new)(size_t) = NULL;
    void *symbol = dlsym(RTLD_DEFAULT, "_Znwm");
    memcpy(&operator_new, &symbol, sizeof symbol);
    return operator_new(PTRDIFF_MAX) == NULL;
}
