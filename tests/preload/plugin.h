/* SPDX-License-Identifier: MIT */
/* What life_load.c finds by name in the library plugin.c. */
#ifndef PLUGIN_H
#define PLUGIN_H

/* Start the threads. -> block for the caller to free, NULL if something fails */
char *plugin_begin(void);

/* Stop and join them. */
void plugin_end(void);

#endif
